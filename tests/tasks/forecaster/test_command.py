"""A forecaster from the command line: from a user's file to forecasts, and clear messages for mistakes."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.figures.style import NO_CHINESE_FONT, chinese_fonts
from tests.cli.conftest import Command, only_json, run_command, train_keys

pytestmark = pytest.mark.integration

SHORT = ("--steps", "20", "--hidden", "12", "--batch-size", "4", "--lr", "0.01", "--threads", "1")
LONGER = (*SHORT, "--steps", "150", "--set", "training.validate_every_steps=50")  # better than the naive forecasts
KEYS = {
    *("task", "count", "forecasts", "loss", "mae", "rmse", "smape", "mase", "relative_mae", "coverage"),
    *("coverage_expected", "mae_last_value", "mae_seasonal_naive", "targets"),
}
MONTHS = [f"{1990 + n // 12}-{n % 12 + 1:02d}" for n in range(120)]


ROWS = "sales\n" + "1\n2\n" * 30


def sales(n: int) -> float:
    return round(100 + 30 * math.sin(2 * math.pi * n / 12) + n / 3 + (n * 7919 % 13) / 10, 2)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("series") / "sales.csv"
    rows = "".join(f"{month},{sales(n)},{n % 7}\n" for n, month in enumerate(MONTHS))
    path.write_text("month,sales,day\n" + rows, "utf-8")
    return path


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that tests read and never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("runs") / "run"
    values = {
        "data": {"targets": ["sales"]},
        "model": {"hidden_size": 12},
        "training": {"steps": 20, "batch_size": 4, "learning_rate": 0.01, "threads": 1},
    }
    train([table], folder, values, SilentDisplay(), task="forecast")
    return folder


def told(done: Any) -> dict[str, Any]:
    result: dict[str, Any] = only_json(done.out)
    return result


@pytest.mark.parametrize("memory", ["recurrent", "tdnn", "narx"])
def test_from_a_file_to_a_forecast(command: Command, memory: str, table: Path, tmp_path: Path) -> None:
    words = ["--target", "sales", "--inputs", "day", "--memory", memory, "--delays", "13"]
    done = command("train", "forecast", table, *words, "-o", tmp_path / "run", *LONGER, "--json")
    result = told(done)
    assert set(result) == train_keys("values")
    assert set(result["valid"]) == KEYS
    assert told(command("evaluate", tmp_path / "run", "--json")) == result["valid"]
    data = "training set: 96 rows; validation set: 24 rows, one row every month by the dates in month"
    assert f"{data}; forecast of sales, 12 rows ahead" in done.err
    found = list(csv.reader(io.StringIO(command("predict", tmp_path / "run", table).out)))
    assert found[0] == ["month", "sales", "sales_0.1", "sales_0.9"]
    assert [row[0] for row in found[1:]] == [f"2000-{month:02d}" for month in range(1, 13)]
    for row in found[1:]:
        median, low, high = map(float, row[1:])
        assert low < median < high
    assert result["valid"]["relative_mae"] < 0.8  # better than the naive forecasts


def test_history_is_not_scored(command: Command, run: Path, table: Path) -> None:
    whole = told(command("evaluate", run, table, "--json"))
    by_rows = told(command("evaluate", run, table, "--context", "96", "--json"))
    by_date = told(command("evaluate", run, table, "--from", "1998-01", "--json"))
    assert by_rows == by_date == told(command("evaluate", run, "--json"))
    assert (by_rows["forecasts"], by_rows["count"]) == (13, 13 * 12)
    assert whole["forecasts"] > by_rows["forecasts"]
    shown = command("evaluate", run, table, "--context", "96").out
    assert f"relative_mae        {by_rows['relative_mae']:.4f}" in shown
    assert told(command("evaluate", run, table, "--from", "1998-01-15", "--json"))["forecasts"] == 12


def test_quantiles_and_json(command: Command, table: Path, tmp_path: Path) -> None:
    words = ["--target", "sales,day", "--quantiles", "0.25,0.5,0.75", "--horizon", "3", "-o", tmp_path / "run"]
    assert command("train", "forecast", table, *words, *SHORT).code == 0
    found = told(command("predict", tmp_path / "run", table, "--json"))
    assert found["count"] == 3
    assert [row["date"] for row in found["predictions"]] == ["2000-01", "2000-02", "2000-03"]
    first = found["predictions"][0]
    assert first["quantiles"]["sales"]["0.5"] == first["values"]["sales"]
    assert list(first["quantiles"]["day"]) == ["0.25", "0.5", "0.75"]
    assert "target" in command("evaluate", tmp_path / "run", table).out


def test_calibration_is_reported_if_there_are_intervals(
    command: Command, run: Path, table: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "run")
    assert "80% prediction intervals, calibrated on these rows" in command("resume", tmp_path / "run").err
    assert "intervals were calibrated on these rows" in command("evaluate", run).err
    assert "calibrated" not in command("evaluate", run, table).err
    words = ["--target", "sales", "--quantiles", "0.5", "-o", tmp_path / "median"]
    assert command("train", "forecast", table, *words, *SHORT).code == 0
    assert "calibrated" not in command("resume", tmp_path / "median").err
    assert "calibrated" not in command("evaluate", tmp_path / "median").err


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs the extra plot")
def test_a_forecast_is_drawn(command: Command, run: Path, table: Path, tmp_path: Path) -> None:
    done = command("predict", run, table, "--plot", tmp_path / "sales.svg")
    assert done.code == 0, done.err
    assert "forecast" in (tmp_path / "sales.svg").read_text()
    done = command("predict", run, table, "--plot", tmp_path / "zh.svg", "--lang", "zh")
    assert ("预测" in (tmp_path / "zh.svg").read_text("utf-8")) == bool(chinese_fonts())
    assert (NO_CHINESE_FONT in done.err) != bool(chinese_fonts())
    assert command("predict", run, table, "--plot", tmp_path / "sales.doc").code == 2
    assert "the folder does not exist" in command("predict", run, table, "--plot", tmp_path / "no" / "sales.svg").err


@pytest.mark.parametrize(
    ("content", "words", "code", "expected"),
    [
        ("month,sales\n1990-01,1\n1990-01,2\n", [], 3, "bad.csv:3: the date 1990-01 comes a second time"),
        ("month,sales\n1990-02,1\n1990-01,2\n1990-03,1\n", [], 3, "bad.csv:3: the date 1990-01 comes after 1990-02"),
        ("month,sales\n1990-01,1\n1990-02,much\n", [], 3, "bad.csv:3: 'sales' is 'much'; expected a number"),
        ("month,sales\n1990-01,1\n", ["--target", "price"], 3, "bad.csv:1: has no column 'price' in its header"),
        ("sales\n" + "1\n" * 60, [], 3, "'sales' is always 1 in the training set"),
        ("sales\n" + "1\n2\n" * 10, ["--horizon", "30"], 3, "has 20 rows; expected at least 60 for a horizon of 30"),
        (
            ROWS,
            ["--season", "40", "--horizon", "3"],
            2,
            "model.season (--season): given 40; expected at most half of 54 training rows",
        ),
        (ROWS, ["--delays", "50"], 3, "bad.csv: has 36 training rows; expected at least 50"),
        (ROWS + "0\n", ["--set", "model.logarithm=true"], 3, "'sales' is 0 in row 60; expected numbers above 0"),
        ("", [], 3, "bad.csv: is empty; expected a header and rows"),
        ("sales\n1\n", ["--memory", "long"], 2, "model.memory (--memory): given 'long'; expected recurrent, tdnn or"),
        ("sales\n1\n", ["--quantiles", "0.1,0.9"], 2, "expected rising numbers between 0 and 1, including 0.5"),
        ("sales\n1\n", ["--quantiles", "low"], 2, "model.quantiles"),
    ],
)
def test_data_that_cannot_be_used_is_refused_and_leaves_nothing(
    command: Command, content: str, words: list[str], code: int, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text(content)
    done = command("train", "forecast", tmp_path / "bad.csv", "-o", tmp_path / "run", *SHORT, *words)
    assert expected in done.err
    assert done.code == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv"]


def test_missing_values_are_reported_and_replaced(command: Command, table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines(keepends=True)
    del lines[50:52]
    lines[20] = lines[20].replace(lines[20].split(",")[1], "")
    (tmp_path / "gaps.csv").write_text("".join(lines))
    words = ["--target", "sales", "-o", tmp_path / "run", *SHORT]
    done = command("train", "forecast", tmp_path / "gaps.csv", *words)
    assert done.code == 0
    assert "2 rows are missing according to the dates, the first at 1994-02; inserted" in done.err
    assert "3 of 120 values are missing; each is replaced by the last value before it" in done.err


def test_dates_are_those_of_the_column_and_the_step_of_training(command: Command, table: Path, tmp_path: Path) -> None:
    lines = [line.split(",") for line in table.read_text().splitlines()]
    rows = "".join(f"{'made' if n == 0 else '2001-01-01'},{','.join(row)}\n" for n, row in enumerate(lines))
    (tmp_path / "two.csv").write_text(rows)
    words = ["--target", "sales", "--date", "month", "-o", tmp_path / "run", *SHORT]
    assert command("train", "forecast", tmp_path / "two.csv", *words).code == 0
    found = command("predict", tmp_path / "run", tmp_path / "two.csv")
    assert found.out.splitlines()[1].startswith("2000-01,")
    yearly = "".join(f"{1900 + n}-01,{sales(n)}\n" for n in range(60))
    (tmp_path / "yearly.csv").write_text("month,sales\n" + yearly)
    done = command("predict", tmp_path / "run", tmp_path / "yearly.csv")
    assert "the data has one row every year; the model was trained on one row every month" in done.err


def test_options_of_other_tasks_and_wrong_options_are_refused(
    command: Command, run: Path, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "short.csv").write_text("month,sales\n1990-01,3\n1990-02,4\n")
    (tmp_path / "other.csv").write_text("month,other\n1990-01,3\n")
    (tmp_path / "bare.csv").write_text("sales\n" + "1\n2\n" * 40)
    for words, code, expected in (
        (["predict", run, table, "--beam", "2"], 2, "--beam: the model is a forecaster; expected a model of seq2seq"),
        (
            ["evaluate", run, table, "--label", "a"],
            2,
            "--label: the model is a forecaster; expected a model of classify",
        ),
        (["train", "forecast", table, table, "-o", tmp_path / "no"], 2, "DATA: given 2 files; expected one"),
        (["evaluate", run, table, "--target", "sales"], 2, "No such option: --target"),
        (["evaluate", run, tmp_path / "other.csv"], 3, "no column 'sales' in its header. Its columns are month, other"),
        (["evaluate", run, table, table], 2, "DATA: given 2 files; expected one"),
        (["evaluate", run, "--context", "3"], 2, "--context: given without DATA"),
        (["evaluate", run, table, "--context", "9", "--from", "1991-01"], 2, "--context and --from: given both"),
        (["evaluate", run, table, "--from", "soon"], 2, "--from: given 'soon'; expected a date"),
        (["evaluate", run, table, "--from", "2030-01"], 3, "ends at 1999-12, before 2030-01"),
        (
            ["evaluate", run, tmp_path / "bare.csv", "--from", "1991"],
            3,
            "has no column of dates; --from needs one",
        ),
        (["evaluate", run, table, "--context", "118"], 3, "has 120 rows; expected 118 of history and 12 to forecast"),
        (["predict", run, tmp_path / "short.csv"], 3, "short.csv: a history of 2 rows; expected at least"),
        (["generate", run], 2, "RUN is a forecaster; 'generate' needs a language model"),
    ):
        done = command(*words)
        assert expected in done.err, words
        assert done.code == code, words


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shops of very different sizes, with days first in the dates and a comma in the numbers."""
    path = tmp_path_factory.mktemp("panel") / "shops.csv"
    sizes = {"Aarhus": 1.0, "Bonn": 40.0, "Cork": 0.1}
    rows = [
        f"{shop};{n % 28 + 1:02d}/{n // 28 + 1:02d}/2021;{str(round(size * sales(n), 3)).replace('.', ',')}"
        for shop, size in sizes.items()
        for n in range(28)
    ]
    path.write_text("shop;date;sales\n" + "\n".join(rows) + "\n", "utf-8")
    return path


def test_several_series_from_a_file_to_forecasts(command: Command, shops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--horizon", "3", "--season", "7", "--delays", "7", *SHORT]
    done = command("train", "forecast", shops, "-o", run, *words, "--json")
    result = told(done)
    assert "the rows are those of 3 series, named by the column 'shop'" in done.err
    assert (
        "training set: 66 rows of 3 series; validation set: 18 rows, one row every day by the dates in date" in done.err
    )
    assert list(result["valid"]["series"]) == ["Aarhus", "Bonn", "Cork"]
    assert told(command("evaluate", run, "--json")) == result["valid"]
    explicit = command("train", "forecast", shops, "--series", "shop", "-o", tmp_path / "same", *words, "--json")
    assert told(explicit)["valid"] == result["valid"]

    lines = command("predict", run, shops).out.splitlines()
    assert lines[0] == "shop;date;sales;sales_0.1;sales_0.9", "as the table has decimal commas"
    expected = [f"{shop};{day}/01/2021" for shop in ("Aarhus", "Bonn", "Cork") for day in (29, 30, 31)]
    assert [line.rsplit(";", 3)[0] for line in lines[1:]] == expected
    predictions = told(command("predict", run, shops, "--json"))["predictions"]
    assert [row["series"] for row in predictions[::3]] == [{"shop": shop} for shop in ("Aarhus", "Bonn", "Cork")]
    sizes = [np.mean([row["values"]["sales"] for row in predictions[n : n + 3]]) for n in (0, 3, 6)]
    assert 20 < sizes[1] / sizes[0] < 80
    assert 5 < sizes[0] / sizes[2] < 20

    shown = command("evaluate", run, shops, "--context", "20")
    assert [line.split()[0] for line in shown.out.splitlines()[-4:]] == ["series", "Aarhus", "Bonn", "Cork"]
    by_date = told(command("evaluate", run, shops, "--from", "21/01/2021", "--json"))
    assert by_date == told(command("evaluate", run, shops, "--context", "20", "--json"))


def test_new_and_short_series_are_reported(command: Command, shops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--series", "shop", "--horizon", "3", "--season", "7", "--delays", "7", *SHORT]
    assert command("train", "forecast", shops, "-o", run, *words).code == 0
    header, *rows = shops.read_text("utf-8").splitlines()
    new = [row.replace("Cork", "Dublin") for row in rows if row.startswith("Cork")]
    short = [row.replace("Cork", "Essen") for row in rows if row.startswith("Cork")][:2]
    (tmp_path / "new.csv").write_text("\n".join([header, *rows, *new, *short]) + "\n")
    done = command("predict", run, tmp_path / "new.csv")
    assert done.code == 0
    assert "2 of 5 series are new to the model, and are scaled by their rows: Dublin, Essen" in done.err
    assert "Essen: no forecast: a history of 2 rows; expected at least 7" in done.err
    assert sum(line.startswith("Dublin;") for line in done.out.splitlines()) == 3
    assert "Essen" not in done.out
    done = command("evaluate", run, tmp_path / "new.csv")
    assert "1 of 5 series have too few rows and are not scored" in done.err
    (tmp_path / "one.csv").write_text("date;sales\n" + "\n".join(row.split(";", 1)[1] for row in rows[:28]) + "\n")
    alone = command("predict", run, tmp_path / "one.csv")
    assert alone.out.splitlines()[0] == "date;sales;sales_0.1;sales_0.9"


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs the extra plot")
def test_several_series_are_drawn_and_one_of_them_is_traced(command: Command, shops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--horizon", "3", "--season", "7", "--delays", "7", *SHORT]
    assert command("train", "forecast", shops, "-o", run, *words).code == 0
    assert command("predict", run, shops, "--plot", tmp_path / "shops.svg").code == 0
    text = (tmp_path / "shops.svg").read_text("utf-8")
    assert all(f"{shop}: sales" in text for shop in ("Aarhus", "Bonn", "Cork"))
    assert command("plot", run, "-o", tmp_path / "pictures").code == 0
    assert (tmp_path / "pictures" / "forecast.png").is_file()
    done = command("inspect", run, shops)
    assert (done.code, "given 3 series (Aarhus, Bonn, Cork); expected one" in done.err) == (3, True)
    rows = [line for line in shops.read_text("utf-8").splitlines() if not line.startswith(("Aarhus", "Cork"))]
    (tmp_path / "bonn.csv").write_text("\n".join(rows) + "\n")
    assert command("inspect", run, tmp_path / "bonn.csv").code == 0


def test_notations_are_options_of_every_command(command: Command, shops: Path, tmp_path: Path) -> None:
    """A model of days first and commas reads another table as it is told to."""
    lines = [f"{n // 12 + 2000}|{n % 12 + 1};{sales(n) / 100:.3f}".replace(".", ",") for n in range(60)]
    (tmp_path / "other.csv").write_text("when;y\n" + "\n".join(lines) + "\n")
    options = ["--date-format", "%Y|%m", "--decimal", "comma"]
    run = tmp_path / "run"
    assert command("train", "forecast", tmp_path / "other.csv", *options, "-o", run, *SHORT).code == 0
    lines = command("predict", run, tmp_path / "other.csv", *options).out.splitlines()
    assert lines[1].startswith("2005|1;")
    assert 0.5 < float(lines[1].split(";")[1].replace(",", ".")) < 3.0
    assert command("evaluate", run, tmp_path / "other.csv", *options, "--from", "2003|1").code == 0
    assert command("predict", run, tmp_path / "other.csv", "--month-first").code == 0
    done = command("train", "forecast", tmp_path / "other.csv", "--date-format", "%K", "-o", tmp_path / "no", *SHORT)
    assert (done.code, "data.date_format (--date-format): given '%K', where %K is unknown" in done.err) == (2, True)


def test_held_out_rows_without_numbers_are_named(command: Command, tmp_path: Path) -> None:
    rows = "".join(f"{month},{sales(n) if n < 90 else ''}\n" for n, month in enumerate(MONTHS))
    (tmp_path / "tail.csv").write_text("month,sales\n" + rows)
    done = command("train", "forecast", tmp_path / "tail.csv", "-o", tmp_path / "run", *SHORT)
    expected = (
        "tail.csv: no number in 'sales' in the last 24 rows, the validation set; expected at least one. Leave out the "
        "30 empty rows at the end, or choose the validation set with --valid-fraction"
    )
    assert (done.code, expected in done.err.replace("\n", " ")) == (3, True)


def test_a_table_with_decimal_commas_gets_a_forecast_with_them(command: Command, tmp_path: Path) -> None:
    rows = [f"{day:02}.{month:02}.2024;{1000 + 100 * (day % 7)},{day}5" for month in (1, 3, 5) for day in range(1, 29)]
    (tmp_path / "sales.csv").write_text("Datum;Umsatz\n" + "\n".join(rows) + "\n", "utf-8")
    words = ["--target", "Umsatz", "--horizon", "2", "-o", tmp_path / "run"]
    assert command("train", "forecast", tmp_path / "sales.csv", *words, *SHORT).code == 0
    done = command("predict", tmp_path / "run", tmp_path / "sales.csv")
    header, *lines = list(csv.reader(io.StringIO(done.out), delimiter=";"))
    assert header == ["Datum", "Umsatz", "Umsatz_0.1", "Umsatz_0.9"]
    medians = [float(line[1].replace(",", ".")) for line in lines]
    found = told(command("predict", tmp_path / "run", tmp_path / "sales.csv", "--json"))
    assert medians == pytest.approx([row["values"]["Umsatz"] for row in found["predictions"]], rel=1e-9)
    assert all("," in line[1] and "." not in line[1] for line in lines)


def test_small_differences_of_large_numbers_are_written(command: Command, tmp_path: Path) -> None:
    lines = ["ms", *(str(1_700_000_000_000 + i % 6 * 7) for i in range(60))]
    (tmp_path / "large.csv").write_text("\n".join(lines) + "\n")
    trained = command("train", "forecast", tmp_path / "large.csv", "-o", tmp_path / "run", *SHORT, "--horizon", 3)
    assert trained.code == 0, trained.err
    done = command("predict", tmp_path / "run", tmp_path / "large.csv")
    rows = [line.split(",")[1:] for line in done.out.splitlines()[1:]]
    expected = elman.load(tmp_path / "run").predict([float(line) for line in lines[1:]])
    assert [float(row[0]) for row in rows] == pytest.approx(expected.median[:, 0].tolist(), rel=1e-15)
    assert all(len(set(row)) == len(row) for row in rows), "the median and the quantiles differ"


@pytest.mark.parametrize("size", [1e-300, 5e-324, 1e-13])
def test_numbers_that_are_too_small_for_the_scales_are_refused(command: Command, tmp_path: Path, size: float) -> None:
    (tmp_path / "small.csv").write_text("y\n" + "".join(f"{i % 6 * size!r}\n" for i in range(60)))
    done = command("train", "forecast", tmp_path / "small.csv", "-o", tmp_path / "run", *SHORT, "--horizon", 3)
    assert done.code == 3
    assert "the largest number of 'y' is" in done.err
    assert "expected one of 1e-12 or more. Write it in a smaller unit" in done.err

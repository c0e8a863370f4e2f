"""What a forecaster writes for people: every statement is true of the model and its data, and the commands run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elman.tasks.forecaster.report import describe_run, measure_speed, model_card, next_commands, summary, tables

from .models import prepared, run_of, series_of, tiny_config, tiny_predictor

SPEED = "12 a second"


def rows_of(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_model_card_describes_the_model_and_its_errors_and_its_commands_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    series = series_of(missing=False)
    corpus = prepared(tmp_path / "data", series, valid_fraction=0.4, horizon=4)
    predictor = tiny_predictor("tdnn")
    valid = predictor.evaluate(series, corpus.train_rows)
    text = model_card(predictor, valid, corpus, SPEED)
    rows = rows_of(text)
    assert rows["history encoder"] == "tdnn: 3 rows, 1 x 5"
    assert (rows["targets"], rows["inputs"]) == ("a, b, as logarithms", "c")
    assert rows["outputs"] == "differences from the value one season (6 rows) before; quantiles 0.1, 0.5, 0.9"
    assert (rows["speed"], rows["training set"]) == (SPEED, "36 rows")
    assert rows["validation set"] == f"21 forecasts, one from each row: relative MAE {valid['relative_mae']:.4f}"
    of_b = valid["targets"]["b"]
    assert f"| b | {of_b['mae']:.6g} | {of_b['mae_last_value']:.6g} | {of_b['mae_seasonal_naive']:.6g} |" in text
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0], {"history": series.values})
    assert capsys.readouterr().out.count("\n") >= 4
    table = "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in series.values.tolist())
    for name in ("history.csv", "series.csv"):
        (tmp_path / name).write_text(table)
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 2
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        assert main() == 0, command


def test_a_run_is_described_in_three_lines(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series_of(), valid_fraction=0.4, horizon=4)
    data, model, training = describe_run(run_of(tiny_config("lstm")), corpus)
    expected = "training set: 36 rows; validation set: 24 rows; forecast of a, b, 4 rows ahead, with the inputs c"
    assert data == expected
    assert model == "recurrent: lstm 2 x 5; differences from the value one season (3 rows) before; dropout 0"
    assert training.startswith("mini-batches of 2 windows of 12 rows; adamw with learning rate 0.01; ")


def test_the_summary_is_one_line() -> None:
    metrics = {"mae": 1.5, "relative_mae": 0.75, "coverage_expected": 0.8}
    expected = "MAE 1.5, 0.750 of that of the better naive forecast; 80% prediction intervals, calibrated on these rows"
    assert summary(metrics) == expected
    assert summary({**metrics, "coverage_expected": 0.0}) == "MAE 1.5, 0.750 of that of the better naive forecast"


def test_the_table_of_errors_has_a_line_for_each_of_several_targets() -> None:
    errors = {"a": {"mae": 1.0, "rmse": 2.0}, "long name": {"mae": 3.0, "rmse": 4.0}}
    header, first, second = tables({"targets": errors})[1:]
    assert header.split() == ["target", "mae", "rmse"]
    assert (first.split(), second.split()) == (["a", "1.0000", "2.0000"], ["long", "name", "3.0000", "4.0000"])
    assert len({len(line) for line in (header, first, second)}) == 1
    assert tables({"targets": {"a": errors["a"]}}) == []


def test_the_next_commands_name_the_run() -> None:
    assert next_commands("runs/a") == (
        "elman predict runs/a history.csv   or   elman evaluate runs/a series.csv --from DATE"
    )


def test_the_speed_counts_forecasts(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series_of(missing=False), valid_fraction=0.4, horizon=4)
    assert measure_speed(tiny_predictor("tdnn"), corpus).endswith(
        " forecasts a second in a backtest, where it was trained"
    )

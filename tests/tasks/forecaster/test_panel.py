"""Tables of several series: they are seen, read apart, trained by one model in units of their own, and never joined."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.errors import ConfigError, DataError
from elman.tasks.forecaster.batches import endless_windows, windows_per_epoch
from elman.tasks.forecaster.calendar import DAY, Step
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.corpus import ForecasterCorpus
from elman.tasks.forecaster.readers import open_source
from elman.tasks.forecaster.scales import Scales, modelled, restored
from elman.tasks.forecaster.series import Dates, Series
from elman.tasks.forecaster.training import ForecasterTask
from elman.tasks.loading import load

from .models import prepared, run_of, series_of, tiny_config, tiny_predictor

DAYS = [datetime(2020, 1, 1) + timedelta(days=n) for n in range(30)]
LEVELS = {"A": 10.0, "B": 500.0, "C": 0.2}


def rows_of(shops: dict[str, float], days: list[datetime]) -> list[tuple[str, str, float]]:
    return [
        (shop, f"{day:%Y-%m-%d}", level * (1 + n % 7)) for shop, level in shops.items() for n, day in enumerate(days)
    ]


def table(rows: list[tuple[Any, ...]], header: str = "shop,date,sales") -> str:
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def read(folder: Path, content: str, messages: list[str] | None = None, **options: Any) -> list[Series]:
    path = folder / "shops.csv"
    path.write_text(content, "utf-8")
    reader = ForecasterReaderConfig(**options)
    return list(open_source(path, reader, (messages if messages is not None else []).append).examples())


def error(folder: Path, content: str, **options: Any) -> str:
    with pytest.raises(DataError) as raised:
        read(folder, content, **options)
    return str(raised.value).replace(f"{folder / 'shops.csv'}", "FILE")


LONG = rows_of(LEVELS, DAYS)
INTERLEAVED = [row for n in range(len(DAYS)) for row in LONG[n :: len(DAYS)]]
NEWEST_FIRST = [row for shop in range(3) for row in LONG[shop * 30 : shop * 30 + 30][::-1]]


@pytest.mark.parametrize("rows", [LONG, INTERLEAVED, NEWEST_FIRST, INTERLEAVED[::-1]])
@pytest.mark.parametrize("options", [{}, {"series": "shop"}, {"targets": ["sales"], "series": ["shop"]}])
def test_rows_of_several_series_are_read_apart(rows: list[Any], options: dict[str, Any], tmp_path: Path) -> None:
    messages: list[str] = []
    series = read(tmp_path, table(rows), messages, **options)
    assert {one.label for one in series} == set(LEVELS)
    for one in series:
        np.testing.assert_allclose(one.values[:, 0], [LEVELS[one.label] * (1 + n % 7) for n in range(30)])
        assert one.dates is not None
        assert list(one.dates.dates) == DAYS
        assert (one.id_columns, one.ids) == (("shop",), (one.label,))
    found = any("the rows are those of 3 series, named by the column 'shop'" in message for message in messages)
    assert found == (not options)


def test_two_columns_may_name_a_series(tmp_path: Path) -> None:
    rows = [(shop, item, day, value) for item in "xy" for shop, day, value in rows_of({"A": 1.0, "B": 2.0}, DAYS)]
    choices: list[dict[str, Any]] = [{}, {"series": ("shop", "item")}]
    for options in choices:
        series = read(tmp_path, table(rows, "shop,item,date,sales"), **options)
        assert [one.ids for one in series] == [("A", "x"), ("B", "x"), ("A", "y"), ("B", "y")]
        assert series[0].label == "A / x"


def test_series_named_by_numbers_are_refused_with_the_option(tmp_path: Path) -> None:
    rows = [("ABC".index(shop) + 1, day, value) for shop, day, value in LONG]
    expected = (
        "FILE:1: has dates that come again; the rows may be those of 3 series, named by shop. Use --series shop if"
    )
    assert error(tmp_path, table(rows)).startswith(expected)
    assert [one.label for one in read(tmp_path, table(rows), series="shop")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (
            table([*LONG[:40], LONG[35]]),
            {"series": "shop"},
            "FILE:42: the date 2020-01-06 comes a second time in the series B of shop. Sort the rows by time",
        ),
        (table([("", *LONG[0][1:]), *LONG[1:]]), {"series": "shop"}, "FILE:2: 'shop' is empty; expected the name of a"),
        (table(LONG), {"series": "store"}, "FILE:1: has no column 'store' in its header. Its columns are shop, date"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(
    content: str, options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    assert error(tmp_path, content, **options).startswith(expected)


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        (
            [*LONG, ("B", "2020-01-06", 1)],
            {},
            "FILE:92: the date 2020-01-06 comes a second time in the series B of shop.",
        ),
        ([*LONG[:49], ("", *LONG[49][1:]), *LONG[50:]], {}, "FILE:51: 'shop' is empty; expected the name of a series."),
        (
            [*LONG[:30], ("B", "2020-01-01", 5)],
            {},
            "FILE:32: the date 2020-01-01 comes a second time. Use --series shop if the rows are those of",
        ),
        (
            [*LONG[:30], (2, "2020-01-01", 5)],
            {"targets": ["sales"], "columns_required": False},
            "FILE:32: the date 2020-01-01 comes a second time. Sort the rows by time, each date once",
        ),
    ],
)
def test_a_mistake_in_a_table_of_several_series_is_named_with_the_column_and_its_line(
    rows: list[Any], options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    assert error(tmp_path, table(rows), **options).startswith(expected)


def test_a_second_column_that_is_needed_is_named(tmp_path: Path) -> None:
    rows = [(shop, item, day, value) for item in "xy" for shop, day, value in rows_of({"A": 1.0, "B": 2.0}, DAYS)]
    message = error(tmp_path, table(rows, "shop,item,date,sales"), series=["shop"])
    assert message.startswith("FILE:62: the date 2020-01-01 comes a second time in the series A of shop. Use --series ")
    assert "--series shop,item if the rows are those of several series" in message


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("ids", [("A", "B", "C"), (1, 2, 3)])
def test_a_model_of_one_series_names_no_option_that_predict_has_not(ids: Any, dated: bool, tmp_path: Path) -> None:
    rows = [(ids["ABC".index(shop)], *([day] if dated else []), value) for shop, day, value in LONG]
    content = table(rows, "shop,date,sales" if dated else "shop,sales")
    options: dict[str, Any] = {"targets": ["sales"], "columns_required": False}
    if dated and ids[0] == "A":
        assert len(read(tmp_path, content, **options)) == 3  # histories.py refuses them
        return
    message = error(tmp_path, content, **options)
    assert message.endswith("Give the rows of one series, as in the training set")
    of_several = error(tmp_path, content, **options, series=["store"])
    assert of_several.endswith("Give the columns store, as in the training set")


def test_changes_in_several_series_are_reported_in_one_line_each(tmp_path: Path) -> None:
    rows = [row for row in LONG if row[1] not in ("2020-01-05", "2020-01-06") or row[0] == "A"]
    messages: list[str] = []
    series = read(tmp_path, table(rows), messages, series="shop")
    assert [len(one) for one in series] == [30, 30, 30]
    assert np.isnan(series[1].values[4:6, 0]).all()
    expected = "4 rows are missing according to the dates, the first at 2020-01-05 of B; inserted"
    assert messages == [f"{tmp_path / 'shops.csv'}: {expected}"]


def panel(rows: tuple[int, ...] = (60, 40, 50), *, dated: bool = True, seed: int = 0) -> list[Series]:
    """Series of one shape and of very different sizes, with a column of inputs."""
    rng, found = np.random.default_rng(seed), []
    for name, size, count in zip("ABC", (1.0, 1000.0, 0.01), rows, strict=True):
        t = np.arange(count)
        y = size * (5 + np.sin(t / 2) + 0.1 * rng.normal(size=count))
        dates = Dates("day", tuple(DAYS[0] + timedelta(days=int(n)) for n in t), "%Y-%m-%d", Step("seconds", DAY))
        values = np.stack([y, np.cos(t)], 1)
        found.append(Series(("y",), ("x",), values, dates if dated else None, ("shop",), (name,)))
    return found


def test_the_corpus_gives_back_several_series_each_with_its_own_split(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", panel(), horizon=4)
    again = ForecasterCorpus.open(corpus.folder)
    for part, original, train in zip(again.parts, panel(), (52, 32, 42), strict=True):
        np.testing.assert_array_equal(part.series.values, original.values)
        assert part.series.dates == original.dates
        assert (part.series.ids, part.series.id_columns) == (original.ids, ("shop",))
        assert part.train_rows == train
    assert (corpus.train_rows, corpus.valid_rows) == (126, 24)
    assert [(series.label, begin) for series, begin in corpus.scored] == [("A", 52), ("B", 32), ("C", 42)]


def test_series_that_are_too_short_are_left_out_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    corpus = prepared(tmp_path / "data", panel((60, 7, 10)), horizon=4, notify=messages.append)
    assert [part.series.label for part in corpus.parts] == ["A", "C"]
    assert [part.valid_rows for part in corpus.parts] == [8, 0]
    assert messages[0].startswith("1 of 3 series are left out, because they have fewer than 8 training rows")
    with pytest.raises(DataError, match="has 3 series, none of which has 80 training rows with values"):
        prepared(tmp_path / "none", panel(), horizon=40)
    constant = panel()
    for one in constant:
        one.values[:, 0] = 3.0
    with pytest.raises(DataError, match="'y' never changes in the training set; expected series that change"):
        prepared(tmp_path / "constant", constant, horizon=4)


def test_a_validation_file_continues_each_series(tmp_path: Path) -> None:
    whole = panel()
    train = [one.rows(0, 30) for one in whole]
    valid = [one.rows(30, 40) for one in whole[:2]]
    corpus = prepared(tmp_path / "data", train, valid=valid, horizon=4)
    assert [(part.train_rows, part.valid_rows) for part in corpus.parts] == [(30, 10), (30, 10), (30, 0)]
    np.testing.assert_array_equal(corpus.parts[1].series.values, whole[1].values[:40])
    with pytest.raises(DataError, match="has the series 'C', which the training set has not"):
        prepared(tmp_path / "other", train[:2], valid=[whole[2].rows(30, 40)], horizon=4)


def test_units_are_those_of_each_series_and_scales_are_those_of_all() -> None:
    config, series = tiny_config("gru", season=1, logarithm=False), panel()
    scales = Scales.measure(series, config)
    assert list(scales.units) == ["A", "B", "C"]
    tables = []
    for one in series:
        unit = scales.units[one.label]
        np.testing.assert_allclose(unit.mean, one.values[:, :1].mean(0))
        np.testing.assert_allclose(unit.scale, one.values[:, :1].std(0))
        np.testing.assert_allclose(unit.naive_mae, np.abs(np.diff(one.values[:, 0])).mean())
        z = modelled(one.values, 1, logarithm=False, unit=unit)
        np.testing.assert_array_equal(z[:, 1], one.values[:, 1])
        tables.append(z)
        np.testing.assert_allclose(
            restored(z[:, None, :1, None], logarithm=False, unit=unit)[:, 0, 0, 0], one.values[:, 0]
        )
    pooled = np.concatenate(tables)
    np.testing.assert_allclose(scales.mean, pooled.mean(0), atol=1e-12)
    np.testing.assert_allclose(scales.scale, pooled.std(0))
    moves = np.concatenate([np.diff(z[:, 0]) for z in tables])  # no difference crosses a border
    np.testing.assert_allclose(scales.differences, np.sqrt((moves**2).mean()))


def test_a_series_that_never_changes_has_the_unit_of_a_middle_one() -> None:
    series = panel()
    series[2].values[:, 0] = 0.0
    scales = Scales.measure(series, tiny_config("gru", season=1, logarithm=False))
    expected = np.median([scales.units[name].scale[0] for name in "AB"])
    assert scales.units["C"].scale == (expected,)
    assert scales.units["C"].naive_mae[0] == np.median([scales.units[name].naive_mae[0] for name in "AB"])


@pytest.mark.parametrize("lengths", [(50, 23, 31), (40, 5, 9), (12, 12, 12)])
def test_windows_never_cross_a_border(lengths: tuple[int, ...]) -> None:
    lengths = tuple(max(12, length) for length in lengths)
    stream = endless_windows(lengths, 12, 7, 3, 0, {"epoch": 0, "batch": 0})
    ends = np.cumsum(lengths)
    count = windows_per_epoch(lengths, 12, 7)
    starts = np.concatenate([next(stream)[0] for _ in range(-(-count // 3))])
    assert len(starts) == count
    for start in starts:
        assert np.searchsorted(ends, start, side="right") == np.searchsorted(ends, start + 11, side="right")
    assert {int(np.searchsorted(ends, start, side="right")) for start in starts} == {0, 1, 2}


@pytest.mark.parametrize("architecture", ["lstm", "tdnn", "narx"])
def test_a_window_is_that_of_the_series_alone(architecture: str, tmp_path: Path) -> None:
    """Windows of three series, cut from one table, are those that each series gives by itself."""
    config = tiny_config(architecture, logarithm=False, season=3, reference="last")
    corpus = prepared(tmp_path / "data", panel(), horizon=4)
    task = ForecasterTask(run_of(config, window=12), corpus)
    first = 0
    for part in corpus.parts:
        alone = ForecasterTask(run_of(config, window=12), ForecasterCorpus(Path(), (), (part,)))
        alone.scales = task.scales
        alone._x, alone._z, alone._r = alone._tables(part.train_series)
        starts = np.array([0, 5, part.train_rows - 12])
        for found, expected in zip(task._windows(first + starts), alone._windows(starts), strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
        first += part.train_rows


def test_a_series_shorter_than_a_window_begins_with_copies_that_are_no_targets(tmp_path: Path) -> None:
    config = tiny_config("lstm", logarithm=False)
    corpus = prepared(tmp_path / "data", panel((60, 9, 50)), horizon=4)
    task = ForecasterTask(run_of(config, window=20), corpus)
    assert task._rows == [52, 20, 42]
    window = task._windows(np.array([52]))
    assert torch.isnan(window.r[0, : 20 - 9]).all()
    assert not torch.isnan(window.r[0, 20 - 9 : 20 - 4]).any()


def trained(folder: Path) -> Any:
    """A predictor of three series with the scales of their training sets, and random weights."""
    config = tiny_config("lstm", logarithm=False, season=3, reference="last")
    corpus = prepared(folder / "data", panel(), horizon=4)
    task = ForecasterTask(run_of(config, window=12), corpus)
    network = task.build().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return task.predictor(network), corpus


def test_forecasts_follow_the_size_of_their_series(tmp_path: Path) -> None:
    """A series a thousand times as large has the same forecast, a thousand times as large."""
    predictor, _ = trained(tmp_path)
    small, other = panel()[0], panel()[0]
    larger = Series(("y",), ("x",), other.values * [1000.0, 1.0], None, ("shop",), ("new",))
    same = Series(("y",), ("x",), small.values, None, ("shop",), ("also new",))
    found = predictor.predict([same, larger])
    np.testing.assert_allclose(found["new"].quantiles, 1000.0 * found["also new"].quantiles, rtol=1e-5)


def test_each_series_is_forecast_and_scored_as_it_is_alone(tmp_path: Path) -> None:
    predictor, corpus = trained(tmp_path)
    forecasts = predictor.predict(panel())
    assert list(forecasts) == ["A", "B", "C"]
    for one in panel():
        np.testing.assert_array_equal(forecasts[one.label].quantiles, predictor.predict(one)[one.label].quantiles)
    assert forecasts["A"].dates[0] == f"{DAYS[0] + timedelta(days=60):%Y-%m-%d}"
    metrics = predictor.score(corpus.scored)
    alone = {series.label: predictor.score([(series, begin)]) for series, begin in corpus.scored}
    assert metrics["forecasts"] == sum(one["forecasts"] for one in alone.values())
    for name, one in alone.items():
        for key in ("mae", "mase", "relative_mae", "coverage"):
            assert metrics["series"][name][key] == pytest.approx(one[key])
    counts = np.array([one["count"] for one in alone.values()])
    for key in ("mae", "mase", "loss", "coverage"):  # means over all values, MASE in the units of each series
        expected = (counts * [one[key] for one in alone.values()]).sum() / counts.sum()
        assert metrics[key] == pytest.approx(expected)


def test_later_rows_of_an_unknown_series_do_not_change_its_forecasts(tmp_path: Path) -> None:
    predictor, _ = trained(tmp_path)
    one = panel()[0]
    unknown = Series(("y",), ("x",), one.values, None, ("shop",), ("new",))
    changed = one.values.copy()
    changed[45:] *= 7.0
    other = Series(("y",), ("x",), changed, None, ("shop",), ("new",))
    np.testing.assert_array_equal(predictor.backtest(unknown, 40)[:2], predictor.backtest(other, 40)[:2])


def test_row_by_row_is_the_same_as_all_at_once(tmp_path: Path) -> None:
    predictor, _ = trained(tmp_path)
    a, b = panel()[:2]
    state = predictor.initial_state(2, series=["A", "B"])
    for row in range(20):
        found, state = predictor.step(np.stack([a.values[row], b.values[row]]), state)
        state = predictor.state_from_bytes(predictor.state_to_bytes(state))
    for n, one in enumerate((a, b)):
        expected = predictor.forecast(one.rows(0, 20)).quantiles
        np.testing.assert_allclose(found[n], expected, rtol=2e-4)
    with pytest.raises(ConfigError, match=r"series: given \['Z'\]; expected 1 names of series of the model"):
        predictor.initial_state(1, series=["Z"])


def test_a_history_of_another_kind_is_refused(tmp_path: Path) -> None:
    one = series_of()
    several = [Series(one.targets, one.inputs, one.values, None, ("id",), (name,)) for name in "ab"]
    with pytest.raises(DataError, match=r"has 2 series \(a, b\); expected one, as in the training set"):
        tiny_predictor().predict(several)
    predictor, _ = trained(tmp_path)
    with pytest.raises(DataError, match=r"given 3 series \(A, B, C\); expected one. Give the rows of one series"):
        predictor.trace(panel())
    assert list(predictor.predict(panel()[0].values)) == [""]
    with pytest.raises(DataError, match="A: a history of 1 rows; expected at least"):
        predictor.predict([panel()[0].rows(0, 1)])
    with pytest.raises(DataError, match="has 3 series, none of which can be scored"):
        predictor.evaluate(panel(), 59)


def test_a_saved_model_knows_its_series(tmp_path: Path) -> None:
    predictor, _ = trained(tmp_path)
    predictor.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.scales == predictor.scales
    for name, forecast in predictor.predict(panel()).items():
        np.testing.assert_array_equal(loaded.predict(panel())[name].quantiles, forecast.quantiles)


def test_columns_of_text_and_of_numbers_are_named_in_the_order_of_the_header(tmp_path: Path) -> None:
    rows = [(shop, item, day, value) for item in "xy" for shop, day, value in rows_of({"1": 1.0, "2": 2.0}, DAYS)]
    assert "named by shop,item. Use --series shop,item if" in error(tmp_path, table(rows, "shop,item,date,sales"))

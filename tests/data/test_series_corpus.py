"""The series of a run: what is learned comes before what is held out, and the folder gives back what was read."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers import SourceRecord
from elman.errors import DataError, ModelError
from elman.tasks.forecaster.calendar import DAY, Step
from elman.tasks.forecaster.corpus import SeriesCorpus, prepare_series
from elman.tasks.forecaster.readers import Dates, Series

RECORD = SourceRecord("sales.csv", 3, "abc")


def series(rows: int = 100, first: int = 0, *, dated: bool = True) -> Series:
    values = np.stack([np.arange(first, first + rows) ** 1.5, np.cos(np.arange(first, first + rows))], 1)
    each = tuple(datetime(2020, 1, 1) + timedelta(days=first + row) for row in range(rows))
    return Series(("y",), ("x",), values, Dates("day", each, "%Y-%m-%d", Step("seconds", DAY)) if dated else None)


def prepared(folder: Path, train: Series, **options: Any) -> SeriesCorpus:
    horizon = options.pop("horizon", 5)
    return prepare_series(folder, train, horizon=horizon, records=lambda: [RECORD], **options)


@pytest.mark.parametrize("dated", [True, False])
def test_what_was_read_comes_back(dated: bool, tmp_path: Path) -> None:
    given = series(dated=dated)
    given.values[7, 0] = np.nan
    said: list[str] = []
    corpus = prepared(tmp_path / "data", given, notify=said.append)
    np.testing.assert_array_equal(corpus.series.values, given.values)
    assert (corpus.series.targets, corpus.series.inputs, corpus.series.dates) == (("y",), ("x",), given.dates)
    assert corpus.sources == (RECORD,)
    assert said == ["1 of 200 values are missing: the last one before each is read in its place"]


@pytest.mark.parametrize(("fraction", "horizon", "rows"), [(None, 5, 90), (None, 12, 76), (0.25, 5, 75), (0.05, 5, 95)])
def test_the_end_is_held_out(fraction: float | None, horizon: int, rows: int, tmp_path: Path) -> None:
    assert prepared(tmp_path / "data", series(), valid_fraction=fraction, horizon=horizon).train_rows == rows


def test_held_out_rows_of_a_file_go_on_where_the_others_end(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series(80), valid=series(20, 80))
    np.testing.assert_array_equal(corpus.series.values, series().values)
    assert (corpus.train_rows, corpus.series.dates) == (80, series().dates)
    bare = prepared(tmp_path / "bare", series(80, dated=False), valid=series(20, 80, dated=False))
    np.testing.assert_array_equal(bare.series.values, series().values)
    with pytest.raises(DataError, match="has no dates, and the rows before it have; both have a column of dates"):
        prepared(tmp_path / "half", series(80), valid=series(20, 80, dated=False))
    other = series(20, 80)
    assert other.dates is not None
    weekly = dataclasses.replace(other, dates=dataclasses.replace(other.dates, step=Step("seconds", 7 * DAY)))
    with pytest.raises(DataError, match="has a row a week, the rows before it a row a day"):
        prepared(tmp_path / "weekly", series(80), valid=weekly)
    with pytest.raises(DataError, match="begins at 2020-02-10, expected rows after 2020-03-20"):
        prepared(tmp_path / "early", series(80), valid=series(60, 40))
    with pytest.raises(DataError, match="begins at 2020-03-26, a day after 2020-03-20 was expected"):
        prepared(tmp_path / "late", series(80), valid=series(15, 85))


@pytest.mark.parametrize(
    ("change", "horizon", "expected"),
    [
        (slice(0), 34, "holds 100 rows, 32 to learn from and 68 held out; a horizon of 34 needs 68 and 34"),
        (slice(0), 60, "holds 100 rows, 0 to learn from"),
        (slice(None), 5, "'y' is always 1 in the rows to learn from; expected a series that moves"),
        (slice(0, 95), 5, "'y' is always 1 in the rows to learn from"),
    ],
)
def test_what_nothing_can_be_learned_from_is_told(change: slice, horizon: int, expected: str, tmp_path: Path) -> None:
    given = series()
    given.values[change, 0] = 1.0
    with pytest.raises(DataError) as raised:
        prepared(tmp_path / "data", given, horizon=horizon)
    assert expected in str(raised.value)
    assert str(raised.value).startswith("sales.csv: ")
    assert not (tmp_path / "data").exists()


def test_a_column_that_is_missing_is_told(tmp_path: Path) -> None:
    given = series()
    given.values[90:, 0] = np.nan
    with pytest.raises(DataError, match="'y' holds too few numbers: nearly all are missing"):
        prepared(tmp_path / "data", given)


def test_a_changed_folder_is_refused(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series())
    content = bytearray((corpus.folder / "values.npy").read_bytes())
    content[-1] ^= 1
    (corpus.folder / "values.npy").write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged training data \(values.npy differs"):
        SeriesCorpus.open(corpus.folder)

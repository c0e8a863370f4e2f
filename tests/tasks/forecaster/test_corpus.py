"""The corpus of a forecaster: the training set comes before the validation set, and the folder keeps what was read."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.checksummed_record import checksummed_bytes, file_sha256, read_record
from elman.data.readers.text import SourceRecord
from elman.errors import DataError, ModelError
from elman.tasks.forecaster.calendar import DAY, Step
from elman.tasks.forecaster.corpus import ForecasterCorpus
from elman.tasks.forecaster.series import Dates, Series

from .models import prepared

RECORD = SourceRecord("sales.csv", 3, "abc")


def series(rows: int = 100, first: int = 0, *, dated: bool = True) -> Series:
    values = np.stack([np.arange(first, first + rows) ** 1.5, np.cos(np.arange(first, first + rows))], 1)
    days = tuple(datetime(2020, 1, 1) + timedelta(days=first + row) for row in range(rows))
    return Series(("y",), ("x",), values, Dates("day", days, "%Y-%m-%d", Step("seconds", DAY)) if dated else None)


@pytest.mark.parametrize("dated", [True, False])
def test_the_folder_gives_back_what_was_read(dated: bool, tmp_path: Path) -> None:
    original = series(dated=dated)
    original.values[7, 0] = np.nan
    messages: list[str] = []
    corpus = prepared(tmp_path / "data", original, notify=messages.append)
    np.testing.assert_array_equal(corpus.first.values, original.values)
    assert (corpus.first.targets, corpus.first.inputs, corpus.first.dates) == (("y",), ("x",), original.dates)
    assert corpus.sources == (RECORD,)
    assert messages == ["1 of 200 values are missing; each is replaced by the last value before it"]


@pytest.mark.parametrize(("fraction", "horizon", "rows"), [(None, 5, 90), (None, 12, 76), (0.25, 5, 75), (0.05, 5, 95)])
def test_the_validation_set_is_the_end(fraction: float | None, horizon: int, rows: int, tmp_path: Path) -> None:
    assert prepared(tmp_path / "data", series(), valid_fraction=fraction, horizon=horizon).train_rows == rows


def test_a_validation_file_continues_the_training_set(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series(80), valid=series(20, 80))
    np.testing.assert_array_equal(corpus.first.values, series().values)
    assert (corpus.train_rows, corpus.first.dates) == (80, series().dates)
    bare = prepared(tmp_path / "bare", series(80, dated=False), valid=series(20, 80, dated=False))
    np.testing.assert_array_equal(bare.first.values, series().values)
    with pytest.raises(DataError, match="has no dates, but the training set has\\. Give both a column of dates"):
        prepared(tmp_path / "half", series(80), valid=series(20, 80, dated=False))
    other = series(20, 80)
    assert other.dates is not None
    weekly = dataclasses.replace(other, dates=dataclasses.replace(other.dates, step=Step("seconds", 7 * DAY)))
    with pytest.raises(DataError, match="has one row every week; expected one row every day, as in the training set"):
        prepared(tmp_path / "weekly", series(80), valid=weekly)
    with pytest.raises(DataError, match="begins at 2020-02-10; expected rows after 2020-03-20"):
        prepared(tmp_path / "early", series(80), valid=series(60, 40))
    with pytest.raises(DataError, match="begins at 2020-03-26; expected one day after 2020-03-20"):
        prepared(tmp_path / "late", series(80), valid=series(15, 85))


def test_a_split_that_is_too_short_is_refused(tmp_path: Path) -> None:
    message = "has 90 training rows and 10 validation rows; expected at least 68 and 34 for a horizon of 34"
    with pytest.raises(DataError, match=message):
        prepared(tmp_path / "data", series(), horizon=34, valid_fraction=0.1)


@pytest.mark.parametrize(
    ("change", "horizon", "expected"),
    [
        (slice(0), 60, "has 100 rows; expected at least 120 for a horizon of 60"),
        (slice(None), 5, "'y' is always 1 in the training set; expected a series that changes"),
        (slice(0, 95), 5, "'y' is always 1 in the training set"),
    ],
)
def test_a_series_that_is_too_short_or_constant_is_refused(
    change: slice, horizon: int, expected: str, tmp_path: Path
) -> None:
    original = series()
    original.values[change, 0] = 1.0
    with pytest.raises(DataError) as raised:
        prepared(tmp_path / "data", original, horizon=horizon)
    assert expected in str(raised.value)
    assert str(raised.value).startswith("sales.csv: ")
    assert not (tmp_path / "data").exists()


def test_a_column_with_too_few_numbers_is_refused(tmp_path: Path) -> None:
    original = series()
    original.values[90:, 0] = np.nan
    message = (
        "no number in 'y' in the last 10 rows, the validation set; expected at least one. Leave out the 10 empty rows"
    )
    with pytest.raises(DataError, match=message):
        prepared(tmp_path / "data", original)
    original.values[1:90, 0] = np.nan
    with pytest.raises(DataError, match="'y' has 1 numbers in 90 training rows; expected at least 2"):
        prepared(tmp_path / "data", original)


def test_a_changed_folder_is_refused(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", series())
    content = bytearray((corpus.folder / "values.npy").read_bytes())
    content[-1] ^= 1
    (corpus.folder / "values.npy").write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged training data \(values.npy differs"):
        ForecasterCorpus.open(corpus.folder)


@pytest.mark.parametrize("values", [np.full((120, 1), 1e300), np.ones((120, 1), np.float32), np.ones(120)])
def test_other_numbers_than_were_read_are_damage(tmp_path: Path, values: np.ndarray[Any, Any]) -> None:
    corpus = prepared(tmp_path / "data", series())
    record = read_record(corpus.folder, "corpus.json")
    np.save(corpus.folder / "values.npy", values)
    path = corpus.folder / "values.npy"
    record |= {"files": {path.name: file_sha256(path)}, "sizes": {path.name: path.stat().st_size}}
    (corpus.folder / "corpus.json").write_bytes(checksummed_bytes(record))
    with pytest.raises(ModelError, match=r"damaged training data \(values\.npy holds other numbers than were read\)"):
        ForecasterCorpus.open(corpus.folder)

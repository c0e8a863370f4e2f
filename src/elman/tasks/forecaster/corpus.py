"""The series of a run: rows on disk, the training part first, the held-out part after it.

series.json   what was read, the columns, the dates and how they are written, the training rows, a hash a file
values.npy    (T, C) float64, the targets' columns first; NaN is a gap
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from elman.checkpoint.sealed import write_synced
from elman.data.encodings import Notify
from elman.data.readers import SourceRecord
from elman.data.sealed_record import file_sha256, read_record, sealed
from elman.errors import DataError, ModelError
from elman.tasks.forecaster.calendar import Step
from elman.tasks.forecaster.readers import Dates, Series

RECORD, VALUES = "series.json", "values.npy"
AUTOMATIC_VALID_SHARE, FEWEST_VALID_HORIZONS = 0.1, 2


@dataclass(frozen=True, slots=True)
class SeriesCorpus:
    """A prepared folder."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    series: Series
    train_rows: int

    @classmethod
    def open(cls, folder: Path) -> SeriesCorpus:
        """Open a prepared folder; every file is checked against its hash."""
        try:
            record = read_record(folder, RECORD)
            dates = record["dates"]
            if dates is not None:
                each = tuple(map(datetime.fromisoformat, dates["each"]))
                step = Step(**dates["step"]) if dates["step"] else None
                dates = Dates(dates["name"], each, dates["format"], step)
            values = np.load(folder / VALUES, allow_pickle=False)
            series = Series(tuple(record["targets"]), tuple(record["inputs"]), values, dates)
            sources = tuple(SourceRecord(**source) for source in record["sources"])
            return cls(folder, sources, series, record["train_rows"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None


def prepare_series(
    folder: Path,
    train: Series,
    *,
    valid: Series | None = None,
    valid_fraction: float | None = None,
    horizon: int,
    records: Callable[[], Sequence[SourceRecord]],
    notify: Notify = lambda message: None,
) -> SeriesCorpus:
    """Write the series of a run, and open it.

    The held-out part is `valid`, which goes on where the other ends, or the last valid_fraction of the rows; None is a
    tenth of them, and two horizons at least.
    """
    sources = records()
    where = ", ".join(record.name for record in sources)
    whole = train if valid is None else _joined(train, valid, sources[-1].name)
    rows = len(train) if valid is not None else _train_rows(len(train), valid_fraction, horizon)
    _check(whole, rows, horizon, where)
    if gaps := int(np.isnan(whole.values).sum()):
        notify(f"{gaps:,} of {whole.values.size:,} values are missing: the last one before each is read in its place")
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, whole.values, allow_pickle=False)
    write_synced(folder / VALUES, content.getvalue())
    dates = whole.dates
    told = dates and {
        "name": dates.name,
        "each": [date.isoformat() for date in dates.each],
        "format": dates.format,
        "step": asdict(dates.step) if dates.step else None,
    }
    record = {
        "sources": [asdict(each) for each in sources],
        "targets": list(whole.targets),
        "inputs": list(whole.inputs),
        "dates": told,
        "train_rows": rows,
        "files": {VALUES: file_sha256(folder / VALUES)},
    }
    write_synced(folder / RECORD, sealed(record))
    return SeriesCorpus.open(folder)


def _train_rows(rows: int, fraction: float | None, horizon: int) -> int:
    if fraction is not None:
        return rows - round(fraction * rows)
    return rows - max(round(AUTOMATIC_VALID_SHARE * rows), FEWEST_VALID_HORIZONS * horizon)


def _joined(train: Series, valid: Series, where: str) -> Series:
    """The held-out rows after the training rows."""
    values = np.concatenate([train.values, valid.values])
    if train.dates is None and valid.dates is None:
        return replace(train, values=values)
    if train.dates is None or valid.dates is None:
        told = "has no dates, and the rows before it have" if valid.dates is None else "has dates, the rows before none"
        raise DataError(told, hint="both have a column of dates, or none has", where=where)
    if valid.dates.each[0] <= train.dates.each[-1]:
        told = f"begins at {valid.dates.text(0)}, expected rows after {train.dates.text(-1)}"
        raise DataError(told, hint="held-out rows come after those that are learned from", where=where)
    step = train.dates.step
    if valid.dates.step not in (step, None):
        told = f"has a row a {valid.dates.step}, the rows before it a row a {step}"
        raise DataError(told, hint="held-out rows go on as the others do", where=where)
    if step is not None and step.after(train.dates.each[-1], 1) != valid.dates.each[0]:
        told = f"begins at {valid.dates.text(0)}, a {step} after {train.dates.text(-1)} was expected"
        raise DataError(told, hint="held-out rows go on where the others end", where=where)
    return replace(train, values=values, dates=replace(train.dates, each=train.dates.each + valid.dates.each))


def _check(series: Series, train_rows: int, horizon: int, where: str) -> None:
    """Refuse what nothing can be learned from, or nothing scored."""
    held_out = len(series) - train_rows
    if train_rows < 2 * horizon or held_out < horizon:
        told = f"holds {len(series):,} rows, {max(train_rows, 0):,} to learn from and {held_out:,} held out"
        needed = f"a horizon of {horizon} needs {2 * horizon} and {horizon}"
        hint = f"{needed}: give more rows, a smaller horizon or valid_fraction"
        raise DataError(told, hint=hint, where=where)
    for number, name in enumerate((*series.targets, *series.inputs)):
        column = series.values[:train_rows, number]
        known = column[~np.isnan(column)]
        if known.size < 2 or (np.isnan(series.values[train_rows:, number]).all() and number < len(series.targets)):
            raise DataError(f"{name!r} holds too few numbers: nearly all are missing", where=where)
        if known.min() == known.max():
            told = f"{name!r} is always {known[0]:g} in the rows to learn from"
            raise DataError(told, hint="expected a series that moves; --target and --inputs name others", where=where)

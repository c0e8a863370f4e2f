"""The corpus of a forecaster: the rows of a series on disk, first the training set, then the validation set.

corpus.json   sources, columns, dates and their format, the number of training rows, and the checksum of the file
values.npy    (T, C) float64, the columns of the targets first; NaN is a missing value
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint.durable_files import write_synced
from elman.config import Values, get_table
from elman.data.checksummed_record import read_record
from elman.data.corpora.folder import damage_errors, source_names, source_records, write_record
from elman.data.corpora.split import AUTOMATIC_VALID_SHARE, has_split, report_no_validation_set
from elman.data.readers.encodings import Notify
from elman.data.readers.text import SourceRecord
from elman.data.sources import ExampleSource
from elman.errors import ConfigError, DataError

from .calendar import Step
from .config import ForecasterRun
from .season import season_and_horizon
from .series import Dates, Series

RECORD, VALUES = "corpus.json", "values.npy"
MIN_VALID_HORIZONS = 2


@dataclass(frozen=True, slots=True)
class ForecasterCorpus:
    """A corpus folder."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    series: Series
    train_rows: int

    @property
    def has_validation_set(self) -> bool:
        """Whether there are rows after the training set."""
        return self.train_rows < len(self.series)

    @property
    def scored_from(self) -> int | None:
        """The first row that is scored; None, the first that the model can forecast, without a validation set."""
        return self.train_rows if self.has_validation_set else None

    @classmethod
    def open(cls, folder: Path) -> ForecasterCorpus:
        """Open a corpus folder; the file is checked against its checksum."""
        with damage_errors(folder):
            record = read_record(folder, RECORD)
            values = np.load(folder / VALUES, allow_pickle=False)
            dates = _dates(record["dates"]) if record["dates"] is not None else None
            series = Series(tuple(record["targets"]), tuple(record["inputs"]), values, dates)
            return cls(folder, source_records(record), series, record["train_rows"])

    @property
    def train_series(self) -> Series:
        """The training set."""
        return self.series.rows(0, self.train_rows)


def prepare(
    folder: Path,
    values: Values,
    run: ForecasterRun,
    train_sources: Sequence[ExampleSource[Series]],
    valid_sources: Sequence[ExampleSource[Series]],
    notify: Notify,
    start: object | None = None,
) -> ForecasterCorpus:
    """Read the series, write the corpus folder, and open it.

    The validation set is the series of valid_sources, which continues the other one; else the last rows; or none. Of
    start, the model from which training continues, nothing is needed: its columns and sizes are in the config, and the
    scales are those of the new series.
    """
    train = _only_series(train_sources, "DATA")
    valid = _only_series(valid_sources, "--valid") if valid_sources else None
    sources = [source.record for source in (*train_sources, *valid_sources)]
    where = source_names(sources)
    horizon = season_and_horizon(get_table(values, "model"), train)[1]
    whole = train if valid is None else _joined(train, valid, sources[-1].name)
    rows = len(train) if valid is not None else _train_rows(len(train), run.data.valid_fraction, horizon)
    _check(whole, rows, horizon, where)
    if rows == len(whole):
        report_no_validation_set(rows, "rows", run.data.valid_fraction, notify)
    if missing := int(np.isnan(whole.values).sum()):
        notify(f"{missing:,} of {whole.values.size:,} values are missing; each is replaced by the last value before it")
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, whole.values, allow_pickle=False)
    write_synced(folder / VALUES, content.getvalue())
    record = {
        "targets": list(whole.targets),
        "inputs": list(whole.inputs),
        "dates": _dates_record(whole.dates) if whole.dates else None,
        "train_rows": rows,
    }
    write_record(folder, RECORD, record, sources, [VALUES])
    return ForecasterCorpus.open(folder)


def _only_series(sources: Sequence[ExampleSource[Series]], name: str) -> Series:
    if len(sources) != 1:
        raise ConfigError(f"{name}: given {len(sources)} files; expected one series", hint="Join the rows in one file")
    (series,) = sources[0].examples()
    return series


def _dates_record(dates: Dates) -> dict[str, Any]:
    return {
        "name": dates.name,
        "dates": [date.isoformat() for date in dates.dates],
        "format": dates.format,
        "step": asdict(dates.step) if dates.step else None,
    }


def _dates(record: dict[str, Any]) -> Dates:
    step = Step(**record["step"]) if record["step"] else None
    return Dates(record["name"], tuple(map(datetime.fromisoformat, record["dates"])), record["format"], step)


def _train_rows(rows: int, fraction: float | None, horizon: int) -> int:
    """Return the number of training rows; all rows if there is no validation set."""
    if not has_split(rows, fraction, at_least=2 * MIN_VALID_HORIZONS * horizon):
        return rows
    if fraction is not None:
        return rows - round(fraction * rows)
    return rows - max(round(AUTOMATIC_VALID_SHARE * rows), MIN_VALID_HORIZONS * horizon)


def _joined(train: Series, valid: Series, where: str) -> Series:
    """Return the rows of the validation set after those of the training set."""
    if (train.targets, train.inputs) != (valid.targets, valid.inputs):
        columns = ", ".join((*valid.targets, *valid.inputs))
        expected = ", ".join((*train.targets, *train.inputs))
        raise DataError(f"has the columns {columns}; expected {expected}, as in the training set", where=where)
    values = np.concatenate([train.values, valid.values])
    if train.dates is None and valid.dates is None:
        return replace(train, values=values)
    if train.dates is None or valid.dates is None:
        one = (
            "has no dates, but the training set has"
            if valid.dates is None
            else "has dates, but the training set has none"
        )
        raise DataError(one, hint="Give both a column of dates, or none", where=where)
    first, last, step = valid.dates.dates[0], train.dates.dates[-1], train.dates.step
    if first <= last:
        problem = f"begins at {valid.dates.text(0)}; expected rows after {train.dates.text(-1)}"
        raise DataError(problem, hint="The validation set comes after the training set", where=where)
    if valid.dates.step not in (step, None):
        problem = f"has one row every {valid.dates.step}; expected one row every {step}, as in the training set"
        raise DataError(problem, where=where)
    if step is not None and step.after(last, 1) != first:
        problem = f"begins at {valid.dates.text(0)}; expected one {step} after {train.dates.text(-1)}"
        raise DataError(problem, hint="The validation set continues the training set", where=where)
    return replace(train, values=values, dates=replace(train.dates, dates=train.dates.dates + valid.dates.dates))


def _check(series: Series, train_rows: int, horizon: int, where: str) -> None:
    """Raise a DataError if there is too little to learn from or to score."""
    valid_rows = len(series) - train_rows
    if not valid_rows and train_rows < 2 * horizon:
        problem = f"has {train_rows:,} rows; expected at least {2 * horizon} for a horizon of {horizon}"
        raise DataError(problem, hint="Give more rows, or a smaller --horizon", where=where)
    if train_rows < 2 * horizon or 0 < valid_rows < horizon:
        problem = f"has {train_rows:,} training rows and {valid_rows:,} validation rows"
        expected = f"expected at least {2 * horizon} and {horizon} for a horizon of {horizon}"
        hint = "Give more rows, or a smaller --horizon or --valid-fraction"
        raise DataError(f"{problem}; {expected}", hint=hint, where=where)
    for number, name in enumerate((*series.targets, *series.inputs)):
        column = series.values[:train_rows, number]
        known = column[~np.isnan(column)]
        is_target = number < len(series.targets)
        if known.size < 2 or (is_target and valid_rows and np.isnan(series.values[train_rows:, number]).all()):
            raise DataError(f"{name!r} has too few numbers; nearly all are missing", where=where)
        if known.min() == known.max():
            hint = "Name other columns with --target and --inputs"
            problem = f"{name!r} is always {known[0]:g} in the training set; expected a series that changes"
            raise DataError(problem, hint=hint, where=where)

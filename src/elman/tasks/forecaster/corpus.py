"""The corpus of a forecaster: the rows of each series on disk, first the training set, then the validation set.

corpus.json   sources, columns, the checksum of the file, and of each series: its names, dates, rows and training rows
values.npy    (T, C) float64, one series after the other, the columns of the targets first; NaN is a missing value
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint.durable_files import write_synced
from elman.config import Values, get_table
from elman.data.checksummed_record import read_record
from elman.data.corpora.folder import damage_errors, source_names, source_records, write_record
from elman.data.corpora.split import report_no_validation_set
from elman.data.readers.encodings import Notify
from elman.data.readers.numbers import LARGEST
from elman.data.readers.text import SourceRecord
from elman.data.sources import ExampleSource
from elman.errors import ConfigError

from .calendar import Step
from .config import ForecasterRun
from .season import season_and_horizon
from .series import Dates, Series
from .split import SplitSeries, split_series, usable_series

Array = npt.NDArray[np.float64]

RECORD, VALUES = "corpus.json", "values.npy"


@dataclass(frozen=True, slots=True)
class ForecasterCorpus:
    """A corpus folder. A table of one series has one part."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    parts: tuple[SplitSeries, ...]

    @property
    def first(self) -> Series:
        """The first series, whose columns are those of all."""
        return self.parts[0].series

    @property
    def train_rows(self) -> int:
        """The number of rows in the training set."""
        return sum(part.train_rows for part in self.parts)

    @property
    def valid_rows(self) -> int:
        """The number of rows in the validation set."""
        return sum(part.valid_rows for part in self.parts)

    @property
    def has_validation_set(self) -> bool:
        """Whether there are rows after those of the training set."""
        return self.valid_rows > 0

    @property
    def scored(self) -> list[tuple[Series, int | None]]:
        """The series that are scored, each with its first row that is.

        None is the first row that the model can forecast: without a validation set, the training set is scored.
        """
        if self.has_validation_set:
            return [(part.series, part.train_rows) for part in self.parts if part.valid_rows]
        return [(part.series, None) for part in self.parts]

    @property
    def train_series(self) -> list[Series]:
        """The training set."""
        return [part.train_series for part in self.parts]

    @classmethod
    def open(cls, folder: Path) -> ForecasterCorpus:
        """Open a corpus folder; the file is checked against its checksum."""
        with damage_errors(folder):
            record = read_record(folder, RECORD)
            values = np.load(folder / VALUES, allow_pickle=False)
            if values.dtype != np.float64 or values.ndim != 2 or (np.abs(values) > LARGEST).any():
                raise ValueError(f"{VALUES} holds other numbers than were read")
            parts, end = [], 0
            for entry in record["series"]:
                begin, end = end, end + entry["rows"]
                series = Series(
                    tuple(record["targets"]),
                    tuple(record["inputs"]),
                    values[begin:end],
                    _dates(entry["dates"]) if entry["dates"] is not None else None,
                    tuple(record["id_columns"]),
                    tuple(entry["ids"]),
                    record["decimal"],
                )
                parts.append(SplitSeries(series, entry["train_rows"]))
            return cls(folder, source_records(record), tuple(parts))


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

    The validation set is the series of valid_sources, which continue those of train_sources; else the last rows of each
    series; or none. Of start, the model from which training continues, nothing is needed: its columns and sizes are in
    the config, and the scales are those of the new series.
    """
    train = _examples(train_sources, "DATA")
    valid = _examples(valid_sources, "--valid") if valid_sources else None
    sources = [source.record for source in (*train_sources, *valid_sources)]
    where = source_names(sources)
    horizon = season_and_horizon(get_table(values, "model"), train)[1]
    parts = split_series(train, valid, run.data.valid_fraction, horizon, sources[-1].name)
    parts = usable_series(parts, horizon, where, notify)
    if not any(part.valid_rows for part in parts):
        report_no_validation_set(sum(map(len, train)), "rows", run.data.valid_fraction, notify)
    report_missing([part.series for part in parts], notify)
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, np.concatenate([part.series.values for part in parts]), allow_pickle=False)
    write_synced(folder / VALUES, content.getvalue())
    first = parts[0].series
    record = {
        "targets": list(first.targets),
        "inputs": list(first.inputs),
        "id_columns": list(first.id_columns),
        "decimal": first.decimal,
        "series": [
            {
                "ids": list(part.series.ids),
                "rows": len(part.series),
                "train_rows": part.train_rows,
                "dates": _dates_record(part.series.dates) if part.series.dates else None,
            }
            for part in parts
        ],
    }
    write_record(folder, RECORD, record, sources, [VALUES])
    return ForecasterCorpus.open(folder)


def report_missing(series: Sequence[Series], notify: Notify) -> None:
    """Report how many values are missing."""
    if missing := sum(int(np.isnan(one.values).sum()) for one in series):
        total = sum(one.values.size for one in series)
        notify(f"{missing:,} of {total:,} values are missing; each is replaced by the last value before it")


def _examples(sources: Sequence[ExampleSource[Series]], name: str) -> list[Series]:
    if len(sources) != 1:
        hint = "Join the rows in one file; a column may name several series (--series)"
        raise ConfigError(f"{name}: given {len(sources)} files; expected one", hint=hint)
    return list(sources[0].examples())


def _dates_record(dates: Dates) -> dict[str, Any]:
    return {
        "name": dates.name,
        "dates": [date.isoformat() for date in dates.dates],
        "format": dates.format,
        "step": asdict(dates.step) if dates.step else None,
    }


def _dates(record: dict[str, Any]) -> Dates:
    step = Step(**{**record["step"], "weekdays": tuple(record["step"]["weekdays"])}) if record["step"] else None
    return Dates(record["name"], tuple(map(datetime.fromisoformat, record["dates"])), record["format"], step)

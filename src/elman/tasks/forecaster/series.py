"""A series: rows in time, with their dates, and with the names that tell it from the other series of a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from elman.data.readers.date_patterns import write_date

from .calendar import Step

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of rows, their pattern (date_patterns.py), and the step between them, if there is one."""

    name: str
    dates: tuple[datetime, ...]
    format: str
    step: Step | None

    def following(self, count: int) -> list[str]:
        """Return the dates that follow, as text; without a step, +1, +2, ..."""
        if self.step is None:
            return [f"+{n + 1}" for n in range(count)]
        return [write_date(self.step.after(self.dates[-1], n + 1), self.format) for n in range(count)]

    def text(self, row: int) -> str:
        """Return the date of a row in the format of the file."""
        return write_date(self.dates[row], self.format)


@dataclass(frozen=True, slots=True)
class Series:
    """Rows in time: values (T, C), the columns of the targets first; NaN is a missing value.

    ids are the cells that all rows of the series have in the columns id_columns; a table with one series has none.
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    values: Array
    dates: Dates | None = None
    id_columns: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    decimal: str = ""  # the decimal mark in the cells, if they show one

    def __len__(self) -> int:
        return len(self.values)

    @property
    def label(self) -> str:
        """The name of the series among others; empty for the only one."""
        return " / ".join(self.ids)

    def rows(self, begin: int, end: int) -> Series:
        """Return the rows from begin to the one before end."""
        dates = replace(self.dates, dates=self.dates.dates[begin:end]) if self.dates else None
        return replace(self, values=self.values[begin:end], dates=dates)

    @property
    def step(self) -> Step | None:
        """The step between rows, if the series has dates with a common one."""
        return self.dates.step if self.dates else None

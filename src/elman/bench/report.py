"""All results of a measurement as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from .limit import ProductRate, ReadRate
from .machine import Machine


class Row(Protocol):
    """One line of a table."""

    def as_json(self) -> dict[str, Any]:
        """Return the line with the keys of `--json`."""


R = TypeVar("R", bound=Row, covariant=True)


@dataclass(frozen=True)
class Report(Generic[R]):
    """The machine, the numbers of threads, the limits and the measured rows."""

    bench: str
    machine: Machine
    threads: Sequence[int]
    limit: Sequence[ProductRate | ReadRate]  # the best rate for each number of threads and each block size
    rows: Sequence[R]
    summary: Sequence[Row] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "bench": self.bench,
            "machine": asdict(self.machine),
            "threads": list(self.threads),
            "limit": [rate.as_json() for rate in self.limit],
            "rows": [row.as_json() for row in self.rows],
            "summary": [summary.as_json() for summary in self.summary],
        }

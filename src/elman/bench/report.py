"""All that a measurement came to, as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from .limit import Product, Read
from .machine import Machine


class Row(Protocol):
    """One line of a table."""

    def as_json(self) -> dict[str, Any]:
        """Return it in the words of the command line."""


R = TypeVar("R", bound=Row, covariant=True)


@dataclass(frozen=True)
class Report(Generic[R]):
    """Where it was measured, on how many threads, against which limit, and the rows."""

    bench: str
    machine: Machine
    threads: Sequence[int]
    limit: Sequence[Product | Read]  # the best rate of each kind, and of each number of threads or size of block
    rows: Sequence[R]
    summary: Sequence[Row] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints."""
        return {
            "bench": self.bench,
            "machine": asdict(self.machine),
            "threads": list(self.threads),
            "limit": [each.as_json() for each in self.limit],
            "rows": [row.as_json() for row in self.rows],
            "summary": [each.as_json() for each in self.summary],
        }

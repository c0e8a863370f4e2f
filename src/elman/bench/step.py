"""Latency: one step of one layer with batch size 1 on one thread, elman and its peers in alternating rounds.

A step reads every weight once, so the rate at which a block of that size can be read is its limit (limit.py). Before
the implementations are timed, their outputs of the first two steps are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .limit import Notify, ReadRate, best_read_rate
from .steppers import STEPPERS, StepProblem, weight_bytes
from .threads import use_threads
from .timing import check_agreement, median_seconds

# peer -> the packages that it needs
PEERS = {"torch": ("torch",), "torch-cell": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}


@dataclass(frozen=True, slots=True)
class Row:
    """One cell and size: seconds of a step by implementation, elman first."""

    cell: str
    hidden_size: int
    input_size: int
    seconds: dict[str, float]
    limit: ReadRate

    @property
    def weight_bytes(self) -> int:
        """Number of bytes that a step reads."""
        return weight_bytes(self.cell, self.hidden_size, self.input_size)

    @property
    def microseconds(self) -> dict[str, float]:
        """Microseconds of a step by implementation."""
        return {name: duration * 1e6 for name, duration in self.seconds.items()}

    @property
    def gigabytes_per_second(self) -> float:
        """Rate at which elman reads the weights."""
        return self.weight_bytes / self.seconds["elman"] / 1e9

    @property
    def ratios(self) -> dict[str, float]:
        """Speed of elman divided by the speed of each peer."""
        return {name: duration / self.seconds["elman"] for name, duration in self.seconds.items() if name != "elman"}

    @property
    def share(self) -> float:
        """Read rate of elman as a share of the limit."""
        return self.gigabytes_per_second / self.limit.gigabytes_per_second

    def as_json(self) -> dict[str, Any]:
        """Return the row with the keys of `--json`."""
        return {
            "cell": self.cell,
            "hidden": self.hidden_size,
            "inputs": self.input_size,
            "microseconds": self.microseconds,
            "ratios": self.ratios,
            "weight_bytes": self.weight_bytes,
            "gigabytes_per_second": self.gigabytes_per_second,
            "share": self.share,
        }


def measure(
    sizes: Sequence[tuple[str, int, int]], peers: Sequence[str], seconds: float, notify: Notify
) -> Iterator[Row]:
    """Yield a row for each cell, H and I, in about `seconds` per row and half as long for its limit."""
    for cell, hidden_size, input_size in sizes:
        notify(f"{cell} {hidden_size}")
        problem = StepProblem.random(cell, hidden_size, input_size)
        implementations = {name: STEPPERS[name](problem) for name in ("elman", *peers)}
        with use_threads(1):
            check_agreement(implementations, f"{cell} {hidden_size}", num_calls=2)
            medians = median_seconds({name: item.run for name, item in implementations.items()}, seconds)
        limit = best_read_rate(weight_bytes(cell, hidden_size, input_size), seconds / 2)
        yield Row(cell, hidden_size, input_size, medians, limit)

"""Latency: one step of one layer at batch 1 on one thread, ours and the peers', in turn.

A step reads every weight once, so the rate at which a block of that size can be read is its limit (limit.py). Before
they are timed, the outputs of the first two steps are held against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .limit import Notify, Read, best_read
from .steppers import STEPPERS, StepProblem, weight_bytes
from .threads import on_threads
from .timing import check_agreement, interleaved

PEERS = {"torch": ("torch",), "torch-cell": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}  # and what they need


@dataclass(frozen=True, slots=True)
class Row:
    """One cell and size: seconds of a step by contender, ours first."""

    cell: str
    hidden_size: int
    inputs: int
    seconds: dict[str, float]
    limit: Read

    @property
    def weight_bytes(self) -> int:
        """What a step reads."""
        return weight_bytes(self.cell, self.hidden_size, self.inputs)

    @property
    def microseconds(self) -> dict[str, float]:
        """By contender."""
        return {name: each * 1e6 for name, each in self.seconds.items()}

    @property
    def gigabytes_per_second(self) -> float:
        """The rate at which we read the weights."""
        return self.weight_bytes / self.seconds["elman"] / 1e9

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as fast as each peer."""
        return {name: each / self.seconds["elman"] for name, each in self.seconds.items() if name != "elman"}

    @property
    def share(self) -> float:
        """Our rate of reading as a share of the limit."""
        return self.gigabytes_per_second / self.limit.gigabytes_per_second

    def as_json(self) -> dict[str, Any]:
        """The row in the words of the command line."""
        return {
            "cell": self.cell,
            "hidden": self.hidden_size,
            "inputs": self.inputs,
            "microseconds": self.microseconds,
            "ratios": self.ratios,
            "weight_bytes": self.weight_bytes,
            "gigabytes_per_second": self.gigabytes_per_second,
            "share": self.share,
        }


def measure(
    sizes: Sequence[tuple[str, int, int]], peers: Sequence[str], seconds: float, notify: Notify
) -> Iterator[Row]:
    """Yield a row for each cell, H and I, in so many seconds each, and as many for its limit."""
    for cell, hidden_size, inputs in sizes:
        notify(f"{cell} {hidden_size}")
        problem = StepProblem.random(cell, hidden_size, inputs)
        contenders = {name: STEPPERS[name](problem) for name in ("elman", *peers)}
        with on_threads(1):
            check_agreement(contenders, f"{cell} {hidden_size}", calls=2)
            medians = interleaved({name: each.run for name, each in contenders.items()}, seconds)
        limit = best_read(weight_bytes(cell, hidden_size, inputs), seconds / 2)
        yield Row(cell, hidden_size, inputs, medians, limit)

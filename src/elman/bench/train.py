"""Training speed: forward and backward pass of one layer, elman and its peers, for several sizes and thread counts.

The inputs require gradients. All implementations have the same weights and inputs, and their outputs and gradients are
compared before they are timed. Rates count 6 G H (H + I) operations per token: the matrix products and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elman.training.throughput import available_threads

from .layers import LAYERS, Problem, Shape
from .limit import Notify, ProductRate
from .threads import use_threads
from .timing import Implementation, check_agreement, geometric_mean, median_seconds

PEERS = {"torch": ("torch",), "jax": ("jax",), "keras": ("keras",)}  # peer -> the packages that it needs


@dataclass(frozen=True, slots=True)
class Row:
    """One shape on a number of threads: seconds of a forward and backward pass by implementation, elman first."""

    shape: Shape
    threads: int
    seconds: dict[str, float]
    limit: ProductRate | None  # for the same number of threads

    @property
    def tokens_per_second(self) -> dict[str, float]:
        """Tokens per second by implementation."""
        return {name: self.shape.tokens / duration for name, duration in self.seconds.items()}

    @property
    def gflops(self) -> dict[str, float]:
        """10^9 operations per second by implementation."""
        return {name: self.shape.flop / duration / 1e9 for name, duration in self.seconds.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """Speed of elman divided by the speed of each peer."""
        return {name: duration / self.seconds["elman"] for name, duration in self.seconds.items() if name != "elman"}

    @property
    def share(self) -> float | None:
        """Rate of elman as a share of the limit."""
        return None if self.limit is None else self.gflops["elman"] / self.limit.gflops

    def as_json(self) -> dict[str, Any]:
        """Return the row with the keys of `--json`."""
        shape = self.shape
        return {
            "cell": shape.cell,
            "hidden": shape.hidden_size,
            "batch_size": shape.batch_size,
            "length": shape.length,
            "inputs": shape.input_size,
            "threads": self.threads,
            "tokens_per_second": self.tokens_per_second,
            "gflops": self.gflops,
            "ratios": self.ratios,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """The ratios of all rows with one number of threads to one peer."""

    threads: int
    peer: str
    ratio: float  # geometric mean
    num_rows: int
    smallest: float
    smallest_at: str

    def as_json(self) -> dict[str, Any]:
        """Return the summary with the keys of `--json`."""
        return {
            "threads": self.threads,
            "peer": self.peer,
            "geometric_mean": self.ratio,
            "smallest": {"ratio": self.smallest, "at": self.smallest_at},
        }


def measure(
    shapes: Sequence[Shape],
    threads: Sequence[int],
    peers: Sequence[str],
    seconds: float,
    limits: dict[int, ProductRate],
    notify: Notify,
) -> Iterator[Row]:
    """Yield a row for each number of threads and shape, in about `seconds` per row."""
    for count in threads:
        names = ["elman", *(peer for peer in peers if peer != "jax" or jax_can_use(count))]
        for shape in shapes:
            notify(f"{shape} on {count} threads")
            problem = Problem.random(shape)
            with use_threads(count):
                implementations = {name: LAYERS[name](problem) for name in names}
                medians = _compare(implementations, str(shape), seconds)
            yield Row(shape, count, medians, limits.get(count))


def jax_can_use(threads: int) -> bool:
    """Return whether jax uses this number of threads: it always uses all that the process may use."""
    return threads == available_threads()


def summarize(rows: Sequence[Row]) -> list[Summary]:
    """Return the geometric mean and the smallest of the ratios for each number of threads and peer."""
    summaries = []
    for threads, peer in dict.fromkeys((row.threads, peer) for row in rows for peer in row.ratios):
        ratios = [(row.ratios[peer], str(row.shape)) for row in rows if row.threads == threads and peer in row.ratios]
        mean = geometric_mean(ratio for ratio, _ in ratios)
        summaries.append(Summary(threads, peer, mean, len(ratios), *min(ratios)))
    return summaries


def _compare(implementations: dict[str, Implementation], problem: str, seconds: float) -> dict[str, float]:
    """Return the median seconds of each implementation after checking that their results agree."""
    check_agreement(implementations, problem)
    runs: dict[str, Callable[[], object]] = {name: item.run for name, item in implementations.items()}
    return median_seconds(runs, seconds)

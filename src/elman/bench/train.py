"""Training speed: forward and backward of one layer, ours and the peers', in turn, for many sizes and threads.

Inputs need gradients. All have the same weights and inputs, and before they are timed their outputs and gradients are
held against each other. Rates count 6 G H (H + I) operations a token, whatever is done beside the products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elman.training.machine import available_threads

from .layers import LAYERS, Problem, Shape
from .limit import Notify, Product
from .threads import on_threads
from .timing import Contender, check_agreement, geometric_mean, interleaved

PEERS = {"torch": ("torch",), "jax": ("jax",), "keras": ("keras",)}  # and what must be installed for them


@dataclass(frozen=True, slots=True)
class Row:
    """One shape on some threads: seconds of forward + backward by contender, ours first."""

    shape: Shape
    threads: int
    seconds: dict[str, float]
    limit: Product | None  # on as many threads

    @property
    def tokens_per_second(self) -> dict[str, float]:
        """By contender."""
        return {name: self.shape.tokens / each for name, each in self.seconds.items()}

    @property
    def gflops(self) -> dict[str, float]:
        """By contender, in 10^9 operations a second."""
        return {name: self.shape.flop / each / 1e9 for name, each in self.seconds.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as fast as each peer."""
        return {name: each / self.seconds["elman"] for name, each in self.seconds.items() if name != "elman"}

    @property
    def share(self) -> float | None:
        """Our rate as a share of the limit."""
        return None if self.limit is None else self.gflops["elman"] / self.limit.gflops

    def as_json(self) -> dict[str, Any]:
        """The row in the words of the command line."""
        shape = self.shape
        return {
            "cell": shape.cell,
            "hidden": shape.hidden_size,
            "batch_size": shape.batch_size,
            "length": shape.length,
            "inputs": shape.inputs,
            "threads": self.threads,
            "tokens_per_second": self.tokens_per_second,
            "gflops": self.gflops,
            "ratios": self.ratios,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """All rows of some threads against one peer."""

    threads: int
    peer: str
    ratio: float  # geometric mean
    rows: int
    smallest: float
    smallest_at: str

    def as_json(self) -> dict[str, Any]:
        """The summary in the words of the command line."""
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
    limits: dict[int, Product],
    notify: Notify,
) -> Iterator[Row]:
    """Yield a row for each number of threads and shape, in so many seconds each."""
    for count in threads:
        names = ["elman", *(peer for peer in peers if peer != "jax" or jax_runs_on(count))]
        for shape in shapes:
            notify(f"{shape} on {count} thread(s)")
            problem = Problem.random(shape)
            with on_threads(count):
                contenders = {name: LAYERS[name](problem) for name in names}
                medians = compared(contenders, str(shape), seconds)
            yield Row(shape, count, medians, limits.get(count))


def compared(contenders: dict[str, Contender], what: str, seconds: float) -> dict[str, float]:
    """Return the median seconds of each, once their results are seen to agree."""
    check_agreement(contenders, what)
    runs: dict[str, Callable[[], object]] = {name: each.run for name, each in contenders.items()}
    return interleaved(runs, seconds)


def jax_runs_on(threads: int) -> bool:
    """Return whether jax uses so many threads: it cannot be told, and takes all that the process may use."""
    return threads == available_threads()


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """Return the geometric mean of the ratios, and the smallest, by threads and peer."""
    found = []
    for threads, peer in dict.fromkeys((row.threads, peer) for row in rows for peer in row.ratios):
        ratios = [(row.ratios[peer], str(row.shape)) for row in rows if row.threads == threads and peer in row.ratios]
        mean = geometric_mean(ratio for ratio, _ in ratios)
        found.append(Summary(threads, peer, mean, len(ratios), *min(ratios)))
    return found

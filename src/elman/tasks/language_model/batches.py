"""Mini-batches of a text: inputs, and targets that are one token later; in the two orders of the textbooks.

    sequential   the text is cut into B streams of equal length; a mini-batch continues every stream where the last
                 mini-batch ended, and the state is carried; the state is zero at the beginning of an epoch
    random       segments of T tokens in random order; every segment starts from a zero state

Each epoch begins at a random offset, so that the text is cut at other tokens (Zhang et al., Dive into Deep Learning,
9.3). A position is JSON: {"epoch", "batch"} of the next batch; the same seed and position give the same batches.

`scoring_batches` cuts a text for scoring: 32 streams (fewer for a short text), and every token but the first is a
target exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Position = dict[str, int]

SCORING_STREAMS = 32
MIN_STREAM_TOKENS = 64  # a short text is cut into fewer streams, not into shorter ones


class Tokens(Protocol):
    """Ids that can be read in rows."""

    def __len__(self) -> int: ...

    def rows(self, starts: Iterable[int], length: int) -> Ids:
        """Return (B, length) ids, one row from each start."""


class Batch(NamedTuple):
    """Inputs and targets (B, T); `fresh` is true if the state starts from zero."""

    inputs: Ids
    targets: Ids
    fresh: bool


class ScoringBatch(NamedTuple):
    """Inputs and targets (B, T) of a text that is scored, and how many steps of each row count (B,)."""

    inputs: Ids
    targets: Ids
    lengths: Ids


START: Position = {"epoch": 0, "batch": 0}


def sequential(tokens: Tokens, batch_size: int, steps: int, seed: int, position: Position) -> Iterator[Batch]:
    """Yield the batches of an epoch from the position on; the state is carried from batch to batch."""
    offset = _offset(len(tokens), steps, seed, position["epoch"])
    batch_size = min(batch_size, len(tokens) - 1 - offset)  # every stream has a target
    length = (len(tokens) - 1 - offset) // batch_size  # of each stream
    starts = offset + length * np.arange(batch_size)
    for batch in range(position["batch"], max(1, length // steps)):
        T = min(steps, length)
        rows = tokens.rows((starts + batch * steps).tolist(), T + 1)
        yield Batch(rows[:, :-1], rows[:, 1:], fresh=batch == 0)


def random_segments(tokens: Tokens, batch_size: int, steps: int, seed: int, position: Position) -> Iterator[Batch]:
    """Yield the batches of an epoch from the position on; each starts from a zero state."""
    offset = _offset(len(tokens), steps, seed, position["epoch"])
    steps = min(steps, len(tokens) - 1 - offset)  # at least one segment
    segments = (len(tokens) - 1 - offset) // steps
    order = np.arange(segments, dtype=np.uint32)
    np.random.default_rng([seed, position["epoch"], 1]).shuffle(order)
    for first in range(position["batch"] * batch_size, segments, batch_size):
        starts = offset + steps * order[first : first + batch_size]
        rows = tokens.rows(starts.tolist(), steps + 1)
        yield Batch(rows[:, :-1], rows[:, 1:], fresh=True)


STREAMS: dict[str, Callable[[Tokens, int, int, int, Position], Iterator[Batch]]] = {
    "sequential": sequential,
    "random": random_segments,
}


def endless(
    kind: str, tokens: Tokens, batch_size: int, steps: int, seed: int, position: Position
) -> Iterator[tuple[Batch, Position]]:
    """Yield batches and the positions after them, without end."""
    while True:
        for batch in STREAMS[kind](tokens, batch_size, steps, seed, position):
            position = {"epoch": position["epoch"], "batch": position["batch"] + 1}
            yield batch, position
        position = {"epoch": position["epoch"] + 1, "batch": 0}


def batches_per_epoch(tokens: int, batch_size: int, steps: int) -> int:
    """Return about how many batches an epoch has (offsets vary by one)."""
    return max(1, (tokens - 1) // (batch_size * steps))


def scoring_batches(tokens: Tokens, steps: int, *, limit: int | None = None) -> Iterator[ScoringBatch]:
    """Yield a text in streams, `steps` tokens at a time; the state is carried from batch to batch.

    With a limit, only the beginning of each stream is yielded, about `limit` targets in all: a sample of the text.
    """
    targets = len(tokens) - 1
    streams = max(1, min(SCORING_STREAMS, targets // MIN_STREAM_TOKENS))
    bounds = np.linspace(0, targets, streams + 1).astype(np.int64)
    starts, lengths = bounds[:-1], np.diff(bounds)
    if limit is not None:
        lengths = np.minimum(lengths, -(-limit // streams))
    for done in range(0, int(lengths.max()), steps):
        T = min(steps, int(lengths.max()) - done)
        row_lengths = np.clip(lengths - done, 0, T)
        last = len(tokens) - (T + 1)  # rows are read inside the text, and then shifted
        rows = tokens.rows(np.minimum(starts + done, last).tolist(), T + 1)
        shift = starts + done - np.minimum(starts + done, last)
        index = np.minimum(np.arange(T + 1) + shift[:, None], T)
        rows = np.take_along_axis(rows, index, axis=1)
        yield ScoringBatch(rows[:, :-1], rows[:, 1:], row_lengths)


def _offset(tokens: int, steps: int, seed: int, epoch: int) -> int:
    """Return a random number of tokens that an epoch leaves out at its beginning."""
    largest = min(steps, max(1, tokens // 4))
    return int(np.random.default_rng([seed, epoch]).integers(largest))

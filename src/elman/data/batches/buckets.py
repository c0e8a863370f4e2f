"""Buckets: batches of examples of similar length, bounded by the number of examples and by that of tokens.

Each epoch shuffles the examples, sorts them by length (equal lengths stay shuffled), cuts them into batches and
shuffles the batches. So the examples of a batch have similar lengths, and which of them share a batch differs between
epochs if lengths repeat. A position is the JSON object {"epoch", "batch"} of the next batch; the same seed and position
give the same batches.

A batch is as long as its longest example. If one example is far longer than the others, a batch that it shares would
take memory for as many examples of its length. So a batch also has a largest number of tokens with padding, which
batches of usual examples do not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Position = dict[str, int]

USUAL_SHARE = 0.99  # of the examples have at most the usual length
MIN_BATCH_TOKENS = 1 << 14


class LengthBuckets:
    """The batches of a training set, in a new random order in each epoch."""

    def __init__(self, lengths: Sequence[Ids], batch_size: int, seed: int, max_tokens: int | None = None) -> None:
        """Take one or more arrays (N,) to sort by, the most important one first, such as source and target lengths.

        The tokens of a batch are the sum of the longest length of each array, times the number of examples. max_tokens
        is by default twice what batch_size examples of the usual length have. One example alone may have more.
        """
        self._lengths, self._seed = lengths, seed
        order = np.lexsort(tuple(reversed(lengths)))
        sorted_lengths = [key[order] for key in lengths]
        limit = largest_batch(np.sum(lengths, axis=0), batch_size) if max_tokens is None else max_tokens
        # Every epoch sorts to the same lengths, so the batches begin at the same positions.
        self._bounds = _bounds(sorted_lengths, batch_size, limit)
        starts = self._bounds[:-1]
        longest = [np.maximum.reduceat(key, starts) if len(starts) else starts for key in sorted_lengths]
        self.largest_batch = int((np.diff(self._bounds) * np.max(longest, axis=0)).max(initial=0))

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self._bounds) - 1

    def batches(self, position: Position) -> Iterator[tuple[Ids, Position]]:
        """Yield (rows of a batch, position after it) endlessly, starting at a position.

        The rows of a batch are in descending order of the first array of lengths.
        """
        while True:
            order, batches = self._epoch(position["epoch"])
            for batch in batches[position["batch"] :]:
                rows = order[self._bounds[batch] : self._bounds[batch + 1]]
                position = {"epoch": position["epoch"], "batch": position["batch"] + 1}
                yield rows[::-1], position
            position = {"epoch": position["epoch"] + 1, "batch": 0}

    def _epoch(self, epoch: int) -> tuple[Ids, list[int]]:
        """Return the rows from short to long, and the order of the batches into which they are cut."""
        rng = np.random.default_rng([self._seed, epoch])
        shuffled = rng.permutation(len(self._lengths[0]))
        order = shuffled[np.lexsort([key[shuffled] for key in reversed(self._lengths)])]
        return order, rng.permutation(len(self)).tolist()


def length_buckets(lengths: Sequence[int], max_tokens: int, max_rows: int | None = None) -> Iterator[list[int]]:
    """Yield batches of rows from short to long, each of at most max_tokens tokens with padding, or of a single row."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and ((len(batch) + 1) * max(1, lengths[row]) > max_tokens or len(batch) == max_rows):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def usual_length(lengths: npt.NDArray[Any]) -> int:
    """Return the length that 99 percent of the examples do not exceed; 0 without examples."""
    return int(np.quantile(lengths, USUAL_SHARE, method="lower")) if len(lengths) else 0


def largest_batch(lengths: npt.NDArray[Any], batch_size: int) -> int:
    """Return the largest number of tokens of a batch of examples of these lengths (N,)."""
    return max(MIN_BATCH_TOKENS, 2 * batch_size * usual_length(lengths))


def _bounds(sorted_lengths: Sequence[Ids], batch_size: int, max_tokens: int) -> Ids:
    """Return where the batches of sorted examples begin, and the number of examples."""
    count = len(sorted_lengths[0])
    starts = np.arange(0, count, batch_size)
    bounds = np.append(starts, count)
    if not count:
        return np.zeros(1, np.int64)
    longest = sum(np.maximum.reduceat(key, starts) for key in sorted_lengths)
    too_large = np.flatnonzero(np.diff(bounds) * longest > max_tokens)
    if not too_large.size:
        return bounds
    whole = bounds[: too_large[0] + 1].tolist()
    rows = np.stack(sorted_lengths, axis=1)[whole[-1] :].tolist()
    return np.array([*whole[:-1], *_cut(rows, whole[-1], batch_size, max_tokens), count])


def _cut(rows: Sequence[Sequence[int]], first: int, batch_size: int, max_tokens: int) -> Iterator[int]:
    """Yield where batches begin, of rows of lengths that are numbered from `first`."""
    longest, size = [0] * len(rows[0]), 0
    for number, lengths in enumerate(rows, start=first):
        longest_with = [max(pair) for pair in zip(longest, lengths, strict=True)]
        if size in (0, batch_size) or (size + 1) * sum(longest_with) > max_tokens:
            yield number
            longest, size = list(lengths), 1
        else:
            longest, size = longest_with, size + 1

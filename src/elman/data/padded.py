"""Padded batches: pairs of different lengths as rectangles, little of which is padding.

    source           a b </s>         and </s> to the longest; a source is never empty
    target_inputs    <s> x y          and </s> to the longest
    targets          x y </s>         and IGNORED to the longest: the target of an input is the token after it

Each epoch shuffles the pairs, sorts them by length (source, then target; ties stay shuffled), cuts them into batches
and shuffles the batches. So the pairs of a batch are about of one length, and which of them meet differs from epoch to
epoch where lengths repeat. A position is JSON: {"epoch", "batch"} of the next batch; the same seed and position give
the same batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.text.vocabulary import END_ID, START_ID

Ids = npt.NDArray[np.int64]
Position = dict[str, int]

IGNORED = -100  # the target of what does not count, as torch has it


class IdLists:
    """Lists of ids, one after the other in one array; list i ends before ends[i]."""

    def __init__(self, ids: npt.NDArray[Any], ends: Ids) -> None:
        self.ids, self.ends = ids, ends
        self.lengths: Ids = np.diff(ends, prepend=0)

    @classmethod
    def of(cls, lists: Iterable[npt.NDArray[Any]]) -> IdLists:
        """Take lists that lie in memory."""
        arrays = [np.empty(0, np.int64), *lists]
        return cls(np.concatenate(arrays), np.cumsum([len(ids) for ids in arrays[1:]], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> Ids:
        end = int(self.ends[i])
        return self.ids[end - int(self.lengths[i]) : end].astype(np.int64)


@dataclass(frozen=True, slots=True)
class PairIds:
    """The sources and targets of pairs as ids, without start and end."""

    sources: IdLists
    targets: IdLists

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def source_lengths(self) -> Ids:
        """The tokens of each source."""
        return self.sources.lengths

    @property
    def target_lengths(self) -> Ids:
        """The tokens of each target."""
        return self.targets.lengths

    def source(self, i: int) -> Ids:
        """The ids of a source."""
        return self.sources[i]

    def target(self, i: int) -> Ids:
        """The ids of a target."""
        return self.targets[i]


class PairBatch(NamedTuple):
    """Sources (B, S), inputs and targets (B, T), and the lengths (B,) of both sides, their ends counted."""

    source: Ids
    source_lengths: Ids
    target_inputs: Ids
    targets: Ids
    target_lengths: Ids


def pad(pairs: PairIds, rows: Sequence[int] | Ids) -> PairBatch:
    """Return the batch of these pairs, in this order."""
    source, source_lengths = _ended(pairs.sources, rows)
    inputs, targets, target_lengths = _shifted(*_ended(pairs.targets, rows))
    return PairBatch(source, source_lengths, inputs, targets, target_lengths)


def pad_sources(sources: Iterable[npt.NDArray[Any]]) -> tuple[Ids, Ids]:
    """Return sources (B, S), each ended, and their lengths (B,), as a batch has them."""
    lists = IdLists.of(sources)
    return _ended(lists, np.arange(len(lists)))


def pad_targets(targets: Iterable[npt.NDArray[Any]]) -> tuple[Ids, Ids]:
    """Return inputs and targets (B, T), as a batch has them."""
    lists = IdLists.of(targets)
    inputs, shifted, _ = _shifted(*_ended(lists, np.arange(len(lists))))
    return inputs, shifted


def pad_ids(lists: IdLists, rows: Sequence[int] | Ids) -> tuple[Ids, Ids]:
    """Return lists (B, L) as they are, zeros after them to the longest, and their lengths (B,)."""
    return _filled(lists, np.asarray(rows, np.int64), 0)


def endless_buckets(
    lengths: Sequence[Ids], batch_size: int, seed: int, position: Position
) -> Iterator[tuple[Ids, Position]]:
    """Yield (rows of a batch, position after it), epoch after epoch, from a position on.

    lengths: one or more arrays (N,), by which rows are alike; the first counts most, and falls within a batch.
    """
    while True:
        order, batches = _epoch(lengths, batch_size, seed, position["epoch"])
        for batch in batches[position["batch"] :]:
            rows = order[batch * batch_size : (batch + 1) * batch_size]
            position = {"epoch": position["epoch"], "batch": position["batch"] + 1}
            yield rows[::-1], position
        position = {"epoch": position["epoch"] + 1, "batch": 0}


def buckets(lengths: Sequence[int], most_tokens: int, most_rows: int | None = None) -> Iterator[list[int]]:
    """Yield rows of about one length, from short to long: so many tokens together, padding counted, or one row."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and ((len(batch) + 1) * max(1, lengths[row]) > most_tokens or len(batch) == most_rows):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def batches_per_epoch(count: int, batch_size: int) -> int:
    """Return how many batches an epoch of so many pairs has; one of them may be smaller than the others."""
    return -(-count // batch_size)


def _epoch(lengths: Sequence[Ids], batch_size: int, seed: int, epoch: int) -> tuple[Ids, list[int]]:
    """The rows from short to long, and the order of the batches that they are cut into."""
    rng = np.random.default_rng([seed, epoch])
    count = len(lengths[0])
    shuffled = rng.permutation(count)
    order = shuffled[np.lexsort([each[shuffled] for each in reversed(lengths)])]
    return order, rng.permutation(batches_per_epoch(count, batch_size)).tolist()


def _ended(lists: IdLists, rows: Sequence[int] | Ids) -> tuple[Ids, Ids]:
    """The lists (B, L), each followed by END_ID to the longest, and their lengths (B,), one END_ID counted."""
    padded, lengths = _filled(lists, np.asarray(rows, np.int64), END_ID, more=1)
    return padded, lengths + 1


def _filled(lists: IdLists, rows: Ids, fill: int, *, more: int = 0) -> tuple[Ids, Ids]:
    """The lists (B, L + more), `fill` after each of them to the longest, and their lengths (B,)."""
    lengths = lists.lengths[rows]
    columns = np.arange(lengths.max(initial=0) + more)
    inside = columns < lengths[:, None]
    padded = np.full(inside.shape, fill, np.int64)
    padded[inside] = lists.ids[((lists.ends[rows] - lengths)[:, None] + columns)[inside]]
    return padded, lengths


def _shifted(ended: Ids, lengths: Ids) -> tuple[Ids, Ids, Ids]:
    """Inputs and targets (B, T) of targets that are ended, and their lengths (B,)."""
    starts = np.full((len(ended), 1), START_ID, np.int64)
    inputs = np.concatenate([starts, ended[:, :-1]], axis=1)
    targets = np.where(np.arange(ended.shape[1]) < lengths[:, None], ended, IGNORED)
    return inputs, targets, lengths

"""Padded batches: sequences of different lengths as rectangles with little padding.

    source           a b </s>         padded with </s>; a source is never empty
    target_inputs    <s> x y          padded with </s>
    targets          x y </s>         padded with IGNORE_INDEX; the target of an input is the next token

buckets.py decides which examples share a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.text.vocabulary import END_ID, START_ID

Ids = npt.NDArray[np.int64]

IGNORE_INDEX = -100  # the target at padding, which the loss ignores; the default of torch


class IdLists:
    """Lists of ids, concatenated in one array; list i ends before ends[i]."""

    def __init__(self, ids: npt.NDArray[Any], ends: Ids) -> None:
        self.ids, self.ends = ids, ends
        self.lengths: Ids = np.diff(ends, prepend=0)

    @classmethod
    def from_arrays(cls, lists: Iterable[npt.NDArray[Any]]) -> IdLists:
        """Concatenate the lists."""
        arrays = [np.empty(0, np.int64), *lists]
        return cls(np.concatenate(arrays), np.cumsum([len(ids) for ids in arrays[1:]], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> Ids:
        end = int(self.ends[i])
        return self.ids[end - int(self.lengths[i]) : end].astype(np.int64)


@dataclass(frozen=True, slots=True)
class PairIds:
    """The sources and targets of pairs as ids, without start and end tokens."""

    sources: IdLists
    targets: IdLists

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def source_lengths(self) -> Ids:
        """The number of tokens of each source (N,)."""
        return self.sources.lengths

    @property
    def target_lengths(self) -> Ids:
        """The number of tokens of each target (N,)."""
        return self.targets.lengths


class PairBatch(NamedTuple):
    """Sources (B, S), target inputs and targets (B, T), and the lengths (B,) of both, with their end tokens."""

    source: Ids
    source_lengths: Ids
    target_inputs: Ids
    targets: Ids
    target_lengths: Ids


def pad_pairs(pairs: PairIds, rows: Sequence[int] | Ids) -> PairBatch:
    """Return the batch of the pairs `rows`, in this order."""
    source, source_lengths = _append_end(pairs.sources, rows)
    inputs, targets, target_lengths = _shift_targets(*_append_end(pairs.targets, rows))
    return PairBatch(source, source_lengths, inputs, targets, target_lengths)


def pad_sources(sources: Iterable[npt.NDArray[Any]]) -> tuple[Ids, Ids]:
    """Return `source` (B, S) and `source_lengths` (B,) of a batch."""
    lists = IdLists.from_arrays(sources)
    return _append_end(lists, np.arange(len(lists)))


def pad_targets(targets: Iterable[npt.NDArray[Any]]) -> tuple[Ids, Ids]:
    """Return `target_inputs` and `targets` (B, T) of a batch."""
    lists = IdLists.from_arrays(targets)
    inputs, shifted, _ = _shift_targets(*_append_end(lists, np.arange(len(lists))))
    return inputs, shifted


def pad_ids(lists: IdLists, rows: Sequence[int] | Ids) -> tuple[Ids, Ids]:
    """Return the lists `rows` (B, L), padded with zeros, and their lengths (B,)."""
    return _pad(lists, np.asarray(rows, np.int64), 0)


def _append_end(lists: IdLists, rows: Sequence[int] | Ids) -> tuple[Ids, Ids]:
    """Return the lists (B, L), padded with at least one END_ID, and their lengths (B,) with this END_ID."""
    padded, lengths = _pad(lists, np.asarray(rows, np.int64), END_ID, min_padding=1)
    return padded, lengths + 1


def _pad(lists: IdLists, rows: Ids, value: int, *, min_padding: int = 0) -> tuple[Ids, Ids]:
    """Return the lists (B, L + min_padding), padded with `value`, and their lengths (B,)."""
    lengths = lists.lengths[rows]
    columns = np.arange(lengths.max(initial=0) + min_padding)
    inside = columns < lengths[:, None]
    padded = np.full(inside.shape, value, np.int64)
    padded[inside] = lists.ids[((lists.ends[rows] - lengths)[:, None] + columns)[inside]]
    return padded, lengths


def _shift_targets(padded: Ids, lengths: Ids) -> tuple[Ids, Ids, Ids]:
    """Return target inputs and targets (B, T) from the result of _append_end, and the lengths (B,)."""
    starts = np.full((len(padded), 1), START_ID, np.int64)
    inputs = np.concatenate([starts, padded[:, :-1]], axis=1)
    targets = np.where(np.arange(padded.shape[1]) < lengths[:, None], padded, IGNORE_INDEX)
    return inputs, targets, lengths

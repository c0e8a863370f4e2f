"""Padded batches of pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.batches.padded import (
    IGNORE_INDEX,
    IdLists,
    PairBatch,
    PairIds,
    pad_pairs,
    pad_sources,
    pad_targets,
)
from elman.text.vocabulary import END_ID, START_ID

few = settings(deadline=None, max_examples=60)
lists = st.lists(st.integers(3, 9), min_size=1, max_size=7)
pairs_of_lists = st.lists(st.tuples(lists, lists), min_size=1, max_size=30)


def ids_of(pairs: list[tuple[list[int], list[int]]], dtype: str = "uint8") -> PairIds:
    sources, targets = ([np.array(pair[side], dtype) for pair in pairs] for side in (0, 1))
    return PairIds(IdLists.from_arrays(sources), IdLists.from_arrays(targets))


def assert_equal(batch: PairBatch, expected: PairBatch) -> None:
    for array, expected_array in zip(batch, expected, strict=True):
        np.testing.assert_array_equal(array, expected_array)


@few
@given(pairs_of_lists, st.data())
def test_every_row_is_its_pair_followed_by_padding(
    pairs: list[tuple[list[int], list[int]]], data: st.DataObject
) -> None:
    """The reference pads row by row."""
    rows = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=9))
    batch = pad_pairs(ids_of(pairs), rows)
    S = max(len(pairs[row][0]) for row in rows) + 1
    T = max(len(pairs[row][1]) for row in rows) + 1
    assert batch.source.shape == (len(rows), S)
    assert batch.target_inputs.shape == batch.targets.shape == (len(rows), T)
    for b, row in enumerate(rows):
        source, target = pairs[row]
        assert batch.source[b].tolist() == source + [END_ID] * (S - len(source))
        assert batch.target_inputs[b].tolist() == [START_ID, *target] + [END_ID] * (T - len(target) - 1)
        assert batch.targets[b].tolist() == [*target, END_ID] + [IGNORE_INDEX] * (T - len(target) - 1)
        assert (batch.source_lengths[b], batch.target_lengths[b]) == (len(source) + 1, len(target) + 1)
    assert {array.dtype for array in batch} == {np.dtype(np.int64)}


@few
@given(pairs_of_lists)
def test_target_lengths_count_the_targets_that_are_not_ignored(pairs: list[tuple[list[int], list[int]]]) -> None:
    batch = pad_pairs(ids_of(pairs), range(len(pairs)))
    np.testing.assert_array_equal((batch.targets != IGNORE_INDEX).sum(1), batch.target_lengths)
    next_inputs = batch.target_inputs[:, 1:]
    is_token = np.arange(1, batch.targets.shape[1]) < batch.target_lengths[:, None]
    np.testing.assert_array_equal(next_inputs[is_token], batch.targets[:, :-1][is_token])


@few
@given(pairs_of_lists)
def test_separate_sides_are_padded_in_the_same_way(pairs: list[tuple[list[int], list[int]]]) -> None:
    batch = pad_pairs(ids_of(pairs), range(len(pairs)))
    source, lengths = pad_sources([np.array(source) for source, _ in pairs])
    inputs, targets = pad_targets([np.array(target) for _, target in pairs])
    assert_equal(PairBatch(source, lengths, inputs, targets, batch.target_lengths), batch)


def test_an_empty_source_consists_of_its_end_token() -> None:
    source, lengths = pad_sources([np.array([], np.int64), np.array([5])])
    assert source.tolist() == [[END_ID, END_ID], [5, END_ID]]
    assert lengths.tolist() == [1, 2]
    inputs, targets = pad_targets([np.array([], np.int64)])
    assert (inputs.tolist(), targets.tolist()) == ([[START_ID]], [[END_ID]])


def test_without_texts_there_are_no_rows() -> None:
    source, lengths = pad_sources([])
    assert (source.shape, lengths.shape) == ((0, 1), (0,))
    inputs, targets = pad_targets([])
    assert inputs.shape == targets.shape == (0, 1)


def test_lists_are_read_from_the_array_that_contains_them() -> None:
    arrays = [np.array(ids, np.uint16) for ids in ([3, 4], [], [60_000], [5, 6, 7])]
    lists = IdLists.from_arrays(arrays)
    assert len(lists) == 4
    assert [lists[i].tolist() for i in range(4)] == [ids.tolist() for ids in arrays]
    assert lists.lengths.tolist() == [2, 0, 1, 3]

"""Padded batches of pairs whose tokens are the number of the pair, which identifies every row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.batches.padded import (
    IGNORE_INDEX,
    IdLists,
    PairBatch,
    PairIds,
    Position,
    batches_per_epoch,
    pad_pairs,
    pad_sources,
    pad_targets,
    shuffled_buckets,
)
from elman.text.vocabulary import END_ID, START_ID

few = settings(deadline=None, max_examples=60)
lists = st.lists(st.integers(3, 9), min_size=1, max_size=7)
pairs_of_lists = st.lists(st.tuples(lists, lists), min_size=1, max_size=30)
sizes = st.integers(1, 9)
START_POSITION = {"epoch": 0, "batch": 0}


def ids_of(pairs: list[tuple[list[int], list[int]]], dtype: str = "uint8") -> PairIds:
    sources, targets = ([np.array(pair[side], dtype) for pair in pairs] for side in (0, 1))
    return PairIds(IdLists.from_arrays(sources), IdLists.from_arrays(targets))


def numbered(source_lengths: npt.NDArray[np.int64], target_lengths: npt.NDArray[np.int64]) -> PairIds:
    """Return pairs; all tokens of pair i are i + 3."""
    numbers = np.arange(len(source_lengths)) + 3
    sides = (source_lengths, target_lengths)
    return PairIds(*(IdLists(np.repeat(numbers, lengths), np.cumsum(lengths)) for lengths in sides))


def realistic(count: int, seed: int = 5) -> PairIds:
    """Return pairs with the lengths of words and their phones: about eight letters, and about as many phones."""
    rng = np.random.default_rng(seed)
    source = 1 + rng.poisson(7, count)
    return numbered(source, np.maximum(1, source + rng.integers(-2, 2, count)))


def epoch_of(pairs: PairIds, batch_size: int, epoch: int = 0, seed: int = 7) -> list[PairBatch]:
    count = batches_per_epoch(len(pairs), batch_size)
    return [batch for batch, _ in islice(buckets(pairs, batch_size, seed, {"epoch": epoch, "batch": 0}), count)]


def buckets(pairs: PairIds, batch_size: int, seed: int, position: Position) -> Iterator[tuple[PairBatch, Position]]:
    """Yield batches of pairs endlessly, as the seq2seq task does."""
    for rows, after in shuffled_buckets((pairs.source_lengths, pairs.target_lengths), batch_size, seed, position):
        yield pad_pairs(pairs, rows), after


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


@few
@given(pairs_of_lists, sizes, st.integers(0, 3))
def test_every_pair_is_in_exactly_one_batch_of_an_epoch(
    pairs: list[tuple[list[int], list[int]]], batch_size: int, epoch: int
) -> None:
    ids = numbered(*(np.array([len(pair[side]) for pair in pairs]) for side in (0, 1)))
    batches = epoch_of(ids, batch_size, epoch)
    assert sorted(np.concatenate([batch.source[:, 0] for batch in batches]).tolist()) == list(range(3, len(pairs) + 3))
    counts = sorted((len(batch.source) for batch in batches), reverse=True)
    assert counts[:-1] == [batch_size] * (len(counts) - 1)
    assert 0 < counts[-1] <= batch_size
    for batch in batches:
        np.testing.assert_array_equal(batch.source[:, 0], batch.targets[:, 0])
        assert (np.diff(batch.source_lengths) <= 0).all()


def test_batches_contain_little_padding() -> None:
    """Compare with batches of the same pairs that are only shuffled."""
    pairs = realistic(20_000)
    batches = epoch_of(pairs, 64)

    def padding_shares(batches: list[PairBatch]) -> tuple[float, float]:
        sources = sum(batch.source_lengths.sum() for batch in batches) / sum(batch.source.size for batch in batches)
        targets = sum(batch.target_lengths.sum() for batch in batches) / sum(batch.targets.size for batch in batches)
        return 1 - float(sources), 1 - float(targets)

    shuffled = np.random.default_rng(1).permutation(len(pairs))
    unsorted = padding_shares([pad_pairs(pairs, shuffled[i : i + 64]) for i in range(0, len(pairs), 64)])
    # Pairs are sorted by both lengths, so few batches contain several lengths.
    assert max(padding_shares(batches)) < 0.02
    assert min(unsorted) > 0.3


def test_every_epoch_has_another_order_and_other_batches() -> None:
    pairs = realistic(3000)
    epochs = [epoch_of(pairs, 32, epoch) for epoch in range(3)]
    batches_of_epochs = [{frozenset(batch.source[:, 0].tolist()) for batch in batches} for batches in epochs]
    assert len(batches_of_epochs[0] & batches_of_epochs[1]) < len(batches_of_epochs[0]) / 10
    for batches in epochs:
        longest = [int(batch.source_lengths[0]) for batch in batches]
        # In random order, the next batch is longer about as often as shorter.
        differences = np.diff(longest)
        assert (differences > 0).sum() > len(batches) / 4
        assert (differences < 0).sum() > len(batches) / 4
    assert [len(b.source) for b in epochs[0]] != [len(b.source) for b in epochs[1]]  # the smaller batch is elsewhere


def test_the_seed_and_the_epoch_determine_the_batches() -> None:
    pairs = realistic(500)
    first = epoch_of(pairs, 16, epoch=1, seed=7)
    for batch, expected in zip(epoch_of(pairs, 16, epoch=1, seed=7), first, strict=True):
        assert_equal(batch, expected)
    for other in (epoch_of(pairs, 16, epoch=1, seed=8), epoch_of(pairs, 16, epoch=2, seed=7)):
        assert any(not np.array_equal(a.source, b.source) for a, b in zip(other, first, strict=True))


@few
@given(st.integers(1, 40), sizes, st.integers(0, 12))
def test_resuming_at_any_position_gives_the_batches_of_an_uninterrupted_run(
    count: int, batch_size: int, stop: int
) -> None:
    pairs = realistic(count)
    expected_batches = list(islice(buckets(pairs, batch_size, 3, START_POSITION), stop + 8))
    _, saved = expected_batches[stop]
    resumed = islice(buckets(pairs, batch_size, 3, saved), 7)
    for (batch, position), (expected, expected_position) in zip(resumed, expected_batches[stop + 1 :], strict=True):
        assert position == expected_position
        assert_equal(batch, expected)


def test_positions_count_batches_and_then_epochs() -> None:
    positions = [position for _, position in islice(buckets(realistic(25), 10, 3, START_POSITION), 7)]
    assert positions == [{"epoch": i // 3, "batch": i % 3 + 1} for i in range(7)]
    assert START_POSITION == {"epoch": 0, "batch": 0}


@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (1, 9), (9, 3), (10, 3), (11, 3), (300, 64)])
def test_the_number_of_batches_of_an_epoch_is_known(count: int, batch_size: int) -> None:
    expected = batches_per_epoch(count, batch_size)
    positions = [
        position for _, position in islice(buckets(realistic(count), batch_size, 3, START_POSITION), expected + 1)
    ]
    assert [position["epoch"] for position in positions] == [0] * expected + [1]

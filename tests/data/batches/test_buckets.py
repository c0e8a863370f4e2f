"""Buckets of pairs whose tokens are the number of the pair, which identifies every row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.batches.buckets import LengthBuckets, Position, length_buckets, usual_length
from elman.data.batches.padded import IdLists, PairBatch, PairIds, pad_pairs

few = settings(deadline=None, max_examples=60)
lengths = st.integers(1, 7)
sizes = st.integers(1, 9)
START_POSITION = {"epoch": 0, "batch": 0}


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


def buckets_of(pairs: PairIds, batch_size: int, seed: int, max_tokens: int | None = None) -> LengthBuckets:
    return LengthBuckets((pairs.source_lengths, pairs.target_lengths), batch_size, seed, max_tokens)


def epoch_of(
    pairs: PairIds, batch_size: int, epoch: int = 0, seed: int = 7, max_tokens: int | None = None
) -> list[PairBatch]:
    count = len(buckets_of(pairs, batch_size, seed, max_tokens))
    batches = batches_of(pairs, batch_size, seed, {"epoch": epoch, "batch": 0}, max_tokens)
    return [batch for batch, _ in islice(batches, count)]


def batches_of(
    pairs: PairIds, batch_size: int, seed: int, position: Position, max_tokens: int | None = None
) -> Iterator[tuple[PairBatch, Position]]:
    """Yield batches of pairs endlessly, as the seq2seq task does."""
    for rows, after in buckets_of(pairs, batch_size, seed, max_tokens).batches(position):
        yield pad_pairs(pairs, rows), after


def assert_equal(batch: PairBatch, expected: PairBatch) -> None:
    for array, expected_array in zip(batch, expected, strict=True):
        np.testing.assert_array_equal(array, expected_array)


@few
@given(st.lists(st.tuples(lengths, lengths), min_size=1, max_size=30), sizes, st.integers(0, 3))
def test_every_pair_is_in_exactly_one_batch_of_an_epoch(
    pairs: list[tuple[int, int]], batch_size: int, epoch: int
) -> None:
    ids = numbered(*(np.array([pair[side] for pair in pairs]) for side in (0, 1)))
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
    expected_batches = list(islice(batches_of(pairs, batch_size, 3, START_POSITION), stop + 8))
    _, saved = expected_batches[stop]
    resumed = islice(batches_of(pairs, batch_size, 3, saved), 7)
    for (batch, position), (expected, expected_position) in zip(resumed, expected_batches[stop + 1 :], strict=True):
        assert position == expected_position
        assert_equal(batch, expected)


def test_positions_count_batches_and_then_epochs() -> None:
    positions = [position for _, position in islice(batches_of(realistic(25), 10, 3, START_POSITION), 7)]
    assert positions == [{"epoch": i // 3, "batch": i % 3 + 1} for i in range(7)]
    assert START_POSITION == {"epoch": 0, "batch": 0}


@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (1, 9), (9, 3), (10, 3), (11, 3), (300, 64)])
def test_the_number_of_batches_of_an_epoch_is_known(count: int, batch_size: int) -> None:
    expected = len(buckets_of(realistic(count), batch_size, 3))
    assert expected == -(-count // batch_size)
    positions = [
        position for _, position in islice(batches_of(realistic(count), batch_size, 3, START_POSITION), expected + 1)
    ]
    assert [position["epoch"] for position in positions] == [0] * expected + [1]


LIMITS = st.integers(1, 60)


def cut_by_hand(pairs: PairIds, batch_size: int, max_tokens: int) -> list[int]:
    """Return the sizes of the batches, from short to long pairs: each takes as many pairs as both limits allow."""
    rows = sorted(zip(pairs.source_lengths.tolist(), pairs.target_lengths.tolist(), strict=True))
    sizes: list[int] = []
    while rows:
        size = 1
        while size < min(batch_size, len(rows)):
            longest = [max(row[side] for row in rows[: size + 1]) for side in (0, 1)]
            if (size + 1) * sum(longest) > max_tokens:
                break
            size += 1
        sizes.append(size)
        rows = rows[size:]
    return sizes


@few
@given(st.lists(st.tuples(lengths, lengths), min_size=1, max_size=30), sizes, LIMITS)
def test_batches_take_pairs_up_to_both_limits(pairs: list[tuple[int, int]], batch_size: int, max_tokens: int) -> None:
    ids = numbered(*(np.array([pair[side] for pair in pairs]) for side in (0, 1)))
    batches = epoch_of(ids, batch_size, max_tokens=max_tokens)
    assert sorted(len(batch.source) for batch in batches) == sorted(cut_by_hand(ids, batch_size, max_tokens))
    for batch in batches:
        longest = int(batch.source_lengths.max() - 1) + int(batch.target_lengths.max() - 1)
        assert len(batch.source) == 1 or len(batch.source) * longest <= max_tokens


@few
@given(st.lists(st.tuples(lengths, lengths), min_size=1, max_size=30), sizes, LIMITS)
def test_the_largest_batch_is_that_of_an_epoch(pairs: list[tuple[int, int]], batch_size: int, max_tokens: int) -> None:
    ids = numbered(*(np.array([pair[side] for pair in pairs]) for side in (0, 1)))
    batches = epoch_of(ids, batch_size, max_tokens=max_tokens)
    sizes = [
        len(batch.source) * max(int(batch.source_lengths.max()) - 1, int(batch.target_lengths.max()) - 1)
        for batch in batches
    ]
    assert buckets_of(ids, batch_size, 7, max_tokens).largest_batch == max(sizes)


def with_one_long_pair(count: int, length: int) -> PairIds:
    pairs = realistic(count)
    return numbered(*(np.append(side, length) for side in (pairs.source_lengths, pairs.target_lengths)))


def test_a_long_pair_has_a_batch_of_its_own_and_changes_no_other_batch() -> None:
    pairs = with_one_long_pair(1000, 30_000)
    sizes = sorted(len(batch.source) for batch in epoch_of(pairs, 64))
    assert sizes == sorted([64] * 15 + [40, 1])
    assert buckets_of(pairs, 64, 7).largest_batch == 30_000
    assert buckets_of(pairs, 64, 7, max_tokens=10**9).largest_batch == 41 * 30_000


def test_batches_of_usual_pairs_are_bounded_by_the_number_of_pairs_alone() -> None:
    pairs = realistic(20_000)
    for batch, unbounded in zip(epoch_of(pairs, 64), epoch_of(pairs, 64, max_tokens=10**9), strict=True):
        assert_equal(batch, unbounded)


@pytest.mark.parametrize("stop", [0, 3, 16, 17, 40])
def test_batches_by_tokens_resume_at_any_position(stop: int) -> None:
    pairs = with_one_long_pair(1000, 30_000)
    expected_batches = list(islice(batches_of(pairs, 64, 3, START_POSITION), stop + 8))
    resumed = islice(batches_of(pairs, 64, 3, expected_batches[stop][1]), 7)
    for (batch, position), (expected, expected_position) in zip(resumed, expected_batches[stop + 1 :], strict=True):
        assert position == expected_position
        assert_equal(batch, expected)


def test_without_pairs_there_are_no_batches() -> None:
    assert len(buckets_of(realistic(0), 4, 3)) == 0


def test_the_usual_length_is_that_of_all_but_one_in_a_hundred() -> None:
    assert usual_length(np.arange(1, 1001)) == 990
    assert usual_length(np.array([3] * 60 + [30_000])) == 3
    assert usual_length(np.array([], np.int64)) == 0


def test_buckets_of_rows_are_bounded_by_tokens_and_rows() -> None:
    assert list(length_buckets([5, 1, 9, 1, 2, 30], 10)) == [[1, 3, 4], [0], [2], [5]]
    assert list(length_buckets([5, 1, 9, 1, 2, 30], 10, max_rows=2)) == [[1, 3], [4, 0], [2], [5]]

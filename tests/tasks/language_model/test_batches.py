"""Mini-batches of a text whose ids are their own positions, so that every batch shows which tokens it holds."""

import math
from itertools import chain, islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.tasks.language_model.batches import (
    MIN_STREAM_TOKENS,
    SCORING_STREAMS,
    START,
    STREAMS,
    Batch,
    batches_per_epoch,
    endless,
    scoring_batches,
)
from elman.tasks.language_model.corpus import MemoryTokens

few = settings(deadline=None, max_examples=60)
lengths = st.integers(2, 600)
batch_sizes = st.integers(1, 40)
steps_of_a_batch = st.integers(1, 40)
epochs = st.integers(0, 5)


def positions(length: int) -> MemoryTokens:
    return MemoryTokens(np.arange(length))


def epoch_of(kind: str, length: int, batch_size: int, steps: int, epoch: int = 0, seed: int = 7) -> list[Batch]:
    return list(STREAMS[kind](positions(length), batch_size, steps, seed, {"epoch": epoch, "batch": 0}))


def targets_of(batches: list[Batch]) -> list[int]:
    targets: list[int] = np.concatenate([batch.targets.ravel() for batch in batches]).tolist()
    return targets


@pytest.fixture(params=STREAMS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@few
@given(lengths, batch_sizes, steps_of_a_batch, epochs)
def test_targets_are_the_inputs_one_later_and_no_batch_is_empty(length: int, size: int, steps: int, epoch: int) -> None:
    for kind in STREAMS:
        batches = epoch_of(kind, length, size, steps, epoch)
        assert batches
        for batch in batches:
            np.testing.assert_array_equal(batch.targets, batch.inputs + 1)
            np.testing.assert_array_equal(np.diff(batch.inputs, axis=1), 1)
            assert 0 < batch.inputs.shape[0] <= size
            assert 0 < batch.inputs.shape[1] <= steps
            assert batch.inputs.min() >= 0
            assert batch.targets.max() < length


@few
@given(lengths, batch_sizes, steps_of_a_batch, epochs)
def test_no_token_is_a_target_twice_in_an_epoch(length: int, size: int, steps: int, epoch: int) -> None:
    for kind in STREAMS:
        seen = targets_of(epoch_of(kind, length, size, steps, epoch))
        assert len(seen) == len(set(seen))


@few
@given(lengths, batch_sizes, steps_of_a_batch, epochs)
def test_sequential_streams_continue_from_batch_to_batch(length: int, size: int, steps: int, epoch: int) -> None:
    batches = epoch_of("sequential", length, size, steps, epoch)
    assert [batch.fresh for batch in batches] == [True] + [False] * (len(batches) - 1)
    for before, after in pairwise(batches):
        np.testing.assert_array_equal(after.inputs[:, 0], before.targets[:, -1])


@few
@given(lengths, batch_sizes, steps_of_a_batch, epochs)
def test_sequential_streams_leave_out_less_than_a_batch_and_an_offset(
    length: int, size: int, steps: int, epoch: int
) -> None:
    seen = targets_of(epoch_of("sequential", length, size, steps, epoch))
    # The offset, less than `steps`; the last steps of each stream; the rest of the division of the text into streams.
    left_out = (steps - 1) + size * (steps - 1) + (size - 1)
    assert len(seen) >= length - 1 - left_out


def test_sequential_streams_start_evenly_spaced() -> None:
    starts = epoch_of("sequential", 1000, 8, 10)[0].inputs[:, 0]
    assert len(set(np.diff(starts).tolist())) == 1
    assert np.diff(starts)[0] >= (1000 - 1 - 10) // 8


@few
@given(lengths, batch_sizes, steps_of_a_batch, epochs)
def test_random_segments_cover_all_but_the_offset_and_a_last_segment(
    length: int, size: int, steps: int, epoch: int
) -> None:
    batches = epoch_of("random", length, size, steps, epoch)
    assert all(batch.fresh for batch in batches)
    seen = sorted(targets_of(batches))
    assert seen == list(range(seen[0], seen[-1] + 1))
    T = batches[0].inputs.shape[1]
    assert seen[0] - 1 < min(steps, max(1, length // 4))
    assert length - 1 - seen[-1] < T
    assert min(steps, length - seen[0]) == T


def test_random_segments_come_in_another_order_every_epoch() -> None:
    orders = [np.concatenate([b.inputs[:, 0] for b in epoch_of("random", 2000, 4, 10, epoch)]) for epoch in range(3)]
    for order in orders:
        assert order.tolist() != sorted(order)
        assert len(set(np.diff(np.sort(order)).tolist())) == 1
    assert orders[0].argsort().tolist() != orders[1].argsort().tolist()


def test_epochs_and_seeds_start_at_different_offsets(kind: str) -> None:
    def first(epoch: int, seed: int) -> int:
        return min(int(batch.inputs.min()) for batch in epoch_of(kind, 5000, 4, 50, epoch, seed))

    by_epoch = {first(epoch, 7) for epoch in range(20)}
    by_seed = {first(0, seed) for seed in range(20)}
    for offsets in (by_epoch, by_seed):
        assert offsets <= set(range(50))
        assert len(offsets) > 8  # of 20 draws from 50


def test_over_several_epochs_every_token_but_the_first_is_a_target(kind: str) -> None:
    seen = {target for epoch in range(40) for target in targets_of(epoch_of(kind, 500, 4, 10, epoch))}
    assert len(seen) >= 490


@few
@given(lengths, batch_sizes, steps_of_a_batch, st.integers(0, 9))
def test_the_batches_after_a_saved_position_are_those_of_an_uninterrupted_run(
    length: int, size: int, steps: int, stop: int
) -> None:
    for kind in STREAMS:
        whole = list(islice(endless(kind, positions(length), size, steps, 3, START), stop + 6))
        _, saved = whole[stop]
        resumed = islice(endless(kind, positions(length), size, steps, 3, saved), 5)
        for (batch, position), (expected, expected_position) in zip(resumed, whole[stop + 1 :], strict=True):
            assert position == expected_position
            assert batch.fresh == expected.fresh
            np.testing.assert_array_equal(batch.inputs, expected.inputs)
            np.testing.assert_array_equal(batch.targets, expected.targets)


def test_positions_count_batches_and_then_epochs(kind: str) -> None:
    counts = [len(epoch_of(kind, 300, 4, 10, epoch, seed=3)) for epoch in range(2)]
    seen = [position for _, position in islice(endless(kind, positions(300), 4, 10, 3, START), sum(counts))]
    expected = [{"epoch": epoch, "batch": b + 1} for epoch, count in enumerate(counts) for b in range(count)]
    assert seen == expected
    assert START == {"epoch": 0, "batch": 0}


@pytest.mark.parametrize(("length", "batch_size", "steps"), [(10_000, 8, 20), (500, 4, 10), (17, 32, 35), (2, 1, 1)])
def test_batches_per_epoch_is_exact_up_to_one(kind: str, length: int, batch_size: int, steps: int) -> None:
    expected = batches_per_epoch(length, batch_size, steps)
    for epoch in range(5):
        assert abs(len(epoch_of(kind, length, batch_size, steps, epoch)) - expected) <= 1


def scored_targets(length: int, steps: int, limit: int | None = None) -> tuple[list[list[int]], int]:
    """Return the targets that count of each stream, in order, and the largest number of steps of a batch."""
    rows: list[list[int]] = []
    longest = 0
    for inputs, targets, counts in scoring_batches(positions(length), steps, limit=limit):
        rows = rows or [[] for _ in counts]
        longest = max(longest, inputs.shape[1])
        assert inputs.shape == targets.shape == (len(rows), inputs.shape[1])
        for row, x, y, count in zip(rows, inputs.tolist(), targets.tolist(), counts.tolist(), strict=True):
            assert y[:count] == [i + 1 for i in x[:count]]
            row.extend(y[:count])
    return rows, longest


LENGTHS = [*range(2, 70), 127, 128, 129, 130, 200, 1000, 2047, 2048, 2049, 2050, 2080, 3001, 4097, 5000]


@pytest.mark.parametrize("steps", [1, 7, 64, 200, 10_000])
def test_every_scored_token_but_the_first_is_a_target_exactly_once(steps: int) -> None:
    for length in LENGTHS if steps > 1 else LENGTHS[::9]:
        rows, longest = scored_targets(length, steps)
        assert list(chain(*rows)) == list(range(1, length)), length
        assert longest <= steps
        sizes = {len(row) for row in rows}
        assert max(sizes) - min(sizes) <= 1, length


@few
@given(st.integers(2, 5000), st.integers(3, 300))
def test_scored_streams_cover_the_text_in_order_for_every_length(length: int, steps: int) -> None:
    rows, _ = scored_targets(length, steps)
    assert list(chain(*rows)) == list(range(1, length))


def test_a_long_text_is_scored_in_32_streams_and_a_short_one_in_fewer() -> None:
    counts = {length: len(scored_targets(length, 100)[0]) for length in (2, 64, 128, 129, 2048, 2049, 5000, 20_000)}
    assert counts == {2: 1, 64: 1, 128: 1, 129: 2, 2048: 31, 2049: 32, 5000: 32, 20_000: 32}
    assert (SCORING_STREAMS, MIN_STREAM_TOKENS) == (32, 64)


@pytest.mark.parametrize("limit", [1, 10, 500, 3000, 4999, 5000, 10**9])
def test_a_limit_scores_the_beginning_of_every_stream(limit: int) -> None:
    rows, _ = scored_targets(5000, 50, limit)
    whole, _ = scored_targets(5000, 50)
    length = math.ceil(limit / 32)
    assert rows == [row[:length] for row in whole]
    assert min(limit, 4999) <= sum(map(len, rows)) <= limit + 31


def test_the_number_of_steps_does_not_change_the_streams() -> None:
    assert scored_targets(3001, 7)[0] == scored_targets(3001, 64)[0] == scored_targets(3001, 10_000)[0]


def test_one_token_has_nothing_to_score() -> None:
    assert list(scoring_batches(positions(1), 10)) == []
    assert list(scoring_batches(positions(100), 10, limit=0)) == []

"""Windows: what is known at a row, what is to be said there, and every row in its turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.tasks.forecaster.batches import (
    endless_windows,
    futures,
    references,
    windows_per_epoch,
    with_lead,
    without_missing,
)

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)
Z = np.arange(20.0).reshape(10, 2) ** 2


def test_a_missing_value_is_replaced_by_the_last_value_before_it() -> None:
    nan = np.nan
    values = np.array([[nan, 1.0], [2.0, nan], [nan, nan], [3.0, 4.0]])
    assert without_missing(values, [9.0, 8.0]).tolist() == [[9.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 4.0]]
    assert without_missing(np.full((2, 1), nan), [7.0]).tolist() == [[7.0], [7.0]]


@pytest.mark.parametrize("season", [1, 2, 3, 5])
def test_references_are_the_newest_rows_in_season(season: int) -> None:
    horizon = 4
    found = references(Z, 1, horizon, season)
    for t in range(len(Z)):
        for h in range(1, horizon + 1):
            row = t + h - season * -(-h // season)
            assert found[t, h - 1, 0] == Z[max(row, 0), 0]
            assert row <= t
    assert (references(Z, 2, horizon, 1) == Z[:, None]).all()
    np.testing.assert_array_equal(references(Z, 1, horizon, season, slice(3, 7)), found[3:7])


def test_futures_are_what_came() -> None:
    found = futures(Z, 3)
    for t in range(len(Z)):
        for h in range(1, 4):
            expected = Z[t + h] if t + h < len(Z) else np.full(2, np.nan)
            np.testing.assert_array_equal(found[t, h - 1], expected)
    np.testing.assert_array_equal(futures(Z, 3, slice(2, 5)), found[2:5])


def test_before_its_first_row_a_series_stood_still() -> None:
    led = with_lead(Z, 3)
    assert (led[:3] == Z[0]).all()
    assert (led[3:] == Z).all()


@exhaustive
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 39), st.integers(1, 5), st.integers(0, 3))
def test_windows_lie_inside_and_leave_no_row_between_them(
    rows: int, length: int, warm: int, batch_size: int, seed: int
) -> None:
    length = min(rows, length)
    stride = length - min(warm, length - 1)
    count = windows_per_epoch([rows], length, stride)
    batches = -(-count // batch_size)
    stream = endless_windows([rows], length, stride, batch_size, seed, {"epoch": 0, "batch": 0})
    epoch = [next(stream) for _ in range(batches)]
    starts = np.sort(np.concatenate([each for each, _ in epoch]))
    assert len(starts) == count
    assert starts[0] >= 0
    assert starts[-1] + length <= rows
    if count > 1:
        assert np.diff(starts).max() <= stride  # what counts in one window ends where it begins in the next
    _, position = epoch[0]
    (resumed, _), (expected, _) = (
        next(endless_windows([rows], length, stride, batch_size, seed, position)),
        (epoch[1] if batches > 1 else next(stream)),
    )
    assert resumed.tolist() == expected.tolist()


def test_epochs_begin_elsewhere() -> None:
    stream = endless_windows([100], 20, 10, 8, 0, {"epoch": 0, "batch": 0})
    firsts = {min(next(stream)[0].tolist()) for _ in range(12)}
    assert len(firsts) > 2

"""Windows of a series: the inputs and the expected outputs of a forecaster at each row, and mini-batches of both.

    z_t       the row as it is modelled: the logarithms of its targets, or its targets; its inputs unchanged
    x_t       [ (z_t - mean) / scale ; (z_t - z_(t-1)) / scale_1 ; (z_t - z_(t-s)) / scale_s ]   differences of targets
    ref_t,h   z_t, the last value; or z of the latest row at the same place in the season, t + h - s ceil(h / s)
    r_t,h     (z_(t+h) - ref_t,h) / spread_h                                                     the expected output

The rows before the first one are taken to be equal to it. A missing value is read as the last value before it, and at
the beginning as the mean of the training set; it is never a training target and never scored. So everything at row t is
known at row t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Position = dict[str, int]

ALL_ROWS = slice(None)


def without_missing(values: Array, initial: npt.ArrayLike) -> Array:
    """Return values (T, C) with missing ones replaced by the last value before them, or by `initial` (C,)."""
    newest = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    newest = np.maximum.accumulate(newest, axis=0)
    filled: Array = np.where(newest < 0, initial, np.take_along_axis(values, np.maximum(newest, 0), 0))
    return filled


def with_lead(z: Array, rows: int) -> Array:
    """Return z (T, C) after `rows` copies of its first row."""
    return np.concatenate([np.repeat(z[:1], rows, 0), z])


def references(z: Array, targets: int, horizon: int, lag: int, rows: slice = ALL_ROWS) -> Array:
    """Return ref (N, H, K) at rows of z (T, C), whose first K columns are targets; a lag of 1 is the last value.

    h - s ceil(h / s) is (h - 1) mod s + 1 - s, so the lead has s - 1 rows.
    """
    before = with_lead(z[:, :targets], lag - 1)
    reference: Array = before[np.arange(len(z))[rows, None] + np.arange(horizon) % lag]
    return reference


def futures(z: Array, horizon: int, rows: slice = ALL_ROWS) -> Array:
    """Return z_(t+h) (N, H, C) at rows of z (T, C); NaN after the end."""
    after = np.concatenate([z, np.full((horizon, z.shape[1]), np.nan)])
    future: Array = after[np.arange(len(z))[rows, None] + 1 + np.arange(horizon)]
    return future


def endless_windows(
    rows: Sequence[int], length: int, stride: int, batch_size: int, seed: int, position: Position
) -> Iterator[tuple[Ids, Position]]:
    """Yield (first rows of a batch of windows, position after it), epoch after epoch, from a position on.

    rows are those of each series, one series after the other; no window has rows of two. Windows have `length` rows and
    start `stride` rows apart. Their offsets and their order differ from epoch to epoch.
    """
    before = np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64)
    while True:
        rng = np.random.default_rng([seed, position["epoch"]])
        starts = np.concatenate(
            [begin + _starts(count, length, stride, rng) for begin, count in zip(before, rows, strict=True)]
        )
        starts = starts[rng.permutation(len(starts))]
        for batch in range(position["batch"], -(-len(starts) // batch_size)):
            position = {"epoch": position["epoch"], "batch": batch + 1}
            yield starts[batch * batch_size : (batch + 1) * batch_size], position
        position = {"epoch": position["epoch"] + 1, "batch": 0}


def windows_per_epoch(rows: Sequence[int], length: int, stride: int) -> int:
    """Return how many windows an epoch has."""
    return sum(_window_count(count, length, stride) for count in rows)


def _window_count(rows: int, length: int, stride: int) -> int:
    return max(1, -(-(rows - length) // stride))


def _starts(rows: int, length: int, stride: int, rng: np.random.Generator) -> Ids:
    count, last = _window_count(rows, length, stride), max(0, rows - length)
    offset = int(rng.integers(min(stride, last + 1)))
    return np.minimum(offset + stride * np.arange(count, dtype=np.int64), last)

"""Series whose rows arrive one by one or in parts: what is remembered of their past, and what a row becomes with it.

The state holds the last `lead` rows z without missing values, which differences and references need, the number of
rows so far, the unit of the series if the model has several, and the state of the history encoder. The rows before the
first one are taken to be equal to it, as in batches.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.readers.excerpts import list_names
from elman.data.readers.numbers import LARGEST
from elman.errors import ArgumentError, ConfigError, DataError
from elman.models.stack import State

from .config import ForecasterConfig
from .scales import Scales

Array = npt.NDArray[Any]

# Entries of a state: the last rows, the number of rows so far, and mean and scale of the series of each batch row.
LEAD, SEEN, UNIT = "series.z", "series.seen", "series.unit"


class Rows(NamedTuple):
    """Rows as the encoder reads them: z (B, lead + T, C) after the rows before, and the units (B, 2, K) if any."""

    z: Array
    units: Array | None

    def references(self, targets: int, horizon: int, lead: int, lag: int) -> Array:
        """Return ref (B, T, H, K) of each row: batches.py."""
        T = self.z.shape[1] - lead
        last = lead + np.arange(T)
        return self.z[:, last[:, None] + 1 - lag + np.arange(horizon) % lag, :targets]

    def restored(self, future: Array) -> Array:
        """Return future (B, T, H, K, Q) in the units of each series."""
        if self.units is None:
            return future
        mean, scale = (self.units[:, i][:, None, None, :, None] for i in (0, 1))
        return np.asarray(future * scale + mean)


def initial_state(scales: Scales, lead: int, batch_size: int, series: Sequence[str]) -> State:
    """Return the entries of the state before the first row, for series of these names if the model has several."""
    state: State = {
        LEAD: np.zeros((batch_size, lead, len(scales.mean))),
        SEEN: np.zeros(batch_size, np.float32),
    }
    if not scales.series:
        return state
    if len(series) != batch_size or not set(series) <= set(scales.units):
        known = list_names(list(scales.units))
        problem = f"series: given {list(series)}; expected {batch_size} names of series of the model"
        raise ConfigError(problem, hint=f"The model knows {known}")
    units = [scales.units[name] for name in series]
    state[UNIT] = np.array([[unit.mean, unit.scale] for unit in units])
    return state


def read(values: Array, state: State, config: ForecasterConfig, scales: Scales) -> tuple[Rows, State]:
    """Return the rows (B, T, C) in the units of the model after those before them, and the next state."""
    K, T = len(scales.targets), values.shape[1]
    z = np.log(values[..., :K]) if config.logarithm else values[..., :K]
    units = state.get(UNIT)
    if units is not None:
        z = (z - units[:, None, 0]) / units[:, None, 1]
    rows = np.concatenate([z, values[..., K:]], axis=2)
    fresh = (state[SEEN] == 0)[:, None]
    before = np.where(fresh, np.array(scales.mean), state[LEAD][:, -1])
    rows = _without_missing(rows, before)
    lead = np.where(fresh[:, :, None], rows[:, :1], state[LEAD]) if T else state[LEAD]
    z = np.concatenate([lead, rows], axis=1)
    fixed = {} if units is None else {UNIT: units}
    return Rows(z, units), {LEAD: z[:, T:], SEEN: state[SEEN] + np.float32(T), **fixed}


def checked_rows(rows: Any, config: ForecasterConfig, scales: Scales) -> Array:
    """Return rows (T, C) of a series as numbers; NaN is a missing value. Other rows are an ArgumentError."""
    K, C = len(scales.targets), len(scales.mean)
    try:
        values = np.asarray(rows, np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"inputs: given {rows!r}; expected rows of {C} numbers") from None
    if not values.size:
        return np.empty((0, C))
    if values.ndim != 2 or values.shape[1] != C:
        names = ", ".join((*scales.targets, *scales.inputs))
        raise ArgumentError(f"inputs: given an array {values.shape}; expected rows of {C} numbers: {names}")
    if (np.abs(values) > LARGEST).any() or (config.logarithm and (values[:, :K] <= 0.0).any()):
        above = " above 0" * config.logarithm
        raise DataError(f"a row {values.tolist()}; expected numbers{above}, or NaN for a missing value")
    return values


def _without_missing(rows: Array, before: Array) -> Array:
    """Return rows (B, T, C) with missing values replaced by the last value before them, or by `before` (B, C)."""
    if not np.isnan(rows).any():
        return rows
    line = np.concatenate([before[:, None], rows], axis=1)
    newest = np.where(np.isnan(line), 0, np.arange(line.shape[1])[:, None])
    filled: Array = np.take_along_axis(line, np.maximum.accumulate(newest, axis=1), 1)[:, 1:]
    return filled

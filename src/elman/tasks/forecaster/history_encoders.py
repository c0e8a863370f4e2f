"""History encoders: three ways to represent the past of a series, with one interface.

    tdnn        the last D rows, side by side:      h = tanh(W [x_t .. x_(t-D+1)] + b)        Waibel et al. (1989)
    narx        the last D rows, which include its own outputs: it forecasts one row, appends that row, and continues to
                the horizon, with inputs as they last were                    Lin, Horne, Tino and Giles (1996)
    recurrent   the state of a stack of layers:     h = layers(x_1 .. x_t)                    Elman (1990)

All return o (H, K, Q) for each row, the expected output in units of its spread (batches.py): the median by V h + b, and
each other quantile a softplus away from its neighbour, so that quantiles cannot cross. A state is a dict of arrays
(B, ...): rows may come one by one or many at once, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.models.matrix import Matrix, dense, product, take, take_matrix
from elman.models.recorder import note
from elman.models.stack import Stack, State

from .batches import ALL_ROWS
from .config import ForecasterConfig
from .scales import Scales

Array = npt.NDArray[Any]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0.0)}


class HistoryEncoder(Protocol):
    """Rows in, outputs for the horizon out."""

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first row."""

    def run(self, z: Array, x: Array, state: State, rows: slice = ALL_ROWS) -> tuple[Array, State]:
        """Return o (B, N, H, K, Q) for `rows` of the features x (B, T, F), and the next state.

        z (B, lead + T, C) are the values that x is computed from; the first `lead` rows are needed for differences.
        """


class Features:
    """The features of a row: levels (only those of inputs if config.levels is False) and differences, each scaled."""

    def __init__(self, config: ForecasterConfig, scales: Scales) -> None:
        self.lead = config.lead
        self.first = 0 if config.levels else len(scales.targets)  # first column whose level is a feature
        self.mean, self.scale = np.array(scales.mean)[self.first :], np.array(scales.scale)[self.first :]
        self.lags = [(1, np.array(scales.differences))]  # rows back, and the scale of the differences
        if config.season > 1:
            self.lags.append((config.season, np.array(scales.seasonal)))
        self.size = len(self.mean) + len(scales.targets) * len(self.lags)

    def __call__(self, z: Array) -> Array:
        """Return x (..., T, F) from z (..., lead + T, C)."""
        now, rows = z[..., self.lead :, :], z.shape[-2]
        parts = [(now[..., self.first :] - self.mean) / self.scale]
        for lag, scale in self.lags:
            K = len(scale)
            parts.append((now[..., :K] - z[..., self.lead - lag : rows - lag, :K]) / scale)
        features: Array = np.concatenate(parts, axis=-1).astype(np.float32)
        return features


class Recurrent:
    """Recurrent layers over the rows."""

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, features: int) -> None:
        sizes = [config.hidden_size] * config.num_layers
        self.stack = Stack(config.build_cell(), tensors, features, sizes)
        self._readout = _Readout(config, scales, tensors)

    def initial_state(self, batch_size: int) -> State:
        return self.stack.initial_state(batch_size)

    def run(self, z: Array, x: Array, state: State, rows: slice = ALL_ROWS) -> tuple[Array, State]:
        outputs, after = self.stack.run(x, state)
        return self._readout(outputs[:, rows]), after

    def median_derivative(self) -> Array:
        """Return the derivative (hidden,) of the mean of the medians o (H, K) with respect to the last output."""
        return self._readout.median_derivative()


class TimeDelay:
    """Hidden layers over the last D rows."""

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, features: int) -> None:
        self._delays, self._features = config.delays, features
        self._hidden = _Hidden(config, tensors, config.delays * features)
        self._readout = _Readout(config, scales, tensors)

    def initial_state(self, batch_size: int) -> State:
        return {"delays.x": np.full((batch_size, self._delays - 1, self._features), np.nan, np.float32)}

    def run(self, z: Array, x: Array, state: State, rows: slice = ALL_ROWS) -> tuple[Array, State]:
        before = np.where(np.isnan(state["delays.x"]), x[:, :1], state["delays.x"])
        line = np.concatenate([before, x], axis=1)
        windows = _windows(line, self._delays, rows)
        h = self._hidden(windows.reshape(*windows.shape[:2], -1))
        return self._readout(h), {"delays.x": line[:, line.shape[1] - self._delays + 1 :]}


class ClosedLoop:
    """Hidden layers over the last D rows, to which the network appends its own forecasts."""

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, features: int) -> None:
        self._config, self._features = config, Features(config, scales)
        self._rows = config.delays + config.lead
        self._columns, self._targets = len(scales.mean), len(scales.targets)
        self._lag = config.lag
        self._spread = np.array(scales.spread, np.float64)
        self._hidden = _Hidden(config, tensors, config.delays * features)
        self._readout = _Readout(config, scales, tensors, one_row=True)
        self._later = take(tensors, "later", (config.horizon, self._targets, len(config.quantiles)))

    def initial_state(self, batch_size: int) -> State:
        return {"delays.z": np.full((batch_size, self._rows - 1, self._columns), np.nan)}

    def run(self, z: Array, x: Array, state: State, rows: slice = ALL_ROWS) -> tuple[Array, State]:
        now = z[:, z.shape[1] - x.shape[1] :]
        before = np.where(np.isnan(state["delays.z"]), now[:, :1], state["delays.z"])
        line = np.concatenate([before, now], axis=1)
        windows = _windows(line, self._rows, rows)
        B, N = windows.shape[:2]
        o = self._to_the_horizon(windows.reshape(B * N, self._rows, self._columns))
        return o.reshape(B, N, *o.shape[1:]), {"delays.z": line[:, line.shape[1] - self._rows + 1 :]}

    def _to_the_horizon(self, window: Array) -> Array:
        """Return o (N, H, K, Q) after the rows (N, D + lead, C)."""
        K, median, lag = self._targets, self._config.median, self._lag
        newest, outputs = window[:, window.shape[1] - lag :, :K], []
        for h in range(self._config.horizon):
            x = self._features(window)
            a = self._readout.parts(self._hidden(x.reshape(len(x), -1)))[:, 0].astype(np.float64)
            forecast = window[:, -lag, :K] + self._spread[0] * a[..., median]
            a += self._later[h]
            a[..., median] = (forecast - newest[:, h % lag]) / self._spread[h]
            outputs.append(a)
            row = np.concatenate([forecast, window[:, -1, K:]], axis=1)
            window = np.concatenate([window[:, 1:], row[:, None]], axis=1)
        return monotone(np.stack(outputs, axis=1), median).astype(np.float32)


HISTORY_ENCODERS: dict[str, Callable[[ForecasterConfig, Scales, Tensors, int], HistoryEncoder]] = {
    "recurrent": Recurrent,
    "tdnn": TimeDelay,
    "narx": ClosedLoop,
}


def _windows(line: Array, length: int, rows: slice) -> Array:
    """Return the windows (B, N, length, C) of a delay line (B, ..., C) that end at `rows`."""
    windows = np.lib.stride_tricks.sliding_window_view(line, length, axis=1)[:, rows]
    return np.ascontiguousarray(windows.transpose(0, 1, 3, 2))


class _Hidden:
    """Hidden layers over the values of a delay line."""

    def __init__(self, config: ForecasterConfig, tensors: Tensors, inputs: int) -> None:
        self._activation = ACTIVATIONS[config.activation]
        self._layers: list[tuple[Matrix, Array]] = []
        for number in range(config.num_layers):
            W = take_matrix(tensors, f"hidden.{number}.weight", (config.hidden_size, inputs))
            self._layers.append((W, take(tensors, f"hidden.{number}.bias", (config.hidden_size,))))
            inputs = config.hidden_size

    def __call__(self, x: Array) -> Array:
        note("hidden.x", x)
        for number, (W, b) in enumerate(self._layers):
            x = self._activation(product(x, W) + b)
            note(f"hidden.{number}.h", x)
        return x


class _Readout:
    """Hidden units to outputs, for all rows of the horizon or for one."""

    def __init__(self, config: ForecasterConfig, scales: Scales, tensors: Tensors, *, one_row: bool = False) -> None:
        self._shape = (1 if one_row else config.horizon, len(scales.targets), len(config.quantiles))
        size = int(np.prod(self._shape))
        self._V = take_matrix(tensors, "readout.weight", (size, config.hidden_size))
        self._b = take(tensors, "readout.bias", (size,))
        self._median = config.median

    def __call__(self, h: Array) -> Array:
        return monotone(self.parts(h), self._median)

    def parts(self, h: Array) -> Array:
        """Return (..., H, K, Q), which `monotone` turns into quantiles."""
        parts: Array = product(h, self._V) + self._b
        return parts.reshape(*h.shape[:-1], *self._shape)

    def median_derivative(self) -> Array:
        """Return the derivative (hidden,) of the mean of the medians: `monotone` leaves them as they are."""
        return np.asarray(dense(self._V).reshape(*self._shape, -1)[:, :, self._median].mean((0, 1)))


def monotone(a: Array, median: int) -> Array:
    """Return o (..., Q) from a: the median unchanged, each other quantile a softplus away from its neighbour."""
    o = np.logaddexp(0.0, a).astype(a.dtype)
    o[..., :median] *= -1.0
    o[..., median] = a[..., median]
    np.cumsum(o[..., median:], axis=-1, out=o[..., median:])
    o[..., median::-1] = np.cumsum(o[..., median::-1], axis=-1)
    return o

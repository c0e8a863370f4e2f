"""Recurrent layers with int8 weights: the arithmetic to the last bit, which kernels/ and exported programs repeat.

A matrix W (R, C) is stored as int8 rows and a float32 scale S for each row; a vector x is quantized when it is
multiplied, with one scale s:

    S_r  = max over c of |W_rc| / 127          Q_rc = round(W_rc / S_r)          in -127 .. 127
    m    = max over c of |x_c|                 q_c  = round(x_c * (127 / m))      s = m / 127
    y_r  = (float(sum over c of Q_rc q_c) * S_r) * s

    a    = y(W, x) + b_ih          u = y(U, h) + b_hh          and the cell as in elman.py, gru.py, lstm.py

The sum is exact: it is an integer below 2^31 for C <= 131,072. Everything else is float32 arithmetic of IEEE 754,
each operation rounded to nearest, ties to even: `round`, the conversion `float` of the sum, and 127 / m, too. No
multiplication is fused with an addition. The order of operations is that of the formulas. So every processor, batch
and number of threads gives the same bits, and so does a program in C99.

    m < 2^-100            q = 0 and s = 0: the product is zero
    m infinite or NaN     q = 0 and s = NaN: the product is NaN
    an embedding          its rows are int8 with a scale, Q_v and S_v: they are q and s as they are
    W in float32          y_r = ((0 + W_r0 x_0) + W_r1 x_1) + ...: for the few inputs of a series
    no bias               b = 0
    a table               may hold W x + b_ih of the rows of an embedding: the same numbers

The activations are those of kernels/native/activations.hpp, where x is limited so that nothing overflows:

    e^x     = k + k q                      t = x * log2(e) + 1.5 * 2^23, n = t - 1.5 * 2^23, k = 2^n
                                           r = (x - n * ln2_high) - n * ln2_low, p(r) by Horner's rule
                                           q = (r * r) * p + r
    tanh    = m / (m + 2)                  m = k q + (k - 1) of e^(x + x),  x limited to -9.1 .. 9.1
    sigmoid = 1 / ((k q + k) + 1)          of e^(-x),  -x limited to -87 .. 87

This file is the reference in NumPy, and it is used where the kernels are not installed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .activations import Array
from .cell import Cell, State
from .elman import Elman
from .gru import GRU
from .lstm import LSTM
from .unroll import StackState

MAX_COLUMNS = 1 << 17
LIMIT = np.float32(127.0)
_SMALLEST = np.float32(2.0**-100)
_EXACT_COLUMNS = 1024  # 127 * 127 times so many is less than 2^24: a sum in float32 is exact in any order
_ROUND = np.float32(12582912.0)  # 1.5 * 2^23
_POLYNOMIAL = tuple(
    map(np.float32, (0.00138824968, 0.00836664684, 0.0416672039, 0.166665427, 0.499999981))
)  # of float32 numbers

Int8s = npt.NDArray[np.int8]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix (R, C): int8 values between -127 and 127, and the float32 scale (R,) of each row."""

    values: Int8s
    scale: npt.NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """(R, C)."""
        return self.values.shape[0], self.values.shape[1]

    def dense(self) -> npt.NDArray[np.float32]:
        """Return the matrix (R, C) in float32."""
        return self.values * self.scale[:, None]

    def rows(self, ids: Ids) -> npt.NDArray[np.float32]:
        """Return rows (..., C) in float32 by their numbers (...)."""
        rows: npt.NDArray[np.float32] = self.values[ids] * self.scale[ids][..., None]
        return rows

    @functools.cached_property
    def _floats(self) -> Array:
        """The values in a type in which NumPy's sums are exact, in any order."""
        return self.values.astype(np.float32 if self.shape[1] <= _EXACT_COLUMNS else np.float64)

    def product(self, q: npt.NDArray[Any], s: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return y (..., R) of quantized vectors q (..., C) with scales s (...)."""
        sums = q.astype(self._floats.dtype) @ self._floats.T
        y: npt.NDArray[np.float32] = (sums.astype(np.float32) * self.scale) * s[..., None]
        return y

    def multiply(self, x: Array, bias: Array | None = None) -> npt.NDArray[np.float32]:
        """Return y (..., R), plus the bias, of vectors x (..., C)."""
        return self.product(*quantize_vectors(x)) + (np.float32(0.0) if bias is None else bias)


def quantize_matrix(W: Array) -> QuantizedMatrix:
    """Return the int8 form of a matrix (R, C) of finite numbers; a row whose numbers are all below 2^-100 is zero."""
    m = np.abs(W).max(axis=1, initial=0.0).astype(np.float32)
    scale = np.where(m < _SMALLEST, np.float32(0.0), m / LIMIT)
    divisor = np.where(scale > 0.0, scale, np.float32(1.0))[:, None]
    values = np.where(scale[:, None] > 0.0, np.rint(W / divisor), 0.0)
    return QuantizedMatrix(np.clip(values, -LIMIT, LIMIT).astype(np.int8), scale)


def quantize_vectors(x: Array) -> tuple[Int8s, npt.NDArray[np.float32]]:
    """Return the integers q (..., C) and the scales s (...) of float32 vectors x (..., C)."""
    m = np.abs(x).max(axis=-1, initial=0.0)
    is_number = (m >= _SMALLEST) & (m < np.inf)
    safe = np.where(is_number, m, np.float32(1.0))
    with np.errstate(invalid="ignore"):
        rounded = np.rint(np.where(is_number[..., None], x * (LIMIT / safe)[..., None], np.float32(0.0)))
    s = np.where(is_number, safe / LIMIT, np.where(m < _SMALLEST, np.float32(0.0), np.float32(np.nan)))
    return rounded.astype(np.int8), s


def _exponential(x: Array) -> tuple[Array, Array]:
    """Return k and q, where e^x = k + k q."""
    shifted = x * np.float32(1.44269504) + _ROUND
    n = shifted - _ROUND
    r = (x - n * np.float32(0.693145752)) - n * np.float32(1.42860677e-6)
    p: Array = np.full_like(r, _POLYNOMIAL[0])
    for coefficient in _POLYNOMIAL[1:]:
        p = p * r + coefficient
    k = ((shifted.view(np.int32) << 23) + np.int32(0x3F800000)).view(np.float32)
    return k, (r * r) * p + r


def _limited(x: Array, limit: float) -> Array:
    """Return x between -limit and limit; NaN stays NaN."""
    x = np.where(x < np.float32(-limit), np.float32(-limit), x)
    return np.where(x > np.float32(limit), np.float32(limit), x)


def tanh(x: Array) -> Array:
    """Return tanh of float32 numbers, to the bit as the kernels."""
    x = _limited(x, 9.1)
    k, q = _exponential(x + x)
    m = k * q + (k - np.float32(1.0))
    return m / (m + np.float32(2.0))


def sigmoid(x: Array) -> Array:
    """Return the sigmoid of float32 numbers, to the bit as the kernels."""
    k, q = _exponential(_limited(-x, 87.0))
    return np.float32(1.0) / ((k * q + k) + np.float32(1.0))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.where(x < 0.0, np.float32(0.0), x),
    "identity": lambda x: x,
}


def _elman(cell: Cell, a: Array, u: Array, state: State) -> State:
    assert isinstance(cell, Elman)
    return (ACTIVATIONS[cell.activation](a + u),)


def _gru(cell: Cell, a: Array, u: Array, state: State) -> State:
    (h,) = state
    H = h.shape[-1]
    r = sigmoid(a[..., :H] + u[..., :H])
    z = sigmoid(a[..., H : 2 * H] + u[..., H : 2 * H])
    n = tanh(a[..., 2 * H :] + r * u[..., 2 * H :])
    return ((np.float32(1.0) - z) * n + z * h,)


def _lstm(cell: Cell, a: Array, u: Array, state: State) -> State:
    _, c = state
    H = c.shape[-1]
    i = sigmoid(a[..., :H] + u[..., :H])
    f = sigmoid(a[..., H : 2 * H] + u[..., H : 2 * H])
    g = tanh(a[..., 2 * H : 3 * H] + u[..., 2 * H : 3 * H])
    o = sigmoid(a[..., 3 * H :] + u[..., 3 * H :])
    c_next = f * c + i * g
    return o * tanh(c_next), c_next


STEPS: dict[type, Callable[[Cell, Array, Array, State], State]] = {Elman: _elman, GRU: _gru, LSTM: _lstm}


def supports(cell: Cell) -> bool:
    """Return whether a cell can have int8 weights."""
    return type(cell) in STEPS


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """One layer in one direction: W (G*H, I), int8 or float32, U (G*H, H), b_ih and b_hh (G*H,)."""

    W: QuantizedMatrix | Array
    U: QuantizedMatrix
    b_ih: Array
    b_hh: Array

    @property
    def hidden_size(self) -> int:
        """H."""
        return self.U.shape[1]

    def input_products(self, x: npt.NDArray[Any], embedding: QuantizedMatrix | None = None) -> Array:
        """Return a (..., G*H) of inputs x (..., I), or of rows x (...) of an embedding."""
        if isinstance(self.W, QuantizedMatrix):
            q, s = quantize_vectors(x) if embedding is None else (embedding.values[x], embedding.scale[x])
            return self.W.product(q, s) + self.b_ih
        sums: Array = np.zeros((*x.shape[:-1], len(self.W)), np.float32)
        for k in range(x.shape[-1]):
            sums = sums + x[..., k, None] * self.W[:, k]
        return sums + self.b_ih

    def state_products(self, h: Array) -> Array:
        """Return u (..., G*H) of states h (..., H)."""
        return self.U.multiply(h, self.b_hh)


QuantizedLayers = Sequence[Sequence[QuantizedLayer]]  # [layer][direction]


def run(
    cell: Cell,
    layers: QuantizedLayers,
    x: npt.NDArray[Any],
    state: StackState,
    lengths: npt.ArrayLike | None = None,
    embedding: QuantizedMatrix | None = None,
) -> tuple[Array, StackState]:
    """Return the outputs (B, T, D*H) and the final state, as unroll.run.

    x is (B, T, I) in float32, or rows (B, T) of the embedding.
    """
    B, T = x.shape[:2]
    length = np.full(B, T) if lengths is None else np.asarray(lengths)
    finals: list[tuple[State, ...]] = []
    for index, directions in enumerate(layers):
        outputs, layer_finals = [], []
        for direction, layer in enumerate(directions):
            a = layer.input_products(x, embedding if index == 0 else None)
            y, final = _run_layer(cell, layer, a, state[index][direction], length, reverse=direction == 1)
            outputs.append(y)
            layer_finals.append(final)
        x = np.concatenate(outputs, axis=-1)
        finals.append(tuple(layer_finals))
    return x, tuple(finals)


def _run_layer(
    cell: Cell, layer: QuantizedLayer, a: Array, state: State, length: npt.NDArray[Any], *, reverse: bool
) -> tuple[Array, State]:
    step = STEPS[type(cell)]
    B, T = a.shape[:2]
    y = np.zeros((B, T, layer.hidden_size), np.float32)
    rows = np.arange(B)
    for s in range(T):
        active = rows[s < length]
        if not len(active):
            break
        t = length[active] - 1 - s if reverse else np.full(len(active), s)
        state_active = tuple(array[active] for array in state)
        state_next = step(cell, a[active, t], layer.state_products(state_active[0]), state_active)
        y[active, t] = state_next[0]
        state = tuple(_replaced(array, active, new) for array, new in zip(state, state_next, strict=True))
    return y, state


def _replaced(array: Array, rows: npt.NDArray[Any], new: Array) -> Array:
    array = array.copy()
    array[rows] = new
    return array

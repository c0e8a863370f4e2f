"""What Keras computes, in its own layout and from its own arrays: the reference of the imported weights.

    SimpleRNN   h' = f(x K + h R + b)
    GRU         z = sigmoid(x K_z + b_z + h R_z),  r = sigmoid(x K_r + b_r + h R_r)
                reset_after:  n = tanh(x K_h + b_h + r * (h R_h + c_h))       and c_z, c_r are added to z and r
                otherwise:    n = tanh(x K_h + b_h + (r * h) R_h)
                h' = z * h + (1 - z) * n
    LSTM        i, f, c, o = x K + h R + b in this order;  s' = sigmoid(f) * s + sigmoid(i) * tanh(c)
                h' = sigmoid(o) * tanh(s')

Source: keras/src/layers/rnn of Keras 3. This file shares no code with the import or with elman.cells, so that a mistake
in one of them shows. Golden files of Keras itself are its own test.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .keras_model import KerasCell, KerasModel
from .source import Model, Moment

Array = npt.NDArray[Any]


def keras_runs(model: KerasModel) -> dict[Moment, Model]:
    """Return the functions of the whole model: inputs to outputs after each step (B, T, O), or at the end (B, O)."""

    def run(x: Array, *, return_sequences: bool) -> Array:
        h = np.asarray(x if model.embedding is None else model.embedding[x], np.float64)
        for number, layer in enumerate(model.recurrent):
            of_forward, *of_backward = [
                layer_outputs(direction.cell, h[:, ::-1] if back else h) for back, direction in enumerate(layer)
            ]
            if number + 1 < len(model.recurrent) or return_sequences:
                h = np.concatenate([of_forward, *(y[:, ::-1] for y in of_backward)], -1)
            else:
                h = np.concatenate([y[:, -1] for y in (of_forward, *of_backward)], -1)
        if model.dense is not None:
            h = h @ model.dense.kernel + (0.0 if model.dense.bias is None else model.dense.bias)
        if model.activation == "softmax":
            e = np.exp(h - h.max(-1, keepdims=True))
            h = e / e.sum(-1, keepdims=True)
        return np.asarray(h)

    runs: dict[Moment, Model] = {
        "each": partial(run, return_sequences=True),
        "last": partial(run, return_sequences=False),
    }
    if model.return_sequences is None:
        return runs
    moment: Moment = "each" if model.return_sequences else "last"
    return {moment: runs[moment]}


def layer_outputs(cell: KerasCell, x: Array) -> Array:
    """Return the outputs (B, T, H) of a layer that reads x (B, T, I) from the first step to the last."""
    B, T, _ = x.shape
    H = len(cell.recurrent_kernel)
    h, s = np.zeros((B, H)), np.zeros((B, H))
    outputs = np.zeros((B, T, H))
    for t in range(T):
        if cell.kind == "SimpleRNN":
            h = _simple_rnn_step(cell, x[:, t], h)
        elif cell.kind == "GRU":
            h = _gru_step(cell, x[:, t], h)
        else:
            h, s = _lstm_step(cell, x[:, t], h, s)
        outputs[:, t] = h
    return outputs


def _simple_rnn_step(cell: KerasCell, x: Array, h: Array) -> Array:
    a = x @ cell.kernel + h @ cell.recurrent_kernel + (0.0 if cell.bias is None else cell.bias)
    return np.asarray(np.maximum(a, 0.0) if cell.activation == "relu" else np.tanh(a))


def _gru_step(cell: KerasCell, x: Array, h: Array) -> Array:
    R_z, R_r, R_h = np.split(cell.recurrent_kernel, 3, axis=1)
    biases = np.zeros((2, cell.kernel.shape[1]))
    if cell.bias is not None:
        biases[: np.atleast_2d(cell.bias).shape[0]] = cell.bias
    x_z, x_r, x_h = np.split(x @ cell.kernel + biases[0], 3, axis=1)
    c_z, c_r, c_h = np.split(biases[1], 3)
    z = _sigmoid(x_z + h @ R_z + c_z)
    r = _sigmoid(x_r + h @ R_r + c_r)
    n = np.tanh(x_h + r * (h @ R_h + c_h)) if cell.reset_after else np.tanh(x_h + (r * h) @ R_h)
    return np.asarray(z * h + (1.0 - z) * n)


def _lstm_step(cell: KerasCell, x: Array, h: Array, s: Array) -> tuple[Array, Array]:
    a = x @ cell.kernel + h @ cell.recurrent_kernel + (0.0 if cell.bias is None else cell.bias)
    i, f, c, o = np.split(a, 4, axis=1)
    s = _sigmoid(f) * s + _sigmoid(i) * np.tanh(c)
    return _sigmoid(o) * np.tanh(s), s


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -700.0, 700.0))))

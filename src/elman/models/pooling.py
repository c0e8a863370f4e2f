"""Pooling at prediction: the outputs for all tokens become one vector.

    last        the output of each direction after its last token
    mean, max   over the tokens, for each unit
    attention   sum over t of a_t h_t     a = softmax over t of v . tanh(W h_t + b)     Yang et al. (2016), section 2.2

Padding has no weight, and the result for no tokens is zero. For a stream, the state holds the sum and the count, or the
maximum, or for attention the numerator and the denominator of the softmax relative to the largest score so far
(Milakov and Gimelshein, 2018). nn/pooling.py is the same for torch, with derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.models.matrix import dense, product, take, take_matrix
from elman.models.recorder import note
from elman.models.stack import State

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Weights = dict[str, Any]  # the matrix key.weight, the vectors key.bias and score


class Pooling:
    """One kind of pooling; its weights are named `pooling.*`."""

    def __init__(self, kind: str, tensors: Tensors, size: int) -> None:
        """Take the weights of this kind of pooling, for outputs of this size."""
        self._pool, self._push, self._size = _POOLINGS[kind], _PUSHES[kind], size
        self._tensors: Weights = {}
        if kind == "attention":
            shapes = {"key.bias": (size,), "score": (size,)}
            self._tensors["key.weight"] = take_matrix(tensors, "pooling.key.weight", (size, size))
            self._tensors |= {name: take(tensors, f"pooling.{name}", shape) for name, shape in shapes.items()}

    def __call__(self, outputs: Array, last: Array, lengths: Ids) -> Array:
        """Return (B, N) from outputs (B, T, N) up to the lengths (B,), and from the last outputs (B, N)."""
        inside = (np.arange(outputs.shape[1]) < lengths[:, None])[:, :, None]
        pooled = self._pool(outputs, last, inside, self._tensors)
        note("pooled", pooled)
        return pooled

    def weights(self, outputs: Array) -> Array | None:
        """Return the weights (T,) of the outputs (T, N) of one text in attention pooling; None for other kinds."""
        return _softmax(_scores(outputs, self._tensors)) if self._tensors else None

    def backward(self, d_pooled: Array, outputs: Array, num_directions: int) -> Array:
        """Return d_outputs (T, N) from d_pooled (N,) and the outputs (T, N) of one text, of one token or more."""
        return _BACKWARDS[self._pool](d_pooled, outputs, num_directions, self._tensors)

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token."""
        B, N = batch_size, self._size
        return {
            "pooling.count": np.zeros(B, np.float32),
            "pooling.sum": np.zeros((B, N), np.float32),
            "pooling.highest": np.full((B, N), -np.inf, np.float32),
        }

    def push(self, output: Array, state: State) -> tuple[Array, State]:
        """Return the pooled outputs (B, N) up to and including this output (B, N), and the next state."""
        return self._push(output, state, self._tensors)


def _last(outputs: Array, last: Array, inside: Array, tensors: Weights) -> Array:
    return last


def _mean(outputs: Array, last: Array, inside: Array, tensors: Weights) -> Array:
    counts = np.maximum(inside.sum(1), 1).astype(outputs.dtype)
    mean: Array = np.where(inside, outputs, 0).sum(1) / counts
    return mean


def _max(outputs: Array, last: Array, inside: Array, tensors: Weights) -> Array:
    highest = np.where(inside, outputs, -np.inf).max(1, initial=-np.inf)
    return np.where(inside.any(1), highest, 0).astype(outputs.dtype)


def _attention(outputs: Array, last: Array, inside: Array, tensors: Weights) -> Array:
    e = _scores(outputs.reshape(-1, outputs.shape[-1]), tensors).reshape(*outputs.shape[:2], 1)
    e = np.where(inside, e, -np.inf)
    highest = e.max(1, keepdims=True, initial=-np.inf)
    a = np.exp(e - np.where(np.isfinite(highest), highest, 0))
    pooled: Array = (a * outputs).sum(1) / np.maximum(a.sum(1), np.finfo(outputs.dtype).tiny)
    return pooled


_POOLINGS: dict[str, Callable[[Array, Array, Array, Weights], Array]] = {
    "last": _last,
    "mean": _mean,
    "max": _max,
    "attention": _attention,
}


def _scores(outputs: Array, tensors: Weights) -> Array:
    """Return the scores e (M,) of outputs (M, N)."""
    e: Array = np.tanh(product(outputs, tensors["key.weight"]) + tensors["key.bias"]) @ tensors["score"]
    return e


def _softmax(e: Array) -> Array:
    a = np.exp(e - e.max())
    return np.asarray(a / a.sum())


def _last_backward(d_pooled: Array, outputs: Array, num_directions: int, tensors: Weights) -> Array:
    d_outputs = np.zeros_like(outputs)
    H = outputs.shape[1] // num_directions
    d_outputs[-1, :H] = d_pooled[:H]
    d_outputs[0, H:] += d_pooled[H:]  # the backward direction ends at the first token
    return d_outputs


def _mean_backward(d_pooled: Array, outputs: Array, num_directions: int, tensors: Weights) -> Array:
    return np.repeat((d_pooled / outputs.dtype.type(len(outputs)))[None], len(outputs), axis=0)


def _max_backward(d_pooled: Array, outputs: Array, num_directions: int, tensors: Weights) -> Array:
    d_outputs = np.zeros_like(outputs)
    d_outputs[outputs.argmax(0), np.arange(outputs.shape[1])] = d_pooled
    return d_outputs


def _attention_backward(d_pooled: Array, outputs: Array, num_directions: int, tensors: Weights) -> Array:
    hidden = np.tanh(product(outputs, tensors["key.weight"]) + tensors["key.bias"])
    a = _softmax(hidden @ tensors["score"])
    d_a = outputs @ d_pooled
    d_e = a * (d_a - a @ d_a)
    d_hidden = d_e[:, None] * tensors["score"] * (1.0 - hidden * hidden)
    return np.asarray(a[:, None] * d_pooled + d_hidden @ dense(tensors["key.weight"]))


_BACKWARDS: dict[Callable[[Array, Array, Array, Weights], Array], Callable[[Array, Array, int, Weights], Array]] = {
    _last: _last_backward,
    _mean: _mean_backward,
    _max: _max_backward,
    _attention: _attention_backward,
}


def _push_last(output: Array, state: State, tensors: Weights) -> tuple[Array, State]:
    return output, state


def _push_mean(output: Array, state: State, tensors: Weights) -> tuple[Array, State]:
    count, total = state["pooling.count"] + 1, state["pooling.sum"] + output
    return total / count[:, None], {**state, "pooling.count": count, "pooling.sum": total}


def _push_max(output: Array, state: State, tensors: Weights) -> tuple[Array, State]:
    highest = np.maximum(state["pooling.highest"], output)
    return highest, {**state, "pooling.highest": highest}


def _push_attention(output: Array, state: State, tensors: Weights) -> tuple[Array, State]:
    e = _scores(output, tensors)[:, None]
    highest = np.maximum(state["pooling.highest"], e)
    rescale, weight = np.exp(state["pooling.highest"] - highest), np.exp(e - highest)
    count = state["pooling.count"] * rescale[:, 0] + weight[:, 0]
    total = state["pooling.sum"] * rescale + weight * output
    return total / count[:, None], {"pooling.count": count, "pooling.sum": total, "pooling.highest": highest}


_PUSHES: dict[str, Callable[[Array, State, Weights], tuple[Array, State]]] = {
    "last": _push_last,
    "mean": _push_mean,
    "max": _push_max,
    "attention": _push_attention,
}

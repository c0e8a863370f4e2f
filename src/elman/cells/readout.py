"""The readout: a linear layer over the hidden state, and the losses that textbooks put on top of it.

    o = V h + b
    softmax_cross_entropy      L = -log softmax(o)[target]                       dL/do = softmax(o) - one_hot(target)
    sigmoid_cross_entropy      L = -t log s(o) - (1 - t) log(1 - s(o))           dL/do = s(o) - t
    half_squared_error         L = (o - t)^2 / 2                                 dL/do = o - t
    sigmoid_half_squared_error L = (s(o) - t)^2 / 2                              dL/do = (s(o) - t) s(o) (1 - s(o))

Every loss returns (sum, count, d_logits): the sum over the entries where the mask is true, and their number, so that
padding, accumulation and averages agree; d_logits is the derivative of the sum. In nats. Source: Goodfellow et al.
(2016), 6.2.2.
The adder that many texts print under an "L1" figure uses the last of these derivatives, not the one of |s(o) - t|.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .activations import Array, sigmoid

Bools = npt.NDArray[np.bool_]


class Loss(Protocol):
    """A loss of logits, targets and an optional mask."""

    def __call__(self, logits: Array, targets: npt.NDArray[Any], mask: Bools | None = None) -> tuple[float, int, Array]:
        """Return (sum, count, d_logits)."""


def forward(h: Array, V: Array, b: Array | None = None) -> Array:
    """Return the logits (..., O) of h (..., H) under V (O, H) and b (O,)."""
    return np.asarray(h @ V.T if b is None else h @ V.T + b)


def backward(d_logits: Array, h: Array, V: Array) -> tuple[Array, Array, Array]:
    """Return d_h (..., H), d_V (O, H) and d_b (O,)."""
    rows = d_logits.reshape(-1, d_logits.shape[-1])
    return np.asarray(d_logits @ V), rows.T @ h.reshape(-1, h.shape[-1]), rows.sum(axis=0)


def log_softmax(logits: Array) -> Array:
    """Return log softmax over the last axis; the largest logit is taken off first, so nothing overflows."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: Array) -> Array:
    """Return softmax over the last axis."""
    return np.exp(log_softmax(logits))


def softmax_cross_entropy(
    logits: Array, targets: npt.NDArray[Any], mask: Bools | None = None
) -> tuple[float, int, Array]:
    """Return (sum, count, d_logits) for logits (..., O), targets (...) of classes 0..O-1 and mask (...)."""
    if mask is not None:  # padding may hold anything
        counted = _counted(mask, targets.shape)
        targets, logits = np.where(counted, targets, 0), np.where(counted[..., None], logits, 0.0)
    if targets.size and not (targets.min() >= 0 and targets.max() < logits.shape[-1]):
        outside = targets[(targets < 0) | (targets >= logits.shape[-1])][0]
        raise ValueError(f"targets: given class {outside}; expected 0 to {logits.shape[-1] - 1}")
    log_p = log_softmax(logits)
    d_logits: Array = np.exp(log_p, order="C")  # so that reshape below is a view, and its entries can be set
    entries = np.arange(targets.size), targets.reshape(-1)
    picked = log_p.reshape(-1, log_p.shape[-1])[entries]
    d_logits.reshape(-1, log_p.shape[-1])[entries] -= 1.0
    if mask is None:
        return -float(picked.sum(dtype=np.float64)), targets.size, d_logits
    loss = -float(picked[counted.reshape(-1)].sum(dtype=np.float64))
    return loss, int(counted.sum()), np.where(counted[..., None], d_logits, 0.0)


def sigmoid_cross_entropy(
    logits: Array, targets: npt.NDArray[Any], mask: Bools | None = None
) -> tuple[float, int, Array]:
    """Return (sum, count, d_logits) for logits, targets in 0..1 and mask, all of one shape."""
    logits, targets, counted = _zero_masked(logits, targets, mask)
    loss = np.maximum(logits, 0.0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    return _sum_where(loss, sigmoid(logits) - targets, counted)


def half_squared_error(logits: Array, targets: npt.NDArray[Any], mask: Bools | None = None) -> tuple[float, int, Array]:
    """Return (sum, count, d_logits) of half the squared error through the identity; all arguments of one shape."""
    logits, targets, counted = _zero_masked(logits, targets, mask)
    error = logits - targets
    return _sum_where(0.5 * error * error, error, counted)


def sigmoid_half_squared_error(
    logits: Array, targets: npt.NDArray[Any], mask: Bools | None = None
) -> tuple[float, int, Array]:
    """Return (sum, count, d_logits) of half the squared error through a sigmoid; all arguments of one shape."""
    logits, targets, counted = _zero_masked(logits, targets, mask)
    y = sigmoid(logits)
    error = y - targets
    return _sum_where(0.5 * error * error, error * y * (1.0 - y), counted)


def _counted(mask: Bools | None, shape: tuple[int, ...]) -> Bools:
    counted = np.ones(shape, bool) if mask is None else np.asarray(mask, bool)
    if counted.shape != shape:
        raise ValueError(f"mask: given shape {counted.shape}; expected {shape}")
    return counted


def _zero_masked(logits: Array, targets: npt.NDArray[Any], mask: Bools | None) -> tuple[Array, Array, Bools]:
    """Return logits and targets in the logits' dtype, zero where the mask is false: padding may hold anything."""
    counted = _counted(mask, logits.shape)
    logits = np.where(counted, logits, 0.0)
    return logits, np.where(counted, targets, 0.0).astype(logits.dtype), counted


def _sum_where(loss: Array, d_logits: Array, counted: Bools) -> tuple[float, int, Array]:
    return float(loss[counted].sum(dtype=np.float64)), int(counted.sum()), np.where(counted, d_logits, 0.0)


LOSSES: dict[str, Loss] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "half_squared_error": half_squared_error,
    "sigmoid_half_squared_error": sigmoid_half_squared_error,
}

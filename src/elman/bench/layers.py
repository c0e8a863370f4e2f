"""Forward and backward pass of one layer by elman.nn and by its peers: the implementations that train.py times.

Each function takes a Problem and returns an Implementation. Its arrays are the outputs (T, B, H) and the gradients of
sum(outputs * d_y) with respect to the inputs, W, U and b_ih, in torch's layout. Peers are imported only in this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.cells import LayerParameters
from elman.errors import ConfigError

from .timing import Array, Implementation
from .weights import num_gates, random_weights, reorder_gates


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a problem: cell, hidden size H, batch size B, length T, input size I."""

    cell: str
    hidden_size: int
    batch_size: int
    length: int
    input_size: int

    @property
    def tokens(self) -> int:
        """Number of tokens in a batch, B T."""
        return self.batch_size * self.length

    @property
    def flop(self) -> int:
        """Operations of the matrix products in a forward and backward pass: 6 G H (H + I) per token."""
        H = self.hidden_size
        return 6 * num_gates(self.cell) * H * (H + self.input_size) * self.tokens

    def __str__(self) -> str:
        return f"{self.cell} {self.hidden_size}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What all implementations share: weights, inputs (T, B, I), gradient with respect to the outputs (T, B, H)."""

    shape: Shape
    weights: LayerParameters
    x: Array
    d_y: Array

    @classmethod
    def random(cls, shape: Shape, seed: int = 0) -> Problem:
        """Return a problem with random numbers."""
        rng = np.random.default_rng(seed)
        x, d_y = (
            rng.normal(size=(shape.length, shape.batch_size, size)).astype(np.float32)
            for size in (shape.input_size, shape.hidden_size)
        )
        return cls(shape, random_weights(shape.cell, shape.input_size, shape.hidden_size, rng), x, d_y)


def elman_layer(problem: Problem) -> Implementation:
    """Return the layer of elman.nn."""
    from elman import nn

    return _module_layer(problem, nn)


def torch_layer(problem: Problem) -> Implementation:
    """Return the layer of torch.nn."""
    from torch import nn

    return _module_layer(problem, nn)


def _module_layer(problem: Problem, namespace: Any) -> Implementation:
    import torch

    shape, w = problem.shape, problem.weights
    layer = getattr(namespace, shape.cell.upper())(shape.input_size, shape.hidden_size)
    parameters = list(layer.parameters())
    with torch.no_grad():
        for parameter, values in zip(parameters, (w.W, w.U, w.b_ih, w.b_hh), strict=True):
            parameter.copy_(torch.from_numpy(values))
    x, d_y = torch.from_numpy(problem.x).requires_grad_(), torch.from_numpy(problem.d_y)

    def run() -> Any:
        y, _ = layer(x)
        return y, torch.autograd.grad(y, (x, *parameters), d_y)

    def to_arrays(result: Any) -> dict[str, Array]:
        y, (d_x, d_W, d_U, d_b, _) = result
        return _named_arrays(*(t.detach().numpy() for t in (y, d_x, d_W, d_U, d_b)))

    return Implementation(run, to_arrays)


def keras_layer(problem: Problem) -> Implementation:
    """Return the layer of Keras 3 with its torch backend."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    backend = keras.backend.backend()
    if backend != "torch":
        raise ConfigError(f"keras uses the backend {backend}; expected torch", hint="Set KERAS_BACKEND=torch")
    layer_classes = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
    # Keras stores the gates of a GRU in the order z r n, torch in the order r z n. The permutation is its own inverse.
    order = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 1, 2, 3)}[problem.shape.cell]
    shape, w = problem.shape, problem.weights
    layer = layer_classes[shape.cell](shape.hidden_size, return_sequences=True)
    layer.build((shape.batch_size, shape.length, shape.input_size))
    W, U, b_ih, b_hh = (reorder_gates(a, order) for a in (w.W, w.U, w.b_ih, w.b_hh) if a is not None)
    two_biases = layer.trainable_weights[2].ndim == 2
    layer.set_weights([W.T, U.T, np.stack([b_ih, b_hh]) if two_biases else b_ih + b_hh])
    x = torch.from_numpy(np.ascontiguousarray(problem.x.swapaxes(0, 1))).requires_grad_()
    d_y = torch.from_numpy(np.ascontiguousarray(problem.d_y.swapaxes(0, 1)))

    def run() -> Any:
        y = layer(x)
        return y, torch.autograd.grad(y, (x, *(weight.value for weight in layer.trainable_weights)), d_y)

    def to_arrays(result: Any) -> dict[str, Array]:
        y, d_x, d_W, d_U, d_b = (t.detach().numpy() for t in (result[0], *result[1]))
        d_weights = (reorder_gates(a, order) for a in (d_W.T, d_U.T, d_b[0] if two_biases else d_b))
        return _named_arrays(y.swapaxes(0, 1), d_x.swapaxes(0, 1), *d_weights)

    return Implementation(run, to_arrays)


def jax_layer(problem: Problem) -> Implementation:
    """Return a scan in jax that is compiled together with its gradient."""
    import jax
    import jax.numpy as jnp

    shape, w = problem.shape, problem.weights
    cell = _jax_cell(shape.cell)
    zeros = jnp.zeros((shape.batch_size, shape.hidden_size), jnp.float32)
    initial_state = (zeros, zeros) if shape.cell == "lstm" else (zeros,)
    d_y = jnp.asarray(problem.d_y)

    def loss(x: Any, W: Any, U: Any, b_ih: Any, b_hh: Any) -> Any:
        def step(state: Any, a: Any) -> Any:
            state = cell(a, state[0] @ U.T + b_hh, *state)
            return state, state[0]

        _, y = jax.lax.scan(step, initial_state, x @ W.T + b_ih)
        return (y * d_y).sum(), y

    loss_and_gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3, 4), has_aux=True))
    arguments = [jnp.asarray(array) for array in (problem.x, w.W, w.U, w.b_ih, w.b_hh)]

    def run() -> Any:
        return jax.block_until_ready(loss_and_gradients(*arguments))

    def to_arrays(result: Any) -> dict[str, Array]:
        (_, y), (d_x, d_W, d_U, d_b, _) = result
        return _named_arrays(*(np.asarray(array) for array in (y, d_x, d_W, d_U, d_b)))

    return Implementation(run, to_arrays)


def _jax_cell(name: str) -> Callable[..., Any]:
    """Return the equations of elman.cells in jax as a function (a, u, h, c) -> (h', c')."""
    import jax.numpy as jnp
    from jax.nn import sigmoid

    def rnn(a: Any, u: Any, h: Any) -> Any:
        return (jnp.tanh(a + u),)

    def gru(a: Any, u: Any, h: Any) -> Any:
        (a_r, a_z, a_n), (u_r, u_z, u_n) = jnp.split(a, 3, axis=-1), jnp.split(u, 3, axis=-1)
        z = sigmoid(a_z + u_z)
        n = jnp.tanh(a_n + sigmoid(a_r + u_r) * u_n)
        return ((1 - z) * n + z * h,)

    def lstm(a: Any, u: Any, h: Any, c: Any) -> Any:
        i, f, g, o = jnp.split(a + u, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    cells: dict[str, Callable[..., Any]] = {"rnn": rnn, "gru": gru, "lstm": lstm}
    return cells[name]


def _named_arrays(y: Array, d_x: Array, d_W: Array, d_U: Array, d_b: Array) -> dict[str, Array]:
    return {"outputs": y, "d_x": d_x, "d_W": d_W, "d_U": d_U, "d_b": d_b}


LAYERS: dict[str, Callable[[Problem], Implementation]] = {
    "elman": elman_layer,
    "torch": torch_layer,
    "jax": jax_layer,
    "keras": keras_layer,
}

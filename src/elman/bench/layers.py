"""One layer, forward and backward, by elman.nn and by its peers: what train.py times.

Each takes a Problem and returns a Contender whose results are the outputs (T, B, H) and the derivatives of
sum(outputs * d_y) by the inputs, W, U and b_ih, in torch's layout. Peers are imported here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.cells import LayerParameters
from elman.errors import ConfigError

from .timing import Array, Contender
from .weights import num_gates, random_weights, reordered


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a problem: cell, H, B, T, I."""

    cell: str
    hidden_size: int
    batch_size: int
    length: int
    inputs: int

    @property
    def tokens(self) -> int:
        """B T."""
        return self.batch_size * self.length

    @property
    def flop(self) -> int:
        """Operations of forward and backward: 6 G H (H + I) a token, the products alone."""
        H = self.hidden_size
        return 6 * num_gates(self.cell) * H * (H + self.inputs) * self.tokens

    def __str__(self) -> str:
        return f"{self.cell} {self.hidden_size}"


@dataclass(frozen=True, slots=True)
class Problem:
    """The same numbers for all: weights, inputs (T, B, I), derivative by the outputs (T, B, H)."""

    shape: Shape
    weights: LayerParameters
    x: Array
    d_y: Array

    @classmethod
    def random(cls, shape: Shape, seed: int = 0) -> Problem:
        """Make one."""
        rng = np.random.default_rng(seed)
        x, d_y = (
            rng.normal(size=(shape.length, shape.batch_size, size)).astype(np.float32)
            for size in (shape.inputs, shape.hidden_size)
        )
        return cls(shape, random_weights(shape.cell, shape.inputs, shape.hidden_size, rng), x, d_y)


def elman_layer(problem: Problem) -> Contender:
    """elman.nn's."""
    from elman import nn

    return _module(problem, nn)


def torch_layer(problem: Problem) -> Contender:
    """torch.nn's."""
    from torch import nn

    return _module(problem, nn)


def _module(problem: Problem, family: Any) -> Contender:
    import torch

    shape, w = problem.shape, problem.weights
    layer = getattr(family, shape.cell.upper())(shape.inputs, shape.hidden_size)
    parameters = list(layer.parameters())
    with torch.no_grad():
        for parameter, given in zip(parameters, (w.W, w.U, w.b_ih, w.b_hh), strict=True):
            parameter.copy_(torch.from_numpy(given))
    x, d_y = torch.from_numpy(problem.x).requires_grad_(), torch.from_numpy(problem.d_y)

    def run() -> Any:
        y, _ = layer(x)
        return y, torch.autograd.grad(y, (x, *parameters), d_y)

    def arrays(result: Any) -> dict[str, Array]:
        y, (d_x, d_W, d_U, d_b, _) = result
        return _named(*(t.detach().numpy() for t in (y, d_x, d_W, d_U, d_b)))

    return Contender(run, arrays)


def keras_layer(problem: Problem) -> Contender:
    """Keras 3's, on torch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    if keras.backend.backend() != "torch":
        raise ConfigError(f"keras runs on {keras.backend.backend()}, expected torch", hint="KERAS_BACKEND=torch")
    kinds = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
    order = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 1, 2, 3)}[problem.shape.cell]  # z r h of r z n; its own inverse
    shape, w = problem.shape, problem.weights
    layer = kinds[shape.cell](shape.hidden_size, return_sequences=True)
    layer.build((shape.batch_size, shape.length, shape.inputs))
    W, U, b_ih, b_hh = (reordered(each, order) for each in (w.W, w.U, w.b_ih, w.b_hh) if each is not None)
    two_biases = layer.trainable_weights[2].ndim == 2
    layer.set_weights([W.T, U.T, np.stack([b_ih, b_hh]) if two_biases else b_ih + b_hh])
    x = torch.from_numpy(np.ascontiguousarray(problem.x.swapaxes(0, 1))).requires_grad_()
    d_y = torch.from_numpy(np.ascontiguousarray(problem.d_y.swapaxes(0, 1)))

    def run() -> Any:
        y = layer(x)
        return y, torch.autograd.grad(y, (x, *(each.value for each in layer.trainable_weights)), d_y)

    def arrays(result: Any) -> dict[str, Array]:
        y, d_x, d_W, d_U, d_b = (t.detach().numpy() for t in (result[0], *result[1]))
        of_weights = (reordered(each, order) for each in (d_W.T, d_U.T, d_b[0] if two_biases else d_b))
        return _named(y.swapaxes(0, 1), d_x.swapaxes(0, 1), *of_weights)

    return Contender(run, arrays)


def jax_layer(problem: Problem) -> Contender:
    """A scan in jax, compiled as one function with its gradient."""
    import jax
    import jax.numpy as jnp

    shape, w = problem.shape, problem.weights
    cell = _jax_cell(shape.cell)
    zeros = jnp.zeros((shape.batch_size, shape.hidden_size), jnp.float32)
    first = (zeros, zeros) if shape.cell == "lstm" else (zeros,)
    d_y = jnp.asarray(problem.d_y)

    def loss(x: Any, W: Any, U: Any, b_ih: Any, b_hh: Any) -> Any:
        def step(state: Any, a: Any) -> Any:
            state = cell(a, state[0] @ U.T + b_hh, *state)
            return state, state[0]

        _, y = jax.lax.scan(step, first, x @ W.T + b_ih)
        return (y * d_y).sum(), y

    graded = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3, 4), has_aux=True))
    given = [jnp.asarray(each) for each in (problem.x, w.W, w.U, w.b_ih, w.b_hh)]

    def run() -> Any:
        return jax.block_until_ready(graded(*given))

    def arrays(result: Any) -> dict[str, Array]:
        (_, y), (d_x, d_W, d_U, d_b, _) = result
        return _named(*(np.asarray(each) for each in (y, d_x, d_W, d_U, d_b)))

    return Contender(run, arrays)


def _jax_cell(name: str) -> Callable[..., Any]:
    """Return (a, u, h, c) -> (h', c') by the equations of cells/, in jax."""
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


def _named(y: Array, d_x: Array, d_W: Array, d_U: Array, d_b: Array) -> dict[str, Array]:
    return {"outputs": y, "d_x": d_x, "d_W": d_W, "d_U": d_U, "d_b": d_b}


LAYERS: dict[str, Callable[[Problem], Contender]] = {
    "elman": elman_layer,
    "torch": torch_layer,
    "jax": jax_layer,
    "keras": keras_layer,
}

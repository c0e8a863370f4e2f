"""What the gradients of an exercise must be, computed twice: by elman.cells and by finite differences.

A recurrent layer with the derivative d_h_t of a loss with respect to each of its outputs h_t: the loss is taken as the
sum of all h_t * d_h_t, whose derivatives are the same. The pre-activations a_t are not parameters of a layer. To get
their derivatives, the layer reads additional inputs delta_t = 0 with the unit matrix as their weights, so that

    a_t = W x_t + 1 delta_t + b + U h_(t-1)          dL/da_t = dL/d delta_t
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from elman.cells import LayerParameters, create, gradcheck, unroll
from elman.cells.activations import Array

Arrays = dict[str, Array]


def random_arrays(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> Arrays:
    """Return arrays of random numbers of the size of one."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def by_differences(loss: Callable[[], float], arrays: Mapping[str, Array]) -> Arrays:
    """Return the derivatives of a loss that reads these arrays."""
    return {name: gradcheck.numerical_gradient(loss, array) for name, array in arrays.items()}


class RecurrentLayer:
    """A simple recurrent layer on a sequence: arrays W (H, I), U (H, H), b (H,), x (B, T, I), h_0 (B, H)."""

    def __init__(self, activation: str, arrays: Arrays) -> None:
        self.cell = create("elman", activation)
        H = len(arrays["U"])
        delta = np.zeros((*arrays["x"].shape[:2], H))
        self.arrays = {**{name: arrays[name].copy() for name in ("W", "U", "b", "x", "h_0")}, "a": delta}

    def outputs(self) -> Array:
        """Return all states h_t (B, T, H)."""
        return unroll.run(self.cell, [[self._layer()]], self._inputs(), self._state())[0]

    def gradients(self, d_outputs: Array) -> Arrays:
        """Return the derivatives with respect to all arrays and to a, by elman.cells."""
        _, _, tape = unroll.forward(self.cell, [[self._layer()]], self._inputs(), self._state())
        result = unroll.backward(tape, d_outputs)
        layer, I = result.params[0][0], self.arrays["x"].shape[-1]  # noqa: E741 - inputs
        x, a = result.x[..., :I], result.x[..., I:]
        assert layer.b_ih is not None
        return {"W": layer.W[:, :I], "U": layer.U, "b": layer.b_ih, "x": x, "h_0": result.state[0][0][0], "a": a}

    def differences(self, d_outputs: Array) -> Arrays:
        """Return the same by finite differences."""
        return by_differences(lambda: float((self.outputs() * d_outputs).sum()), self.arrays)

    def _layer(self) -> LayerParameters:
        W, U, b = (self.arrays[name] for name in ("W", "U", "b"))
        return LayerParameters(np.concatenate([W, np.eye(len(U))], axis=1), U, b)

    def _inputs(self) -> Array:
        return np.concatenate([self.arrays["x"], self.arrays["a"]], axis=-1)

    def _state(self) -> unroll.StackState:
        return (((self.arrays["h_0"],),),)


def back(d_outputs: Array, to_a: Callable[[Array, int], Array], to_h: Callable[[Array, Array], Array]) -> Array:
    """Return d_a (B, T, H) as code with a mistake computes it.

    to_a(d_h, t) goes back to the pre-activation of step t, to_h(d_a, d_h) to the state before.
    """
    d_a, carried = np.zeros_like(d_outputs), np.zeros_like(d_outputs[:, 0])
    for t in reversed(range(d_outputs.shape[1])):
        d_h = d_outputs[:, t] + carried
        d_a[:, t] = to_a(d_h, t)
        carried = to_h(d_a[:, t], d_h)
    return d_a

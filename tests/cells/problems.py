"""Small random problems for the cells, and what an answer to one is.

A Problem is all that unroll takes, and a random weight for each of its results: its loss is the sum of outputs and
final state, multiplied by those weights. An Answer is a dict from a readable name to an array: outputs, final state and
every gradient, under the same names for elman_answer here and for torch in oracles.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman.cells import CELLS, Cell, LayerParameters, unroll
from elman.cells.activations import Array
from elman.cells.cell import initial_parameters, parameter_shapes

Answer = dict[str, Array]

CELL_NAMES = ["tanh", "relu", "sigmoid", "identity", *(name for name in CELLS if name != "elman")]
COMPILED_NAMES = ["tanh", "relu", "sigmoid", "identity", "gru", "lstm"]  # those that elman.kernels has
DIRECTIONS = ("forward", "backward")

RAGGED = [5, 0, 1, 3]
RESET = [
    [False, False, True, True, False],  # twice in a row
    [True, False, True, False, False],  # an empty row where lengths are ragged
    [True, False, False, False, True],  # the first step, and past the length
    [False, False, True, False, True],  # the last step of the length, and past it
]


def make_cell(name: str) -> Cell:
    return CELLS[name]() if name in CELLS else CELLS["elman"](activation=name)


@dataclass(frozen=True)
class Problem:
    """What unroll takes, in its order, and the weights of the loss."""

    name: str
    params: list[list[LayerParameters]]
    x: Array
    state: unroll.StackState
    lengths: Sequence[int] | None
    reset: Sequence[Sequence[bool]] | None
    d_outputs: Array
    d_state: unroll.StackState

    @property
    def cell(self) -> Cell:
        return make_cell(self.name)

    def loss(self) -> float:
        """Return the loss of a run."""
        outputs, final = unroll.run(self.cell, self.params, self.x, self.state, self.lengths, self.reset)
        weighted = zip(named_states(final).values(), named_states(self.d_state).values(), strict=True)
        return float((outputs * self.d_outputs).sum() + sum((s * d).sum() for s, d in weighted))

    def variables(self) -> Answer:
        """Return the arrays that the loss has a gradient by, under the gradients' names."""
        return named_gradients(unroll.Gradients(self.params, self.x, self.state))

    def rows(self, index: Any) -> Problem:
        """Return the problem of these rows of the batch, in this order."""
        return replace(
            self,
            x=self.x[index],
            state=map_state(lambda s: s[index], self.state),
            lengths=None if self.lengths is None else np.asarray(self.lengths)[index].tolist(),
            reset=None if self.reset is None else np.asarray(self.reset)[index].tolist(),
            d_outputs=self.d_outputs[index],
            d_state=map_state(lambda s: s[index], self.d_state),
        )

    def steps(self, start: int, end: int) -> Problem:
        """Return the problem of the steps from start to end, with the same state."""
        return replace(
            self,
            x=self.x[:, start:end],
            lengths=None if self.lengths is None else (np.clip(self.lengths, start, end) - start).tolist(),
            reset=None if self.reset is None else np.asarray(self.reset)[:, start:end].tolist(),
            d_outputs=self.d_outputs[:, start:end],
        )

    def astype(self, dtype: type) -> Problem:
        """Return the problem in another precision."""
        params = [[_cast(p, dtype) for p in layer] for layer in self.params]
        return replace(
            self,
            params=params,
            x=self.x.astype(dtype),
            state=map_state(lambda s: s.astype(dtype), self.state),
            d_outputs=self.d_outputs.astype(dtype),
            d_state=map_state(lambda s: s.astype(dtype), self.d_state),
        )


def random_problem(
    name: str,
    hidden_sizes: Sequence[int] = (3, 2),
    num_directions: int = 1,
    *,
    lengths: Sequence[int] | None = None,
    reset: Sequence[Sequence[bool]] | None = None,
    bias: bool = True,
    shape: tuple[int, int, int] = (4, 5, 2),
) -> Problem:
    """Return a problem of normal numbers, all different, with x of `shape` (B, T, I); the same at every call."""
    rng = np.random.default_rng(12)
    cell = make_cell(name)
    B, T, input_size = shape
    params = []
    for H in hidden_sizes:
        params.append([_random_parameters(cell, input_size, H, rng, bias=bias) for _ in range(num_directions)])
        input_size = H * num_directions
    zeros = unroll.zero_state(cell, params, B)
    return Problem(
        name=name,
        params=params,
        x=rng.normal(size=shape),
        state=map_state(lambda s: rng.normal(size=s.shape), zeros),
        lengths=lengths,
        reset=reset,
        d_outputs=rng.normal(size=(B, T, input_size)),
        d_state=map_state(lambda s: rng.normal(size=s.shape), zeros),
    )


def elman_answer(problem: Problem) -> Answer:
    """Return outputs, final state and every gradient by the code under test."""
    p = problem
    outputs, final, tape = unroll.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    gradients = unroll.backward(tape, p.d_outputs, p.d_state)
    return {"outputs": outputs, **named_states(final), **named_gradients(gradients)}


def map_state(function: Callable[[Any], Any], state: Any) -> Any:
    """Return the stack state with the function applied to every array."""
    return tuple(tuple(tuple(function(s) for s in states) for states in layer) for layer in state)


def named_states(state: Any, prefix: str = "final") -> dict[str, Any]:
    """Return the arrays of a stack state (or its derivative) by name."""
    return {
        f"{prefix} {symbol} of layer {index} {direction}": s
        for index, layer in enumerate(state)
        for direction, states in zip(DIRECTIONS, layer, strict=False)
        for symbol, s in zip("hc", states, strict=False)
    }


def named_gradients(gradients: unroll.Gradients) -> Answer:
    """Return the arrays of Gradients by name."""
    weights = {
        f"layer {index} {direction} {name}": array
        for index, layer in enumerate(gradients.params)
        for direction, p in zip(DIRECTIONS, layer, strict=False)
        for name, array in p.arrays().items()
    }
    return {**weights, "x": gradients.x, **named_states(gradients.state, "initial")}


def assert_close(given: Answer, expected: Answer, tolerance: float) -> None:
    """Every array of one answer is that of the other, entry by entry, up to an absolute tolerance."""
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        assert given[name].shape == value.shape, name
        np.testing.assert_allclose(given[name], value, rtol=0, atol=tolerance, err_msg=name)


def assert_same(given: Answer, expected: Answer) -> None:
    """Every array of one answer is that of the other, to the last bit."""
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(given[name], value, err_msg=name, strict=True)


def _random_parameters(
    cell: Cell, input_size: int, hidden_size: int, rng: np.random.Generator, *, bias: bool
) -> LayerParameters:
    """Return weights of deviation 0.6, and the cell's own parameters as far from their initial values."""
    shapes = parameter_shapes(cell, input_size, hidden_size)
    present = {name: shape for name, shape in shapes.items() if bias or name not in ("b_ih", "b_hh")}
    arrays = {name: 0.6 * rng.normal(size=shape) for name, shape in present.items()}
    for name, value in initial_parameters(cell, hidden_size).items():
        arrays[name] += value
    return LayerParameters.from_arrays(arrays, hidden_size)


def _cast(p: LayerParameters, dtype: type) -> LayerParameters:
    return LayerParameters.from_arrays({name: a.astype(dtype) for name, a in p.arrays().items()}, p.hidden_size)

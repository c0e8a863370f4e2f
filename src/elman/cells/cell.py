"""What a cell is, and the parameters of one layer in one direction.

A cell is the pointwise step of a recurrent layer. unroll computes the products of all steps,

    a = W x + b_ih        (..., G*H)
    u = U h + b_hh        (..., G*H)

and the cell computes the next state from them:

    state_next, tape = forward(a, u, state)
    d_a, d_u, d_state = backward(d_state_next, tape)

d_state holds the paths from the state to the next one that do not go through u; unroll adds the path through u.

Some members of a cell are optional.
weights      Those of W, U, b_ih and b_hh that the cell has; all four by default. A cell without U has gates that do not
             depend on h: it has no b_hh either, u is (..., 0), and backward returns it as d_u.
parameters   parameters(hidden_size) -> {name: (shape, initial value)}: parameters beside those four, such as the gains
             of layer normalization. Every layer has its own in each direction. forward takes them as a fourth argument,
             {name: array}; backward returns their gradients as a fourth result, {name: array}, summed over the batch.
gate_names   The names of the gates, in the order of their rows in W; a gate that is named `h` is the new state itself.
tape_names   The names of the arrays of the tape. With both, a trace can show the gates (models/trace.py).

Symbols: H hidden, G gates, I input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .activations import Array

State = tuple[Array, ...]  # one layer in one direction: (h,) or (h, c), each (B, H)
CellParameters = Mapping[str, Array]
Initial = Mapping[str, tuple[tuple[int, ...], npt.ArrayLike]]  # the shape and the initial value of each parameter

WEIGHTS = ("W", "U", "b_ih", "b_hh")
_STORED = {"W": "weight_ih", "U": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}  # as torch.nn names them


class PlainCell(Protocol):
    """A cell whose only parameters are W, U and the biases."""

    @property
    def states(self) -> tuple[str, ...]:
        """Names, each of an array (..., H); the first is h, the output."""

    @property
    def gates(self) -> int:
        """G."""

    def forward(self, a: Array, u: Array, state: State) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, which holds what backward needs."""

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State]:
        """Return d_a, d_u and d_state."""


class CellWithParameters(Protocol):
    """A cell that has parameters of its own beside W, U and the biases."""

    @property
    def states(self) -> tuple[str, ...]:
        """Names, each of an array (..., H); the first is h, the output."""

    @property
    def gates(self) -> int:
        """G."""

    def parameters(self, hidden_size: int) -> Initial:
        """Return the shape and the initial value of each parameter of the cell's own."""

    def forward(self, a: Array, u: Array, state: State, parameters: CellParameters) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, which holds what backward needs."""

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State, CellParameters]:
        """Return d_a, d_u, d_state and the gradients of the cell's own parameters."""


Cell = PlainCell | CellWithParameters


@dataclass(frozen=True, slots=True)
class LayerParameters:
    """One layer in one direction, or the gradients of one: W (G*H, I), U (G*H, H), b_ih and b_hh (G*H,) or None.

    U is (0, H) where the cell has none. cell_parameters are the cell's own.
    """

    W: Array
    U: Array
    b_ih: Array | None = None
    b_hh: Array | None = None
    cell_parameters: CellParameters = field(default_factory=dict)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], hidden_size: int) -> LayerParameters:
        """Return the layer of arrays under the names of parameter_shapes."""
        W = arrays["W"]
        U = arrays["U"] if "U" in arrays else np.zeros((0, hidden_size), W.dtype)
        own = {name: array for name, array in arrays.items() if name not in WEIGHTS}
        return cls(W, U, arrays.get("b_ih"), arrays.get("b_hh"), own)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name; not those that are absent."""
        products = {"W": self.W, "U": self.U if len(self.U) else None, "b_ih": self.b_ih, "b_hh": self.b_hh}
        return {name: array for name, array in {**products, **self.cell_parameters}.items() if array is not None}

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.U.shape[1])


def weight_names(cell: Cell) -> tuple[str, ...]:
    """Return the names of those of W, U, b_ih and b_hh that the cell has."""
    names: tuple[str, ...] = getattr(cell, "weights", WEIGHTS)
    return names


def gate_names(cell: Cell) -> tuple[str, ...]:
    """Return the names of the cell's gates; empty for a cell that does not name them."""
    names: tuple[str, ...] = getattr(cell, "gate_names", ())
    return names


def gate_values(cell: Cell, tape: tuple[Array, ...]) -> dict[str, Array]:
    """Return the gates (..., H) in the tape of a step by name; empty for a cell that does not name them."""
    tape_names: tuple[str, ...] = getattr(cell, "tape_names", ())
    values = dict(zip(tape_names, tape, strict=False))
    return {name: values[name] for name in gate_names(cell) if name in values}


def stored_name(name: str, layer: int = 0, *, reverse: bool = False) -> str:
    """Return a parameter's name in model folders and in torch's state_dict: weight_ih_l0, gain_c_l0_reverse."""
    return f"{_STORED.get(name, name)}_l{layer}{'_reverse' * reverse}"


def initial_parameters(cell: Cell, hidden_size: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the initial values of the cell's own parameters; an empty dict where it has none."""
    declare: Any = getattr(cell, "parameters", None)
    if declare is None:
        return {}
    return {
        name: np.broadcast_to(np.asarray(value, np.float64), shape).copy()
        for name, (shape, value) in declare(hidden_size).items()
    }


def weight_shapes(cell: Cell, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of those of W, U, b_ih and b_hh that the cell has, of a layer in one direction."""
    rows = cell.gates * hidden_size
    shapes = {"W": (rows, input_size), "U": (rows, hidden_size), "b_ih": (rows,), "b_hh": (rows,)}
    return {name: shapes[name] for name in weight_names(cell)}


def parameter_shapes(cell: Cell, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters of a layer in one direction: weight_shapes, and those of the cell's own."""
    own = {name: value.shape for name, value in initial_parameters(cell, hidden_size).items()}
    return {**weight_shapes(cell, input_size, hidden_size), **own}

"""A trace: what happened inside a network on one input, as data. `predictor.trace(...)` of every task returns one.

    layers    for each recurrent layer and direction, arrays over the T steps of the sequence:
              x (T, I), a and u (T, G*H), gate.NAME (T, H), h and c (T, H), h_initial and c_initial (H,)
              with gradients: d_h, d_c (T, H), d_a, d_u (T, G*H), d_x (T, I), norm_by_lag (lags,)
    arrays    what is not inside a recurrent layer: logits, probabilities, loss, attention, pooled ...
    facts     what is not an array: decisions, the loss, the tree of a beam search
    axes      the labels of the steps: the tokens of a text, the rows of a series; and the vocabulary, if an array has a
              column for each of its tokens

The numbers come from the prediction itself (recorder.py), and replay.py says how those that it does not return are
computed, and how they are checked. d_NAME is the derivative of the trace's objective with respect to NAME, along all
paths; that of c leaves out the path through h of the same step. d_a and d_u are with respect to the products, that is
to the gates before their activations. norm_by_lag[k] is the norm of the derivative of the loss of one step with respect
to h, k steps before it: of the last step that has a loss, or in the backward direction of the first one.

inspect/ writes traces to folders and draws them. It is above the predictors in the order of imports, so what they
return is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS, Cell, unroll
from elman.cells.cell import gate_names
from elman.errors import ConfigError

from .replay import StackSteps
from .stack import Stack

Array = npt.NDArray[Any]
Direction = Literal["forward", "backward"]
VOCABULARY = "vocabulary"
MAX_TRACE_BYTES = 1_000_000_000
DIRECTIONS: tuple[Direction, Direction] = ("forward", "backward")


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """One recurrent layer in one direction. axis: the labels of its steps, a key of Trace.axes."""

    name: str
    direction: Direction
    cell: str
    axis: str
    states: tuple[str, ...]
    gates: tuple[str, ...]
    arrays: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        """Return an array by name."""
        if name not in self.arrays:
            hint = "Trace with gradients to have derivatives" if name.startswith(("d_", "norm")) else None
            raise ConfigError(f"{self.name} has no {name!r}; expected one of {', '.join(self.arrays)}", hint=hint)
        return self.arrays[name]

    def gate(self, name: str) -> Array:
        """Return a gate (T, H)."""
        return self[f"gate.{name}"]

    def gate_derivative(self, name: str) -> Array:
        """Return the derivative (T, H) with respect to a gate before its activation: its columns of d_a."""
        H = self["h"].shape[1]
        start = self.gates.index(name) * H
        return self["d_a"][:, start : start + H]


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened inside a network on one input.

    exact: every h and c is the prediction's to the bit. step_error: the largest difference between a state and the
    state that follows from the traced gates (rounding).
    """

    task: str
    input: str
    axes: dict[str, list[str]]
    layers: tuple[LayerTrace, ...]
    arrays: dict[str, Array]
    facts: dict[str, Any] = field(default_factory=dict)
    exact: bool = True
    step_error: float = 0.0

    def layer(self, name: str, direction: Direction = "forward") -> LayerTrace:
        """Return a layer by name, such as `layers.0` or `encoder.layers.1`."""
        for layer in self.layers:
            if (layer.name, layer.direction) == (name, direction):
                return layer
        names = ", ".join(f"{layer.name} ({layer.direction})" for layer in self.layers) or "none: no recurrent layers"
        raise ConfigError(f"layer {name!r} ({direction}) is not in the trace; expected one of {names}")

    def __getitem__(self, name: str) -> Array:
        """Return an array that is not inside a recurrent layer."""
        if name not in self.arrays:
            raise ConfigError(f"the trace has no {name!r}; expected one of {', '.join(self.arrays)}")
        return self.arrays[name]


def check_trace_size(stack: Stack, steps: int, columns: int = 0) -> None:
    """Raise a ConfigError, before anything is computed, if a trace of so many steps would take too much memory.

    columns: the numbers of a step that are not in a layer.
    """
    layers = [parameters for layer in stack.parameters for parameters in layer]
    numbers = columns + sum(p.W.shape[1] + 3 * len(p.W) + 2 * p.hidden_size for p in layers)
    size = steps * numbers * layers[0].W.itemsize if layers else 0
    if size > MAX_TRACE_BYTES:
        problem = (
            f"the trace of {steps:,} tokens or rows would take {size / 1e9:.1f} GB; expected at most "
            f"{MAX_TRACE_BYTES / 1e9:.0f} GB"
        )
        raise ConfigError(problem, hint=f"Trace at most {int(steps * MAX_TRACE_BYTES / size):,} of them")


Derivatives = Sequence[Sequence[Mapping[str, Array]]]  # [layer][direction], arrays of a LayerTrace


def layer_traces(steps: StackSteps, axis: str, derivatives: Derivatives | None = None) -> list[LayerTrace]:
    """Return the layers of a stack as they are in a trace."""
    traces = []
    for index, layer in enumerate(steps.layers):
        for direction, one in enumerate(layer):
            arrays = {"x": one.x, "a": one.a, "u": one.u}
            arrays |= {f"gate.{name}": gate for name, gate in one.gates.items()}
            arrays |= one.states
            arrays |= {f"{name}_initial": s[0] for name, s in zip(steps.cell.states, one.initial, strict=True)}
            arrays |= derivatives[index][direction] if derivatives is not None else {}
            traces.append(
                LayerTrace(
                    one.name,
                    DIRECTIONS[direction],
                    cell_name(steps.cell),
                    axis,
                    tuple(steps.cell.states),
                    gate_names(steps.cell),
                    arrays,
                )
            )
    return traces


def cell_name(cell: Cell) -> str:
    """Return the name of a cell in CELLS, or that of its class."""
    return next(
        (name for name, kind in CELLS.items() if isinstance(kind, type) and type(cell) is kind), type(cell).__name__
    )


def stack_derivatives(
    steps: StackSteps, d_outputs: Array, d_state: unroll.StackState | None = None
) -> tuple[list[list[dict[str, Array]]], unroll.Gradients]:
    """Return the derivatives in each layer and direction from d_outputs (T, D*H), and the gradients of unroll."""
    gradients = unroll.backward(steps.tape(), d_outputs[None], d_state, with_steps=True)
    assert gradients.steps is not None
    return [
        [named_derivatives(steps.cell, one.parameters.W, d) for one, d in zip(layer, d_layer, strict=True)]
        for layer, d_layer in zip(steps.layers, gradients.steps, strict=True)
    ], gradients


def named_derivatives(cell: Cell, W: Array, d: unroll.StepGradients) -> dict[str, Array]:
    """Return the derivatives of the steps of one sequence under their names in a LayerTrace."""
    states = {f"d_{name}": array[0] for name, array in zip(cell.states, d.states, strict=True)}
    return {**states, "d_a": d.a[0], "d_u": d.u[0], "d_x": d.a[0] @ W}


def add_norms_by_lag(steps: StackSteps, d_outputs: Array, derivatives: list[list[dict[str, Array]]]) -> None:
    """Add norm_by_lag to the derivatives: for each direction, from the last step of d_outputs (T, D*H) that has any.

    Only that step's d_outputs of that direction are sent back. In a backward direction the last step is the first one
    in time.
    """
    start = 0
    for direction, top in enumerate(steps.layers[-1]):
        end = start + top.parameters.hidden_size
        rows = np.flatnonzero(d_outputs[:, start:end].any(1))
        if len(rows):
            row = int(rows[0] if top.reverse else rows[-1])
            d_last = np.zeros_like(d_outputs)
            d_last[row, start:end] = d_outputs[row, start:end]
            last, _ = stack_derivatives(steps, d_last)
            for index, layer in enumerate(last):
                derivatives[index][direction]["norm_by_lag"] = norms_by_lag(
                    layer[direction]["d_h"], row, reverse=top.reverse
                )
        start = end


def norms_by_lag(d_h: Array, row: int, *, reverse: bool = False) -> Array:
    """Return the norms of d_h (T, H) at row, row - 1, ... (row, row + 1, ... if reverse)."""
    norms: Array = np.linalg.norm(d_h, axis=1)
    return norms[row:] if reverse else norms[row::-1]

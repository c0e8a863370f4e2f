"""What happened inside a recurrent stack during a prediction: products, gates and states of every layer and step.

The kernels return the outputs of the top layer and the last states, and nothing in between. A replay computes the rest
from what the recorder has kept of the prediction (recorder.py), in two steps:

1. the states h and c of every layer after every step, by the same engine, one step of one layer at a time. Kernels give
   the same bits however a stack or a sequence is divided, so these are the prediction's own numbers; the outputs and
   the last states are compared with those of the prediction, and `exact` says whether all bits are equal. Where NumPy
   runs the stack, cells/unroll.py repeats the run with a tape, which is the same computation.
2. a = W x + b_ih, u = U h + b_hh and the gates of each step by NumPy (cells/), from the x, h and c of step 1. So a
   rounding error of one step does not enter the next one. Of int8 weights, a and u are those of cells/quantized.py,
   which are the prediction's to the bit. The state that the cell computes is compared with that of step 1; they differ
   by rounding, at most STEP_TOLERANCE, or an error is raised. `step_error` is the largest difference. (The a of a table
   of input products is the row of the table, which the prediction used.)

The derivatives are those of cells/unroll.py, backward through the tapes of step 2. For int8 weights, they are those of
the same products in float32: the rounding of vectors to int8 has no derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import Cell, LayerParameters, unroll
from elman.cells import quantized as int8
from elman.cells.cell import State, gate_values
from elman.cells.unroll import LayerTape, StepTape
from elman.errors import ElmanError

from .matrix import look_up
from .recorder import Run
from .stack import Stack, input_products

Array = npt.NDArray[Any]

STEP_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-10}  # of max(1, |h|)


@dataclass(frozen=True, slots=True)
class LayerSteps:
    """One layer in one direction over T steps: x (T, I), a and u (T, G*H), the states after each step, the gates.

    states and gates are arrays (T, H) by name; initial are the states (1, H) before the first step, which is the last
    one in time if `reverse`. steps are the tapes of the cell.
    """

    name: str
    reverse: bool
    parameters: LayerParameters
    x: Array
    a: Array
    u: Array
    states: dict[str, Array]
    gates: dict[str, Array]
    initial: State
    steps: list[StepTape]


@dataclass(frozen=True, slots=True)
class StackSteps:
    """A stack over T steps of one sequence, [layer][direction]; its outputs (T, D*H); and how well they were repeated.

    exact: the states are the prediction's to the bit. step_error: the largest difference of a step of NumPy's.
    """

    cell: Cell
    layers: list[list[LayerSteps]]
    outputs: Array
    exact: bool
    step_error: float

    def tape(self, steps: slice = slice(None)) -> unroll.Tape:
        """Return the tape of unroll.backward, of all steps or, for stacks of one direction, of some."""
        tapes = [
            [
                LayerTape(layer.parameters, layer.x[None, steps], layer.steps[steps], layer.reverse)
                for layer in directions
            ]
            for directions in self.layers
        ]
        return unroll.Tape(self.cell, tapes, None, None)


def replay(stack: Stack, runs: Sequence[Run], rows: Sequence[int] | None = None) -> StackSteps:
    """Return the steps of one sequence through a stack, of which each run computed one or more steps.

    rows: the row of the batch that the sequence has in each run; by default the first one.
    """
    engine = _Int8(stack) if stack.quantized is not None else _Kernels(stack) if stack.compiled else _NumPy(stack)
    parts = [_replay_run(stack, engine, run, row) for run, row in zip(runs, rows or [0] * len(runs), strict=True)]
    layers = [
        [_joined([part.layers[index][direction] for part in parts]) for direction in range(len(stack.endings))]
        for index in range(len(stack.parameters))
    ]
    return StackSteps(
        stack.cell,
        layers,
        np.concatenate([part.outputs for part in parts]),
        exact=all(part.exact for part in parts),
        step_error=max(part.step_error for part in parts),
    )


def _replay_run(stack: Stack, engine: _Engine, run: Run, row: int) -> StackSteps:
    T = run.x.shape[1] if run.lengths is None else int(run.lengths[row])
    ids = run.x[row, :T] if run.x.dtype.kind in "iu" else None
    initial = _row(stack.nested(run.state), row)
    states = engine.states(run, row, T)
    x: Array = run.x[row, :T]
    if ids is not None:
        assert stack.embedding is not None
        x = look_up(stack.embedding, ids)
    layers: list[list[LayerSteps]] = []
    error = 0.0
    for index, directions in enumerate(stack.parameters):
        steps = []
        for direction, p in enumerate(directions):
            a = engine.input_products(index, direction, x, ids if index == 0 else None)
            layer, layer_error = _layer_steps(
                f"{stack.layer_name(index)}",
                stack.cell,
                p,
                x,
                a,
                functools.partial(engine.state_products, index, direction),
                states[index][direction],
                initial[index][direction],
                reverse=direction == 1,
            )
            steps.append(layer)
            error = max(error, layer_error)
        x = np.concatenate([layer.states["h"] for layer in steps], axis=-1)
        layers.append(steps)
    final = _row(stack.nested(run.final), row)
    return StackSteps(stack.cell, layers, run.outputs[row, :T], _is_exact(layers, run.outputs[row, :T], final), error)


def _is_exact(layers: list[list[LayerSteps]], outputs: Array, final: unroll.StackState) -> bool:
    """Return whether the outputs and the last states are those of the prediction, to the last bit."""
    top = np.concatenate([layer.states["h"] for layer in layers[-1]], axis=-1)
    same = top.tobytes() == np.ascontiguousarray(outputs).tobytes()
    all_layers = [layer for directions in layers for layer in directions]
    all_final = [states for directions in final for states in directions]
    for layer, last in zip(all_layers, all_final, strict=True):
        for values, expected in zip(layer.states.values(), last, strict=True):
            mine = values[0 if layer.reverse else -1] if len(values) else expected[0]
            same = same and mine.tobytes() == expected[0].tobytes()
    return same


def _layer_steps(
    name: str,
    cell: Cell,
    p: LayerParameters,
    x: Array,
    a: Array,
    state_products: Callable[[Array], Array],
    states: list[State],
    initial: State,
    *,
    reverse: bool,
) -> tuple[LayerSteps, float]:
    """Return products, gates and tapes of a layer at the states (each (1, H)) after its steps, and the step error."""
    T = len(x)
    own: tuple[Any, ...] = (p.cell_parameters,) if p.cell_parameters else ()
    u = np.zeros((T, len(p.U)), a.dtype)
    steps: list[StepTape] = []
    error = 0.0
    step: Any = cell.forward
    for t in range(T):
        before = t + 1 if reverse else t - 1
        state = states[before] if 0 <= before < T else initial
        u[t] = state_products(state[0])
        state_next, tape = step(a[t : t + 1], u[t : t + 1], state, *own)
        steps.append(StepTape(state, tape))
        for computed, expected in zip(state_next, states[t], strict=True):
            error = max(error, float((np.abs(computed - expected) / np.maximum(1.0, np.abs(expected))).max(initial=0)))
    if not error <= STEP_TOLERANCE[a.dtype]:
        problem = f"a step of {name} by NumPy differs from the prediction by {error:.1e}; expected rounding errors"
        raise ElmanError(problem, hint="This is a mistake in elman or in the cell; please report it")
    by_step = [gate_values(cell, tape.cell) for tape in steps]
    gates = {gate: np.concatenate([values[gate] for values in by_step]) for gate in (by_step[0] if by_step else ())}
    H = p.hidden_size
    of_states = {
        state_name: np.concatenate([np.empty((0, H), a.dtype), *(state[i] for state in states)])
        for i, state_name in enumerate(cell.states)
    }
    return LayerSteps(name, reverse, p, x, a, u, of_states, gates, initial, steps), error


def _joined(parts: Sequence[LayerSteps]) -> LayerSteps:
    """Return the steps of several runs, one after another, as those of one."""
    first = parts[0]

    def join(arrays: Sequence[Array]) -> Array:
        return np.concatenate(arrays)

    return LayerSteps(
        first.name,
        first.reverse,
        first.parameters,
        join([part.x for part in parts]),
        join([part.a for part in parts]),
        join([part.u for part in parts]),
        {name: join([part.states[name] for part in parts]) for name in first.states},
        {name: join([part.gates[name] for part in parts]) for name in first.gates},
        first.initial,
        [step for part in parts for step in part.steps],
    )


class _Engine:
    """Repeats what computed the stack: its states, and its products."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def states(self, run: Run, row: int, T: int) -> list[list[list[State]]]:
        """Return the states after each step, [layer][direction][t]."""
        raise NotImplementedError

    def input_products(self, layer: int, direction: int, x: Array, ids: Array | None) -> Array:
        """Return a (T, G*H) of inputs x (T, I) of a layer; or of rows ids (T,)."""
        p = self._stack.parameters[layer][direction]
        return np.asarray(x @ p.W.T if p.b_ih is None else x @ p.W.T + p.b_ih)

    def state_products(self, layer: int, direction: int, h: Array) -> Array:
        """Return u (1, G*H) of a state h (1, H)."""
        p = self._stack.parameters[layer][direction]
        return np.asarray(h @ p.U.T if p.b_hh is None else h @ p.U.T + p.b_hh)


class _Kernels(_Engine):
    """The states of a stack by the kernels, one step of one layer at a time."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self._packed = [[kernels.Stack(stack.cell, [[p]]) for p in layer] for layer in stack.parameters]
        self._tables: list[Array] = []
        self._bottom: list[kernels.Stack] = []

    def input_products(self, layer: int, direction: int, x: Array, ids: Array | None) -> Array:
        """Return a, which is a row of the table if the prediction used one."""
        if ids is None or self._stack.layer_inputs(ids).dtype.kind not in "iu":
            return super().input_products(layer, direction, x, ids)
        table: Array = self._table(direction)[ids]
        return table

    def _table(self, direction: int) -> Array:
        """Return the input products (V, G*H) of the embedding in the bottom layer."""
        if not self._tables:
            assert isinstance(self._stack.embedding, np.ndarray)
            groups = [input_products(p, self._stack.embedding) for p in self._stack.parameters[0]]
            self._bottom = [kernels.Stack(self._stack.cell, [[p]], table=True) for p in groups]
            self._tables = [p.W for p in groups]
        return self._tables[direction]

    def states(self, run: Run, row: int, T: int) -> list[list[list[State]]]:
        """Return the states after each step, [layer][direction][t]."""
        x = self._stack.layer_inputs(run.x[row : row + 1, :T])
        initial = _row(self._stack.nested(run.state), row)
        layers = []
        for index, directions in enumerate(self._packed):
            states = []
            for direction, packed in enumerate(directions):
                if not index and x.dtype.kind in "iu":
                    self._table(direction)
                    packed = self._bottom[direction]
                states.append(_stepped(packed, x, initial[index][direction], reverse=direction == 1))
            layers.append(states)
            if T:
                x = np.concatenate([np.concatenate([s[0] for s in steps])[None] for steps in states], axis=-1)
        return layers


def _stepped(packed: kernels.Stack, x: Array, state: State, *, reverse: bool) -> list[State]:
    T = x.shape[1]
    states: list[State] = [()] * T
    for t in range(T - 1, -1, -1) if reverse else range(T):
        _, ((state,),) = packed.step(np.ascontiguousarray(x[:, t]), ((state,),))
        states[t] = state
    return states


class _NumPy(_Engine):
    """The states of a stack by cells/unroll.py: the run again, with a tape."""

    def states(self, run: Run, row: int, T: int) -> list[list[list[State]]]:
        """Return the states after each step, [layer][direction][t]."""
        stack = self._stack
        x, nested = stack.layer_inputs(run.x), stack.nested(run.state)
        _, final, tape = unroll.forward(stack.cell, stack.parameters, x, nested, run.lengths)
        return [
            [_states_after(layer, _one_row(last, row), row, T) for layer, last in zip(directions, lasts, strict=True)]
            for directions, lasts in zip(tape.layers, final, strict=True)
        ]


class _Int8(_Engine):
    """The states of a stack with int8 weights by cells/quantized.py, one step of one layer at a time."""

    def states(self, run: Run, row: int, T: int) -> list[list[list[State]]]:
        """Return the states after each step, [layer][direction][t]."""
        stack = self._stack
        assert stack.quantized is not None
        x, initial = stack.layer_inputs(run.x[row : row + 1, :T]), _row(stack.nested(run.state), row)
        layers = []
        for index, directions in enumerate(stack.quantized):
            embedding = stack.int8_embedding if x.dtype.kind in "iu" else None
            states = []
            for direction, layer in enumerate(directions):
                reverse, state = direction == 1, initial[index][direction]
                after: list[State] = [()] * T
                for t in range(T - 1, -1, -1) if reverse else range(T):
                    _, ((state,),) = int8.run(stack.cell, [[layer]], x[:, t : t + 1], ((state,),), None, embedding)
                    after[t] = state
                states.append(after)
            layers.append(states)
            if T:
                x = np.concatenate([np.concatenate([s[0] for s in steps])[None] for steps in states], axis=-1)
        return layers

    def input_products(self, layer: int, direction: int, x: Array, ids: Array | None) -> Array:
        """Return a by the int8 products."""
        assert self._stack.quantized is not None
        one, embedding = self._stack.quantized[layer][direction], self._stack.int8_embedding
        if ids is not None and embedding is not None:
            return one.input_products(ids, embedding)
        return one.input_products(x.astype(np.float32, copy=False))

    def state_products(self, layer: int, direction: int, h: Array) -> Array:
        """Return u by the int8 products."""
        assert self._stack.quantized is not None
        return self._stack.quantized[layer][direction].state_products(h)


def _states_after(layer: LayerTape, final: State, row: int, T: int) -> list[State]:
    """Return the states after each step of a row: those before the next step, and the final one."""
    before = [_one_row(step.state_prev, row) for step in layer.steps]
    return [final, *before][:T] if layer.reverse else [*before[1:], final][:T]


def _one_row(state: State, row: int) -> State:
    return tuple(s[row : row + 1] for s in state)


def _row(state: unroll.StackState, row: int) -> unroll.StackState:
    return tuple(tuple(_one_row(states, row) for states in layer) for layer in state)

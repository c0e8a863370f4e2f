"""A stack of cells unrolled over time: both matrix products and the time loop, once for all cells.

For one layer in one direction, where x is the output of the layer below:

    a_t       = W x_t + b_ih                    (all steps in one product)
    u_t       = U h_(t-1) + b_hh
    s_t, tape = cell.forward(a_t, u_t, s_(t-1))      s = (h,) or (h, c); the output of step t is h_t

and backward, where D_t is the derivative with respect to s_t, and y_t = h_t is the output:

    D_t.h    += d_y_t
    d_a, d_u, D_(t-1) = cell.backward(D_t, tape)
    D_(t-1).h += U^T d_u
    d_W = sum d_a x^T,  d_U = sum d_u h_(t-1)^T,  d_x = W^T d_a

A cell with parameters of its own (cell.py) receives them in forward, and the gradients that backward returns are summed
over the steps.

Lengths. Steps at or past the length of a row leave its state unchanged and output zeros.
Resets. reset[b, t] marks the first step of a document: forward in time the state is zeroed before step t; the backward
direction reads the document from its end, so there it is zeroed after step t. Past a row's length nothing is reset.
Stacks. Layer l+1 reads the outputs of layer l, both directions concatenated (forward first). Each layer has its own H.
Truncated backpropagation is a caller that keeps `state` and drops the tape (Williams and Peng, 1990).

Symbols: B batch, T time, I input, H hidden, G gates, D directions. Source: Goodfellow et al. (2016), section 10.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .activations import Array
from .cell import Cell, LayerParameters, initial_parameters
from .cell import State as State

StackState = tuple[tuple[State, ...], ...]  # [layer][direction]
Bools = npt.NDArray[np.bool_]
StackParameters = Sequence[Sequence[LayerParameters]]  # [layer][direction]


class StepTape(NamedTuple):
    """What the backward of one step needs: the state before it, whose h U multiplied, and the cell's own tape."""

    state_prev: State
    cell: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class LayerTape:
    """What the backward of one layer in one direction needs: parameters, inputs (B, T, I), steps in time order."""

    parameters: LayerParameters
    x: Array
    steps: list[StepTape]
    reverse: bool


@dataclass(frozen=True, slots=True)
class Tape:
    """What backward needs of forward."""

    cell: Cell
    layers: list[list[LayerTape]]
    active: Bools | None
    reset: Bools | None


@dataclass(frozen=True, slots=True)
class StepGradients:
    """Derivatives of the loss in one layer and direction with respect to what each step computes.

    states: the derivative of each of the cell's states after every step (B, T, H), along all paths that leave the
    step; those of c through h of the same step are not among them. a and u (B, T, G*H): those of the products.
    """

    states: tuple[Array, ...]
    a: Array
    u: Array


@dataclass(frozen=True, slots=True)
class Gradients:
    """Derivatives of the loss with respect to the parameters, the inputs (B, T, I) and the initial state.

    steps: those of every step, [layer][direction], if they were asked for.
    """

    params: list[list[LayerParameters]]
    x: Array
    state: StackState
    steps: list[list[StepGradients]] | None = None


def zero_state(cell: Cell, params: StackParameters, batch_size: int) -> StackState:
    """Return the state of zeros in the parameters' dtype."""
    return tuple(
        tuple(tuple(np.zeros((batch_size, p.hidden_size), p.U.dtype) for _ in cell.states) for p in layer)
        for layer in params
    )


def run(
    cell: Cell,
    params: StackParameters,
    x: Array,
    state: StackState | None = None,
    lengths: npt.ArrayLike | None = None,
    reset: npt.ArrayLike | None = None,
) -> tuple[Array, StackState]:
    """Return the outputs (B, T, D*H) and the final state: forward without a tape."""
    outputs, state_next, _ = _unroll(cell, params, x, state, lengths, reset, keep_tape=False)
    return outputs, state_next


def forward(
    cell: Cell,
    params: StackParameters,
    x: Array,
    state: StackState | None = None,
    lengths: npt.ArrayLike | None = None,
    reset: npt.ArrayLike | None = None,
) -> tuple[Array, StackState, Tape]:
    """Return the outputs (B, T, D*H) of the top layer, the final state and the tape.

    x is (B, T, I), lengths (B,) integers in 0..T, reset (B, T) booleans, state [layer][direction] of
    (B, H) arrays; zeros if None.
    """
    return _unroll(cell, params, x, state, lengths, reset, keep_tape=True)


def backward(tape: Tape, d_outputs: Array, d_state: StackState | None = None, *, with_steps: bool = False) -> Gradients:
    """Return the gradients, from d_outputs (B, T, D*H) and the derivative with respect to the final state.

    with_steps adds the derivatives of every step.
    """
    d_params: list[list[LayerParameters]] = []
    d_steps: list[list[StepGradients]] = []
    d_state_initial: list[tuple[State, ...]] = []
    d_x = d_outputs if tape.active is None else np.where(tape.active[..., None], d_outputs, 0.0)
    for index, layer in reversed(list(enumerate(tape.layers))):
        d_inputs = np.zeros_like(layer[0].x, dtype=d_outputs.dtype)
        d_layer, d_states, d_layer_steps, start = [], [], [], 0
        for direction, layer_tape in enumerate(layer):
            end = start + layer_tape.parameters.hidden_size
            d_final = d_state[index][direction] if d_state is not None else None
            d_input, d_parameters, d_initial, steps = _backward_layer(tape, layer_tape, d_x[..., start:end], d_final)
            d_inputs += d_input
            d_layer_steps.append(steps)
            d_layer.append(d_parameters)
            d_states.append(d_initial)
            start = end
        d_x = d_inputs
        d_params.insert(0, d_layer)
        d_state_initial.insert(0, tuple(d_states))
        d_steps.insert(0, d_layer_steps)
    return Gradients(d_params, d_x, tuple(d_state_initial), d_steps if with_steps else None)


def _unroll(
    cell: Cell,
    params: StackParameters,
    x: Array,
    state: StackState | None,
    lengths: npt.ArrayLike | None,
    reset: npt.ArrayLike | None,
    *,
    keep_tape: bool,
) -> tuple[Array, StackState, Tape]:
    B, T, _ = x.shape
    state = zero_state(cell, params, B) if state is None else state
    _expect("layers of the state", len(state), len(params))
    active = None if lengths is None else _active_steps(lengths, B, T)
    resets = None if reset is None else _first_steps(reset, B, T)
    if resets is not None and active is not None:
        resets = resets & active
    tapes: list[list[LayerTape]] = []
    finals: list[tuple[State, ...]] = []
    for layer, layer_state in zip(params, state, strict=True):
        outputs, layer_tapes, layer_finals = [], [], []
        _expect("directions of the state", len(layer_state), len(layer))
        for direction, (parameters, initial) in enumerate(zip(layer, layer_state, strict=True)):
            layer_tape = LayerTape(parameters, x, [], reverse=direction == 1)
            y, final = _forward_layer(cell, layer_tape, initial, active, resets, keep_tape=keep_tape)
            outputs.append(y)
            layer_finals.append(final)
            layer_tapes.append(layer_tape)
        x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
        finals.append(tuple(layer_finals))
        tapes.append(layer_tapes)
    return x, tuple(finals), Tape(cell, tapes, active, resets)


def _active_steps(lengths: npt.ArrayLike, B: int, T: int) -> Bools:
    lengths = np.asarray(lengths)
    integers = lengths.dtype.kind in "iu" or not lengths.size  # an empty list is an array of floats
    if lengths.shape != (B,) or not integers or (B and (lengths.min() < 0 or lengths.max() > T)):
        raise ValueError(f"lengths: given {lengths.tolist()}; expected {B} integers between 0 and {T}")
    return np.arange(T) < lengths[:, None]


def _first_steps(reset: npt.ArrayLike, B: int, T: int) -> Bools:
    starts = np.asarray(reset, dtype=bool)
    _expect("shape of reset", starts.shape, (B, T))
    return starts


def _expect(name: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise ValueError(f"{name}: given {actual}; expected {expected}")


def _forward_layer(
    cell: Cell, tape: LayerTape, state: State, active: Bools | None, reset: Bools | None, *, keep_tape: bool
) -> tuple[Array, State]:
    p, x = tape.parameters, tape.x
    B, T, _ = x.shape
    H = p.hidden_size
    _expect("arrays of the state", len(state), len(cell.states))
    for s in state:
        _expect("shape of the state", s.shape, (B, H))
    _expect("cell's own parameters", sorted(p.cell_parameters), sorted(initial_parameters(cell, H)))
    step: Callable[..., tuple[State, tuple[Array, ...]]] = cell.forward
    own = (p.cell_parameters,) if p.cell_parameters else ()
    a = x @ p.W.T if p.b_ih is None else x @ p.W.T + p.b_ih
    outputs = np.zeros((B, T, H), a.dtype)
    times = range(T - 1, -1, -1) if tape.reverse else range(T)
    steps: list[StepTape] = []
    U_T = p.U.T
    for t in times:
        if reset is not None and not tape.reverse:
            state = _keep(~reset[:, t], state)
        u = state[0] @ U_T if p.b_hh is None else state[0] @ U_T + p.b_hh
        state_next, cell_tape = step(a[:, t], u, state, *own)
        if keep_tape:
            steps.append(StepTape(state, cell_tape))
        if active is None:
            outputs[:, t] = state_next[0]
        else:
            now = active[:, t, None]
            outputs[:, t] = np.where(now, state_next[0], 0.0)
            state_next = tuple(np.where(now, new, old) for new, old in zip(state_next, state, strict=True))
        if reset is not None and tape.reverse:
            state_next = _keep(~reset[:, t], state_next)
        state = state_next
    tape.steps.extend(reversed(steps) if tape.reverse else steps)
    return outputs, state


def _backward_layer(
    tape: Tape, layer: LayerTape, d_outputs: Array, d_state: State | None
) -> tuple[Array, LayerParameters, State, StepGradients]:
    p, x, cell = layer.parameters, layer.x, tape.cell
    B, T, _ = x.shape
    H = p.hidden_size
    step_backward: Callable[..., tuple[Any, ...]] = cell.backward
    d_a = np.zeros((B, T, len(p.W)), d_outputs.dtype)
    d_u = np.zeros((B, T, len(p.U)), d_outputs.dtype)
    d_own = {name: np.zeros_like(value) for name, value in p.cell_parameters.items()}
    h_prev = np.zeros((B, T, H), d_outputs.dtype)
    d_states = tuple(np.zeros((B, T, H), d_outputs.dtype) for _ in cell.states)
    d_s = tuple(np.zeros((B, H), d_outputs.dtype) for _ in cell.states) if d_state is None else d_state
    for t in range(T) if layer.reverse else range(T - 1, -1, -1):
        if tape.reset is not None and layer.reverse:
            d_s = _keep(~tape.reset[:, t], d_s)
        d_past = None
        if tape.active is not None:
            d_past = _keep(~tape.active[:, t], d_s)  # the derivative of rows that have ended passes unchanged
            d_s = _keep(tape.active[:, t], d_s)
        step = layer.steps[t]
        d_s = (d_s[0] + d_outputs[:, t], *d_s[1:])
        for d_after, derivative in zip(d_states, d_s, strict=True):
            d_after[:, t] = derivative
        d_a[:, t], d_u[:, t], d_s, *d_parameters = step_backward(d_s, step.cell)
        for name, total in d_own.items():
            total += d_parameters[0][name]
        h_prev[:, t] = step.state_prev[0]
        d_s = (d_s[0] + d_u[:, t] @ p.U, *d_s[1:])
        if d_past is not None:
            d_s = tuple(now + past for now, past in zip(d_s, d_past, strict=True))
        if tape.reset is not None and not layer.reverse:
            d_s = _keep(~tape.reset[:, t], d_s)
    gradients = LayerParameters(
        W=_sum_of_products(d_a, x),
        U=_sum_of_products(d_u, h_prev),
        b_ih=None if p.b_ih is None else d_a.sum(axis=(0, 1)),
        b_hh=None if p.b_hh is None else d_u.sum(axis=(0, 1)),
        cell_parameters=d_own,
    )
    return np.asarray(d_a @ p.W), gradients, d_s, StepGradients(d_states, d_a, d_u)


def _keep(rows: Bools, state: State) -> State:
    """Return the state with all other rows zeroed."""
    return tuple(np.where(rows[:, None], s, 0.0).astype(s.dtype, copy=False) for s in state)


def _sum_of_products(d: Array, x: Array) -> Array:
    """Sum over batch and time of the outer products d x^T: (B, T, M), (B, T, N) -> (M, N)."""
    B, T, M = d.shape
    return np.asarray(d.reshape(B * T, M).T @ x.reshape(B * T, x.shape[-1]))

"""Recurrent layers as ONNX: RNN, GRU and LSTM by ONNX's own nodes, other cells step by step in a Scan node.

    ours                          ONNX
    elman  tanh, relu             RNN, activations Tanh, Relu
    gru    gates r z n            GRU, gates z r h; the reset gate is applied after the product: linear_before_reset = 1
    lstm   gates i f g o          LSTM, gates i o f c
    others                        Scan over W x, which is computed for all steps at once

Sequences are time-major (T, B, ...) here, as in ONNX: its other layout is not implemented by onnxruntime. Lengths are
`sequence_lens`, int32: the backward direction begins at the last step of each row, outputs past it are zero, and the
state is that after it. A row of length 0 keeps its state, which onnxruntime would set to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from elman.cells import BUILT_IN, CELLS, GRU, LSTM, Cell, Elman, LayerParameters
from elman.errors import ConfigError
from elman.models.stack import Stack

from .cells import STEPS
from .graph import FLOAT, INT32, Array, Graph, Value

States = dict[str, Value]
LINEAR_BEFORE_RESET = 1  # the convention of PyTorch's GRU
ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}  # of RNN nodes


class Lengths(NamedTuple):
    """The lengths (B,) of the rows of a batch, as int32, and which steps (T, B, 1) are inside them."""

    int32: Value
    inside: Value
    is_empty: Value  # (B, 1)


def lengths_of(graph: Graph, lengths: Value, num_steps: Value) -> Lengths:
    """Return lengths (B,), int64, in the forms that layers need; num_steps (1,) is T."""
    steps = graph.unsqueeze(graph.range(num_steps), 1)
    inside = graph.unsqueeze(steps < graph.unsqueeze(lengths, 0), 2)
    return Lengths(graph.cast(lengths, INT32), inside, graph.unsqueeze(lengths < 1, 1))


def zero_states(graph: Graph, stack: Stack, batch_size: Value) -> States:
    """Return the states of zeros, for a batch size (1,)."""
    return {
        f"{stack.layer_name(index)}.{state}{ending}": graph.full(0.0, FLOAT, batch_size, parameters.hidden_size)
        for index, layer in enumerate(stack.parameters)
        for ending, parameters in zip(stack.endings, layer, strict=True)
        for state in stack.cell.states
    }


def run_stack(graph: Graph, stack: Stack, x: Value, states: States, lengths: Lengths | None) -> tuple[Value, States]:
    """Return the outputs (T, B, D*H) of inputs (T, B, I), and the last states. Without lengths, all rows are whole."""
    final: States = {}
    for index, layer in enumerate(stack.parameters):
        names = [[f"{stack.layer_name(index)}.{state}{end}" for state in stack.cell.states] for end in stack.endings]
        initial = [[states[name] for name in of_direction] for of_direction in names]
        x, last = _run_layer(graph, stack.cell, layer, x, initial, lengths)
        for of_direction, values in zip(names, last, strict=True):
            final |= zip(of_direction, values, strict=True)
    return x, final


def check_cell(cell: Cell) -> None:
    """Raise a ConfigError for a cell that has no ONNX graph; a subclass of one that has may compute something else."""
    if type(cell) in (Elman, GRU, LSTM) or type(cell) in STEPS:
        return
    name = next((name for name, create in CELLS.items() if type(create()) is type(cell)), type(cell).__name__)
    hint = "Its step is Python code, for which ONNX has no node. Train a model with a cell of elman's"
    raise ConfigError(f"the model has the cell {name!r}; expected one of {', '.join(BUILT_IN)}", hint=hint)


def _run_layer(
    graph: Graph,
    cell: Cell,
    layer: Sequence[LayerParameters],
    x: Value,
    initial: list[list[Value]],
    lengths: Lengths | None,
) -> tuple[Value, list[list[Value]]]:
    """Return the outputs (T, B, D*H) and the last states [direction][state] of a layer."""
    if type(cell) not in STEPS:
        return _run_node(graph, cell, layer, x, initial, lengths)
    outputs, finals = [], []
    for number, (parameters, states) in enumerate(zip(layer, initial, strict=True)):
        y, final = _run_scan(graph, cell, parameters, x, states, lengths, reverse=number == 1)
        outputs.append(y)
        finals.append(final)
    return graph.concat(outputs, 2), finals


def _run_node(
    graph: Graph,
    cell: Cell,
    layer: Sequence[LayerParameters],
    x: Value,
    initial: list[list[Value]],
    lengths: Lengths | None,
) -> tuple[Value, list[list[Value]]]:
    D, H = len(layer), layer[0].hidden_size
    operator, order, attributes = _node_of(cell)
    if operator == "RNN":
        attributes = {"activations": attributes["activations"] * D}
    W, U, b_ih, b_hh = (
        np.stack([_reordered(array, order) for array in arrays])
        for arrays in zip(*[(p.W, p.U, _bias(p.b_ih), _bias(p.b_hh)) for p in layer], strict=True)
    )
    weights = [graph.constant(array) for array in (W, U, np.concatenate([b_ih, b_hh], axis=1))]
    states = [
        graph.concat([graph.unsqueeze(of_direction[number], 0) for of_direction in initial], 0)
        for number in range(len(cell.states))
    ]
    y, *last = graph.node(
        operator,
        x,
        *weights,
        None if lengths is None else lengths.int32,
        *states,
        dtypes=[FLOAT] * (1 + len(states)),
        hidden_size=H,
        direction="bidirectional" if D == 2 else "forward",
        **attributes,
    )
    outputs = graph.reshape(graph.transpose(y, 0, 2, 1, 3), graph.size(x, 0), graph.size(x, 1), D * H)
    if lengths is not None:
        last = [graph.where(lengths.is_empty, before, after) for before, after in zip(states, last, strict=True)]
    parts = [[graph.squeeze(part, 0) for part in graph.split(state, [1] * D, 0)] for state in last]
    return outputs, [[part[direction] for part in parts] for direction in range(D)]


def _node_of(cell: Cell) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """Return the ONNX operator of a cell, our gates in its order, and its attributes."""
    if isinstance(cell, GRU):
        return "GRU", (1, 0, 2), {"linear_before_reset": LINEAR_BEFORE_RESET}
    if isinstance(cell, LSTM):
        return "LSTM", (0, 3, 1, 2), {}
    assert isinstance(cell, Elman)
    return "RNN", (0,), {"activations": [ACTIVATIONS[cell.activation]]}


def _reordered(array: Array, order: Sequence[int]) -> Array:
    """Return a weight or bias (G*H, ...) with its gates in this order."""
    gates = np.split(array, len(order))
    return np.concatenate([gates[gate] for gate in order])


def _bias(bias: Array | None) -> Array:
    assert bias is not None  # of the cells that ONNX has
    return bias


def _run_scan(
    graph: Graph,
    cell: Cell,
    parameters: LayerParameters,
    x: Value,
    initial: list[Value],
    lengths: Lengths | None,
    *,
    reverse: bool,
) -> tuple[Value, list[Value]]:
    a = graph.linear(x, parameters.W, parameters.b_ih)
    cell_step = STEPS[type(cell)]

    def step(states: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        u = graph.linear_rows(states[0], parameters.U, parameters.b_hh) if len(parameters.U) else None
        after = cell_step(graph, inputs[0], u, states, parameters)
        if lengths is None:
            return after, [after[0]]
        inside = inputs[1]
        next_states = [graph.where(inside, now, before) for now, before in zip(after, states, strict=True)]
        return next_states, [graph.where(inside, after[0], states[0] * 0.0)]

    sequences = [a] if lengths is None else [a, lengths.inside]
    shapes = [(None, parameters.hidden_size)] * (len(initial) + 1)
    final, (outputs,) = graph.scan(step, initial, sequences, shapes, reverse=reverse)
    return outputs, final

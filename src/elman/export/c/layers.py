"""Recurrent layers in C: their weights, and the statements that compute a step of a layer in one direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from elman.cells import Cell, Elman, quantized
from elman.cells.cell import parameter_shapes
from elman.cells.gru import GRU
from elman.cells.layer_norm_lstm import LayerNormLSTM
from elman.cells.lstm import LSTM
from elman.cells.min_gru import MinGRU
from elman.cells.reset_before_gru import ResetBeforeGRU
from elman.checkpoint import Tensors
from elman.checkpoint.weight_formats import float32_weight

from .checks import require_known_cell
from .matrices import Row, add_matrix
from .names import identifier, parameter_name
from .program import Program, float32

_PLAIN = {"W": "W", "U": "U", "b_ih": "b_ih", "b_hh": "b_hh"}
_NORMS = ("gain_x", "bias_x", "gain_h", "bias_h", "gain_c", "bias_c")
# The type of the layer in C, and the member of it for each parameter.
_TYPES: dict[type[object], tuple[str, Mapping[str, str]]] = {
    Elman: ("recurrent_layer", _PLAIN),
    GRU: ("recurrent_layer", _PLAIN),
    LSTM: ("recurrent_layer", _PLAIN),
    MinGRU: ("min_gru_layer", {"W": "W", "b_ih": "b"}),
    ResetBeforeGRU: ("reset_before_gru_layer", {"W": "W", "b_ih": "b", "U_rz": "U_rz", "U_n": "U_n"}),
    LayerNormLSTM: ("layer_norm_lstm_layer", {"W": "W", "U": "U", **{name: name for name in _NORMS}}),
}
_FUNCTIONS = {
    GRU: "gru",
    LSTM: "lstm",
    MinGRU: "min_gru",
    LayerNormLSTM: "layer_norm_lstm",
    ResetBeforeGRU: "reset_before_gru",
}
_ACTIVATIONS = ("tanh", "relu")  # of the elman cell


@dataclass(frozen=True)
class Layer:
    """One layer in one direction: the name of its constant, its sizes, and the names of its states."""

    name: str
    function: str
    inputs: int
    units: int
    states: tuple[str, ...]
    is_int8: bool = False

    def step(self, x: str | Row, states: Sequence[str]) -> str:
        """Return the statement that reads x, floats or a row of an embedding, and updates the states in place."""
        if isinstance(x, Row):
            matrix, index = x.embedding, x.index
            x = matrix.row(index)
            if matrix.is_int8:
                x = f"embedding_row({matrix.name}, {matrix.name}_scale, {index}, {matrix.columns})"
        elif self.is_int8:
            x = f"floats({x})"
        return f"{self.function}(&{self.name}, {', '.join((x, *states))});"


def check_cell(cell: Cell, name: str) -> None:
    """Raise a ConfigError for a cell that cannot be exported."""
    is_known = type(cell) in _TYPES and (not isinstance(cell, Elman) or cell.activation in _ACTIVATIONS)
    require_known_cell(name, is_known=is_known)


def add_layer(
    program: Program, cell: Cell, tensors: Tensors, name: str, inputs: int, units: int, ending: str = ""
) -> Layer:
    """Add the weights of a layer in one direction. name is that in a model folder, ending `_reverse` or nothing."""
    c_name = identifier(name + ending)
    names = {parameter: parameter_name(name, parameter, ending) for parameter in parameter_shapes(cell, inputs, units)}
    is_int8 = has_int8_layers(cell, tensors, name)
    kind, members = ("int8_layer", _PLAIN) if is_int8 else _TYPES[type(cell)]
    fields = [f".inputs = {inputs}, .units = {units}"]
    for parameter, tensor in names.items():
        member = members[parameter]
        place = f"{c_name}_{member}"
        if is_int8 and parameter in ("W", "U"):
            matrix = add_matrix(program, tensor, tensors, c_name=place)
            fields.append(f".{member if matrix.is_int8 else 'float_W'} = {place}")
            fields += [f".{member}_scale = {place}_scale"] if matrix.is_int8 else []
        else:
            program.constant(place, float32(float32_weight(tensors, tensor)))
            fields.append(f".{member} = {place}")
    lines = ",\n    ".join(fields)
    program.structure(f"static const {kind} {c_name} = {{\n    {lines},\n}};", c_name, 4 + 4 * len(fields))
    program.size("MAX_UNITS", units, "of a recurrent layer")
    function = f"elman_{cell.activation}" if isinstance(cell, Elman) else _FUNCTIONS[type(cell)]
    return Layer(c_name, function + "_int8" * is_int8, inputs, units, cell.states, is_int8)


def has_int8_layers(cell: Cell, tensors: Tensors, name: str) -> bool:
    """Return whether the layers of a stack, of which one has this name, are computed with weights of int8."""
    return quantized.supports(cell) and tensors[parameter_name(name, "U", "")].dtype == np.int8


def add_stack(
    program: Program,
    cell: Cell,
    tensors: Tensors,
    inputs: int,
    hidden_sizes: Sequence[int],
    *,
    prefix: str = "",
    bidirectional: bool = False,
    first: int = 0,
) -> list[list[Layer]]:
    """Add the weights of layers, [layer][direction], as elman.models.stack.Stack takes them."""
    layers = []
    endings = ("", "_reverse") if bidirectional else ("",)
    for index, units in enumerate(hidden_sizes):
        name = f"{prefix}layers.{first + index}"
        layers.append([add_layer(program, cell, tensors, name, inputs, units, ending) for ending in endings])
        inputs = units * len(endings)
    return layers


def step_stack(layers: Sequence[Sequence[Layer]], x: str | Row, owner: str = "state->") -> tuple[list[str], str]:
    """Return the statements of a step of layers of one direction, and the output. States are members of `owner`."""
    statements, output = [], ""
    for (layer,) in layers:
        states = [f"{owner}{layer.name}_{state}" for state in layer.states]
        statements.append(layer.step(x, states))
        x = output = states[0]
    return statements, output


def sequence_statements(
    layers: Sequence[Sequence[Layer]], x: str | Row, buffers: Sequence[str], *, keeps_outputs: bool = True
) -> list[str]:
    """Return the statements that run layers over t < length, from states of zeros.

    x is the input of the first layer at t. Layer l writes its outputs (length, D * units) to buffers[l % 2], the last
    one only if keeps_outputs. The last states stay in local arrays that are named after the layers.
    """
    statements = []
    for index, directions in enumerate(layers):
        width = sum(layer.units for layer in directions)
        target = buffers[index % len(buffers)] if keeps_outputs or index < len(layers) - 1 else None
        begin = 0
        for layer, times in zip(directions, _TIMES, strict=False):
            states = [f"{layer.name}_{state}" for state in layer.states]
            statements.append("".join(f"float {state}[{layer.units}] = {{0.0f}};\n" for state in states).rstrip("\n"))
            body = [layer.step(x, states)]
            if target is not None:
                place = f"{target} + (size_t)t * {width}{f' + {begin}' if begin else ''}"
                body.append(f"memcpy({place}, {states[0]}, sizeof {states[0]});")
            statements.append(_loop(times, body))
            begin += layer.units
        x = f"{target} + (size_t)t * {width}"
    return statements


def last_outputs(layers: Sequence[Sequence[Layer]]) -> list[tuple[str, int]]:
    """Return the last outputs of the top layer in each direction after sequence_statements, and their sizes."""
    return [(f"{layer.name}_h", layer.units) for layer in layers[-1]]


_TIMES = ("int t = 0; t < length; ++t", "int t = length - 1; t >= 0; --t")  # of the two directions


def _loop(times: str, body: Sequence[str]) -> str:
    if len(body) == 1:
        return f"for ({times}) {body[0]}"
    return "\n".join([f"for ({times}) {{", *(f"    {line}" for line in body), "}"])

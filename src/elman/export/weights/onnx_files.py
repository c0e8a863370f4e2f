"""ONNX files with RNN, GRU and LSTM nodes, an embedding (Gather) and a readout (MatMul or Gemm).

    RNN     one gate                     tanh or relu
    GRU     gates z r h                  linear_before_reset 1 is gru, 0 is reset_before_gru
    LSTM    gates i o f c                no peepholes, no clip, no coupled gates

W is (D, G*H, I), R (D, G*H, H), and B (D, 2*G*H) holds both biases. Source: the operators of ONNX, opset 22.

The graph is read for its weights alone. What it computes is found by onnxruntime, which runs the whole file: the axes
of its inputs, and the output that the imported weights reproduce. A file that they do not reproduce is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.cells import LayerParameters
from elman.cells.cell import stored_name
from elman.errors import ConfigError, ModelError

from .onnx_session import find_reference
from .parity import PAIRS
from .source import Mapped, Source, require_finite, require_one_shape_of_layers
from .weights import ENDINGS, Weights

Array = npt.NDArray[Any]

RECURRENT = ("RNN", "GRU", "LSTM")
# What may stand between the layers: changes of shapes, and the sizes of states. Other nodes are refused by name.
PASSED = {
    *("Cast", "Concat", "Constant", "ConstantOfShape", "Dropout", "Expand", "Flatten", "Identity", "Range", "Reshape"),
    *("Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze", "Gather", "GatherElements", "Split", "Add", "Mul", "Sub"),
    *("MatMul", "Gemm", "Softmax", "LogSoftmax", *RECURRENT),
}
GATE_ORDER = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}  # of elman's gates in the file
CHANGES = {"RNN": "", "GRU": "z r h -> r z n", "LSTM": "i o f c -> i f g o"}
USUAL_ACTIVATIONS = {"GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}


class _Layer(NamedTuple):
    """A node as a layer: the cell, its activation, the parameters of each direction, and its part of the mapping."""

    cell: str
    activation: str
    directions: list[LayerParameters]
    mapped: list[Mapped]


@dataclass(frozen=True, slots=True)
class _Graph:
    """The nodes in their order, and the constants by name."""

    nodes: list[Any]
    constants: Mapping[str, Array]
    where: str

    def constant(self, node: Any, place: int, what: str) -> Array:
        """Return an input of a node that must be a constant of floating point numbers."""
        name = node.input[place]
        if name not in self.constants:
            problem = f"{what} of the node {_name(node)} is computed in the graph; expected a constant"
            raise ModelError(problem, hint="Fold the constants, for example with onnxsim", where=self.where)
        return require_finite(name, self.constants[name], self.where)


def read_onnx(path: Path, *, cell: str | None = None) -> Source:
    """Return the weights of an ONNX file; what elman has no cell for is a ModelError. cell is the expected one."""
    where, content = str(path), path.read_bytes()
    model = _parse(content, where)
    graph = _graph_of(model, where)
    _require_known_nodes(model, graph)
    recurrent = [node for node in graph.nodes if node.op_type in RECURRENT]
    layers = [_read_layer(graph, node, number) for number, node in enumerate(recurrent)]
    kinds = {(layer.cell, layer.activation) for layer in layers}
    if len(kinds) != 1:
        named = ", ".join(" ".join(kind) for kind in sorted(kinds)) or "none"
        raise ModelError(f"the file has recurrent layers of these kinds: {named}; expected one", where=where)
    ((cell_name, activation),) = kinds
    if cell not in (None, cell_name):
        raise ConfigError(f"--cell {cell}: the nodes of the file are those of {cell_name}", where=where)
    sizes = [
        (_name(node), p[0].W.shape[1], p[0].U.shape[1], len(p))
        for node, p in zip(recurrent, (layer.directions for layer in layers), strict=True)
    ]
    require_one_shape_of_layers(sizes, where)
    embedding = _read_embedding(graph, sizes[0][1])
    readout = _read_readout(graph, sizes[-1][2] * sizes[-1][3])
    ends = [] if embedding is None else [Mapped("embedding.weight", embedding[0])]
    ends += [] if readout is None else readout[0]
    weights = Weights(
        cell_name,
        activation,
        [layer.directions for layer in layers],
        None if embedding is None else embedding[1],
        *((None, None) if readout is None else readout[1:]),
    )
    sequence = _sequence_name(graph, recurrent[0])
    reference = find_reference(content, sequence, _last_activation(graph), weights, where)
    sizes_read = sorted(set(reference.shapes))
    fixed = f"the file reads batches of these sizes and lengths alone: {' '.join(f'{b}x{t}' for b, t in sizes_read)}"
    return Source(
        kind="ONNX",
        weights=weights,
        reference=reference,
        notes=(fixed,) if len(sizes_read) < len(PAIRS) else (),
        mapping=(*(mapped for layer in layers for mapped in layer.mapped), *ends),
    )


def _parse(content: bytes, where: str) -> Any:
    import onnx

    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # protobuf has errors of its own, and is not imported here
        raise ModelError("the file is not in the ONNX format", hint="Export the model again", where=where) from None
    nodes = [(node.op_type, node.domain, node.name, *node.input, *node.output) for node in model.graph.node]
    names = [*(tensor.name for tensor in model.graph.initializer), *(name for node in nodes for name in node)]
    if not all(isinstance(name, str) for name in names):  # protobuf returns bytes that are not UTF-8 as they are
        raise ModelError("the file is not in the ONNX format", hint="Export the model again", where=where)
    external = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if external:
        hint = "Write one file: onnx.save(onnx.load(FILE), OTHER)"
        raise ModelError(
            f"the weights are in another file, such as {external[0]!r}; expected one file", hint=hint, where=where
        )
    return model


def _graph_of(model: Any, where: str) -> _Graph:
    from onnx import numpy_helper

    constants: dict[str, Array] = {}
    try:
        for tensor in model.graph.initializer:
            constants[tensor.name] = numpy_helper.to_array(tensor)
        for node in model.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        constants[node.output[0]] = numpy_helper.to_array(attribute.t)
            if node.op_type == "Identity" and node.input[0] in constants:
                constants[node.output[0]] = constants[node.input[0]]
    except (ValueError, TypeError, IndexError) as error:
        raise ModelError(f"a constant is damaged ({error})", hint="Export the model again", where=where) from None
    return _Graph(list(model.graph.node), constants, where)


def _require_known_nodes(model: Any, graph: _Graph) -> None:
    """Raise a ModelError for nodes that elman has nothing for."""
    domains = {entry.domain for entry in model.opset_import} - {"", "ai.onnx"}
    others = sorted({node.op_type for node in graph.nodes if node.op_type not in PASSED or node.domain in domains})
    if others:
        expected = "RNN, GRU or LSTM between an embedding and a readout"
        problem = f"the graph has the nodes {', '.join(others[:6])}; expected {expected}"
        raise ModelError(problem, hint="Export the recurrent layers alone", where=graph.where)
    if not any(node.op_type in RECURRENT for node in graph.nodes):
        raise ModelError("the graph has no RNN, GRU or LSTM node; expected one or more", where=graph.where)


def _read_layer(graph: _Graph, node: Any, number: int) -> _Layer:
    kind, attributes = node.op_type, {a.name: a for a in node.attribute}
    W, R = graph.constant(node, 1, "W"), graph.constant(node, 2, "R")
    gates = len(GATE_ORDER[kind])
    D, rows, H = R.shape if R.ndim == 3 else (0, 0, 0)
    if rows != gates * H or not H or W.shape[:2] != (D, rows) or W.ndim != 3:
        raise ModelError(
            f"{_name(node)} has W {W.shape} and R {R.shape}; expected (D, {gates}*H, ...)", where=graph.where
        )
    has_bias = len(node.input) > 3 and node.input[3]
    B = graph.constant(node, 3, "B") if has_bias else np.zeros((D, 2 * rows), np.float32)
    if B.shape != (D, 2 * rows):
        raise ModelError(f"{_name(node)} has B {B.shape}; expected {(D, 2 * rows)}", where=graph.where)
    activation = _activation(node, attributes, D, graph.where)
    _require_usual(node, attributes, D, graph)
    reset_before = kind == "GRU" and not (
        attributes["linear_before_reset"].i if "linear_before_reset" in attributes else 0
    )
    cell = "reset_before_gru" if reset_before else {"RNN": "elman", "GRU": "gru", "LSTM": "lstm"}[kind]

    def reorder(array: Array) -> Array:
        blocks = array.reshape(gates, H, *array.shape[1:])
        return np.ascontiguousarray(blocks[list(GATE_ORDER[kind])].reshape(array.shape))

    directions = []
    for d in range(D):
        U, b_ih, b_hh = reorder(R[d]), reorder(B[d, :rows]), reorder(B[d, rows:])
        parameters = LayerParameters(reorder(W[d]), U, b_ih, b_hh)
        if reset_before:
            own = {"W": parameters.W, "b_ih": b_ih + b_hh, "U_rz": U[: 2 * H], "U_n": U[2 * H :]}
            parameters = LayerParameters.from_arrays(own, H)
        directions.append(parameters)
    return _Layer(cell, activation, directions, list(_mapped(node, number, directions, has_bias=bool(has_bias))))


def _mapped(node: Any, number: int, directions: list[LayerParameters], *, has_bias: bool) -> Iterator[Mapped]:
    places = {"W": 1, "U": 2, "U_rz": 2, "U_n": 2, "b_ih": 3, "b_hh": 3}
    parts = {"U_rz": "[r z]", "U_n": "[h]", "b_ih": "B[:G*H]", "b_hh": "B[G*H:]"}
    for d, (reverse, parameters) in enumerate(zip(ENDINGS, directions, strict=False)):
        for symbol in parameters.arrays():
            part = (
                "B[:G*H] + B[G*H:]"
                if symbol == "b_ih" and "U_n" in parameters.cell_parameters
                else parts.get(symbol, "")
            )
            theirs = f"{node.input[places[symbol]]}[{d}]" if places[symbol] < 3 or has_bias else "(zeros)"
            change = ", ".join(text for text in (part, CHANGES[node.op_type]) if text)
            yield Mapped(f"layers.{number}.{stored_name(symbol, reverse=reverse)}", theirs, change)


def _activation(node: Any, attributes: Mapping[str, Any], D: int, where: str) -> str:
    """Return the activation of an RNN; other activations than the usual ones are a ModelError."""
    activations = (
        [name.decode().lower() for name in attributes["activations"].strings] if "activations" in attributes else []
    )
    kind = node.op_type
    if kind == "RNN":
        names = set(activations or ["tanh"])
        if len(names) == 1 and names <= {"tanh", "relu"}:
            return str(names.pop())
    elif not activations or activations == USUAL_ACTIVATIONS[kind] * D:
        return "tanh"
    expected = "Tanh or Relu" if kind == "RNN" else ", ".join(name.capitalize() for name in USUAL_ACTIVATIONS[kind])
    raise ModelError(f"{_name(node)} has the activations {', '.join(activations)}; expected {expected}", where=where)


def _require_usual(node: Any, attributes: Mapping[str, Any], D: int, graph: _Graph) -> None:
    """Raise a ModelError for the options of a node that elman's cells do not have."""
    unusual = {
        "direction": attributes["direction"].s != (b"forward", b"bidirectional")[D - 1]
        if "direction" in attributes
        else D != 1,
        "clip": "clip" in attributes,
        "input_forget": "input_forget" in attributes and attributes["input_forget"].i != 0,
        "activation_alpha": "activation_alpha" in attributes and len(attributes["activation_alpha"].floats) > 0,
        "activation_beta": "activation_beta" in attributes and len(attributes["activation_beta"].floats) > 0,
        "peepholes (P)": len(node.input) > 7 and bool(node.input[7]),
    }
    for option, is_set in unusual.items():
        if is_set:
            hint = "No cell of elman has it"
            raise ModelError(f"{_name(node)} has the option {option}; expected none", hint=hint, where=graph.where)
    for name in node.input[5:7]:
        if name in graph.constants and np.any(graph.constants[name]):
            raise ModelError(f"{_name(node)} starts from a state that is not zero; expected zeros", where=graph.where)


def _read_embedding(graph: _Graph, columns: int) -> tuple[str, Array] | None:
    tables = [
        node.input[0]
        for node in graph.nodes
        if node.op_type == "Gather"
        and _is_matrix(graph, node.input[0])
        and graph.constants[node.input[0]].shape[1] == columns
    ]
    if len(set(tables)) > 1:
        raise ModelError(f"the graph has the embeddings {', '.join(tables)}; expected one", where=graph.where)
    return (tables[0], require_finite(tables[0], graph.constants[tables[0]], graph.where)) if tables else None


def _read_readout(graph: _Graph, columns: int) -> tuple[list[Mapped], Array, Array | None] | None:
    """Return the mapping, the weights (O, D*H) and the bias of the product after the layers, if there is one."""
    products = [node for node in graph.nodes if node.op_type in ("MatMul", "Gemm") and len(node.input) > 1]
    if not products:
        return None
    if len(products) > 1:
        named = ", ".join(map(_name, products))
        raise ModelError(f"the graph has the products {named}; expected one, the readout", where=graph.where)
    (node,) = products
    attributes = {a.name: a for a in node.attribute}
    matrix = graph.constant(node, 1, "the matrix")
    transposed = "transB" in attributes and bool(attributes["transB"].i)
    V = matrix if transposed else matrix.T
    scaled = any(name in attributes and attributes[name].f != 1.0 for name in ("alpha", "beta"))
    if V.ndim != 2 or V.shape[1] != columns or scaled or ("transA" in attributes and attributes["transA"].i):
        problem = f"{_name(node)} multiplies by a matrix {matrix.shape}; expected one for {columns} outputs"
        raise ModelError(problem, where=graph.where)
    mapping = [Mapped("readout.weight", node.input[1], "" if transposed else "T")]
    bias = node.input[2] if node.op_type == "Gemm" and len(node.input) > 2 else _added(graph, node)
    if not bias:
        return mapping, np.ascontiguousarray(V), None
    b = require_finite(bias, graph.constants[bias], graph.where) if bias in graph.constants else np.zeros(0)
    if b.size != len(V):
        raise ModelError(f"the bias {bias!r} of the readout is {b.shape}; expected {(len(V),)}", where=graph.where)
    return [*mapping, Mapped("readout.bias", bias)], np.ascontiguousarray(V), b.reshape(-1)


def _added(graph: _Graph, node: Any) -> str | None:
    """Return the name of the constant that is added to the result of a node."""
    for other in graph.nodes:
        if other.op_type == "Add" and node.output[0] in other.input:
            return next((name for name in other.input if name in graph.constants), None)
    return None


def _sequence_name(graph: _Graph, node: Any) -> str:
    """Return the name of the graph's input from which a node gets its sequence."""
    producers = {name: producer for producer in graph.nodes for name in producer.output}
    name = node.input[0]
    while name in producers:
        inputs = [source for source in producers.pop(name).input if source not in graph.constants]
        if not inputs:
            break
        name = inputs[0]
    return str(name)


def _last_activation(graph: _Graph) -> Literal["softmax", "log_softmax"] | None:
    """Return the softmax at the end of the graph, if there is one."""
    kinds = [node.op_type for node in graph.nodes if node.op_type in ("Softmax", "LogSoftmax")]
    if not kinds:
        return None
    return "softmax" if kinds[-1] == "Softmax" else "log_softmax"


def _is_matrix(graph: _Graph, name: str) -> bool:
    return name in graph.constants and graph.constants[name].ndim == 2 and graph.constants[name].dtype.kind == "f"


def _name(node: Any) -> str:
    return f"{node.op_type} {node.name or (node.output[0] if node.output else '')!r}"

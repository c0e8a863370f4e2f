"""A builder of ONNX graphs, in which equations read as they do in NumPy.

    graph = Graph("model")
    x = graph.input("x", FLOAT, ("B", "N"))
    y = graph.tanh(x @ graph.constant(W) + graph.constant(b))
    graph.output("y", y, ("B", "M"))
    content = graph.model(metadata)

A `Value` is the result of a node, with its type. `scan` repeats a function over the first axis: its nodes go into the
body of a Scan node, where constants and values from outside may be used, too. All operators are those of opset 13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ElmanError

Array = npt.NDArray[Any]
Axis = str | int  # the name of an axis of any size, or a size

OPSET = 13
IR_VERSION = 7
FLOAT, DOUBLE, INT32, INT64, BOOL = "float32", "float64", "int32", "int64", "bool"
MAX_BYTES = 2**31 - 1  # of a protocol buffer


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """The result of a node, an input or a constant: its name in the graph and its type."""

    graph: Graph
    name: str
    dtype: str

    def __add__(self, other: Value | float) -> Value:
        return self.graph.op("Add", self, self._like(other))

    def __sub__(self, other: Value | float) -> Value:
        return self.graph.op("Sub", self, self._like(other))

    def __rsub__(self, other: float) -> Value:
        return self._like(other) - self

    def __mul__(self, other: Value | float) -> Value:
        return self.graph.op("Mul", self, self._like(other))

    def __truediv__(self, other: Value | float) -> Value:
        return self.graph.op("Div", self, self._like(other))

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)

    def __matmul__(self, other: Value) -> Value:
        return self.graph.op("MatMul", self, other)

    def __lt__(self, other: Value | float) -> Value:
        return self.graph.op("Less", self, self._like(other), dtype=BOOL)

    def __gt__(self, other: Value | float) -> Value:
        return self.graph.op("Greater", self, self._like(other), dtype=BOOL)

    def equal(self, other: Value | float) -> Value:
        """Return where both are the same; == compares the values in Python."""
        return self.graph.op("Equal", self, self._like(other), dtype=BOOL)

    def _like(self, other: Value | float) -> Value:
        return other if isinstance(other, Value) else self.graph.constant(np.array(other, self.dtype))


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph: its name, its type and its shape."""

    name: str
    dtype: str
    shape: tuple[Axis, ...]


class Graph:
    """The nodes of a graph in the making, and the bodies of its loops."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self._initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self._bodies: list[list[Any]] = [[]]  # the nodes of the graph, and those of the bodies that are open
        self._count = 0

    def input(self, name: str, dtype: str, shape: Sequence[Axis]) -> Value:
        """Add an input of the graph."""
        self.inputs.append(Port(name, dtype, tuple(shape)))
        return Value(self, name, dtype)

    def output(self, name: str, value: Value, shape: Sequence[Axis]) -> None:
        """Make a value an output of the graph, under a name."""
        self._add("Identity", [value.name], [name], {})
        self.outputs.append(Port(name, value.dtype, tuple(shape)))

    def constant(self, array: npt.ArrayLike) -> Value:
        """Return a constant; equal ones are stored once."""
        from onnx import numpy_helper

        values = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        key = str(values.dtype), values.shape, values.tobytes()
        if key not in self._constants:
            name = self._name("constant")
            self._initializers.append(numpy_helper.from_array(values, name))
            self._constants[key] = Value(self, name, str(values.dtype))
        return self._constants[key]

    def ids(self, *numbers: int) -> Value:
        """Return a constant vector of integers, such as axes or a shape."""
        return self.constant(np.array(numbers, np.int64))

    def op(self, operator: str, *inputs: Value | None, dtype: str | None = None, **attributes: Any) -> Value:
        """Add a node and return its result, of the type of the first input unless another is given."""
        (value,) = self.node(operator, *inputs, dtypes=[dtype or _first_dtype(inputs)], **attributes)
        return value

    def node(self, operator: str, *inputs: Value | None, dtypes: Sequence[str], **attributes: Any) -> list[Value]:
        """Add a node and return its results, one of each type. An input that is None is left out."""
        names = [self._name(operator.lower()) for _ in dtypes]
        self._add(operator, ["" if value is None else value.name for value in inputs], names, attributes)
        return [Value(self, name, dtype) for name, dtype in zip(names, dtypes, strict=True)]

    def tanh(self, x: Value) -> Value:
        """Return the hyperbolic tangent of x."""
        return self.op("Tanh", x)

    def sigmoid(self, x: Value) -> Value:
        """Return 1 / (1 + exp(-x))."""
        return self.op("Sigmoid", x)

    def relu(self, x: Value) -> Value:
        """Return max(x, 0)."""
        return self.op("Relu", x)

    def exp(self, x: Value) -> Value:
        """Return e to the power of x."""
        return self.op("Exp", x)

    def log(self, x: Value) -> Value:
        """Return the natural logarithm of x."""
        return self.op("Log", x)

    def maximum(self, a: Value, b: Value) -> Value:
        """Return the larger of both."""
        return self.op("Max", a, b)

    def softplus(self, x: Value) -> Value:
        """Return log(1 + exp(x)) so that no x overflows."""
        return self.maximum(x, self.constant(np.array(0, x.dtype))) + self.log(self.exp(-self.op("Abs", x)) + 1.0)

    def is_nan(self, x: Value) -> Value:
        """Return where x is no number."""
        return self.op("IsNaN", x, dtype=BOOL)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        """Return a where the condition is true, and b elsewhere."""
        return self.op("Where", condition, a, b, dtype=a.dtype)

    def cast(self, x: Value, dtype: str) -> Value:
        """Return x in another type."""
        return x if x.dtype == dtype else self.op("Cast", x, dtype=dtype, to=_element_type(dtype))

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Return the values one after another along an axis."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def split(self, value: Value, sizes: Sequence[int], axis: int) -> list[Value]:
        """Return the parts of a value along an axis."""
        if len(sizes) == 1:
            return [value]
        return self.node("Split", value, self.ids(*sizes), dtypes=[value.dtype] * len(sizes), axis=axis)

    def transpose(self, x: Value, *axes: int) -> Value:
        """Return x with its axes in this order."""
        return self.op("Transpose", x, perm=list(axes))

    def unsqueeze(self, x: Value, *axes: int) -> Value:
        """Return x with new axes of size 1."""
        return self.op("Unsqueeze", x, self.ids(*axes))

    def squeeze(self, x: Value, *axes: int) -> Value:
        """Return x without these axes of size 1."""
        return self.op("Squeeze", x, self.ids(*axes))

    def gather(self, x: Value, indices: Value, axis: int = 0) -> Value:
        """Return the entries of x at these places of an axis."""
        return self.op("Gather", x, indices, axis=axis)

    def slice(self, x: Value, begin: Value | int, end: Value | int, axis: int) -> Value:
        """Return the entries from begin to end, both (1,) or numbers, along an axis."""
        begin, end = (place if isinstance(place, Value) else self.ids(place) for place in (begin, end))
        return self.op("Slice", x, begin, end, self.ids(axis))

    def size(self, x: Value, axis: int) -> Value:
        """Return the size (1,) of an axis."""
        return self.gather(self.op("Shape", x, dtype=INT64), self.ids(axis))

    def shape(self, *sizes: Value | int) -> Value:
        """Return a shape of sizes (1,) and numbers."""
        return self.concat([size if isinstance(size, Value) else self.ids(size) for size in sizes], 0)

    def reshape(self, x: Value, *sizes: Value | int) -> Value:
        """Return x in another shape; -1 is what is left."""
        return self.op("Reshape", x, self.shape(*sizes))

    def full(self, fill: Array | float, dtype: str, *sizes: Value | int) -> Value:
        """Return an array of one number."""
        return self.op("Expand", self.constant(np.array(fill, dtype)), self.shape(*sizes))

    def range(self, count: Value) -> Value:
        """Return 0, 1, ... count - 1, of a count (1,)."""
        zero, one = (self.constant(np.array(number, np.int64)) for number in (0, 1))
        return self.op("Range", zero, self.squeeze(count, 0), one, dtype=INT64)

    def max(self, x: Value, axis: int, *, keepdims: bool = True) -> Value:
        """Return the maximum along an axis."""
        return self.op("ReduceMax", x, axes=[axis], keepdims=int(keepdims))

    def sum(self, x: Value, axis: int, *, keepdims: bool = True) -> Value:
        """Return the sum along an axis."""
        return self.op("ReduceSum", x, self.ids(axis), keepdims=int(keepdims))

    def mean(self, x: Value, axis: int) -> Value:
        """Return the mean along an axis, which stays with size 1."""
        return self.op("ReduceMean", x, axes=[axis], keepdims=1)

    def argmax(self, x: Value, axis: int, *, keepdims: bool = False) -> Value:
        """Return the place of the first maximum along an axis."""
        return self.op("ArgMax", x, dtype=INT64, axis=axis, keepdims=int(keepdims))

    def log_sum_exp(self, x: Value, axis: int = -1) -> Value:
        """Return log sum exp(x) along an axis, which stays with size 1."""
        largest = self.max(x, axis)
        return self.log(self.sum(self.exp(x - largest), axis)) + largest

    def linear(self, x: Value, W: Array, b: Array | None = None) -> Value:
        """Return x (M, N, I) times W (O, I) transposed, plus b (O,), as one product of matrices."""
        rows = self.reshape(x, -1, W.shape[1])
        bias = None if b is None else self.constant(b)
        product = self.op("Gemm", rows, self.constant(W), *([] if bias is None else [bias]), transB=1)
        return self.reshape(product, self.size(x, 0), self.size(x, 1), W.shape[0])

    def linear_rows(self, x: Value, W: Array, b: Array | None = None) -> Value:
        """Return x (M, I) times W (O, I) transposed, plus b (O,)."""
        bias = None if b is None else self.constant(b)
        return self.op("Gemm", x, self.constant(W), *([] if bias is None else [bias]), transB=1)

    def scan(
        self,
        step: Callable[[list[Value], list[Value]], tuple[Sequence[Value], Sequence[Value]]],
        states: Sequence[Value],
        sequences: Sequence[Value],
        shapes: Sequence[tuple[int | None, ...]],
        *,
        reverse: bool = False,
    ) -> tuple[list[Value], list[Value]]:
        """Repeat a step over the first axis of the sequences; return the last states and the outputs of all steps.

        step(states, inputs) returns the next states, of the same types, and the outputs, all together of these shapes;
        None is any size. `reverse` goes from the last entry to the first; outputs stay at the places of their inputs.
        """
        from onnx import helper

        self._bodies.append([])
        arguments = [Value(self, self._name("step"), value.dtype) for value in (*states, *sequences)]
        next_states, outputs = step(arguments[: len(states)], arguments[len(states) :])
        results = [self.op("Identity", value) for value in (*next_states, *outputs)]  # each by a node of the body
        body = helper.make_graph(
            self._bodies.pop(),
            self._name("body"),
            [helper.make_tensor_value_info(value.name, _element_type(value.dtype), None) for value in arguments],
            [
                helper.make_tensor_value_info(value.name, _element_type(value.dtype), shape)
                for value, shape in zip(results, shapes, strict=True)
            ],
        )
        directions = {}
        if reverse:
            directions = {"scan_input_directions": [1] * len(sequences), "scan_output_directions": [1] * len(outputs)}
        values = self.node(
            "Scan",
            *states,
            *sequences,
            dtypes=[value.dtype for value in results],
            body=body,
            num_scan_inputs=len(sequences),
            **{name: value for name, value in directions.items() if value},
        )
        return values[: len(states)], values[len(states) :]

    def model(self, metadata: Mapping[str, str], description: str = "") -> bytes:
        """Return the content of the file of this graph."""
        import onnx
        from onnx import helper

        from elman.version import version

        graph = helper.make_graph(
            self._bodies[0],
            self.name,
            [helper.make_tensor_value_info(p.name, _element_type(p.dtype), list(p.shape)) for p in self.inputs],
            [helper.make_tensor_value_info(p.name, _element_type(p.dtype), list(p.shape)) for p in self.outputs],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="elman",
            producer_version=version(),
            doc_string=description,
        )
        helper.set_model_props(model, dict(metadata))
        if model.ByteSize() > MAX_BYTES:
            problem = f"the model has {model.ByteSize():,} bytes as ONNX; expected at most {MAX_BYTES:,}"
            raise ElmanError(problem, hint="Train a smaller model, or reduce the vocabulary")
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _add(self, operator: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any]) -> None:
        from onnx import helper

        self._bodies[-1].append(helper.make_node(operator, inputs, outputs, **attributes))

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _first_dtype(inputs: Sequence[Value | None]) -> str:
    return next(value.dtype for value in inputs if value is not None)


def _element_type(dtype: str) -> int:
    """Return the number of a type in ONNX."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

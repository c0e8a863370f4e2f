"""What an ONNX file computes, by onnxruntime: the whole graph is run, and its axes are found by trying.

The inputs may be (B, T) or (T, B), and the output (B, T, O), (T, B, O), (T, D, B, H), (B, O) and others: the first
arrangement in which an output equals that of the imported weights is the one. Inputs beside the sequence are states,
which get zeros, or lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError

from .parity import PAIRS, SEED, TOLERANCE, activate, outputs_difference, random_inputs
from .source import Moment, Reference
from .weights import Weights

Array = npt.NDArray[Any]

PROBE = (2, 3)  # batch size and length that differ from each other, and from most sizes
Arrange = Callable[[Array, int, int], Array]

# Names of axes as the output has them: D directions, N batch times length.
ARRANGEMENTS: dict[str, tuple[int, Arrange]] = {
    "B T O": (3, lambda y, B, T: y),
    "T B O": (3, lambda y, B, T: y.swapaxes(0, 1)),
    "T D B H": (4, lambda y, B, T: y.transpose(2, 0, 1, 3).reshape(y.shape[2], y.shape[0], -1)),
    "B T D H": (4, lambda y, B, T: y.reshape(*y.shape[:2], -1)),
    "B O": (2, lambda y, B, T: y),
    "D B H": (3, lambda y, B, T: y.transpose(1, 0, 2).reshape(y.shape[1], -1)),
    "B D H": (3, lambda y, B, T: y.reshape(len(y), -1)),
    "N O, B first": (2, lambda y, B, T: y.reshape(B, T, -1) if len(y) == B * T else y),
    "N O, T first": (2, lambda y, B, T: y.reshape(T, B, -1).swapaxes(0, 1) if len(y) == B * T else y),
}


@dataclass(frozen=True, slots=True)
class _Program:
    """A session, its input for the sequence, and whether its first axis is the batch."""

    session: Any
    sequence: Any
    batch_first: bool

    def run(self, x: Array) -> dict[str, Array]:
        """Return all outputs of the file by name."""
        (B, T), feed = x.shape[:2], {}
        for port in self.session.get_inputs():
            if port is self.sequence:
                value = x if self.batch_first else np.ascontiguousarray(x.swapaxes(0, 1))
                feed[port.name] = value.astype(_dtype(port))
            elif np.issubdtype(_dtype(port), np.integer):
                feed[port.name] = np.full([B if not isinstance(n, int) else n for n in port.shape], T, _dtype(port))
            else:
                feed[port.name] = np.zeros([B if not isinstance(n, int) else n for n in port.shape], _dtype(port))
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, feed), strict=True))

    def shape(self, batch_size: int, length: int) -> tuple[int, int]:
        """Return batch size and length, or those that the file has fixed."""
        axes = self.sequence.shape[:2] if self.batch_first else self.sequence.shape[1::-1]
        B, T = (
            axis if isinstance(axis, int) else wanted for axis, wanted in zip(axes, (batch_size, length), strict=True)
        )
        return B, T


def find_reference(
    content: bytes,
    sequence_name: str,
    activation: Literal["softmax", "log_softmax"] | None,
    weights: Weights,
    where: str,
) -> Reference:
    """Return what onnxruntime computes from a file, or raise a ModelError if no output is that of the weights.

    activation is what the graph applies to the readout.
    """
    import onnxruntime

    session = _session(content, where)
    sequence = _sequence_input(session, sequence_name, weights, where)
    closest, problem = float("inf"), ""
    for batch_first in (True, False):
        program = _Program(session, sequence, batch_first)
        x = random_inputs(weights, *program.shape(*PROBE), np.random.default_rng(SEED))
        try:
            outputs = program.run(x)
        except Exception as error:  # onnxruntime has an exception of its own for each kind of failure
            problem = problem or str(error).splitlines()[0][:200]
            continue
        each, last = weights.run(x)
        moments: dict[Moment, Array] = {"each": each, "last": last, "final": each[:, -1]}
        for name, moment, arrange in _candidates(outputs, moments):
            difference = outputs_difference(activate(moments[moment], activation), arrange(outputs[name], *x.shape[:2]))
            if difference <= TOLERANCE:
                runs: dict[Moment, Any] = {moment: _runner(program, name, arrange)}
                shapes = tuple(program.shape(*pair) for pair in PAIRS)
                return Reference(f"onnxruntime, version {onnxruntime.__version__}", runs, activation, shapes)
            closest = min(closest, difference)
    if closest == float("inf") and problem:
        raise ModelError(f"onnxruntime cannot run the file: {problem}", hint="Export the model again", where=where)
    apart = "" if closest == float("inf") else f" (the closest one by {closest:.3g})"
    problem = f"no output of the file is that of the imported weights{apart}; expected at most {TOLERANCE:g}"
    hint = "Nothing was written. The graph computes something beside embedding, recurrent layers and readout"
    raise ModelError(problem, hint=hint, where=where)


def _candidates(outputs: dict[str, Array], moments: dict[Moment, Array]) -> Iterator[tuple[str, Moment, Arrange]]:
    for moment, expected in moments.items():
        for name, output in outputs.items():
            if isinstance(output, np.ndarray) and output.dtype.kind == "f":
                for num_axes, arrange in ARRANGEMENTS.values():
                    if output.ndim == num_axes and output.size == expected.size:
                        yield name, moment, arrange


def _runner(program: _Program, name: str, arrange: Arrange) -> Callable[[Array], Array]:
    return lambda x: arrange(program.run(x)[name], *x.shape[:2])


def _session(content: bytes, where: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has an exception of its own for each kind of failure
        problem = f"onnxruntime cannot load the file: {str(error).splitlines()[0][:200]}"
        raise ModelError(problem, hint="Export the model again", where=where) from None


def _sequence_input(session: Any, name: str, weights: Weights, where: str) -> Any:
    """Return the input of the sequence: integers (B, T), or numbers (B, T, I)."""
    kind, axes = (np.floating, 3) if weights.embedding is None else (np.integer, 2)
    for port in session.get_inputs():
        if port.name == name and len(port.shape) == axes and np.issubdtype(_dtype(port), kind):
            return port
    named = ", ".join(f"{port.name} {port.shape} {port.type}" for port in session.get_inputs())
    expected = f"numbers (B, T, {weights.input_size})" if weights.embedding is None else "integers (B, T)"
    raise ModelError(f"the inputs of the file are {named}; expected a sequence of {expected}", where=where)


def _dtype(port: Any) -> np.dtype[Any]:
    return np.dtype({"tensor(float)": "f4", "tensor(double)": "f8"}.get(port.type, port.type[7:-1] or "f4"))

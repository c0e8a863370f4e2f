"""One step of one layer at batch 1, state in and state out, by the kernels and by their peers: what step.py times.

Each takes a StepProblem and returns a Contender: run() takes the next step from the state that the last one left, with
the same inputs, and its result is the outputs (1, H). Peers are imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman import kernels
from elman.cells import LayerParameters, unroll

from .timing import Array, Contender
from .weights import cell_named, num_gates, random_weights, reordered


@dataclass(frozen=True, slots=True)
class StepProblem:
    """The same numbers for all: cell, weights, inputs (1, I)."""

    cell: str
    weights: LayerParameters
    x: Array

    @classmethod
    def random(cls, cell: str, hidden_size: int, inputs: int, seed: int = 0) -> StepProblem:
        """Make one."""
        rng = np.random.default_rng(seed)
        weights = random_weights(cell, inputs, hidden_size, rng)
        return cls(cell, weights, rng.normal(size=(1, inputs)).astype(np.float32))

    @property
    def zeros(self) -> list[Array]:
        """The state of zeros: h, or h and c, each (1, H)."""
        return [np.zeros((1, self.weights.hidden_size), np.float32) for _ in cell_named(self.cell).states]


def elman_step(problem: StepProblem) -> Contender:
    """The kernels' step; NumPy's where there are none."""
    cell, params, x = cell_named(problem.cell), [[problem.weights]], problem.x
    state = unroll.zero_state(cell, params, 1)
    if not kernels.supports(cell, np.float32):

        def run_numpy() -> Array:
            nonlocal state
            outputs, state = unroll.run(cell, params, x[:, None], state)
            return outputs[:, 0]

        return Contender(run_numpy, _as_outputs)
    stack = kernels.Stack(cell, params, threads=1)

    def run() -> Array:
        nonlocal state
        outputs, state = stack.step(x, state)
        return outputs

    return Contender(run, _as_outputs)


def torch_step(problem: StepProblem) -> Contender:
    """torch.nn's layer on a sequence of one step."""
    zeros = [each[None] for each in problem.zeros]
    return _module(problem, "", problem.x[None], zeros, lambda result: (result[0][0], result[1]))


def torch_cell_step(problem: StepProblem) -> Contender:
    """torch.nn's cell."""
    return _module(problem, "Cell", problem.x, problem.zeros, lambda h: (h[0] if isinstance(h, tuple) else h, h))


def _module(problem: StepProblem, suffix: str, x: Array, zeros: list[Array], split: Callable[[Any], Any]) -> Contender:
    import torch

    w = problem.weights
    module = getattr(torch.nn, problem.cell.upper() + suffix)(x.shape[-1], w.hidden_size)
    with torch.no_grad():
        for parameter, given in zip(module.parameters(), (w.W, w.U, w.b_ih, w.b_hh), strict=True):
            parameter.copy_(torch.from_numpy(given))
    inputs = torch.from_numpy(x)
    first = tuple(torch.from_numpy(each) for each in zeros)
    state = first if len(first) > 1 else first[0]

    def run() -> Any:
        nonlocal state
        with torch.inference_mode():
            y, state = split(module(inputs, state))
        return y

    return Contender(run, lambda y: _as_outputs(y.numpy()))


def onnxruntime_step(problem: StepProblem) -> Contender:
    """onnxruntime's, from a graph of one node."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_graph(problem), options, providers=["CPUExecutionProvider"])
    feeds = {"x": problem.x[None], **{name: s[None] for name, s in zip("hc", problem.zeros, strict=False)}}

    def run() -> Any:
        y, *state = session.run(None, feeds)
        feeds.update(zip("hc", state, strict=False))
        return y

    return Contender(run, lambda y: _as_outputs(y[0, 0]))


def _graph(problem: StepProblem) -> bytes:
    """Return the ONNX model: x, h and, for an LSTM, c in; y and the next of each out."""
    from onnx import TensorProto, helper, numpy_helper

    cell, w, I, H = problem.cell, problem.weights, problem.x.shape[1], problem.weights.hidden_size  # noqa: E741
    order = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}[cell]  # z r h of r z n; i o f c of i f g o
    W, U, b_ih, b_hh = (reordered(each, order) for each in (w.W, w.U, w.b_ih, w.b_hh) if each is not None)
    states = "hc"[: len(problem.zeros)]
    extra = {"linear_before_reset": 1} if cell == "gru" else {}
    nexts = [f"{s}_next" for s in states]
    node = helper.make_node(cell.upper(), ["x", "W", "R", "B", "", *states], ["y", *nexts], hidden_size=H, **extra)
    tensors = {"W": W[None], "R": U[None], "B": np.concatenate([b_ih, b_hh])[None]}
    sizes = {"x": I, **dict.fromkeys(states, H)}
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name, size in sizes.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", *nexts)],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def weight_bytes(cell: str, hidden_size: int, inputs: int) -> int:
    """Return the bytes of W and U in float32: what a step has to read."""
    return 4 * num_gates(cell) * hidden_size * (hidden_size + inputs)


def _as_outputs(y: Array) -> dict[str, Array]:
    return {"outputs": y}


STEPPERS: dict[str, Callable[[StepProblem], Contender]] = {
    "elman": elman_step,
    "torch": torch_step,
    "torch-cell": torch_cell_step,
    "onnxruntime": onnxruntime_step,
}

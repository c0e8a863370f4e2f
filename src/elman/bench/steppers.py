"""One step of one layer with batch size 1 by the kernels and by their peers: the implementations that step.py times.

Each function takes a StepProblem and returns an Implementation. Each call of its run() continues from the state of the
call before with the same inputs, and returns the outputs (1, H). Peers are imported only in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman import kernels
from elman.cells import LayerParameters, unroll

from .timing import Array, Implementation
from .weights import make_cell, num_gates, random_weights, reorder_gates


@dataclass(frozen=True, slots=True)
class StepProblem:
    """What all implementations share: cell, weights, inputs (1, I)."""

    cell: str
    weights: LayerParameters
    x: Array

    @classmethod
    def random(cls, cell: str, hidden_size: int, input_size: int, seed: int = 0) -> StepProblem:
        """Return a problem with random numbers."""
        rng = np.random.default_rng(seed)
        weights = random_weights(cell, input_size, hidden_size, rng)
        return cls(cell, weights, rng.normal(size=(1, input_size)).astype(np.float32))

    @property
    def initial_state(self) -> list[Array]:
        """The initial state, all zeros: h, or h and c, of shape (1, H)."""
        return [np.zeros((1, self.weights.hidden_size), np.float32) for _ in make_cell(self.cell).states]


def elman_step(problem: StepProblem) -> Implementation:
    """Return the step of the kernels, or of NumPy if there are no kernels."""
    cell, params, x = make_cell(problem.cell), [[problem.weights]], problem.x
    state = unroll.zero_state(cell, params, 1)
    if not kernels.supports(cell, np.float32):

        def run_numpy() -> Array:
            nonlocal state
            outputs, state = unroll.run(cell, params, x[:, None], state)
            return outputs[:, 0]

        return Implementation(run_numpy, _named_outputs)
    stack = kernels.Stack(cell, params, threads=1)

    def run() -> Array:
        nonlocal state
        outputs, state = stack.step(x, state)
        return outputs

    return Implementation(run, _named_outputs)


def torch_step(problem: StepProblem) -> Implementation:
    """Return torch.nn's layer, applied to a sequence of one step."""
    state = [array[None] for array in problem.initial_state]
    return _module_step(problem, "", problem.x[None], state, lambda result: (result[0][0], result[1]))


def torch_cell_step(problem: StepProblem) -> Implementation:
    """Return torch.nn's cell."""
    return _module_step(
        problem, "Cell", problem.x, problem.initial_state, lambda h: (h[0] if isinstance(h, tuple) else h, h)
    )


def _module_step(
    problem: StepProblem, suffix: str, x: Array, initial_state: list[Array], split: Callable[[Any], Any]
) -> Implementation:
    import torch

    w = problem.weights
    module = getattr(torch.nn, problem.cell.upper() + suffix)(x.shape[-1], w.hidden_size)
    with torch.no_grad():
        for parameter, values in zip(module.parameters(), (w.W, w.U, w.b_ih, w.b_hh), strict=True):
            parameter.copy_(torch.from_numpy(values))
    inputs = torch.from_numpy(x)
    states = tuple(torch.from_numpy(array) for array in initial_state)
    state = states if len(states) > 1 else states[0]

    def run() -> Any:
        nonlocal state
        with torch.inference_mode():
            y, state = split(module(inputs, state))
        return y

    return Implementation(run, lambda y: _named_outputs(y.numpy()))


def onnxruntime_step(problem: StepProblem) -> Implementation:
    """Return onnxruntime's step of a graph with one node."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_onnx_model(problem), options, providers=["CPUExecutionProvider"])
    feeds = {"x": problem.x[None], **{name: s[None] for name, s in zip("hc", problem.initial_state, strict=False)}}

    def run() -> Any:
        y, *state = session.run(None, feeds)
        feeds.update(zip("hc", state, strict=False))
        return y

    return Implementation(run, lambda y: _named_outputs(y[0, 0]))


def _onnx_model(problem: StepProblem) -> bytes:
    """Return the ONNX model: inputs x, h and, for an LSTM, c; outputs y and the next state."""
    from onnx import TensorProto, helper, numpy_helper

    cell, w, I, H = problem.cell, problem.weights, problem.x.shape[1], problem.weights.hidden_size  # noqa: E741
    order = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}[cell]  # z r n from r z n; i o f g from i f g o
    W, U, b_ih, b_hh = (reorder_gates(a, order) for a in (w.W, w.U, w.b_ih, w.b_hh) if a is not None)
    states = "hc"[: len(problem.initial_state)]
    attributes = {"linear_before_reset": 1} if cell == "gru" else {}
    next_states = [f"{s}_next" for s in states]
    inputs, outputs = ["x", "W", "R", "B", "", *states], ["y", *next_states]
    node = helper.make_node(cell.upper(), inputs, outputs, hidden_size=H, **attributes)
    tensors = {"W": W[None], "R": U[None], "B": np.concatenate([b_ih, b_hh])[None]}
    sizes = {"x": I, **dict.fromkeys(states, H)}
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name, size in sizes.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def weight_bytes(cell: str, hidden_size: int, input_size: int) -> int:
    """Return the number of bytes of W and U in float32, all of which a step reads."""
    return 4 * num_gates(cell) * hidden_size * (hidden_size + input_size)


def _named_outputs(y: Array) -> dict[str, Array]:
    return {"outputs": y}


STEPPERS: dict[str, Callable[[StepProblem], Implementation]] = {
    "elman": elman_step,
    "torch": torch_step,
    "torch-cell": torch_cell_step,
    "onnxruntime": onnxruntime_step,
}

"""The kernels' answers to the Problems of tests/cells, under the same names, and how near an answer must be.

kernels_answer     outputs, final state and every gradient by elman.kernels
native_answer      the same by the compiled module, with packed or unpacked weights
shared_problem     a Problem that is large enough for several threads, which share its rows
few_rows_problem   a Problem with fewer rows than threads, which share its units
assert_near        every array of an answer equals that of cells/ in float64, relative to its largest entry
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS, Elman, LayerParameters, unroll
from elman.cells.activations import Array

from ..cells.problems import Answer, Problem, elman_answer, map_state, named_gradients, named_states

needs_kernels = pytest.mark.skipif(not kernels.available(), reason=f"no kernels: {kernels.unavailable_reason()}")

# The largest error of an array, relative to its largest entry: of sums of up to some thousand products in another order
# than NumPy's. Each product has a rounding error of 1e-16 in float64 and of 6e-8 in float32.
TOLERANCES = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
# If the largest entry is smaller than this, numbers of order one have cancelled, and the error is relative to them.
# NumPy has the same error in float32. It grows with the number of steps that are summed.
MIN_SCALE = 0.1

DTYPES = [np.float64, np.float32]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])

# As in native/scheduling.hpp: a problem with fewer operations for each thread gets fewer threads.
MIN_FLOPS_PER_THREAD = 2e6


def each_instruction_set() -> Iterator[str]:
    """Use each instruction set of this machine in turn, and yield its name."""
    before = kernels.instruction_set()
    assert before is not None
    try:
        for name in kernels.instruction_sets():
            kernels.use_instruction_set(name)
            yield name
    finally:
        kernels.use_instruction_set(before)


def kernels_answer(problem: Problem, *, threads: int = 1) -> Answer:
    """Return outputs, final state and every gradient by the kernels."""
    p = problem
    outputs, final, tape = kernels.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset, threads=threads)
    return {"outputs": outputs, **named_states(final), **kernels_gradients(p, tape, threads=threads)}


def kernels_gradients(problem: Problem, tape: kernels.Tape, *, threads: int = 1, keep: bool = True) -> Answer:
    """Return every gradient of a problem from its tape."""
    return named_gradients(kernels.backward(tape, problem.d_outputs, problem.d_state, threads=threads, keep=keep))


def native_answer(problem: Problem, *, unpacked: bool, threads: int = 1) -> Answer:
    """Return the answer of the compiled module, with packed or unpacked weights."""
    p = problem
    groups = [(w.W, w.U, w.b_ih, w.b_hh) for layer in p.params for w in layer]
    cell, activation = (p.name, "tanh") if p.name in CELLS else ("elman", p.name)
    weights = kernels.pack(
        p.x.dtype, cell, activation, len(p.params[0]), groups, table=False, threads=threads, unpacked=unpacked
    )

    def flat(state: unroll.StackState) -> list[unroll.State]:
        return [states for layer in state for states in layer]

    empty = partial(np.full_like, fill_value=np.nan)
    outputs, final, d_first = np.zeros_like(p.d_outputs), map_state(empty, p.state), map_state(empty, p.state)
    d_x = np.zeros_like(p.x)
    layers = [
        LayerParameters.from_arrays({name: empty(array) for name, array in w.arrays().items()}, w.hidden_size)
        for layer in p.params
        for w in layer
    ]
    gradients = [(w.W, w.U, w.b_ih, w.b_hh) for w in layers]
    lengths = None if p.lengths is None else np.array(p.lengths, np.int64)
    reset = None if p.reset is None else np.array(p.reset)
    tape = weights.run(p.x, outputs, flat(p.state), flat(final), lengths, reset, False, True, threads)
    assert tape is not None
    tape.backward(groups, p.d_outputs, flat(p.d_state), d_x, flat(d_first), gradients, False, threads)
    D = len(p.params[0])
    nested = [layers[i : i + D] for i in range(0, len(layers), D)]
    return {"outputs": outputs, **named_states(final), **named_gradients(unroll.Gradients(nested, d_x, d_first))}


def expected_answer(problem: Problem) -> Answer:
    """Return the answer of cells/ in float64, whatever the problem's precision."""
    return elman_answer(problem.astype(np.float64))


def is_far_from_kinks(problem: Problem) -> bool:
    """Return whether no input of a relu is so near to 0 that its sign may differ in float32."""
    if problem.name != "relu":
        return True
    cell = _RecordingRelu()
    p = problem.astype(np.float64)
    unroll.run(cell, p.params, p.x, p.state, p.lengths, p.reset)
    return cell.nearest > 2e-6


class _RecordingRelu(Elman):
    """A relu that records its input nearest to 0. An input of exactly 0 is the same in every precision."""

    def __init__(self) -> None:
        super().__init__("relu")
        self.nearest = np.inf

    def forward(self, a: Array, u: Array, state: unroll.State) -> Any:
        distance = np.abs(a + u)
        self.nearest = min(self.nearest, distance[distance > 0].min(initial=np.inf))
        return super().forward(a, u, state)


def any_problem(
    name: str,
    hidden_sizes: Sequence[Sequence[int]],
    shape: tuple[int, int, int],
    *,
    lengths: Sequence[int] | None = None,
    reset: Any = None,
    bias: bool = True,
    seed: int = 0,
) -> Problem:
    """Return a problem of [layer][direction] hidden sizes, x of `shape`, and weights that do not explode."""
    rng = np.random.default_rng(seed)
    gates = {"gru": 3, "lstm": 4}.get(name, 1)
    B, T, input_size = shape
    params = []
    for layer in hidden_sizes:
        params.append([_weights(rng, gates, input_size, H, bias=bias) for H in layer])
        input_size = sum(layer)
    problem = Problem(
        name=name,
        params=params,
        x=rng.normal(size=shape),
        state=(),
        lengths=lengths,
        reset=reset,
        d_outputs=rng.normal(size=(B, T, input_size)),
        d_state=(),
    )
    zeros = unroll.zero_state(problem.cell, params, B)
    normal = [map_state(lambda s: rng.normal(size=s.shape), zeros) for _ in range(2)]
    return replace(problem, state=normal[0], d_state=normal[1])


def _weights(rng: np.random.Generator, gates: int, I: int, H: int, *, bias: bool) -> LayerParameters:  # noqa: E741
    shapes = [(gates * H, I), (gates * H, H), *[(gates * H,)] * 2 * bias]
    limits = [1 / np.sqrt(I), 0.9 / np.sqrt(H), 0.5, 0.5]
    W, U, *biases = (rng.uniform(-s, s, shape) for s, shape in zip(limits, shapes, strict=False))
    b_ih, b_hh = biases or (None, None)
    return LayerParameters(W, U, b_ih, b_hh)


def shared_problem(name: str, *, rows: int = 33, ragged: bool = True) -> Problem:
    """Return a problem of two layers in both directions that is large enough for five threads (test_threads.py)."""
    rng = np.random.default_rng(3)
    T = 9
    lengths = [T, 0, 1, *rng.integers(0, T + 1, rows)][:rows] if ragged else None
    reset = rng.random((rows, T)) < 0.15
    sizes = [[67, 50], [35, 64]] if name in ("gru", "lstm") else [[150, 131], [103, 140]]
    return any_problem(name, sizes, (rows, T, 41), lengths=lengths, reset=reset.tolist())


def few_rows_problem(name: str, rows: int = 1, units: int = 0) -> Problem:
    """Return a problem with fewer rows than threads and so many units that the threads share those."""
    rng = np.random.default_rng(4)
    T = 9  # few steps: a barrier of more threads than cores takes a millisecond
    lengths = [T, 1, T - 2, 0, 5, 9][:rows] if rows > 1 else None
    H = units or (190 if name in ("gru", "lstm") else 330)
    reset = (rng.random((rows, T)) < 0.15).tolist()
    return any_problem(name, [[H, H + 3], [H + 1, H]], (rows, T, 70), lengths=lengths, reset=reset)


def floating_operations(problem: Problem) -> float:
    """Return the number of operations in the products of a problem."""
    B, T, _ = problem.x.shape
    places = B * T if problem.lengths is None else int(np.sum(problem.lengths))
    return 2.0 * places * sum(p.W.size + p.U.size for layer in problem.params for p in layer)


def is_by_row(name: str) -> bool:
    """Return whether the first axis of an array of an answer is the batch. Other arrays are sums over the batch."""
    return name in ("outputs", "x") or name.startswith(("initial", "final"))


def relative_error(actual: Array, expected: Array, min_scale: float = MIN_SCALE) -> float:
    """Return the largest difference, relative to the largest expected entry."""
    error = np.abs(actual - expected).max(initial=0.0)
    return float(error / max(np.abs(expected).max(initial=0.0), min_scale))


def assert_near(actual: Answer, expected: Answer, steps: int = 1, *, label: str = "") -> None:
    """Assert that the arrays of two answers are equal within the tolerance of their precision."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        error = relative_error(actual[name], value, MIN_SCALE if is_by_row(name) else MIN_SCALE * max(1, steps) ** 0.5)
        assert error <= TOLERANCES[actual[name].dtype], f"{label} {name}: {error:.1e}"


def python(script: str, **environment: str) -> str:
    """Run a script in another interpreter, with these environment variables in addition; return what it prints."""
    root = Path(__file__).parent.parent.parent
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=root,
        env={**os.environ, **environment},
    )
    assert process.returncode == 0, process.stderr or f"exit code {process.returncode}"
    return process.stdout.strip()

"""Random configurations of sizes, lengths, resets, memory layouts and threads have the results of cells/.

Sizes are near the limits of the kernels: registers of 2 to 16 numbers, panels of four registers, tiles of up to eight
rows, 256 numbers of a product and chunks of 128 entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from elman import kernels
from elman.cells.activations import Array

from ..cells.problems import COMPILED_NAMES, Problem, assert_same
from .answers import (
    DTYPES,
    any_problem,
    assert_near,
    expected_answer,
    is_far_from_kinks,
    kernels_answer,
    native_answer,
    needs_kernels,
)

pytestmark = needs_kernels

EDGES = [15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 159, 161, 255, 256, 257, 300]
# sampled_from, because hypothesis prefers the smallest and the largest of integers()
size = st.sampled_from([*range(1, 21), *range(1, 71), *EDGES])
rows = st.sampled_from([0, *range(1, 10), *range(1, 41)])
steps = st.sampled_from([*range(13)])


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Generate a problem in float64."""
    name = draw(st.sampled_from(COMPILED_NAMES))
    num_layers, num_directions = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([1, 2]))
    sizes = [[draw(size) for _ in range(num_directions)] for _ in range(num_layers)]
    B, T, input_size = draw(rows), draw(steps), draw(size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = rng.integers(0, T + 1, B).tolist() if draw(st.booleans()) else None
    reset = rng.random((B, T)) < draw(st.sampled_from([0.1, 0.5])) if draw(st.booleans()) else None
    return any_problem(
        name,
        sizes,
        (B, T, input_size),
        lengths=lengths,
        reset=reset,
        bias=draw(st.booleans()),
        seed=int(rng.integers(2**32)),
    )


MEMORY_LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "batch first": np.ascontiguousarray,
    "time first": lambda x: np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1),
    "Fortran order": np.asfortranarray,
    "reversed rows": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "every second step": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "part of longer vectors": lambda x: np.concatenate((x, x, x), axis=-1)[..., x.shape[-1] : 2 * x.shape[-1]],
}
memory_layout = st.sampled_from(list(MEMORY_LAYOUTS))


@contextmanager
def using(instruction_set: str) -> Iterator[None]:
    """Use an instruction set. Not a fixture, because hypothesis chooses it."""
    before = kernels.instruction_set()
    assert before is not None
    kernels.use_instruction_set(instruction_set)
    try:
        yield
    finally:
        kernels.use_instruction_set(before)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    problem=problems(),
    dtype=st.sampled_from(DTYPES),
    x_layout=memory_layout,
    d_layout=memory_layout,
    threads=st.sampled_from([1, 2, 3]),
    instruction_set=st.sampled_from(kernels.instruction_sets() or ["none"]),
)
def test_results_are_those_of_cells(
    problem: Problem, dtype: type, x_layout: str, d_layout: str, threads: int, instruction_set: str
) -> None:
    assume(dtype == np.float64 or is_far_from_kinks(problem.astype(dtype)))
    problem = problem.astype(dtype)
    expected = expected_answer(problem)
    problem = replace(
        problem, x=MEMORY_LAYOUTS[x_layout](problem.x), d_outputs=MEMORY_LAYOUTS[d_layout](problem.d_outputs)
    )
    with using(instruction_set):
        answer = kernels_answer(problem, threads=threads)
    assert_near(answer, expected, steps=problem.x.shape[0] * problem.x.shape[1])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    problem=problems(),
    dtype=st.sampled_from(DTYPES),
    instruction_set=st.sampled_from(kernels.instruction_sets() or ["none"]),
)
def test_unpacked_weights_change_no_bit(problem: Problem, dtype: type, instruction_set: str) -> None:
    problem = problem.astype(dtype)
    with using(instruction_set):
        packed, unpacked_answer = (native_answer(problem, unpacked=unpacked) for unpacked in (False, True))
        assert_same(packed, kernels_answer(problem))
    assert_same(unpacked_answer, packed)

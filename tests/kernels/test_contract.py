"""The kernels compute what cells/ computes: outputs, final states and every gradient, over the grid of tests/cells.

The grid's problems are of a few units, fewer than a register holds, and too small for a second thread; so the same grid
comes a second time with layers of many registers, shared out between two.
"""

import numpy as np
import pytest

from ..cells.problems import Problem
from .answers import (
    WORTH_A_THREAD,
    any_problem,
    assert_near,
    each_instruction_set,
    every_dtype,
    expected_answer,
    floating_operations,
    is_far_from_kinks,
    kernels_answer,
    needs_kernels,
)

pytestmark = needs_kernels

ROWS, STEPS, INPUTS = 24, 5, 131


@pytest.fixture
def wide_problem(name, hidden_sizes, num_directions, lengths, reset, bias) -> Problem:
    """Every point of the grid, with many units and rows."""
    sizes = [[H] * num_directions for H in (130, 35)[: len(hidden_sizes)]]
    rng = np.random.default_rng(5)
    lengths = None if lengths is None else [STEPS, 0, 1, *rng.integers(2, STEPS + 1, ROWS - 3)]
    reset = None if reset is None else (rng.random((ROWS, STEPS)) < 0.3).tolist()
    problems = (
        any_problem(name, sizes, (ROWS, STEPS, INPUTS), lengths=lengths, reset=reset, bias=bias, seed=seed)
        for seed in range(100)
    )
    return next(filter(is_far_from_kinks, problems))


@every_dtype
def test_outputs_states_and_gradients_are_those_of_cells(problem: Problem, dtype) -> None:
    problem = problem.astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        for threads in (1, 2):
            given = kernels_answer(problem, threads=threads)
            assert {array.dtype for array in given.values()} == {np.dtype(dtype)}
            assert_near(given, expected, by=instructions)


@every_dtype
def test_so_they_are_where_two_threads_share_the_work(wide_problem: Problem, dtype) -> None:
    assert floating_operations(wide_problem) > 2 * WORTH_A_THREAD
    problem = wide_problem.astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem, threads=2), expected, steps=ROWS * STEPS, by=instructions)


@every_dtype
def test_so_they_are_where_a_product_is_walked_in_parts(name: str, dtype) -> None:
    """A product of more than 256 numbers is interrupted: so are W x, U h, and the sums over 300 steps."""
    problems = (any_problem(name, [[261]], (5, 60, 259), seed=seed) for seed in range(100))
    problem = next(filter(is_far_from_kinks, problems)).astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem), expected, steps=300, by=instructions)


@every_dtype
@pytest.mark.parametrize("units", [1, 2, 3])
def test_so_they_are_where_registers_are_filled_with_rows(name: str, units: int, dtype) -> None:
    """One or two units leave most of a register empty: its lanes are rows then, 16 and the rest of them."""
    problems = (
        any_problem(name, [[units]], (37, STEPS, 35), lengths=[STEPS, 0, 1, *[4] * 34], seed=s) for s in range(100)
    )
    problem = next(filter(is_far_from_kinks, problems)).astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem, threads=2), expected, steps=STEPS, by=instructions)

"""The kernels compute the same as cells/: outputs, final states and every gradient, over the options of tests/cells.

The problems of tests/cells have fewer units than a register, and are too small for a second thread. So the same options
are tested a second time with layers of many registers, which two threads share.
"""

from typing import Any

import numpy as np
import pytest

from ..cells.problems import COMPILED_NAMES, RAGGED, RESET, random_problem
from .answers import (
    DTYPES,
    MIN_FLOPS_PER_THREAD,
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
from .grid import pairwise

pytestmark = needs_kernels

ROWS, STEPS, INPUTS = 24, 5, 131
OPTIONS: dict[str, list[Any]] = {
    "name": COMPILED_NAMES,
    "num_layers": [1, 2],
    "num_directions": [1, 2],
    "ragged": [False, True],
    "has_resets": [False, True],
    "bias": [True, False],
    "dtype": DTYPES,
}
every_pair_of_options = pytest.mark.parametrize(list(OPTIONS), pairwise(list(OPTIONS.values())))


@every_pair_of_options
def test_results_are_those_of_cells(
    name: str, num_layers: int, num_directions: int, ragged: bool, has_resets: bool, bias: bool, dtype: type
) -> None:
    lengths, reset = RAGGED if ragged else None, RESET if has_resets else None
    hidden_sizes = (3, 2)[:num_layers]
    problem = random_problem(name, hidden_sizes, num_directions, lengths=lengths, reset=reset, bias=bias).astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        for threads in (1, 2):
            answer = kernels_answer(problem, threads=threads)
            assert {array.dtype for array in answer.values()} == {np.dtype(dtype)}
            assert_near(answer, expected, label=instructions)


@every_pair_of_options
def test_results_of_large_layers_are_those_of_cells(
    name: str, num_layers: int, num_directions: int, ragged: bool, has_resets: bool, bias: bool, dtype: type
) -> None:
    sizes = [[H] * num_directions for H in (130, 35)[:num_layers]]
    rng = np.random.default_rng(5)
    lengths = [STEPS, 0, 1, *rng.integers(2, STEPS + 1, ROWS - 3)] if ragged else None
    reset = (rng.random((ROWS, STEPS)) < 0.3).tolist() if has_resets else None
    problems = (
        any_problem(name, sizes, (ROWS, STEPS, INPUTS), lengths=lengths, reset=reset, bias=bias, seed=seed)
        for seed in range(100)
    )
    problem = next(filter(is_far_from_kinks, problems))
    assert floating_operations(problem) > 2 * MIN_FLOPS_PER_THREAD
    problem = problem.astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem, threads=2), expected, steps=ROWS * STEPS, label=instructions)


@every_dtype
def test_results_of_interrupted_products_are_those_of_cells(name: str, dtype: type) -> None:
    """A product of more than 256 numbers is interrupted: here W x, U h and the sums over 300 entries."""
    problems = (any_problem(name, [[261]], (5, 60, 259), seed=seed) for seed in range(100))
    problem = next(filter(is_far_from_kinks, problems)).astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem), expected, steps=300, label=instructions)


@every_dtype
@pytest.mark.parametrize("units", [1, 2, 3])
def test_results_of_layers_of_one_and_two_units_are_those_of_cells(name: str, units: int, dtype: type) -> None:
    """The lanes of such layers are rows of the batch: whole registers of them and a rest."""
    problems = (
        any_problem(name, [[units]], (37, STEPS, 35), lengths=[STEPS, 0, 1, *[4] * 34], seed=s) for s in range(100)
    )
    problem = next(filter(is_far_from_kinks, problems)).astype(dtype)
    expected = expected_answer(problem)
    for instructions in each_instruction_set():
        assert_near(kernels_answer(problem, threads=2), expected, steps=STEPS, label=instructions)

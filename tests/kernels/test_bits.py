"""Bits never depend on threads, on the rest of the batch, on the order of rows, or on where a sequence is divided."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from elman import kernels
from elman.cells.activations import Array

from ..cells.problems import Answer, Problem, assert_same, named_states
from .answers import (
    MIN_FLOPS_PER_THREAD,
    any_problem,
    few_rows_problem,
    floating_operations,
    is_by_row,
    kernels_answer,
    kernels_gradients,
    native_answer,
    needs_kernels,
    shared_problem,
)
from .grid import pairwise_grid

pytestmark = needs_kernels


def rows_of(answer: Answer, rows: slice | Sequence[int] | npt.NDArray[np.int64]) -> Answer:
    """Return the part of an answer that belongs to these rows of the batch."""
    return {name: array[rows] for name, array in answer.items() if is_by_row(name)}


@pairwise_grid()
def test_the_number_of_threads_changes_no_bit(instruction_set: str, name: str, dtype: type) -> None:
    problem = shared_problem(name).astype(dtype)
    expected = kernels_answer(problem)
    for threads in (2, 3, 5):
        assert_same(kernels_answer(problem, threads=threads), expected)


@pairwise_grid(rows=[1, 2, 4])
def test_threads_that_share_units_change_no_bit(instruction_set: str, name: str, rows: int, dtype: type) -> None:
    problem = few_rows_problem(name, rows).astype(dtype)
    expected = kernels_answer(problem)
    for threads in (2, 5):
        assert_same(kernels_answer(problem, threads=threads), expected)


@pairwise_grid()
def test_threads_that_share_units_of_unpacked_weights_change_no_bit(
    instruction_set: str, name: str, dtype: type
) -> None:
    problems = [
        few_rows_problem(name).steps(0, 1),
        few_rows_problem(name).steps(0, 4),
        few_rows_problem(name, 4).steps(0, 1),
    ]
    for problem in (p.astype(dtype) for p in problems):
        expected = native_answer(problem, unpacked=False)
        for threads in (1, 2):
            assert_same(native_answer(problem, unpacked=True, threads=threads), expected)


@pytest.mark.parametrize(("name", "units", "dtype"), [("tanh", 1010, np.float32), ("lstm", 505, np.float32)])
def test_threads_that_share_units_of_weights_larger_than_the_cache_change_no_bit(
    name: str, units: int, dtype: type
) -> None:
    problem = few_rows_problem(name, 6, units=units).astype(dtype)
    assert_same(kernels_answer(problem, threads=2), kernels_answer(problem))


@pairwise_grid()
def test_a_repeated_call_gives_the_same_bits(instruction_set: str, name: str, dtype: type) -> None:
    problem = shared_problem(name).astype(dtype)
    assert_same(kernels_answer(problem, threads=3), kernels_answer(problem, threads=3))


@pairwise_grid(threads=[1, 2])
def test_the_other_rows_of_the_batch_change_no_bit(instruction_set: str, name: str, threads: int, dtype: type) -> None:
    problem = shared_problem(name).astype(dtype)
    batch = kernels_answer(problem, threads=threads)
    for first, size in [(0, 1), (1, 1), (2, 1), (17, 1), (32, 1), (3, 2), (25, 7), (0, 16), (16, 17)]:
        rows = list(range(first, first + size))
        assert_same(rows_of(kernels_answer(problem.rows(rows), threads=threads), slice(None)), rows_of(batch, rows))


@pairwise_grid(units=[1, 2])
def test_the_other_rows_change_no_bit_if_lanes_are_rows(
    instruction_set: str, name: str, units: int, dtype: type
) -> None:
    problem = any_problem(name, [[units]], (150, 3, 35), seed=3).astype(dtype)
    batch = kernels_answer(problem, threads=2)
    for rows in ([0], [149], [3, 70, 4], list(range(20, 60))):
        assert_same(rows_of(kernels_answer(problem.rows(rows)), slice(None)), rows_of(batch, rows))


@pairwise_grid(units=[1, 2])
def test_threads_that_share_rows_change_no_bit_if_lanes_are_rows(
    instruction_set: str, name: str, units: int, dtype: type
) -> None:
    """The layer below is wide, so that there is work for two threads."""
    lengths = [5, 0, 3, 5, 1, 4] * 7
    reset = (np.random.default_rng(6).random((42, 5)) < 0.2).tolist()
    problem = any_problem(name, [[150, units], [units, 3]], (42, 5, 70), lengths=lengths, reset=reset).astype(dtype)
    assert floating_operations(problem) > 2 * MIN_FLOPS_PER_THREAD
    assert_same(kernels_answer(problem, threads=2), kernels_answer(problem))


@pairwise_grid(units=[1, 2])
def test_threads_that_share_units_change_no_bit_if_lanes_are_rows(
    instruction_set: str, name: str, units: int, dtype: type
) -> None:
    wide = 190 if name in ("gru", "lstm") else 330
    problem = any_problem(name, [[wide, units], [units, wide]], (1, 9, 70)).astype(dtype)
    assert floating_operations(problem) > 2 * MIN_FLOPS_PER_THREAD
    assert_same(kernels_answer(problem, threads=2), kernels_answer(problem))


@pairwise_grid()
def test_the_numbers_in_the_padding_change_no_bit(instruction_set: str, name: str, dtype: type) -> None:
    problem = shared_problem(name).astype(dtype)
    is_padding = np.arange(problem.x.shape[1]) >= np.array(problem.lengths)[:, None]
    x, d_outputs = problem.x.copy(), problem.d_outputs.copy()
    x[is_padding] = d_outputs[is_padding] = np.nan
    padded = replace(problem, x=x, d_outputs=d_outputs, reset=(np.asarray(problem.reset) ^ is_padding).tolist())
    assert_same(kernels_answer(padded, threads=2), kernels_answer(problem, threads=2))


@pairwise_grid(threads=[1, 2])
def test_the_order_of_the_rows_changes_no_bit(instruction_set: str, name: str, threads: int, dtype: type) -> None:
    problem = shared_problem(name).astype(dtype)
    order = np.random.default_rng(1).permutation(len(problem.x))
    answer, shuffled = (kernels_answer(p, threads=threads) for p in (problem, problem.rows(order)))
    assert_same(rows_of(shuffled, slice(None)), rows_of(answer, order))


def run_in_parts(problem: Problem, cuts: list[int]) -> Answer:
    """Return the part of the answer that belongs to rows, computed part by part with carried states and derivatives."""
    parts, tapes, outputs, state = [], [], [], problem.state
    for start, end in zip([0, *cuts], [*cuts, problem.x.shape[1]], strict=True):
        part = replace(problem.steps(start, end), state=state)
        y, state, tape = kernels.forward(part.cell, part.params, part.x, part.state, part.lengths, part.reset)
        parts.append(part)
        tapes.append(tape)
        outputs.append(y)
    d_x: list[Array] = []
    d_state = problem.d_state
    for part, tape in zip(reversed(parts), reversed(tapes), strict=True):
        gradients = kernels.backward(tape, part.d_outputs, d_state)
        d_x.insert(0, gradients.x)
        d_state = gradients.state
    joined = {"outputs": np.concatenate(outputs, axis=1), "x": np.concatenate(d_x, axis=1)}
    return {**joined, **named_states(state), **named_states(d_state, "initial")}


@pairwise_grid(cuts=[(1,), (3, 4, 5), tuple(range(1, 12))])
def test_dividing_a_sequence_into_parts_changes_no_bit(
    instruction_set: str, name: str, cuts: tuple[int, ...], dtype: type
) -> None:
    rng = np.random.default_rng(2)
    lengths, reset = [12, 0, 5, 1, 9], (rng.random((5, 12)) < 0.2).tolist()
    problem = any_problem(name, [[37], [18]], (5, 12, 21), lengths=lengths, reset=reset).astype(dtype)
    whole = rows_of(kernels_answer(problem), slice(None))
    parts = run_in_parts(problem, list(cuts))
    assert_same(parts, {name: whole[name] for name in parts})


@pairwise_grid()
def test_dividing_a_long_sequence_changes_no_bit(instruction_set: str, name: str, dtype: type) -> None:
    """Inputs are multiplied for 128 entries at a time, and gradients of weights are summed for 256 entries."""
    problem = any_problem(name, [[9]], (3, 301, 5), lengths=[301, 40, 257]).astype(dtype)
    whole = rows_of(kernels_answer(problem), slice(None))
    parts = run_in_parts(problem, [85, 128, 200, 256])
    assert_same(parts, {name: whole[name] for name in parts})


@pairwise_grid()
def test_a_step_is_a_sequence_of_one_step_to_the_last_bit(instruction_set: str, name: str, dtype: type) -> None:
    """The batch size changes, because a step keeps what it has prepared for the next one."""
    for num_directions, rows in [(1, 4), (1, 1), (2, 9), (1, 4)]:
        problem = any_problem(name, [[19] * num_directions, [34] * num_directions], (rows, 5, 7)).astype(dtype)
        stack = kernels.Stack(problem.cell, problem.params)
        state = problem.state
        for t in range(5):
            for size in (rows, 1):
                part = tuple(tuple(tuple(s[:size] for s in states) for states in layer) for layer in state)
                y, after = stack.step(problem.x[:size, t], part)
                expected, expected_after = stack.run(problem.x[:size, t : t + 1], part)
                assert_same({"y": y, **named_states(after)}, {"y": expected[:, 0], **named_states(expected_after)})
            state = stack.run(problem.x[:, t : t + 1], state)[1]


@pairwise_grid()
def test_run_is_forward_without_a_tape_to_the_last_bit(instruction_set: str, name: str, dtype: type) -> None:
    p = shared_problem(name).astype(dtype)
    stack = kernels.Stack(p.cell, p.params)
    outputs, final = stack.run(p.x, p.state, p.lengths, p.reset, threads=2)
    taped, taped_final, _ = stack.forward(p.x, p.state, p.lengths, p.reset, threads=2)
    assert_same({"outputs": outputs, **named_states(final)}, {"outputs": taped, **named_states(taped_final)})


@pairwise_grid()
def test_a_tape_can_be_used_twice(instruction_set: str, name: str, dtype: type) -> None:
    p = shared_problem(name).astype(dtype)
    _, _, tape = kernels.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    first = kernels_gradients(p, tape)
    other = replace(p, d_outputs=p.d_outputs[::-1])
    assert not np.array_equal(kernels_gradients(other, tape)["x"], first["x"])
    assert_same(kernels_gradients(p, tape), first)


@pairwise_grid(threads=[1, 2])
def test_overwriting_the_tape_changes_no_bit(instruction_set: str, name: str, threads: int, dtype: type) -> None:
    p = shared_problem(name).astype(dtype)
    _, _, tape = kernels.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    expected = kernels_gradients(p, tape, threads=threads)
    assert_same(kernels_gradients(p, tape, threads=threads, keep=False), expected)
    with pytest.raises(ValueError, match="an earlier backward pass has overwritten it"):
        kernels_gradients(p, tape)

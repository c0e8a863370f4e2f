"""What every cell promises: finite differences, torch, carried state, padding, precision.

The grid is {one, two layers of different H} x {one, both directions} x {full, ragged} x {resets, none} x {biases, none}
for each cell, in combinations in which any two of these values meet (conftest.py). What depends on few of the options
is tested in the corner where everything happens at once.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import unroll
from elman.cells.cell import weight_names
from elman.cells.gradcheck import gradient_error

from ..pairwise import pairwise
from .conftest import LAYERS, LENGTHS, RESETS
from .oracles import torch_answer, torch_stack_answer
from .problems import (
    CELL_NAMES,
    RAGGED,
    RESET,
    Answer,
    Problem,
    assert_close,
    assert_same,
    elman_answer,
    make_cell,
    named_states,
    random_problem,
)

# Central differences in float64: about 1e-10 of truncation and of rounding in gradients of order one; a hundred times
# the truncation for layer normalization, which has large third derivatives where it divides by a small deviation.
FINITE_DIFFERENCES, EPSILON = 1e-7, 3e-6
# float64 on both sides: a few hundred roundings of 1e-16 in numbers of order ten. Another formula differs by 1e-2.
TORCH = 1e-10
# The same sums in another order, for matrix products split differently.
REORDERED = 1e-12


def test_every_single_derivative_is_that_of_finite_differences(name: str) -> None:
    problem = random_problem(name, (3,), num_directions=2, lengths=RAGGED, reset=RESET)
    gradients = elman_answer(problem)
    for variable, array in problem.variables().items():
        assert gradient_error(problem.loss, array, gradients[variable], EPSILON) < FINITE_DIFFERENCES, variable


def test_every_gradient_is_that_of_finite_differences_in_random_directions(problem: Problem) -> None:
    """Of the whole grid: dL/dt at t = 0 of the loss at array + t v is the product of the gradient and v."""
    gradients, rng = elman_answer(problem), np.random.default_rng(5)
    for variable, array in problem.variables().items():
        for _ in range(2):
            start, v = array.copy(), rng.normal(size=array.shape)
            v /= max(1.0, float(np.linalg.norm(v)))
            losses = []
            for t in (EPSILON, -EPSILON):
                array[...] = start + t * v
                losses.append(problem.loss())
            array[...] = start
            slope, scale = (losses[0] - losses[1]) / (2.0 * EPSILON), np.linalg.norm(gradients[variable])
            # relative to the norm of the gradient: the direction may be almost orthogonal to it
            assert abs(slope - (gradients[variable] * v).sum()) <= FINITE_DIFFERENCES * (1.0 + scale), variable


def test_outputs_states_and_gradients_are_those_of_torch_cells(problem: Problem) -> None:
    assert_close(elman_answer(problem), torch_answer(problem), TORCH)


@pytest.mark.parametrize(
    ("name", "hidden_sizes", "num_directions", "lengths", "bias"),
    pairwise(["tanh", "relu", "gru", "lstm"], [(3,), (3, 3)], [1, 2], [None, [2, 5, 1, 3]], [False, True]),
)
def test_outputs_states_and_gradients_are_those_of_torch_stacks(
    name: str, hidden_sizes: tuple[int, ...], num_directions: int, lengths: list[int] | None, bias: bool
) -> None:
    problem = random_problem(name, hidden_sizes, num_directions, lengths=lengths, bias=bias)
    assert_close(elman_answer(problem), torch_stack_answer(problem), TORCH)


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, bias) for name in CELL_NAMES for bias in ("b_ih", "b_hh") if bias in weight_names(make_cell(name))],
)
def test_one_bias_may_be_missing_alone(name: str, missing: str) -> None:
    problem = random_problem(name, (3,), num_directions=2)
    (layer,) = problem.params
    absent: dict[str, Any] = {missing: None}
    problem = replace(problem, params=[[replace(p, **absent) for p in layer]])
    assert_close(elman_answer(problem), torch_answer(problem), TORCH)


# --- one sequence = two halves with carried state


def joined(left: Answer, right: Answer, first: Answer, last: Answer) -> Answer:
    """The answer to both halves: outputs and inputs side by side, the parameters' gradients added.

    `first` is the half that was read first and had the initial state; `last` has the final state.
    """
    answer = {}
    for name in left:
        if name in ("outputs", "x"):
            answer[name] = np.concatenate((left[name], right[name]), axis=1)
        elif name.startswith(("initial", "final")):
            answer[name] = (first if name.startswith("initial") else last)[name]
        else:
            answer[name] = left[name] + right[name]
    return answer


def read_in_two(first: Problem, last: Problem) -> tuple[Answer, Answer]:
    """The answers to a sequence read in two parts: the state is carried on, its derivative is carried back."""
    _, carried = unroll.run(first.cell, first.params, first.x, first.state, first.lengths, first.reset)
    last = replace(last, state=carried)
    _, _, last_tape = unroll.forward(last.cell, last.params, last.x, last.state, last.lengths, last.reset)
    d_carried = unroll.backward(last_tape, last.d_outputs, last.d_state).state
    return elman_answer(replace(first, d_state=d_carried)), elman_answer(last)


@pytest.mark.parametrize(("hidden_sizes", "lengths", "reset", "split"), pairwise(LAYERS, LENGTHS, RESETS, [1, 3]))
def test_a_sequence_is_two_halves_with_carried_state(
    name: str, hidden_sizes: tuple[int, ...], lengths: list[int] | None, reset: list[list[bool]] | None, split: int
) -> None:
    problem = random_problem(name, hidden_sizes, lengths=lengths, reset=reset)
    left, right = read_in_two(problem.steps(0, split), problem.steps(split, 5))
    assert_close(joined(left, right, first=left, last=right), elman_answer(problem), REORDERED)


def of_the_backward_direction(problem: Problem) -> Problem:
    """One layer in both directions, with a loss of the backward direction alone."""
    ((d_forward, d_backward),) = problem.d_state
    nothing = tuple(np.zeros_like(d) for d in d_forward)
    d_outputs = np.concatenate((np.zeros_like(problem.d_outputs[..., :3]), problem.d_outputs[..., 3:]), axis=-1)
    return replace(problem, d_outputs=d_outputs, d_state=((nothing, d_backward),))


def backward_direction(answer: Answer) -> Answer:
    """What the answer says of the backward direction."""
    mine = {name: value for name, value in answer.items() if "backward" in name or name == "x"}
    return {**mine, "outputs": answer["outputs"][..., 3:]}


@pytest.mark.parametrize(("lengths", "reset", "split"), pairwise(LENGTHS, RESETS, [1, 3]))
def test_the_backward_direction_is_two_halves_read_from_the_right(
    name: str, lengths: list[int] | None, reset: list[list[bool]] | None, split: int
) -> None:
    problem = random_problem(name, (3,), num_directions=2, lengths=lengths, reset=reset)
    problem = of_the_backward_direction(problem)
    right, left = read_in_two(problem.steps(split, 5), problem.steps(0, split))
    halves = joined(left, right, first=right, last=left)
    assert_close(backward_direction(halves), backward_direction(elman_answer(problem)), REORDERED)


# --- what changes nothing


def test_padding_never_changes_anything(hard_problem: Problem) -> None:
    past = np.arange(5) >= np.array(RAGGED)[:, None]
    x, d_outputs = hard_problem.x.copy(), hard_problem.d_outputs.copy()
    x[past], d_outputs[past] = 100.0, -100.0
    reset = np.asarray(RESET) ^ past
    padded = replace(hard_problem, x=x, d_outputs=d_outputs, reset=reset.tolist())
    assert_same(elman_answer(padded), elman_answer(hard_problem))


def test_outputs_and_input_gradients_are_zero_at_padding(hard_problem: Problem) -> None:
    past = np.arange(5) >= np.array(RAGGED)[:, None]
    answer = elman_answer(hard_problem)
    assert not answer["outputs"][past].any()
    assert not answer["x"][past].any()


def test_more_padding_changes_nothing(hard_problem: Problem) -> None:
    def longer(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.concatenate((array, array[:, :2]), axis=1)

    padded = replace(
        hard_problem,
        x=longer(hard_problem.x),
        reset=longer(np.asarray(RESET)).tolist(),
        d_outputs=longer(hard_problem.d_outputs),
    )
    answer = elman_answer(padded)
    assert not answer["outputs"][:, 5:].any()
    assert not answer["x"][:, 5:].any()
    short = {**answer, "outputs": answer["outputs"][:, :5], "x": answer["x"][:, :5]}
    assert_close(short, elman_answer(hard_problem), REORDERED)


def test_lengths_all_full_are_no_lengths(hard_problem: Problem) -> None:
    full = elman_answer(replace(hard_problem, lengths=[5, 5, 5, 5]))
    assert_same(full, elman_answer(replace(hard_problem, lengths=None)))


def test_no_reset_is_a_mask_of_no_resets(hard_problem: Problem) -> None:
    none = elman_answer(replace(hard_problem, reset=[[False] * 5] * 4))
    assert_same(none, elman_answer(replace(hard_problem, reset=None)))


def test_the_order_of_the_batch_changes_nothing(hard_problem: Problem) -> None:
    order = [2, 0, 3, 1]
    answer, permuted = elman_answer(hard_problem), elman_answer(hard_problem.rows(order))
    assert_close(permuted, {n: a[order] if is_by_row(n) else a for n, a in answer.items()}, REORDERED)


def test_what_else_is_in_the_batch_changes_nothing(hard_problem: Problem) -> None:
    together = elman_answer(hard_problem)
    alone = [elman_answer(hard_problem.rows([b])) for b in range(4)]
    gathered = {
        n: np.concatenate([a[n] for a in alone]) if is_by_row(n) else np.sum([a[n] for a in alone], axis=0)
        for n in together
    }
    assert_close(gathered, together, REORDERED)


def is_by_row(name: str) -> bool:
    """Whether an array of an answer has the batch as its first axis; the others are sums over it."""
    return name in ("outputs", "x") or name.startswith(("initial", "final"))


def test_run_is_forward_without_the_tape(problem: Problem) -> None:
    p = problem
    outputs, final = unroll.run(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    taped_outputs, taped_final, _ = unroll.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    run, taped = {"outputs": outputs, **named_states(final)}, {"outputs": taped_outputs, **named_states(taped_final)}
    assert_same(run, taped)


def test_nothing_that_was_given_is_written_to(hard_problem: Problem) -> None:
    def arguments() -> Answer:
        weights = {"d_outputs": hard_problem.d_outputs, **named_states(hard_problem.d_state)}
        return {name: array.copy() for name, array in {**hard_problem.variables(), **weights}.items()}

    before = arguments()
    elman_answer(hard_problem)
    assert_same(arguments(), before)


# --- precision


def test_float32_gives_float32_close_to_float64(problem: Problem) -> None:
    single = elman_answer(problem.astype(np.float32))
    assert {name: array.dtype for name, array in single.items()} == dict.fromkeys(single, np.dtype(np.float32))
    # About a hundred roundings of 6e-8 in sums of numbers of order one, relative to the largest entry; layer
    # normalization divides differences by their deviation, and multiplies their rounding errors.
    tolerance = 1e-4 if problem.name == "layer_norm_lstm" else 1e-5
    for name, array in elman_answer(problem).items():
        scale = max(1.0, np.abs(array).max(initial=0.0))
        np.testing.assert_allclose(single[name] / scale, array / scale, rtol=0, atol=tolerance, err_msg=name)


# --- any lengths, any documents


READ_ONE_BY_ONE = given(
    name=st.sampled_from(CELL_NAMES),
    num_directions=st.sampled_from([1, 2]),
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.lists(st.booleans(), min_size=4, max_size=4)), min_size=1, max_size=3
    ),
)


def documents_are_read_one_by_one(name: str, num_directions: int, rows: list[tuple[int, list[bool]]]) -> None:
    lengths, reset = map(list, zip(*rows, strict=True))
    problem = random_problem(name, (2,), num_directions, lengths=lengths, reset=reset, shape=(len(rows), 4, 2))
    assert_close(elman_answer(problem), torch_answer(problem), TORCH)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@READ_ONE_BY_ONE
def test_any_lengths_and_resets_are_documents_read_one_by_one(
    name: str, num_directions: int, rows: list[tuple[int, list[bool]]]
) -> None:
    documents_are_read_one_by_one(name, num_directions, rows)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, database=None)
@READ_ONE_BY_ONE
def test_two_thousand_lengths_and_resets_are_documents_read_one_by_one(
    name: str, num_directions: int, rows: list[tuple[int, list[bool]]]
) -> None:
    documents_are_read_one_by_one(name, num_directions, rows)

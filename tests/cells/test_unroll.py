"""The loop over time: documents in a stream, the edges of B and T, and what it refuses. The rest: test_contract."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from elman.cells import LayerParameters, unroll

from .problems import (
    RAGGED,
    RESET,
    Answer,
    Problem,
    assert_same,
    elman_answer,
    named_gradients,
    named_states,
    random_problem,
)


def test_documents_packed_into_one_stream_are_read_as_if_alone(name: str) -> None:
    """Two layers and both directions: no document sees another, from either side."""
    cuts = [0, 1, 5, 8]
    problem = random_problem(name, (3, 2), num_directions=2, shape=(1, 8, 2))
    starts = np.isin(np.arange(8), cuts)[None]
    stream, _ = unroll.run(problem.cell, problem.params, problem.x, reset=starts)
    alone = [
        unroll.run(problem.cell, problem.params, problem.x[:, start:end])[0] for start, end in itertools.pairwise(cuts)
    ]
    # The same sums, in matrix products of another size.
    np.testing.assert_allclose(stream, np.concatenate(alone, axis=1), rtol=0, atol=1e-12)


def test_a_document_that_starts_at_once_leaves_the_backward_state_at_zero() -> None:
    """The backward direction has read the document to its first step, and what comes before is another one."""
    problem = random_problem("lstm", (3,), num_directions=2, reset=[[True, False, False, False, False]] * 4)
    answer = elman_answer(problem)
    assert answer["final h of layer 0 forward"].all()
    for name in ("final h of layer 0 backward", "final c of layer 0 backward", "initial h of layer 0 forward"):
        np.testing.assert_array_equal(answer[name], np.zeros((4, 3)), err_msg=name)
    assert answer["initial h of layer 0 backward"].all()


def test_a_row_of_length_zero_hands_its_state_on(hard_problem: Problem) -> None:
    answer, row = elman_answer(hard_problem), RAGGED.index(0)
    states, d_states = named_states(hard_problem.state), named_states(hard_problem.d_state)
    for name, state in states.items():
        np.testing.assert_array_equal(answer[name][row], state[row], err_msg=name)
        np.testing.assert_array_equal(answer[name.replace("final", "initial")][row], d_states[name][row], err_msg=name)


def test_no_state_is_a_state_of_zeros(hard_problem: Problem) -> None:
    p = hard_problem
    zeros = unroll.zero_state(p.cell, p.params, 4)
    for state in named_states(zeros).values():
        assert not state.any()
    outputs, final = unroll.run(p.cell, p.params, p.x, None, p.lengths, p.reset)
    expected, expected_final = unroll.run(p.cell, p.params, p.x, zeros, p.lengths, p.reset)
    assert_same({"outputs": outputs, **named_states(final)}, {"outputs": expected, **named_states(expected_final)})


def test_no_derivative_with_respect_to_the_final_state_is_one_of_zeros(hard_problem: Problem) -> None:
    p = hard_problem
    _, _, tape = unroll.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    zeros = elman_answer(replace(p, d_state=unroll.zero_state(p.cell, p.params, 4)))
    gradients = named_gradients(unroll.backward(tape, p.d_outputs))
    assert_same(gradients, {name: zeros[name] for name in gradients})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_state_of_zeros_has_the_shape_and_dtype_of_the_parameters(dtype: type) -> None:
    problem = random_problem("lstm", (3, 2), num_directions=2).astype(dtype)
    state = unroll.zero_state(problem.cell, problem.params, 7)
    shapes = [[[(s.shape, s.dtype) for s in states] for states in layer] for layer in state]
    assert shapes == [[[((7, H), np.dtype(dtype))] * 2] * 2 for H in (3, 2)]


def test_lengths_and_resets_are_lists_or_arrays_alike(hard_problem: Problem) -> None:
    p = hard_problem
    lists, _ = unroll.run(p.cell, p.params, p.x, p.state, RAGGED, RESET)
    arrays, _ = unroll.run(p.cell, p.params, p.x, p.state, np.array(RAGGED), np.array(RESET))
    np.testing.assert_array_equal(lists, arrays)


def test_no_rows_give_no_outputs_and_gradients_of_zero(name: str) -> None:
    problem = random_problem(name, num_directions=2, lengths=[], shape=(0, 5, 2))
    answer = elman_answer(problem)
    assert answer["outputs"].shape == (0, 5, 4)
    assert answer["x"].shape == (0, 5, 2)
    assert_same(of_parameters(answer), of_parameters({n: 0.0 * a for n, a in problem.variables().items()}))


@pytest.mark.parametrize("lengths", [None, [0, 0, 0, 0]], ids=["full", "ragged"])
def test_no_steps_hand_the_state_and_its_derivative_on(name: str, lengths: list[int] | None) -> None:
    problem = random_problem(name, num_directions=2, lengths=lengths, shape=(4, 0, 2))
    answer = elman_answer(problem)
    assert answer["outputs"].shape == (4, 0, 4)
    handed_on = {n: a for n, a in answer.items() if n.startswith(("initial", "final"))}
    assert_same(handed_on, {**named_states(problem.d_state, "initial"), **named_states(problem.state)})
    assert_same(of_parameters(answer), of_parameters({n: 0.0 * a for n, a in problem.variables().items()}))


def of_parameters(answer: Answer) -> Answer:
    """The gradients of an answer that are by parameters."""
    return {name: array for name, array in answer.items() if name.startswith("layer")}


@pytest.mark.parametrize(
    "lengths",
    [[5, 6, 1, 0], [5, -1, 1, 0], [5, 5], 5, [[5, 5, 5, 5]], [1.5, 5.0, 1.0, 0.0], [math.nan] * 4],
    ids=["long", "negative", "few", "number", "nested", "fraction", "nan"],
)
def test_lengths_that_do_not_fit_say_what_was_expected(
    lengths: int | list[int] | list[float] | list[list[int]],
) -> None:
    problem = random_problem("tanh")
    expected = f"lengths: given {lengths}; expected 4 integers between 0 and 5"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        unroll.run(problem.cell, problem.params, problem.x, lengths=lengths)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_state_of_another_number_of_layers_is_refused(layers: int) -> None:
    problem = random_problem("tanh", (3, 2))
    with pytest.raises(ValueError, match=f"^layers of the state: given {layers}; expected 2$"):
        unroll.run(problem.cell, problem.params, problem.x, (problem.state * 2)[:layers])


def test_a_state_of_another_number_of_directions_is_refused() -> None:
    problem = random_problem("tanh", (3, 2), num_directions=2)
    first, second = problem.state
    with pytest.raises(ValueError, match=r"^directions of the state: given 1; expected 2$"):
        unroll.run(problem.cell, problem.params, problem.x, (first, second[:1]))


def test_the_state_of_another_cell_is_refused() -> None:
    gru, lstm = random_problem("gru", (3,)), random_problem("lstm", (3,))
    for problem, other, given, expected in ((gru, lstm, 2, 1), (lstm, gru, 1, 2)):
        with pytest.raises(ValueError, match=f"^arrays of the state: given {given}; expected {expected}$"):
            unroll.run(problem.cell, problem.params, problem.x, other.state)


@pytest.mark.parametrize("shape", [(1, 2), (4, 1), (2,), (4, 3)], ids=["one_row", "one_column", "flat", "other_H"])
def test_a_state_of_another_shape_is_refused_though_it_might_broadcast(name: str, shape: tuple[int, ...]) -> None:
    problem = random_problem(name, (3, 2))
    first, ((*_, last),) = problem.state
    state = (first, ((*problem.state[1][0][:-1], np.zeros(shape)),))
    assert last.shape == (4, 2)
    expected = f"shape of the state: given {shape}; expected (4, 2)"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        unroll.run(problem.cell, problem.params, problem.x, state)


@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (4, 6), (5,), (4, 5, 1)], ids=str)
def test_a_reset_of_another_shape_is_refused_though_it_might_broadcast(shape: tuple[int, ...]) -> None:
    problem = random_problem("tanh")
    expected = f"shape of reset: given {shape}; expected (4, 5)"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        unroll.run(problem.cell, problem.params, problem.x, reset=np.ones(shape, bool))


def test_the_hidden_size_is_that_of_the_recurrent_weights() -> None:
    assert LayerParameters(W=np.zeros((9, 2)), U=np.zeros((9, 3))).hidden_size == 3


def test_a_tape_serves_more_than_once(hard_problem: Problem) -> None:
    p = hard_problem
    _, _, tape = unroll.forward(p.cell, p.params, p.x, p.state, p.lengths, p.reset)
    first, second = (unroll.backward(tape, p.d_outputs, p.d_state) for _ in range(2))
    assert_same({"x": first.x, **named_states(first.state)}, {"x": second.x, **named_states(second.state)})

"""The forms that inputs may have: packed, rows of a table, nothing at all, nan; and what is done with given arrays."""

from dataclasses import replace

import numpy as np
import pytest

from elman import kernels
from elman.cells import LayerParameters, unroll

from ..cells.problems import (
    CELL_NAMES,
    Answer,
    Problem,
    assert_same,
    elman_answer,
    make_cell,
    map_state,
    named_gradients,
    named_states,
    random_problem,
)
from .answers import (
    any_problem,
    assert_near,
    every_dtype,
    expected_answer,
    kernels_answer,
    needs_kernels,
    shared_problem,
)

pytestmark = needs_kernels

every_cell = pytest.mark.parametrize("name", CELL_NAMES)


# --- packed


def pack(padded, lengths):
    """Row by row of falling length, step by step: (B, T, ...) -> (N, ...)."""
    return np.concatenate([padded[: sum(n > t for n in lengths), t] for t in range(padded.shape[1])])


def packed_answer(problem: Problem, *, threads: int) -> Answer:
    """The answer to a problem of falling lengths by its packed form, outputs and d_x packed."""
    p = problem
    stack = kernels.Stack(p.cell, p.params)
    y, final, tape = stack.forward(pack(p.x, p.lengths), p.state, p.lengths, threads=threads)
    gradients = kernels.backward(tape, pack(p.d_outputs, p.lengths), p.d_state, threads=threads)
    return {"outputs": y, **named_states(final), **named_gradients(gradients)}


@every_dtype
@pytest.mark.parametrize("threads", [1, 2])
def test_packed_inputs_are_padded_ones_to_the_last_bit(instruction_set, name, threads, dtype) -> None:
    problem = shared_problem(name)
    order = np.argsort(problem.lengths)[::-1]
    problem = replace(problem.rows(order), reset=None).astype(dtype)
    expected = kernels_answer(problem, threads=threads)
    packed = {n: pack(a, problem.lengths) if n in ("outputs", "x") else a for n, a in expected.items()}
    assert_same(packed_answer(problem, threads=threads), packed)


# --- rows of a table


def one_hot_problem(name: str, ids, rows: int, *, hidden_sizes=((11, 5), (4, 6)), **given) -> Problem:
    """A problem whose x is one-hot and whose bottom W is a table of `rows`, the other way round: W x is a row of it."""
    problem = any_problem(name, hidden_sizes, (*ids.shape, rows), **given)
    bottom = [replace(p, b_ih=None) for p in problem.params[0]]
    return replace(problem, x=np.eye(rows)[ids], params=[bottom, *problem.params[1:]])


def table_answer(problem: Problem, ids, *, threads: int = 1) -> Answer:
    """The answer to a one-hot problem by its table: without x, and the gradient by the table turned back."""
    p = problem
    bottom = [LayerParameters(np.ascontiguousarray(w.W.T), w.U, None, w.b_hh) for w in p.params[0]]
    stack = kernels.Stack(p.cell, [bottom, *p.params[1:]], table=True)
    y, final, tape = stack.forward(ids, p.state, p.lengths, p.reset, threads=threads)
    gradients = kernels.backward(tape, p.d_outputs, p.d_state, threads=threads)
    assert gradients.x.size == 0
    answer = {"outputs": y, **named_states(final), **named_gradients(gradients)}
    return {n: a.T if n in ("layer 0 forward W", "layer 0 backward W") else a for n, a in answer.items() if n != "x"}


def without_x(answer: Answer) -> Answer:
    return {name: array for name, array in answer.items() if name != "x"}


@every_dtype
@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no_biases"])
def test_rows_of_a_table_are_one_hot_inputs(instruction_set, name, bias, dtype) -> None:
    rng = np.random.default_rng(8)
    ids, lengths, reset = rng.integers(0, 23, (9, 6)), rng.integers(0, 7, 9).tolist(), rng.random((9, 6)) < 0.2
    problem = one_hot_problem(name, ids, 23, lengths=lengths, reset=reset.tolist(), bias=bias).astype(dtype)
    for threads in (1, 2):
        assert_near(table_answer(problem, ids, threads=threads), without_x(expected_answer(problem)))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_so_they_are_where_threads_share_the_work(instruction_set, name, threads) -> None:
    ids = np.random.default_rng(8).integers(0, 40, (48, 10))
    problem = one_hot_problem(name, ids, 40, hidden_sizes=[[133], [70]])
    given = table_answer(problem, ids, threads=threads)
    assert_near(given, without_x(expected_answer(problem)))
    assert_same(given, table_answer(problem, ids))


@every_cell
def test_a_table_of_products_reads_embedded_vectors(name) -> None:
    rng = np.random.default_rng(9)
    embedding, ids = rng.normal(size=(13, 6)), rng.integers(0, 13, (5, 4))
    problem = replace(any_problem(name, [[8], [3]], (5, 4, 6)), x=embedding[ids])
    (bottom,), *above = problem.params
    products = LayerParameters(embedding @ bottom.W.T + bottom.b_ih, bottom.U, None, bottom.b_hh)
    outputs, final = kernels.Stack(problem.cell, [[products], *above], table=True).run(ids, problem.state)
    expected, expected_final = unroll.run(problem.cell, problem.params, problem.x, problem.state)
    assert_near({"y": outputs, **named_states(final)}, {"y": expected, **named_states(expected_final)})


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.uint64])
def test_ids_may_be_any_integers_in_any_memory(dtype) -> None:
    ids = np.random.default_rng(8).integers(0, 23, (9, 6))
    problem = one_hot_problem("gru", ids, 23)
    expected = table_answer(problem, ids)
    for given in (ids.astype(dtype), np.asfortranarray(ids.astype(dtype)), np.repeat(ids.astype(dtype), 2, 1)[:, ::2]):
        assert_same(table_answer(problem, given), expected)


def test_ids_may_be_packed() -> None:
    lengths = [6, 4, 4, 1, 0]
    ids = np.random.default_rng(8).integers(0, 23, (5, 6))
    problem = one_hot_problem("lstm", ids, 23, lengths=lengths)
    table = [LayerParameters(np.ascontiguousarray(p.W.T), p.U, None, p.b_hh) for p in problem.params[0]]
    stack = kernels.Stack(problem.cell, [table, *problem.params[1:]], table=True)
    y, final, tape = stack.forward(pack(ids, lengths), problem.state, lengths)
    d_table = kernels.backward(tape, pack(problem.d_outputs, lengths), problem.d_state).params[0][0].W
    expected = expected_answer(problem)
    assert_near({"y": y}, {"y": pack(expected["outputs"], lengths)})
    assert_near(named_states(final), {n: a for n, a in expected.items() if n.startswith("final")})
    assert_near({"table": d_table.T}, {"table": expected["layer 0 forward W"]})


def test_a_step_may_be_a_row_of_a_table() -> None:
    ids = np.random.default_rng(8).integers(0, 23, (5, 1))
    problem = one_hot_problem("gru", ids, 23)
    table = [LayerParameters(np.ascontiguousarray(p.W.T), p.U, None, p.b_hh) for p in problem.params[0]]
    stack = kernels.Stack(problem.cell, [table, *problem.params[1:]], table=True)
    y, after = stack.step(ids[:, 0], problem.state)
    expected, final = stack.run(ids, problem.state)
    assert_same({"y": y, **named_states(after)}, {"y": expected[:, 0], **named_states(final)})
    with pytest.raises(ValueError, match=r"^ids: given 23, expected 0 to 22$"):
        stack.step(np.full(5, 23), problem.state)


@pytest.mark.parametrize("wrong", [23, 24, -1, 2**40, -(2**63)])
def test_an_id_that_is_no_row_is_refused(wrong) -> None:
    ids = np.zeros((9, 6), np.int64)
    ids[8, 5] = wrong
    problem = one_hot_problem("gru", np.zeros_like(ids), 23)
    with pytest.raises(ValueError, match=f"^ids: given {wrong}, expected 0 to 22$"):
        table_answer(problem, ids)


# --- nan and infinity


@every_dtype
@pytest.mark.parametrize("threads", [1, 2])
def test_nan_stays_in_its_row_and_in_all_of_it(instruction_set, name, threads, dtype) -> None:
    problem = replace(any_problem(name, [[67], [70]], (40, 9, 50)), reset=None).astype(dtype)
    x = problem.x.copy()
    x[3, 4, 7] = np.nan
    sound, ill = (kernels_answer(replace(problem, x=x), threads=threads) for x in (problem.x, x))
    others = np.arange(40) != 3
    for array in ("outputs", "x", "final h of layer 1 forward", "initial h of layer 0 forward"):
        np.testing.assert_array_equal(ill[array][others], sound[array][others])
    np.testing.assert_array_equal(ill["outputs"][3, :4], sound["outputs"][3, :4])
    assert np.isnan(ill["outputs"][3, 4:]).all()
    assert np.isnan(ill["final h of layer 1 forward"][3]).all()
    assert np.isnan(ill["layer 0 forward W"]).any()


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinity_does_what_it_does_in_cells(instruction_set, name, infinity) -> None:
    problem = any_problem(name, [[19, 3], [6, 20]], (5, 4, 7), lengths=[4, 4, 2, 0, 3])
    problem.x[1, 2, 3] = problem.x[2, 1, 0] = infinity
    p = problem
    with np.errstate(invalid="ignore"):
        expected, _ = unroll.run(p.cell, p.params, p.x, p.state, p.lengths)
    given, _ = kernels.Stack(p.cell, p.params).run(p.x, p.state, p.lengths)
    # Sums of about twenty products in another order; where one is nan or infinite, both are.
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12)


# --- nothing at all


@every_dtype
@pytest.mark.parametrize("lengths", ["none", "zeros"])
@pytest.mark.parametrize("shape", [(0, 5, 7), (4, 0, 7), (0, 0, 7), (0, 5, 1), (4, 0, 1)])
def test_no_rows_or_no_steps_leave_everything_as_it_is(name, shape, lengths, dtype) -> None:
    B, T, _ = shape
    given = {"none": None, "zeros": [0] * B}[lengths]
    problem = any_problem(name, [[5, 3], [1, 18]], shape, lengths=given, reset=np.zeros((B, T), bool)).astype(dtype)
    assert_same(kernels_answer(problem, threads=2), {n: a.astype(dtype) for n, a in expected_answer(problem).items()})


@pytest.mark.parametrize("rows", [0, 3])
def test_packed_inputs_may_have_no_steps(rows) -> None:
    problem = any_problem("lstm", [[5, 3], [4, 8]], (rows, 0, 7), lengths=[0] * rows)
    stack = kernels.Stack(problem.cell, problem.params)
    outputs, final, tape = stack.forward(np.zeros((0, 7)), problem.state, [0] * rows)
    gradients = kernels.backward(tape, np.zeros((0, 12)), problem.d_state)
    assert (outputs.shape, gradients.x.shape) == ((0, 12), (0, 7))
    assert_same(named_states(final), named_states(problem.state))
    assert_same(named_states(gradients.state), named_states(problem.d_state))
    assert not any(p.U.any() or p.W.any() or p.b_ih.any() for layer in gradients.params for p in layer)


def test_a_table_may_be_read_by_nobody() -> None:
    ids = np.zeros((3, 0), np.int64)
    problem = one_hot_problem("gru", ids, 23)
    assert_near(table_answer(problem, ids), without_x(expected_answer(problem)))


def test_a_step_of_no_rows_is_no_step() -> None:
    problem = any_problem("lstm", [[5, 3], [4, 8]], (0, 1, 7))
    outputs, _ = kernels.Stack(problem.cell, problem.params).step(problem.x[:, 0], problem.state)
    assert outputs.shape == (0, 12)


def test_past_the_lengths_outputs_and_their_inputs_gradients_are_zeros() -> None:
    problem = shared_problem("lstm")
    past = np.arange(problem.x.shape[1]) >= np.array(problem.lengths)[:, None]
    answer = kernels_answer(problem, threads=2)
    assert past.any()
    assert not answer["outputs"][past].any()
    assert not answer["x"][past].any()
    assert answer["outputs"][~past].all()


# --- what is given


@every_cell
def test_nothing_that_was_given_is_written_to(name) -> None:
    problem = random_problem(name, (3, 2), 2, lengths=[5, 0, 1, 3])
    before = {n: a.copy() for n, a in problem.variables().items()}
    kernels_answer(problem)
    assert_same(problem.variables(), before)


def test_read_only_arrays_may_be_read() -> None:
    problem = random_problem("lstm", (3, 2), 2)
    given = [*problem.variables().values(), problem.d_outputs, *named_states(problem.d_state).values()]
    for array in given:
        array.setflags(write=False)
    assert_near(kernels_answer(problem), elman_answer(problem))


STATES = {
    "turned": np.asfortranarray,
    "every other number": lambda s: np.repeat(s, 2, axis=1)[:, ::2],
    "rows from the last": lambda s: np.ascontiguousarray(s[::-1])[::-1],
    "float64": lambda s: s.astype(np.float64),
    "zeros of one number": lambda s: np.broadcast_to(np.zeros((), s.dtype), s.shape),
}


def laid_out(state, memory: str):
    return tuple(tuple(tuple(STATES[memory](s) for s in states) for states in layer) for layer in state)


@every_dtype
@pytest.mark.parametrize("memory", STATES)
def test_states_may_lie_in_any_memory(memory, dtype) -> None:
    problem = random_problem("lstm", (3, 2), 2).astype(dtype)
    moved = replace(problem, state=laid_out(problem.state, memory), d_state=laid_out(problem.d_state, memory))
    assert_near(kernels_answer(moved), expected_answer(moved))


@every_dtype
@pytest.mark.parametrize("memory", STATES)
def test_states_of_a_step_may_lie_in_any_memory(memory, dtype) -> None:
    problem = random_problem("lstm", (3, 2), 2).astype(dtype)
    stack = kernels.Stack(problem.cell, problem.params)
    state = laid_out(problem.state, memory)
    straight = map_state(lambda s: np.ascontiguousarray(s, dtype), state)
    y, after = stack.step(problem.x[:, 0], state)
    expected, final = stack.run(problem.x[:, :1], straight)
    assert_same({"y": y, **named_states(after)}, {"y": expected[:, 0], **named_states(final)})


def test_no_state_is_zeros_and_no_derivative_too(name) -> None:
    p = random_problem(name, (3, 2), 2, lengths=[5, 0, 1, 3])
    cell = make_cell(name)
    outputs, final, tape = kernels.forward(cell, p.params, p.x, None, p.lengths)
    expected, expected_final, expected_tape = unroll.forward(cell, p.params, p.x, None, p.lengths)
    assert_near({"y": outputs, **named_states(final)}, {"y": expected, **named_states(expected_final)})
    gradients = named_gradients(kernels.backward(tape, p.d_outputs))
    assert_near(gradients, named_gradients(unroll.backward(expected_tape, p.d_outputs)))


def test_outputs_are_written_where_the_caller_wants_them() -> None:
    p = random_problem("gru", (3,), lengths=[5, 0, 1, 3])
    place = np.full((5, 4, 2, 3), 7.0)
    mine = place[:, :, 1].swapaxes(0, 1)
    given, _, _ = kernels.Stack(p.cell, p.params).forward(p.x, p.state, p.lengths, outputs=mine)
    expected = kernels_answer(p)["outputs"]
    past = np.arange(5) >= np.array(p.lengths)[:, None]
    assert given is mine
    np.testing.assert_array_equal(given, np.where(past[..., None], 7.0, expected))
    assert (place[:, :, 0] == 7.0).all()


def test_packed_weights_are_a_copy() -> None:
    problem = random_problem("gru", (3,))
    stack = kernels.Stack(problem.cell, problem.params)
    before, _ = stack.run(problem.x)
    for p in problem.params[0]:
        p.W[:] = p.U[:] = np.nan
    np.testing.assert_array_equal(stack.run(problem.x)[0], before)

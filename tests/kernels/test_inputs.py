"""The forms of inputs: packed, rows of a table, empty, NaN; and how the caller's arrays are used."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elman import kernels
from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array

from ..cells.problems import (
    COMPILED_NAMES,
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
from .grid import pairwise_grid

pytestmark = needs_kernels

Ids = npt.NDArray[np.integer[Any]]

every_cell = pytest.mark.parametrize("name", COMPILED_NAMES)


# --- packed


def pack(padded: npt.NDArray[Any], lengths: Sequence[int]) -> npt.NDArray[Any]:
    """Pack rows that are sorted by length, step by step: (B, T, ...) -> (N, ...)."""
    return np.concatenate([padded[: sum(n > t for n in lengths), t] for t in range(padded.shape[1])])


def packed_answer(problem: Problem, *, threads: int) -> Answer:
    """Return the answer to a problem with sorted rows, from packed inputs; outputs and d_x are packed."""
    p = problem
    assert p.lengths is not None
    stack = kernels.Stack(p.cell, p.params)
    y, final, tape = stack.forward(pack(p.x, p.lengths), p.state, p.lengths, threads=threads)
    gradients = kernels.backward(tape, pack(p.d_outputs, p.lengths), p.d_state, threads=threads)
    return {"outputs": y, **named_states(final), **named_gradients(gradients)}


@pairwise_grid(threads=[1, 2])
def test_packed_inputs_give_the_bits_of_padded_inputs(
    instruction_set: str, name: str, threads: int, dtype: type
) -> None:
    problem = shared_problem(name)
    assert problem.lengths is not None
    order = np.argsort(problem.lengths)[::-1]
    problem = replace(problem.rows(order), reset=None).astype(dtype)
    expected = kernels_answer(problem, threads=threads)
    assert problem.lengths is not None
    packed = {n: pack(a, problem.lengths) if n in ("outputs", "x") else a for n, a in expected.items()}
    assert_same(packed_answer(problem, threads=threads), packed)


# --- rows of a table


def one_hot_problem(
    name: str, ids: Ids, rows: int, *, hidden_sizes: Sequence[Sequence[int]] = ((11, 5), (4, 6)), **given: Any
) -> Problem:
    """Return a problem with one-hot x and a bottom W that is a transposed table: W x is a row of the table."""
    problem = any_problem(name, hidden_sizes, (*ids.shape, rows), **given)
    bottom = [replace(p, b_ih=None) for p in problem.params[0]]
    return replace(problem, x=np.eye(rows)[ids], params=[bottom, *problem.params[1:]])


def table_answer(problem: Problem, ids: Ids, *, threads: int = 1) -> Answer:
    """Return the answer to a one-hot problem from its table: without x, with the transposed gradient of the table."""
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


@pairwise_grid(bias=[True, False])
def test_rows_of_a_table_give_the_results_of_one_hot_inputs(
    instruction_set: str, name: str, bias: bool, dtype: type
) -> None:
    rng = np.random.default_rng(8)
    ids, lengths, reset = rng.integers(0, 23, (9, 6)), rng.integers(0, 7, 9).tolist(), rng.random((9, 6)) < 0.2
    problem = one_hot_problem(name, ids, 23, lengths=lengths, reset=reset.tolist(), bias=bias).astype(dtype)
    for threads in (1, 2):
        assert_near(table_answer(problem, ids, threads=threads), without_x(expected_answer(problem)))


@pairwise_grid(dtype=[np.float64], threads=[1, 2, 3])
def test_they_do_on_several_threads(instruction_set: str, name: str, dtype: type, threads: int) -> None:
    ids = np.random.default_rng(8).integers(0, 40, (48, 10))
    problem = one_hot_problem(name, ids, 40, hidden_sizes=[[133], [70]])
    answer = table_answer(problem, ids, threads=threads)
    assert_near(answer, without_x(expected_answer(problem)))
    assert_same(answer, table_answer(problem, ids))


@every_cell
def test_a_table_of_input_products_replaces_an_embedding(name: str) -> None:
    rng = np.random.default_rng(9)
    embedding, ids = rng.normal(size=(13, 6)), rng.integers(0, 13, (5, 4))
    problem = replace(any_problem(name, [[8], [3]], (5, 4, 6)), x=embedding[ids])
    (bottom,), *above = problem.params
    assert bottom.b_ih is not None
    products = LayerParameters(embedding @ bottom.W.T + bottom.b_ih, bottom.U, None, bottom.b_hh)
    outputs, final = kernels.Stack(problem.cell, [[products], *above], table=True).run(ids, problem.state)
    expected, expected_final = unroll.run(problem.cell, problem.params, problem.x, problem.state)
    assert_near({"y": outputs, **named_states(final)}, {"y": expected, **named_states(expected_final)})


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.uint64])
def test_ids_may_be_any_integers_in_any_layout(dtype: type) -> None:
    ids = np.random.default_rng(8).integers(0, 23, (9, 6))
    problem = one_hot_problem("gru", ids, 23)
    expected = table_answer(problem, ids)
    integers: Ids = ids.astype(dtype)
    for same_ids in (integers, np.asfortranarray(integers), np.repeat(integers, 2, 1)[:, ::2]):
        assert_same(table_answer(problem, same_ids), expected)


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
    with pytest.raises(ValueError, match=r"^ids: given 23; expected 0 to 22$"):
        stack.step(np.full(5, 23), problem.state)


@pytest.mark.parametrize("wrong", [23, 24, -1, 2**40, -(2**63)])
def test_an_id_outside_the_table_raises_an_error(wrong: int) -> None:
    ids = np.zeros((9, 6), np.int64)
    ids[8, 5] = wrong
    problem = one_hot_problem("gru", np.zeros_like(ids), 23)
    with pytest.raises(ValueError, match=f"^ids: given {wrong}; expected 0 to 22$"):
        table_answer(problem, ids)


# --- nan and infinity


@pairwise_grid(threads=[1, 2])
def test_nan_stays_in_its_row_and_reaches_all_later_steps(
    instruction_set: str, name: str, threads: int, dtype: type
) -> None:
    problem = replace(any_problem(name, [[67], [70]], (40, 9, 50)), reset=None).astype(dtype)
    x = problem.x.copy()
    x[3, 4, 7] = np.nan
    without_nan, with_nan = (kernels_answer(replace(problem, x=x), threads=threads) for x in (problem.x, x))
    others = np.arange(40) != 3
    for array in ("outputs", "x", "final h of layer 1 forward", "initial h of layer 0 forward"):
        np.testing.assert_array_equal(with_nan[array][others], without_nan[array][others])
    np.testing.assert_array_equal(with_nan["outputs"][3, :4], without_nan["outputs"][3, :4])
    assert np.isnan(with_nan["outputs"][3, 4:]).all()
    assert np.isnan(with_nan["final h of layer 1 forward"][3]).all()
    assert np.isnan(with_nan["layer 0 forward W"]).any()


@pairwise_grid(dtype=[np.float64], infinity=[np.inf, -np.inf])
def test_infinity_has_the_results_of_cells(instruction_set: str, name: str, dtype: type, infinity: float) -> None:
    problem = any_problem(name, [[19, 3], [6, 20]], (5, 4, 7), lengths=[4, 4, 2, 0, 3])
    problem.x[1, 2, 3] = problem.x[2, 1, 0] = infinity
    p = problem
    with np.errstate(invalid="ignore"):
        expected, _ = unroll.run(p.cell, p.params, p.x, p.state, p.lengths)
    outputs, _ = kernels.Stack(p.cell, p.params).run(p.x, p.state, p.lengths)
    # Sums of about twenty products in another order. If one is NaN or infinite, so is the other.
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-12)


# --- empty


@pairwise_grid(shape=[(0, 5, 7), (4, 0, 7), (0, 0, 7), (0, 5, 1), (4, 0, 1)], has_lengths=[False, True])
def test_a_batch_without_rows_or_steps_has_the_results_of_cells(
    instruction_set: str, name: str, shape: tuple[int, int, int], has_lengths: bool, dtype: type
) -> None:
    B, T, _ = shape
    lengths = [0] * B if has_lengths else None
    problem = any_problem(name, [[5, 3], [1, 18]], shape, lengths=lengths, reset=np.zeros((B, T), bool)).astype(dtype)
    assert_same(kernels_answer(problem, threads=2), {n: a.astype(dtype) for n, a in expected_answer(problem).items()})


@pytest.mark.parametrize("rows", [0, 3])
def test_packed_inputs_may_have_no_steps(rows: int) -> None:
    problem = any_problem("lstm", [[5, 3], [4, 8]], (rows, 0, 7), lengths=[0] * rows)
    stack = kernels.Stack(problem.cell, problem.params)
    outputs, final, tape = stack.forward(np.zeros((0, 7)), problem.state, [0] * rows)
    gradients = kernels.backward(tape, np.zeros((0, 12)), problem.d_state)
    assert (outputs.shape, gradients.x.shape) == ((0, 12), (0, 7))
    assert_same(named_states(final), named_states(problem.state))
    assert_same(named_states(gradients.state), named_states(problem.d_state))
    assert not any(array.any() for layer in gradients.params for p in layer for array in p.arrays().values())


def test_a_table_may_be_used_with_no_steps() -> None:
    ids = np.zeros((3, 0), np.int64)
    problem = one_hot_problem("gru", ids, 23)
    assert_near(table_answer(problem, ids), without_x(expected_answer(problem)))


def test_a_step_without_rows_has_empty_outputs() -> None:
    problem = any_problem("lstm", [[5, 3], [4, 8]], (0, 1, 7))
    outputs, _ = kernels.Stack(problem.cell, problem.params).step(problem.x[:, 0], problem.state)
    assert outputs.shape == (0, 12)


def test_outputs_and_input_gradients_after_the_lengths_are_zeros() -> None:
    problem = shared_problem("lstm")
    is_padding = np.arange(problem.x.shape[1]) >= np.array(problem.lengths)[:, None]
    answer = kernels_answer(problem, threads=2)
    assert is_padding.any()
    assert not answer["outputs"][is_padding].any()
    assert not answer["x"][is_padding].any()
    assert answer["outputs"][~is_padding].all()


# --- the caller's arrays


@every_cell
def test_arguments_are_not_changed(name: str) -> None:
    problem = random_problem(name, (3, 2), 2, lengths=[5, 0, 1, 3])
    before = {n: a.copy() for n, a in problem.variables().items()}
    kernels_answer(problem)
    assert_same(problem.variables(), before)


def test_read_only_arrays_are_accepted() -> None:
    problem = random_problem("lstm", (3, 2), 2)
    arrays = [*problem.variables().values(), problem.d_outputs, *named_states(problem.d_state).values()]
    for array in arrays:
        array.setflags(write=False)
    assert_near(kernels_answer(problem), elman_answer(problem))


STATE_LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": np.asfortranarray,
    "every second number": lambda s: np.repeat(s, 2, axis=1)[:, ::2],
    "reversed rows": lambda s: np.ascontiguousarray(s[::-1])[::-1],
    "float64": lambda s: s.astype(np.float64),
    "broadcast zeros": lambda s: np.broadcast_to(np.zeros((), s.dtype), s.shape),
}


def with_layout(state: unroll.StackState, layout: str) -> unroll.StackState:
    return tuple(tuple(tuple(STATE_LAYOUTS[layout](s) for s in states) for states in layer) for layer in state)


@every_dtype
@pytest.mark.parametrize("layout", STATE_LAYOUTS)
def test_states_may_have_any_layout(layout: str, dtype: type) -> None:
    problem = random_problem("lstm", (3, 2), 2).astype(dtype)
    moved = replace(problem, state=with_layout(problem.state, layout), d_state=with_layout(problem.d_state, layout))
    assert_near(kernels_answer(moved), expected_answer(moved))


@every_dtype
@pytest.mark.parametrize("layout", STATE_LAYOUTS)
def test_states_of_a_step_may_have_any_layout(layout: str, dtype: type) -> None:
    problem = random_problem("lstm", (3, 2), 2).astype(dtype)
    stack = kernels.Stack(problem.cell, problem.params)
    state = with_layout(problem.state, layout)
    contiguous = map_state(lambda s: np.ascontiguousarray(s, dtype), state)
    y, after = stack.step(problem.x[:, 0], state)
    expected, final = stack.run(problem.x[:, :1], contiguous)
    assert_same({"y": y, **named_states(after)}, {"y": expected[:, 0], **named_states(final)})


def test_a_missing_state_or_derivative_is_zeros(name: str) -> None:
    p = random_problem(name, (3, 2), 2, lengths=[5, 0, 1, 3])
    cell = make_cell(name)
    outputs, final, tape = kernels.forward(cell, p.params, p.x, None, p.lengths)
    expected, expected_final, expected_tape = unroll.forward(cell, p.params, p.x, None, p.lengths)
    assert_near({"y": outputs, **named_states(final)}, {"y": expected, **named_states(expected_final)})
    gradients = named_gradients(kernels.backward(tape, p.d_outputs))
    assert_near(gradients, named_gradients(unroll.backward(expected_tape, p.d_outputs)))


def test_outputs_are_written_to_the_array_of_the_caller() -> None:
    p = random_problem("gru", (3,), lengths=[5, 0, 1, 3])
    memory = np.full((5, 4, 2, 3), 7.0)
    outputs = memory[:, :, 1].swapaxes(0, 1)
    returned, _, _ = kernels.Stack(p.cell, p.params).forward(p.x, p.state, p.lengths, outputs=outputs)
    expected = kernels_answer(p)["outputs"]
    is_padding = np.arange(5) >= np.array(p.lengths)[:, None]
    assert returned is outputs
    np.testing.assert_array_equal(outputs, np.where(is_padding[..., None], 7.0, expected))
    assert (memory[:, :, 0] == 7.0).all()


def test_packed_weights_are_a_copy() -> None:
    problem = random_problem("gru", (3,))
    stack = kernels.Stack(problem.cell, problem.params)
    before, _ = stack.run(problem.x)
    for p in problem.params[0]:
        p.W[:] = p.U[:] = np.nan
    np.testing.assert_array_equal(stack.run(problem.x)[0], before)

"""Wrong arguments raise clear errors before anything is read or written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS, LayerParameters, gru

from ..cells.problems import map_state, random_problem
from .answers import needs_kernels

pytestmark = needs_kernels


def zeros(*shape: int, dtype: type = np.float64) -> np.ndarray:
    return np.zeros(shape, dtype)


def layer(H: int, I: int, *, gates: int = 3, **other: Any) -> LayerParameters:  # noqa: E741
    given = {"W": zeros(gates * H, I), "U": zeros(gates * H, H), "b_ih": zeros(gates * H), "b_hh": zeros(gates * H)}
    return LayerParameters(**{**given, **other})


GRU = CELLS["gru"]()


def stack(*layers: list[LayerParameters], **given: Any) -> kernels.Stack:
    return kernels.Stack(GRU, layers or [[layer(3, 2)]], **given)


def table() -> kernels.Stack:
    return stack([layer(3, 2, W=zeros(7, 9), b_ih=None)], table=True)


def state(*shapes: tuple[int, int], dtype: type = np.float64) -> Any:
    """Return a state with one array for each layer."""
    return tuple(((zeros(*shape, dtype=dtype),),) for shape in shapes)


class Other(gru.GRU):
    """A cell that is not in CELLS."""


X = zeros(4, 5, 2)
PACKED = zeros(9, 2)

CASES: dict[str, tuple[Callable[[], object], str]] = {
    # the cell and its weights
    "a cell that is not compiled": (
        lambda: kernels.Stack(Other(), [[layer(3, 2)]]),
        "no kernels for Other in float64: not compiled",
    ),
    "half precision": (
        lambda: stack([layer(3, 2, U=zeros(9, 3, dtype=np.float16))]),
        "no kernels for GRU in float16: not compiled",
    ),
    "integers": (
        lambda: stack([layer(3, 2, U=zeros(9, 3, dtype=np.int64))]),
        "no kernels for GRU in int64: not compiled",
    ),
    "wrong gates of W": (lambda: stack([layer(3, 2, W=zeros(12, 2))]), "W: given shape (12, 2); expected (9, 2)"),
    "wrong gates of U": (lambda: stack([layer(3, 2, U=zeros(12, 3))]), "U: given shape (12, 3); expected (9, 3)"),
    "wrong gates of b_ih": (lambda: stack([layer(3, 2, b_ih=zeros(3))]), "b_ih: given shape (3); expected (9)"),
    "wrong gates of b_hh": (lambda: stack([layer(3, 2, b_hh=zeros(9, 1))]), "b_hh: given shape (9, 1); expected (9)"),
    "W with three axes": (
        lambda: stack([layer(3, 2, W=zeros(9, 2, 1))]),
        "parameters: expected W, U, b_ih, b_hh of float64, W and U with two axes",
    ),
    "W missing": (
        lambda: stack([layer(3, 2, W=None)]),
        "parameters: expected W, U, b_ih, b_hh of float64, W and U with two axes",
    ),
    "no units": (lambda: stack([layer(0, 2)]), "U: given no columns; expected at least one column"),
    "a layer that does not fit": (
        lambda: stack([layer(3, 2), layer(4, 2)], [layer(2, 3), layer(2, 7)]),
        "W: given 3 columns; expected the output size of the layer below, 7",
    ),
    "directions with different input sizes": (
        lambda: stack([layer(3, 2), layer(3, 1)]),
        "W: given different numbers of columns for the two directions; expected the same number",
    ),
    "a missing direction": (
        lambda: stack([layer(3, 2), layer(3, 2)], [layer(3, 6)]),
        "parameters: given 3 layers and directions; expected a multiple of 1 or 2 directions",
    ),
    "three directions": (
        lambda: stack([layer(3, 2)] * 3),
        "parameters: given 3 layers and directions; expected a multiple of 1 or 2 directions",
    ),
    "an empty table": (
        lambda: stack([layer(3, 2, W=zeros(0, 9))], table=True),
        "table: given no rows; expected at least one row",
    ),
    "wrong gates of a table": (
        lambda: stack([layer(3, 2, W=zeros(7, 8))], table=True),
        "table: given shape (7, 8); expected (7, 9)",
    ),
    "tables with different rows": (
        lambda: stack([layer(3, 2, W=zeros(7, 9)), layer(3, 2, W=zeros(8, 9))], table=True),
        "table: given shape (7, 9); expected (8, 9)",
    ),
    # inputs
    "another input size": (
        lambda: stack().run(zeros(4, 5, 3)),
        "x: given shape (4, 5, 3); expected (4, 5, 2)",
    ),
    "packed inputs of another size": (
        lambda: stack().run(zeros(9, 3), None, [5, 4]),
        "x: given shape (9, 3); expected (9, 2)",
    ),
    "packed inputs without lengths": (
        lambda: stack().run(PACKED),
        "inputs: given shape (9, 2) without lengths; expected (B, T, I), or packed (N, I) with lengths",
    ),
    "inputs of four axes": (
        lambda: stack().run(zeros(4, 5, 2, 1)),
        "inputs: given shape (4, 5, 2, 1); expected (B, T, I), or packed (N, I) with lengths",
    ),
    "packed lengths that grow": (
        lambda: stack().run(PACKED, None, [4, 5]),
        "lengths: given rows in another order; expected packed rows from the longest to the shortest",
    ),
    "packed lengths below zero": (
        lambda: stack().run(PACKED, None, [10, -1]),
        "lengths: given [10, -1]; expected integers between 0 and 9",
    ),
    "packed lengths of another sum": (
        lambda: stack().run(PACKED, None, [5, 5]),
        "lengths: given a sum of 10; expected the number of packed steps, 9",
    ),
    "resets of packed inputs": (
        lambda: stack().run(PACKED, None, [5, 4], zeros(2, 5)),
        "reset: given with packed inputs; expected padded inputs",
    ),
    "packed ids without lengths": (
        lambda: table().run(zeros(4, dtype=np.int64)),
        "inputs: given shape (4,) without lengths; expected (B, T), or packed (N,) with lengths",
    ),
    "ids past the table": (lambda: table().run(np.array([[0, 7]])), "ids: given 7; expected 0 to 6"),
    "ids below zero": (lambda: table().run(np.array([[0, -1]])), "ids: given -1; expected 0 to 6"),
    "ids past the table in a step": (
        lambda: table().step(np.array([7]), state((1, 3))),
        "ids: given 7; expected 0 to 6",
    ),
    # lengths and resets
    "too few lengths": (
        lambda: stack().run(X, None, [5, 5, 5]),
        "lengths: given [5, 5, 5]; expected 4 integers between 0 and 5",
    ),
    "a length past the end": (
        lambda: stack().run(X, None, [5, 6, 5, 5]),
        "lengths: given [5, 6, 5, 5]; expected 4 integers between 0 and 5",
    ),
    "a length below zero": (
        lambda: stack().run(X, None, [5, -1, 5, 5]),
        "lengths: given [5, -1, 5, 5]; expected 4 integers between 0 and 5",
    ),
    "lengths that are no integers": (
        lambda: stack().run(X, None, [5.0, 1.0, 5.0, 5.0]),
        "lengths: given [5.0, 1.0, 5.0, 5.0]; expected 4 integers between 0 and 5",
    ),
    "resets of other steps": (
        lambda: stack().run(X, None, None, zeros(4, 4)),
        "reset: given shape (4, 4); expected (4, 5)",
    ),
    # states
    "a state of other rows": (
        lambda: stack().run(X, state((3, 3))),
        "state: given shape (3, 3); expected (4, 3)",
    ),
    "a state of other units": (
        lambda: stack().run(X, state((4, 2))),
        "state: given shape (4, 2); expected (4, 3)",
    ),
    "a state of more layers": (lambda: stack().run(X, state((4, 3), (4, 3))), "state: given 2; expected 1"),
    "a state of more arrays": (
        lambda: stack().run(X, (((zeros(4, 3), zeros(4, 3)),),)),
        "state: given 2 arrays of a layer; expected h alone",
    ),
    "a step's state of other rows": (
        lambda: stack().step(X[:, 0], state((3, 3))),
        "state: given shape (3, 3); expected (4, 3)",
    ),
    "a step's inputs of another size": (
        lambda: stack().step(zeros(4, 3), state((4, 3))),
        "x: given shape (4, 3); expected (4, 2)",
    ),
    # outputs
    "outputs of another shape": (
        lambda: stack().forward(X, outputs=zeros(4, 5, 2)),
        "outputs: given shape (4, 5, 2); expected (4, 5, 3)",
    ),
    "outputs of another precision": (
        lambda: stack().forward(X, outputs=zeros(4, 5, 3, dtype=np.float32)),
        "outputs: given float32; expected a writable CPU array of float64",
    ),
    "outputs with gaps": (
        lambda: stack().forward(X, outputs=zeros(4, 5, 6)[..., ::2]),
        "outputs: given a last axis that is not contiguous; expected a contiguous one",
    ),
    # backward
    "derivatives of another shape": (
        lambda: kernels.backward(tape(), zeros(4, 4, 3)),
        "d_outputs: given shape (4, 4, 3); expected (4, 5, 3)",
    ),
    "derivatives of another precision": (
        lambda: kernels.backward(tape(), zeros(4, 5, 3, dtype=np.float32)),
        "d_outputs: given float32; expected a CPU array of float64",
    ),
    "derivatives of a state of other rows": (
        lambda: kernels.backward(tape(), zeros(4, 5, 3), state((3, 3))),
        "d_final: given shape (3, 3); expected (4, 3)",
    ),
    "derivatives of a state of more layers": (
        lambda: kernels.backward(tape(), zeros(4, 5, 3), state((4, 3), (4, 3))),
        "d_final: given 2; expected 1",
    ),
}


def tape() -> kernels.Tape:
    return stack().forward(X)[2]


@pytest.mark.parametrize("case", CASES)
def test_wrong_arguments_raise_clear_errors(case: str) -> None:
    call, text = CASES[case]
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        call()


UNUSUAL_CASES = {
    "inputs of one axis": lambda: stack().run(zeros(5)),
    "inputs of four axes with lengths": lambda: stack().run(zeros(4, 5, 2, 1), None, [1, 2, 3, 4]),
    "packed lengths of two axes": lambda: stack().run(PACKED, None, [[5, 4]]),
    "packed lengths that are no integers": lambda: stack().run(PACKED, None, [5.0, 4.0]),
    "packed lengths whose sum overflows": lambda: stack().run(zeros(0, 2), state((4, 3)), np.full(4, 2**62)),
    "resets of one axis": lambda: stack().run(X, None, None, [True] * 4),
    "ids that are no integers": lambda: table().run(np.array([[0.5, 1.0]])),
    "a state with layers and directions exchanged": lambda: stack([layer(3, 2)], [layer(3, 3)]).run(
        X, (((zeros(4, 3),), (zeros(4, 3),)),)
    ),
}


@pytest.mark.parametrize("case", UNUSUAL_CASES)
def test_unusual_arguments_raise_errors_that_name_the_argument(case: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z_]+: "):
        UNUSUAL_CASES[case]()


# --- no argument ends the process


def unusual_array(rng: np.random.Generator, like: np.ndarray) -> Any:
    """Return an array of another shape, dtype or memory layout, or another object."""
    shape = list(like.shape)
    axis = rng.integers(len(shape))
    sizes = [0, 1, 2, 3, 4, 5, 9, 17, 40]
    changed = [*shape[:axis], int(rng.choice(sizes)), *shape[axis + 1 :]]
    values: list[Callable[[], Any]] = [
        lambda: np.zeros(changed, like.dtype),
        lambda: np.zeros(rng.choice(sizes, rng.integers(0, 5)), like.dtype),
        lambda: like.astype(rng.choice(["float16", "float32", "float64", "int64", "bool"])),
        lambda: like.astype(like.dtype.newbyteorder()),
        lambda: np.asfortranarray(like),
        lambda: np.repeat(like, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)],
        lambda: np.broadcast_to(np.zeros((), like.dtype), like.shape),
        lambda: like[..., None],
        lambda: like[None],
        lambda: like[(slice(None),) * axis + (slice(None, None, -1),)],
        lambda: like.tolist(),
        lambda: None,
        lambda: "an array",
    ]
    return values[rng.integers(len(values))]()


ERRORS = (ValueError, TypeError, AttributeError, IndexError, RuntimeError)


@pytest.mark.filterwarnings(
    "ignore:invalid value encountered in cast:RuntimeWarning"
)  # of memory that is not initialized
@pytest.mark.parametrize("seed", range(8))
def test_no_argument_ends_the_process(name: str, seed: int) -> None:
    """A call either raises an exception or returns arrays of the right shapes."""
    rng = np.random.default_rng(seed)
    problem = random_problem(name, (3, 2), 2, lengths=[5, 0, 1, 3], shape=(4, 5, 2))
    stack_of_problem = kernels.Stack(problem.cell, problem.params)
    num_errors = 0
    for _ in range(150):
        x, first, lengths = problem.x, problem.state, np.array(problem.lengths)
        d_outputs, d_final = problem.d_outputs, problem.d_state
        which = rng.integers(5)
        if which == 0:
            x = unusual_array(rng, x)
        elif which == 1:
            first = unusual_state(rng, first)
        elif which == 2:
            lengths = unusual_array(rng, lengths) if rng.random() < 0.5 else rng.integers(-2, 8, rng.integers(0, 6))
        elif which == 3:
            d_outputs = unusual_array(rng, d_outputs)
        else:
            d_final = unusual_state(rng, d_final)
        try:
            outputs, final, tape_of_call = stack_of_problem.forward(x, first, lengths, threads=int(rng.integers(-1, 4)))
            gradients = kernels.backward(tape_of_call, d_outputs, d_final)
        except ERRORS:
            num_errors += 1
            continue
        assert outputs.shape == (*np.shape(x)[:-1], 4)
        assert gradients.x.shape == np.shape(x)
        assert [s.shape for s in final[1][0]] == [s.shape for s in gradients.state[1][0]]
    assert num_errors > 50


def unusual_state(rng: np.random.Generator, states: Any) -> Any:
    """Return the state with an unusual value instead of one of its arrays."""
    arrays: list[Any] = []
    map_state(arrays.append, states)
    count, chosen = 0, int(rng.integers(len(arrays)))

    def changed(array: np.ndarray) -> Any:
        nonlocal count
        count += 1
        return unusual_array(rng, array) if count == chosen + 1 else array

    return map_state(changed, states)


@pytest.mark.parametrize("seed", range(8))
def test_no_weights_end_the_process(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(name, (3, 2), 2)
    num_errors = 0
    for _ in range(100):
        params = [list(layer) for layer in problem.params]
        chosen, direction = rng.integers(2), rng.integers(2)
        one = params[chosen][direction]
        weight = rng.choice(["W", "U", "b_ih", "b_hh"])
        given = {w: getattr(one, w) for w in ("W", "U", "b_ih", "b_hh")}
        try:
            params[chosen][direction] = LayerParameters(**{**given, weight: unusual_array(rng, given[weight])})
            kernels.Stack(problem.cell, params, table=bool(rng.integers(2))).run(problem.x)
        except ERRORS:
            num_errors += 1
    assert num_errors > 50


def test_the_compiled_module_checks_all_arguments_itself() -> None:
    """Even those that elman.kernels has created or checked."""
    gru_stack, native_tape = stack(), tape().native
    weights, groups = gru_stack._weights, gru_stack._groups
    gradients = [tuple(np.zeros_like(w) for w in groups[0])]
    y, first, final = zeros(4, 5, 3), [(zeros(4, 3),)], [(zeros(4, 3),)]
    run = (X, y, first, final, None, None, False, True, 1)
    backward = (groups, y, None, np.zeros_like(X), final, gradients, True, 1)

    def replaced(arguments: tuple[Any, ...], index: int, value: object) -> tuple[Any, ...]:
        return (*arguments[:index], value, *arguments[index + 1 :])

    assert weights.run(*run) is not None
    native_tape.backward(*backward)
    bad_run = {
        "lengths: given shape (3); expected (4)": replaced(run, 4, np.zeros(3, np.int64)),
        "lengths: given 6; expected 0 to 5": replaced(run, 4, np.array([0, 6, 0, 0])),
        "final state: given shape (4, 2); expected (4, 3)": replaced(run, 3, [(zeros(4, 2),)]),
        "final state: given a non-contiguous array; expected a contiguous one": replaced(
            run, 3, [(zeros(4, 6)[:, ::2],)]
        ),
        "final state: given None; expected an array": replaced(run, 3, [(None,)]),
        "final state: given shape (4, 3); expected (1, 4, 3)": replaced(run, 3, (zeros(4, 3),)),
        "final state: given 2 arrays of a layer; expected h alone": replaced(run, 3, (zeros(1, 4, 3), zeros(1, 4, 3))),
        "final state: given float64; expected a list or a tuple": replaced(run, 3, zeros(1, 4, 3)),
        "outputs: given shape (4, 5, 3); expected (5, 4, 3)": replaced(replaced(run, 0, X.swapaxes(0, 1)), 6, True),
        "x: given a last axis that is not contiguous; expected a contiguous one": replaced(
            run, 0, zeros(4, 5, 4)[..., ::2]
        ),
        "x: given float32; expected a CPU array of float64": replaced(run, 0, zeros(4, 5, 2, dtype=np.float32)),
    }
    for text, arguments in bad_run.items():
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            weights.run(*arguments)
    bad_backward = {
        "parameters: given 0; expected 1": replaced(backward, 0, []),
        "parameters: given 3 arrays of a layer; expected W, U, b_ih, b_hh": replaced(backward, 0, [groups[0][:3]]),
        "d_x: given shape (4, 5, 3); expected (4, 5, 2)": replaced(backward, 3, zeros(4, 5, 3)),
        "d_state: given shape (4, 2); expected (4, 3)": replaced(backward, 4, [(zeros(4, 2),)]),
        "gradients: given 2; expected 1": replaced(backward, 5, gradients * 2),
        "W: given shape (9, 3); expected (9, 2)": replaced(backward, 5, [(zeros(9, 3), *gradients[0][1:])]),
    }
    for text, arguments in bad_backward.items():
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            native_tape.backward(*arguments)
    native_tape.backward(*replaced(backward, 6, False))
    overwritten = "tape: an earlier backward pass has overwritten it; call that one with keep=True"
    with pytest.raises(ValueError, match=f"^{overwritten}$"):
        native_tape.backward(*backward)

"""The kernels in WebAssembly have the bits of the native instruction set `plain`, in Node.js and in Chromium."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elman import kernels
from elman.cells import CELLS, unroll
from elman.cells.activations import Array
from elman.cells.adam import Adam

from ..cells.problems import COMPILED_NAMES, RAGGED, RESET, Answer, Problem, assert_same
from ..kernels.answers import DTYPES, any_problem, kernels_answer
from ..kernels.grid import pairwise
from .exchange import Engine, module_name
from .sums import linear, linear_gradients

pytestmark = pytest.mark.web

LAYOUTS: dict[str, dict[str, Any]] = {
    "one layer": {"hidden_sizes": [[5]]},
    "two layers": {"hidden_sizes": [[7], [18]]},
    "both directions": {"hidden_sizes": [[6, 6], [9, 9]]},
    "one unit": {"hidden_sizes": [[1]]},
    "two units": {"hidden_sizes": [[2, 2]]},
    "no bias": {"hidden_sizes": [[20]], "bias": False},
    "wide": {"hidden_sizes": [[70]], "shape": (9, 12, 33)},
}
BATCHES: dict[str, dict[str, Any]] = {
    "full": {},
    "ragged": {"lengths": [5, 0, 1, 3]},
    "with resets": {"reset": RESET},
    "ragged with resets": {"lengths": RAGGED, "reset": RESET},
}


def flat(state: unroll.StackState) -> list[Array]:
    return [array for layer in state for states in layer for array in states]


def request_of(problem: Problem, kind: str) -> dict[str, Any]:
    """Return the request that asks for an answer to a problem."""
    p = problem
    groups = [(w.W, w.U, w.b_ih, w.b_hh) for layer in p.params for w in layer]
    arrays: dict[str, Array] = {"x": p.x, "d_outputs": p.d_outputs}
    arrays |= {str(i): a for i, a in enumerate(a for group in groups for a in group) if a is not None}
    arrays |= {f"initial {i}": a for i, a in enumerate(flat(p.state))}
    arrays |= {f"d_final {i}": a for i, a in enumerate(flat(p.d_state))}
    if p.lengths is not None:
        arrays["lengths"] = np.array(p.lengths, np.int32)
    if p.reset is not None:
        arrays["reset"] = np.array(p.reset, np.uint8)
    return {
        "kind": kind,
        "module": module_name(p.x.dtype),
        "precision": p.x.dtype.name,
        "shape": {
            "cell": p.name if p.name in CELLS else "elman",
            "activation": "tanh" if p.name in CELLS else p.name,
            "inputSize": p.x.shape[2],
            "hiddenSizes": [[w.hidden_size for w in layer] for layer in p.params],
        },
        "arrays": arrays,
    }


def web_answer(engine: Engine, problem: Problem, **changes: Any) -> Answer:
    """Return the answer of a JavaScript engine under the names of native answers."""
    given = engine.answer(request_of(problem, "stack") | changes)
    native = kernels_answer(problem)
    states = range(len(flat(problem.state)))
    order = ["outputs", *(f"final {i}" for i in states)]
    order += [f"gradient {i}" for i, array in enumerate(_parameters(problem)) if array is not None]
    order += ["d_x", *(f"d_initial {i}" for i in states)]
    assert given.keys() == set(order)
    return {name: given[key].reshape(array.shape) for key, (name, array) in zip(order, native.items(), strict=True)}


def _parameters(problem: Problem) -> list[Array | None]:
    return [a for layer in problem.params for w in layer for a in (w.W, w.U, w.b_ih, w.b_hh)]


def problem_of(name: str, layout: str, batch: str, dtype: type) -> Problem:
    options = {"shape": (4, 5, 3), **LAYOUTS[layout], **BATCHES[batch]}
    if options["shape"][0] != 4:  # the batches above have four rows of five steps
        options = {key: value for key, value in options.items() if key not in ("lengths", "reset")}
    return any_problem(name, **options).astype(dtype)


GRID = pairwise([COMPILED_NAMES, list(LAYOUTS), list(BATCHES), DTYPES])


@pytest.mark.parametrize(("name", "layout", "batch", "dtype"), GRID)
def test_forward_and_backward_have_the_native_bits(
    engine: Engine, name: str, layout: str, batch: str, dtype: type
) -> None:
    problem = problem_of(name, layout, batch, dtype)
    assert_same(web_answer(engine, problem), kernels_answer(problem))


@pytest.mark.parametrize("name", ["tanh", "lstm"])
def test_arrays_with_time_first_have_the_same_bits(engine: Engine, name: str) -> None:
    problem = problem_of(name, "two layers", "ragged", np.float32)
    request = request_of(problem, "stack")
    for array in ("x", "d_outputs"):
        request["arrays"][array] = request["arrays"][array].swapaxes(0, 1)
    given = engine.answer(request | {"timeFirst": True})
    B, T, input_size = problem.x.shape
    expected = kernels_answer(problem)
    np.testing.assert_array_equal(given["outputs"].reshape(T, B, -1).swapaxes(0, 1), expected["outputs"])
    np.testing.assert_array_equal(given["d_x"].reshape(T, B, input_size).swapaxes(0, 1), expected["x"])
    np.testing.assert_array_equal(given["gradient 0"], expected["layer 0 forward W"].ravel())


@pytest.mark.parametrize("name", ["tanh", "gru", "lstm"])
def test_a_table_of_input_products_has_the_native_bits(engine: Engine, name: str, rng: np.random.Generator) -> None:
    p = problem_of(name, "two layers", "full", np.float32)
    (bottom, *_), *_ = p.params
    table = normal(rng, np.float32, 11, len(bottom.U))
    bottom = replace(bottom, W=table, b_ih=None)
    params = [[bottom], *p.params[1:]]
    ids = rng.integers(0, 11, p.x.shape[:2])
    outputs, final, tape = kernels.Stack(p.cell, params, table=True).forward(ids, p.state)
    expected = kernels.backward(tape, p.d_outputs, p.d_state)

    request = request_of(replace(p, params=params), "stack")
    request["shape"] |= {"tableRows": 11}
    request["arrays"]["x"] = ids.astype(np.int32)
    given = engine.answer(request)
    np.testing.assert_array_equal(given["outputs"], outputs.ravel())
    np.testing.assert_array_equal(given["gradient 0"], expected.params[0][0].W.ravel())
    np.testing.assert_array_equal(given["gradient 1"], expected.params[0][0].U.ravel())
    np.testing.assert_array_equal(given["d_initial 0"], expected.state[0][0][0].ravel())
    np.testing.assert_array_equal(given["final 0"], final[0][0][0].ravel())


@pytest.mark.parametrize(("name", "layout", "dtype"), pairwise([COMPILED_NAMES, list(LAYOUTS), DTYPES]))
def test_single_steps_have_the_bits_of_the_whole_sequence(engine: Engine, name: str, layout: str, dtype: type) -> None:
    if layout == "both directions":
        layout = "two layers"  # single steps have one direction
    problem = problem_of(name, layout, "full", dtype)
    if len(problem.params[0]) == 2:
        problem = replace(problem, params=[layer[:1] for layer in problem.params], state=_forward(problem.state))
    stack = kernels.Stack(problem.cell, problem.params)
    state, outputs = problem.state, []
    for t in range(problem.x.shape[1]):
        y, state = stack.step(problem.x[:, t], state)
        outputs.append(y)
    given = engine.answer(request_of(problem, "steps"))
    np.testing.assert_array_equal(given["outputs"], np.stack(outputs, 1).ravel())
    for i, array in enumerate(flat(state)):
        np.testing.assert_array_equal(given[f"final {i}"], array.ravel())


def _forward(state: unroll.StackState) -> unroll.StackState:
    return tuple(layer[:1] for layer in state)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [(7, 5, 3), (300, 32, 70)])
def test_the_readout_has_the_native_bits(
    engine: Engine, dtype: type, bias: bool, sizes: tuple[int, int, int], rng: np.random.Generator
) -> None:
    N, H, classes = sizes
    x, V, b = normal(rng, dtype, N, H), normal(rng, dtype, classes, H), normal(rng, dtype, classes)
    targets = rng.integers(-1, classes, N)
    expected = {"d_x": np.empty_like(x), "d_V": np.empty_like(V)} | ({"d_b": np.empty_like(b)} if bias else {})
    losses = kernels.cross_entropy(x, V, b if bias else None, targets, **expected, threads=1)
    arrays = {"x": x, "V": V, "targets": targets.astype(np.int32)} | ({"b": b} if bias else {})
    given = engine.answer(array_request("readout", dtype, arrays))
    for name, array in expected.items():
        np.testing.assert_array_equal(given[name], array.ravel(), err_msg=name)
    # The logarithm is that of the C library, which may round the last bit in another way.
    np.testing.assert_array_max_ulp(given["losses"], losses, maxulp=1)


def normal(rng: np.random.Generator, dtype: type, *shape: int) -> Array:
    """Return an array of normal numbers."""
    return rng.normal(size=shape).astype(dtype)


def array_request(kind: str, dtype: type, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return a request without a stack."""
    name = np.dtype(dtype).name
    return {"kind": kind, "module": module_name(dtype), "precision": name, "shape": None, "arrays": arrays}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_linear_layer_has_the_bits_of_sums_in_the_order_of_the_indices(
    engine: Engine, dtype: type, rng: np.random.Generator
) -> None:
    x, W = normal(rng, dtype, 6, 9), normal(rng, dtype, 5, 9)
    b, d_y = normal(rng, dtype, 5), normal(rng, dtype, 6, 5)
    y = linear(x, W, b)
    d_x, d_W, d_b = linear_gradients(d_y, x, W)
    given = engine.answer(array_request("linear", dtype, {"x": x, "W": W, "b": b, "d_y": d_y}))
    for name, array in {"y": y, "d_x": d_x, "d_W": d_W, "d_b": d_b}.items():
        np.testing.assert_array_equal(given[name], array.ravel(), err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ten_updates_have_the_bits_of_numpy(engine: Engine, dtype: type, rng: np.random.Generator) -> None:
    start, gradients = normal(rng, dtype, 37), normal(rng, dtype, 10, 37)
    by_adam, by_sgd = Adam(start.copy(), rate=0.01), start.copy()
    for gradient in gradients:
        by_adam.update(gradient)
        by_sgd -= dtype(0.01) * gradient
    given = engine.answer(array_request("updates", dtype, {"parameters": start, "gradients": gradients}))
    np.testing.assert_array_equal(given["adam"], by_adam.parameters)
    np.testing.assert_array_equal(given["sgd"], by_sgd)


@pytest.mark.parametrize("size", [0.01, 10.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_are_scaled_and_clipped(engine: Engine, dtype: type, size: float, rng: np.random.Generator) -> None:
    gradient: Array = dtype(size) * normal(rng, dtype, 50)
    norm = 0.5 * float(np.sqrt(np.cumsum(gradient.astype(np.float64) ** 2)[-1]))
    factor = 0.5 / norm if norm > 1 else 0.5
    given = engine.answer(array_request("clip", dtype, {"gradient": gradient}))
    assert given["norm"] == norm
    np.testing.assert_array_equal(given["gradient"], gradient * dtype(factor))


@pytest.mark.parametrize("engine", ["chromium"], indirect=True)  # Node.js 20 has no relaxed SIMD
@pytest.mark.parametrize("name", COMPILED_NAMES)
def test_fused_multiplications_are_near_the_native_results(engine: Engine, name: str) -> None:
    problem = problem_of(name, "wide", "full", np.float32)
    given = web_answer(engine, problem, module="kernels-float32-relaxed.wasm")
    for key, array in kernels_answer(problem).items():
        np.testing.assert_allclose(given[key], array, rtol=0, atol=1e-5 * np.abs(array).max(), err_msg=key)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "cell": ({"cell": "lstmm"}, "cell: given lstmm; expected elman, gru, lstm"),
    "size": ({"inputSize": 4}, "W of layer 0: given 60 numbers; expected 80"),
    "directions": (
        {"hiddenSizes": [[5], [5, 5]]},
        "hiddenSizes: given [[5],[5,5]]; expected one or two sizes for each layer",
    ),
    "no units": ({"hiddenSizes": [[0]]}, "hiddenSizes: given 0; expected integers of 1 or more"),
    "table": ({"tableRows": -1}, "tableRows: given -1; expected integers of 1 or more"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_shape_is_refused_before_the_module_sees_it(engine: Engine, case: str) -> None:
    shape, message = WRONG[case]
    request = request_of(problem_of("lstm", "one layer", "full", np.float32), "stack")
    request["shape"] |= shape
    with pytest.raises(AssertionError, match=re.escape(message)):
        engine.answer(request)


def test_wrong_lengths_are_refused(engine: Engine) -> None:
    request = request_of(problem_of("gru", "one layer", "ragged", np.float32), "stack")
    request["arrays"]["lengths"] = np.array([5, 6, 1, 3], np.int32)
    with pytest.raises(AssertionError, match="lengths: given 6; expected integers from 0 to 5"):
        engine.answer(request)


def test_an_id_that_the_table_lacks_is_refused(engine: Engine, rng: np.random.Generator) -> None:
    request = request_of(problem_of("gru", "one layer", "full", np.float32), "stack")
    request["shape"] |= {"tableRows": 11}
    request["arrays"]["x"] = np.full((4, 5), 11, np.int32)
    request["arrays"]["0"] = normal(rng, np.float32, 11, 15)
    with pytest.raises(AssertionError, match="inputs: given 11; expected integers from 0 to 10"):
        engine.answer(request)


def test_a_target_that_does_not_exist_is_refused(engine: Engine, rng: np.random.Generator) -> None:
    x, V = normal(rng, np.float32, 2, 3), normal(rng, np.float32, 4, 3)
    request = array_request("readout", np.float32, {"x": x, "V": V, "targets": np.array([1, 4], np.int32)})
    with pytest.raises(AssertionError, match="targets: given 4; expected integers up to 3"):
        engine.answer(request)

"""Attention in WebAssembly: the weights of models/attention.py, and gradients by finite differences and by torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from elman.cells.activations import Array
from elman.models.attention import Attention

from .exchange import Engine
from .test_kernels import array_request

pytestmark = pytest.mark.web

B, T, S, H = 3, 4, 5, 6
LENGTHS = {"full": [5, 5, 5], "ragged": [3, 5, 1]}
TOLERANCE: dict[type, float] = {np.float64: 1e-13, np.float32: 1e-5}  # of rounding, for sums of a few numbers near 1
STEP, FINITE_TOLERANCE = 1e-5, 1e-7

Arrays = dict[str, npt.NDArray[Any]]


def draw(rng: np.random.Generator, lengths: str, dtype: type, *, keys: bool) -> Arrays:
    """Return what attention reads."""
    shapes = {"queries": (B, T, H), "memories": (B, S, H), "d_contexts": (B, T, H)}
    shapes |= {"keys": (B, S, H)} if keys else {}
    arrays: Arrays = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return arrays | {"lengths": np.array(LENGTHS[lengths], np.int32)}


def ask(engine: Engine, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Array]:
    """Return the answer of the module in the shapes of the arrays."""
    dtype = arrays["queries"].dtype.type
    result = engine.answer(array_request("attention", dtype, arrays))
    rows, steps, size = arrays["queries"].shape
    sources = arrays["memories"].shape[1]
    names = {"weights": (rows, steps, sources)} | dict.fromkeys(("contexts", "d_queries"), (rows, steps, size))
    names |= dict.fromkeys(("d_keys", "d_memories"), (rows, sources, size))
    return {name: result[name].reshape(shape) for name, shape in names.items()}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lengths", list(LENGTHS))
@pytest.mark.parametrize("keys", [False, True], ids=["dot", "keys"])
def test_weights_and_contexts_are_those_of_models_attention(
    engine: Engine, rng: np.random.Generator, lengths: str, dtype: type, keys: bool
) -> None:
    arrays = draw(rng, lengths, dtype, keys=keys)
    result = ask(engine, arrays)
    steps = arrays["lengths"].astype(np.int64)
    weights = Attention("dot", {}, H).weights(arrays["queries"], arrays.get("keys", arrays["memories"]), steps)
    near = TOLERANCE[dtype]
    np.testing.assert_allclose(result["weights"], weights, near, near)
    np.testing.assert_allclose(result["contexts"], weights @ arrays["memories"], near, near)
    np.testing.assert_allclose(result["weights"].sum(-1), 1.0, near)
    is_padding = np.arange(S) >= steps[:, None]
    assert not result["weights"][np.broadcast_to(is_padding[:, None], (B, T, S))].any(), "exactly zero"


@pytest.mark.parametrize("keys", [False, True], ids=["dot", "keys"])
def test_padding_changes_nothing(engine: Engine, rng: np.random.Generator, keys: bool) -> None:
    arrays = draw(rng, "ragged", np.float64, keys=keys)
    expected = ask(engine, arrays)
    is_padding = np.arange(S) >= arrays["lengths"][:, None]
    for name in ("memories", "keys") if keys else ("memories",):
        arrays[name][is_padding] = np.nan
    for name, array in ask(engine, arrays).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    for name in ("d_memories", "d_keys"):
        assert not expected[name][is_padding].any()


@pytest.mark.parametrize("lengths", list(LENGTHS))
@pytest.mark.parametrize("keys", [False, True], ids=["dot", "keys"])
def test_gradients_are_those_of_torch(engine: Engine, rng: np.random.Generator, lengths: str, keys: bool) -> None:
    arrays = draw(rng, lengths, np.float64, keys=keys)
    result = ask(engine, arrays)
    names = ["queries", "memories", *(["keys"] if keys else [])]
    leaves = {name: torch.from_numpy(arrays[name]).requires_grad_() for name in names}
    scores = leaves["queries"] @ leaves.get("keys", leaves["memories"]).transpose(1, 2)
    is_padding = torch.arange(S) >= torch.from_numpy(arrays["lengths"])[:, None]
    weights = scores.masked_fill(is_padding[:, None], -torch.inf).softmax(-1)
    (weights @ leaves["memories"]).backward(torch.from_numpy(arrays["d_contexts"]))
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        np.testing.assert_allclose(result[f"d_{name}"], leaf.grad.numpy(), 1e-12, 1e-12, err_msg=name)


def test_gradients_are_those_of_models_attention(engine: Engine, rng: np.random.Generator) -> None:
    arrays = draw(rng, "full", np.float64, keys=False)
    result = ask(engine, arrays)
    for q, m, d_c, a, d_q, d_m in zip(
        *(arrays[name] for name in ("queries", "memories", "d_contexts")),
        *(result[name] for name in ("weights", "d_queries", "d_memories")),
        strict=True,
    ):
        by_scores = Attention("dot", {}, H).backward(d_c @ m.T, q, m)
        np.testing.assert_allclose(d_q, by_scores[0], 1e-12, 1e-12)
        np.testing.assert_allclose(d_m, by_scores[1] + a.T @ d_c, 1e-12, 1e-12)


@pytest.mark.parametrize("engine", ["node"], indirect=True)  # it is about the derivation, and takes many requests
@pytest.mark.parametrize("keys", [False, True], ids=["dot", "keys"])
def test_gradients_are_finite_differences(engine: Engine, rng: np.random.Generator, keys: bool) -> None:
    arrays = draw(rng, "ragged", np.float64, keys=keys)
    result = ask(engine, arrays)

    def loss() -> float:
        return float((ask(engine, arrays)["contexts"] * arrays["d_contexts"]).sum())

    for name in ["queries", "memories", *(["keys"] if keys else [])]:
        for index in np.ndindex(2, *arrays[name].shape[1:]):
            value = arrays[name][index]
            arrays[name][index] = value + STEP
            above = loss()
            arrays[name][index] = value - STEP
            difference = (above - loss()) / (2 * STEP)
            arrays[name][index] = value
            assert difference == pytest.approx(result[f"d_{name}"][index], rel=FINITE_TOLERANCE, abs=FINITE_TOLERANCE)


def test_large_scores_do_not_overflow(engine: Engine, rng: np.random.Generator) -> None:
    arrays = draw(rng, "ragged", np.float32, keys=False)
    arrays["queries"] *= np.float32(1000)
    weights = ask(engine, arrays)["weights"]
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.max(-1), 1.0, 1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tanh_and_its_gradient(engine: Engine, rng: np.random.Generator, dtype: type) -> None:
    x, d_y = 3 * rng.normal(size=(2, 40))
    result = engine.answer(array_request("tanh", dtype, {"x": x.astype(dtype), "d_y": d_y.astype(dtype)}))
    near = TOLERANCE[dtype]
    np.testing.assert_allclose(result["y"], np.tanh(x), near, near)
    np.testing.assert_allclose(result["d_x"], d_y * (1 - np.tanh(x) ** 2), near, near)


WRONG: dict[str, tuple[dict[str, npt.NDArray[Any]], str]] = {
    "length of zero": ({"lengths": np.array([3, 0, 1], np.int32)}, "lengths: given 0; expected integers from 1 to 5"),
    "length": ({"lengths": np.array([3, 6, 1], np.int32)}, "lengths: given 6; expected integers from 1 to 5"),
    "rows": ({"lengths": np.full(5, 1, np.int32)}, "size of a query: given 3.6; expected integers of 1 or more"),
    "keys": ({"keys": np.zeros((B, S, H + 1))}, "keys: given 105 numbers; expected 90"),
    "contexts": ({"d_contexts": np.zeros((B, T + 1, H))}, "dContexts: given 90 numbers; expected 72"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_shape_is_refused_before_the_module_sees_it(
    engine: Engine, rng: np.random.Generator, case: str
) -> None:
    changes, message = WRONG[case]
    arrays = draw(rng, "ragged", np.float64, keys=True) | changes
    with pytest.raises(AssertionError, match=re.escape(message)):
        ask(engine, arrays)

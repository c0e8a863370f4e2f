"""The readout with its cross-entropy in one kernel, against cells/readout.py in float64."""

from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import readout

from .answers import TOLERANCES, every_dtype, needs_kernels

pytestmark = needs_kernels

# classes, outputs, tokens: one of each, odd ones, a block of registers and one more, several stretches of tokens
SIZES = [(1, 1, 1), (5, 3, 7), (16, 16, 16), (17, 33, 65), (65, 128, 300), (130, 100, 257), (3000, 20, 900), (9, 4, 0)]

Arrays = dict[str, np.ndarray]


def problem(O: int, H: int, N: int, dtype: Any) -> Arrays:  # noqa: E741
    rng = np.random.default_rng(5)
    return {
        "x": rng.normal(size=(N, H)).astype(dtype),
        "V": rng.normal(size=(O, H), scale=0.5).astype(dtype),
        "b": rng.normal(size=O).astype(dtype),
        "targets": rng.integers(O, size=N),
    }


def solved(p: Arrays, *, threads: int = 1) -> Arrays:
    """The kernel's losses and derivatives."""
    gradients = {f"d_{name}": np.full_like(p[name], np.nan) for name in ("x", "V", "b")}
    losses = kernels.cross_entropy(p["x"], p["V"], p["b"], p["targets"], *gradients.values(), threads=threads)
    return {"losses": losses, **gradients}


def expected(p: Arrays) -> Arrays:
    """The same by NumPy in float64, token by token for the losses."""
    x, V, b = (p[name].astype(np.float64) for name in ("x", "V", "b"))
    logits, kept = readout.forward(x, V, b), p["targets"] >= 0
    _, _, d_logits = readout.softmax_cross_entropy(logits, p["targets"], kept)
    safe = np.where(kept, p["targets"], 0)
    losses = -np.take_along_axis(readout.log_softmax(logits), safe[:, None], -1)[:, 0] * kept
    return {"losses": losses, "d_x": d_logits @ V, "d_V": d_logits.T @ x, "d_b": d_logits.sum(0)}


def assert_near(given: Arrays, wanted: Arrays, tolerance: float) -> None:
    for name, value in wanted.items():
        largest = max(
            np.abs(value).max(initial=0.0), 0.1
        )  # below, it is roundings of numbers of order one that are left
        np.testing.assert_allclose(given[name], value, rtol=0, atol=tolerance * largest, err_msg=name)


@every_dtype
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_losses_and_derivatives_are_those_of_cells(
    sizes: tuple[int, int, int], dtype: Any, instruction_set: str
) -> None:
    p = problem(*sizes, dtype)
    assert_near(solved(p), expected(p), TOLERANCES[np.dtype(dtype)])


@every_dtype
def test_tokens_with_negative_targets_do_not_count(dtype: Any, instruction_set: str) -> None:
    p = problem(65, 12, 40, dtype)
    p["targets"][::3] = [-1, -100] * 7
    given = solved(p)
    assert_near(given, expected(p), TOLERANCES[np.dtype(dtype)])
    assert not given["losses"][::3].any()
    assert not given["d_x"][::3].any()


@every_dtype
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_nothing_depends_on_the_number_of_threads(threads: int, dtype: Any) -> None:
    p = problem(3000, 20, 900, dtype)
    one, many = solved(p), solved(p, threads=threads)
    for name, value in one.items():
        np.testing.assert_array_equal(many[name], value, err_msg=name)


@every_dtype
def test_a_token_does_not_see_the_others(dtype: Any, instruction_set: str) -> None:
    p = problem(300, 20, 33, dtype)
    together = solved(p)
    for i in (0, 7, 32):
        alone = solved({**p, "x": p["x"][i : i + 1], "targets": p["targets"][i : i + 1]})
        assert alone["losses"][0] == together["losses"][i]
        np.testing.assert_array_equal(alone["d_x"][0], together["d_x"][i])


@every_dtype
def test_losses_alone_are_the_same_losses(dtype: Any) -> None:
    p = problem(130, 20, 50, dtype)
    alone = kernels.cross_entropy(p["x"], p["V"], p["b"], p["targets"])
    np.testing.assert_array_equal(alone, solved(p)["losses"])


@every_dtype
def test_large_logits_neither_overflow_nor_vanish(dtype: Any, instruction_set: str) -> None:
    p = problem(20, 4, 12, dtype)
    p["V"] *= 200
    given = solved(p)
    assert np.isfinite(given["losses"]).all()
    assert_near(given, expected(p), TOLERANCES[np.dtype(dtype)])


def test_nan_is_seen_in_its_own_token_alone(instruction_set: str) -> None:
    p = problem(20, 4, 12, np.float32)
    p["x"][3, 1] = np.nan
    losses = solved(p)["losses"]
    assert np.isnan(losses).nonzero()[0].tolist() == [3]


def test_wrong_arguments_are_refused_in_words() -> None:
    p = problem(20, 4, 12, np.float32)
    with pytest.raises(ValueError, match="targets: given class 20, expected 0 to 19"):
        kernels.cross_entropy(p["x"], p["V"], p["b"], np.full(12, 20))
    with pytest.raises(ValueError, match=r"x: given shape \(12, 3\), expected \(12, 4\)"):
        kernels.cross_entropy(p["x"][:, :3].copy(), p["V"], p["b"], p["targets"])
    with pytest.raises(ValueError, match=r"b: given shape \(19\), expected \(20\)"):
        kernels.cross_entropy(p["x"], p["V"], p["b"][:19], p["targets"])
    with pytest.raises(ValueError, match="x: given a non-contiguous array, expected a contiguous one"):
        kernels.cross_entropy(np.asfortranarray(p["x"]), p["V"], p["b"], p["targets"])
    with pytest.raises(ValueError, match="b: given float64, expected a CPU array of float32"):
        kernels.cross_entropy(p["x"], p["V"], p["b"].astype(np.float64), p["targets"])

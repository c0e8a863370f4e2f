"""The readout with its cross-entropy in one kernel, against cells/readout.py in float64."""

from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import readout

from .answers import TOLERANCES, every_dtype, needs_kernels

pytestmark = needs_kernels

# classes, hidden size, tokens: one, odd numbers, whole registers and one more, several chunks of tokens, no tokens
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


def kernel_results(p: Arrays, *, threads: int = 1) -> Arrays:
    """Return the losses and derivatives of the kernel."""
    gradients = {f"d_{name}": np.full_like(p[name], np.nan) for name in ("x", "V", "b")}
    losses = kernels.cross_entropy(p["x"], p["V"], p["b"], p["targets"], *gradients.values(), threads=threads)
    return {"losses": losses, **gradients}


def expected(p: Arrays) -> Arrays:
    """Return the same by NumPy in float64."""
    x, V, b = (p[name].astype(np.float64) for name in ("x", "V", "b"))
    logits, counts = readout.forward(x, V, b), p["targets"] >= 0
    _, _, d_logits = readout.softmax_cross_entropy(logits, p["targets"], counts)
    safe = np.where(counts, p["targets"], 0)
    losses = -np.take_along_axis(readout.log_softmax(logits), safe[:, None], -1)[:, 0] * counts
    return {"losses": losses, "d_x": d_logits @ V, "d_V": d_logits.T @ x, "d_b": d_logits.sum(0)}


def assert_near(actual: Arrays, expected_arrays: Arrays, tolerance: float) -> None:
    for name, value in expected_arrays.items():
        largest = max(np.abs(value).max(initial=0.0), 0.1)  # smaller results are differences of numbers of order one
        np.testing.assert_allclose(actual[name], value, rtol=0, atol=tolerance * largest, err_msg=name)


@every_dtype
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_losses_and_derivatives_are_those_of_cells(
    sizes: tuple[int, int, int], dtype: Any, instruction_set: str
) -> None:
    p = problem(*sizes, dtype)
    assert_near(kernel_results(p), expected(p), TOLERANCES[np.dtype(dtype)])


@every_dtype
def test_tokens_with_negative_targets_do_not_count(dtype: Any, instruction_set: str) -> None:
    p = problem(65, 12, 40, dtype)
    p["targets"][::3] = [-1, -100] * 7
    results = kernel_results(p)
    assert_near(results, expected(p), TOLERANCES[np.dtype(dtype)])
    assert not results["losses"][::3].any()
    assert not results["d_x"][::3].any()


@every_dtype
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_number_of_threads_changes_no_bit(threads: int, dtype: Any) -> None:
    p = problem(3000, 20, 900, dtype)
    one, many = kernel_results(p), kernel_results(p, threads=threads)
    for name, value in one.items():
        np.testing.assert_array_equal(many[name], value, err_msg=name)


@every_dtype
def test_the_other_tokens_change_no_bit(dtype: Any, instruction_set: str) -> None:
    p = problem(300, 20, 33, dtype)
    batch = kernel_results(p)
    for i in (0, 7, 32):
        single = kernel_results({**p, "x": p["x"][i : i + 1], "targets": p["targets"][i : i + 1]})
        assert single["losses"][0] == batch["losses"][i]
        np.testing.assert_array_equal(single["d_x"][0], batch["d_x"][i])


@every_dtype
def test_losses_without_derivatives_are_the_same(dtype: Any) -> None:
    p = problem(130, 20, 50, dtype)
    losses = kernels.cross_entropy(p["x"], p["V"], p["b"], p["targets"])
    np.testing.assert_array_equal(losses, kernel_results(p)["losses"])


@every_dtype
def test_large_logits_neither_overflow_nor_vanish(dtype: Any, instruction_set: str) -> None:
    p = problem(20, 4, 12, dtype)
    p["V"] *= 200
    results = kernel_results(p)
    assert np.isfinite(results["losses"]).all()
    assert_near(results, expected(p), TOLERANCES[np.dtype(dtype)])


def test_nan_affects_only_its_own_token(instruction_set: str) -> None:
    p = problem(20, 4, 12, np.float32)
    p["x"][3, 1] = np.nan
    losses = kernel_results(p)["losses"]
    assert np.isnan(losses).nonzero()[0].tolist() == [3]


def test_wrong_arguments_raise_clear_errors() -> None:
    p = problem(20, 4, 12, np.float32)
    with pytest.raises(ValueError, match="targets: given class 20; expected 0 to 19"):
        kernels.cross_entropy(p["x"], p["V"], p["b"], np.full(12, 20))
    with pytest.raises(ValueError, match=r"x: given shape \(12, 3\); expected \(12, 4\)"):
        kernels.cross_entropy(p["x"][:, :3].copy(), p["V"], p["b"], p["targets"])
    with pytest.raises(ValueError, match=r"b: given shape \(19\); expected \(20\)"):
        kernels.cross_entropy(p["x"], p["V"], p["b"][:19], p["targets"])
    with pytest.raises(ValueError, match="x: given a non-contiguous array; expected a contiguous one"):
        kernels.cross_entropy(np.asfortranarray(p["x"]), p["V"], p["b"], p["targets"])
    with pytest.raises(ValueError, match="b: given float64; expected a CPU array of float32"):
        kernels.cross_entropy(p["x"], p["V"], p["b"].astype(np.float64), p["targets"])

"""The finite differences themselves: what they find, and what they leave behind."""

import re

import numpy as np
import pytest

from elman.cells.activations import Array
from elman.cells.gradcheck import gradient_error, numerical_gradient, relative_error


@pytest.fixture
def array() -> Array:
    return np.random.default_rng(1).normal(size=(2, 3))


def test_the_gradient_of_a_sum_of_sines_is_the_cosines(array: Array) -> None:
    gradient = numerical_gradient(lambda: float(np.sin(array).sum()), array)
    # Truncation: epsilon^2 / 6 = 2e-11; rounding: 1e-16 / epsilon = 1e-11.
    np.testing.assert_allclose(gradient, np.cos(array), rtol=0, atol=1e-10)


def test_one_swapped_sign_is_caught(array: Array) -> None:
    def loss() -> float:
        return float(np.sin(array).sum())

    flawed = np.cos(array)
    # As above, relative to a norm of order one.
    assert gradient_error(loss, array, flawed) < 1e-10
    flawed[1, 2] *= -1.0
    assert gradient_error(loss, array, flawed) > 1e-2


def test_epsilon_is_the_step(array: Array) -> None:
    seen = []

    def loss() -> float:
        seen.append(array[0, 0])
        return 0.0

    start = array[0, 0]
    numerical_gradient(loss, array, epsilon=0.25)
    assert seen[:3] == [start + 0.25, start - 0.25, start]


def test_the_array_is_put_back(array: Array) -> None:
    before = array.copy()
    numerical_gradient(lambda: float((array**2).sum()), array)
    np.testing.assert_array_equal(array, before)


def test_the_array_is_put_back_where_the_loss_raises(array: Array) -> None:
    before = array.copy()
    calls: list[None] = []

    def loss() -> float:
        calls.append(None)
        if len(calls) == 4:  # below the second entry
            raise RuntimeError("no loss here")
        return 0.0

    with pytest.raises(RuntimeError, match=r"^no loss here$"):
        numerical_gradient(loss, array)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("shape", [(1, 3), (3,), (), (2, 3, 1)], ids=str)
def test_a_gradient_of_another_shape_is_refused_though_it_might_broadcast(array: Array, shape: tuple[int, ...]) -> None:
    expected = f"gradient: given shape {shape}; expected (2, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        gradient_error(lambda: float(array.sum()), array, np.ones(shape))


def test_float32_is_refused(array: Array) -> None:
    with pytest.raises(ValueError, match=r"^finite differences need float64, given float32$"):
        numerical_gradient(lambda: 0.0, array.astype(np.float32))


@pytest.mark.parametrize(
    ("gradient", "expected", "error"),
    [([3.0, 4.0], [3.0, 4.0], 0.0), ([0.0, 0.0], [0.0, 0.0], 0.0), ([3.0, 4.0], [0.0, 0.0], 1.0), ([1.0], [3.0], 0.5)],
    ids=["equal", "both_zero", "one_zero", "a_third"],
)
def test_the_relative_error_is_of_the_norms(gradient: list[float], expected: list[float], error: float) -> None:
    assert relative_error(np.array(gradient), np.array(expected)) == error


def test_a_gradient_that_is_nan_is_no_small_error(array: Array) -> None:
    assert not gradient_error(lambda: float(array.sum()), array, np.full_like(array, np.nan)) < 1e-7

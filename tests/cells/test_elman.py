"""The step of the simple recurrent network against its equation."""

from collections.abc import Callable

import numpy as np
import pytest

from elman.cells import Elman
from elman.cells.activations import ACTIVATIONS, Array
from elman.cells.gradcheck import gradient_error

Products = tuple[Array, Array, Array]

EQUATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda s: np.where(s > 0.0, s, 0.0),
    "sigmoid": lambda s: 1.0 / (1.0 + np.exp(-s)),
    "identity": lambda s: s,
}

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


@pytest.fixture
def products() -> Products:
    """a = W x + b, u = U h + c and h, of 2 rows and H = 3."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))


@every_activation
def test_the_step_is_the_equation(activation: str, products: Products) -> None:
    a, u, h = products
    (h_next,), _ = Elman(activation).forward(a, u, (h,))
    # float64 on both sides, a few roundings of numbers of order one.
    np.testing.assert_allclose(h_next, EQUATIONS[activation](a + u), rtol=0, atol=1e-15)


@every_activation
def test_the_derivatives_are_those_of_finite_differences(activation: str, products: Products) -> None:
    cell, (a, u, h), weights = Elman(activation), products, np.random.default_rng(2).normal(size=(2, 3))
    _, tape = cell.forward(a, u, (h,))
    d_a, d_u, (d_h,) = cell.backward((weights,), tape)

    def loss() -> float:
        return float((cell.forward(a, u, (h,))[0][0] * weights).sum())

    # Central differences in float64: 1e-10 of truncation, 1e-11 of rounding.
    for array, gradient in ((a, d_a), (u, d_u), (h, d_h)):
        assert gradient_error(loss, array, gradient) < 1e-9


def test_the_state_reaches_the_next_one_through_the_product_alone(products: Products) -> None:
    a, u, h = products
    cell = Elman()
    (first,), _ = cell.forward(a, u, (h,))
    (second,), tape = cell.forward(a, u, (h + 1.0,))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(cell.backward((h,), tape)[2], (np.zeros_like(h),))


def test_the_activation_is_tanh_unless_said_otherwise(products: Products) -> None:
    a, u, h = products
    np.testing.assert_array_equal(Elman().forward(a, u, (h,))[0], Elman("tanh").forward(a, u, (h,))[0])


def test_an_unknown_activation_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^unknown activation 'gelu': choose tanh, relu, sigmoid, identity$"):
        Elman("gelu")

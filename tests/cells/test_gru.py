"""The step of the gated recurrent unit against its equations, its derivatives and what its gates are for."""

import numpy as np
import pytest

from elman.cells import GRU
from elman.cells.activations import Array
from elman.cells.gradcheck import gradient_error

Products = tuple[Array, Array, Array]

SHUT, OPEN = -1000.0, 1000.0  # what a gate is given so that it is 0 or 1 to the last bit


def s(x: Array) -> Array:
    """The sigmoid as books write it."""
    return 1.0 / (1.0 + np.exp(-x))


@pytest.fixture
def products() -> Products:
    """a = W x + b, u = U h + c and h, of 2 rows and H = 3."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 9)), rng.normal(size=(2, 9)), rng.normal(size=(2, 3))


def test_the_step_is_the_equations(products: Products) -> None:
    a, u, h = products
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=-1), np.split(u, 3, axis=-1)
    z = s(a_z + u_z)
    expected = (1 - z) * np.tanh(a_n + s(a_r + u_r) * u_n) + z * h
    (h_next,), _ = GRU().forward(a, u, (h,))
    # float64 on both sides, a few roundings of numbers of order one.
    np.testing.assert_allclose(h_next, expected, rtol=0, atol=1e-15)


def test_the_derivatives_are_those_of_finite_differences(products: Products) -> None:
    (a, u, h), weights = products, np.random.default_rng(2).normal(size=(2, 3))
    _, tape = GRU().forward(a, u, (h,))
    d_a, d_u, (d_h,) = GRU().backward((weights,), tape)

    def loss() -> float:
        return float((GRU().forward(a, u, (h,))[0][0] * weights).sum())

    # Central differences in float64: 1e-10 of truncation, 1e-11 of rounding.
    for array, gradient in ((a, d_a), (u, d_u), (h, d_h)):
        assert gradient_error(loss, array, gradient) < 1e-9


def test_an_open_update_gate_keeps_the_state(products: Products) -> None:
    a, u, h = products
    a[:, 3:6] = OPEN
    np.testing.assert_array_equal(GRU().forward(a, u, (h,))[0], (h,))


def test_a_shut_reset_gate_hides_the_past_from_the_candidate(products: Products) -> None:
    a, u, h = products
    a[:, 0:3], a[:, 3:6] = SHUT, SHUT
    np.testing.assert_array_equal(GRU().forward(a, u, (h,))[0], (np.tanh(a[:, 6:]),))

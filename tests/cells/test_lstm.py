"""The step of the long short-term memory against its equations, its derivatives and what its gates are for."""

import numpy as np
import pytest

from elman.cells import LSTM
from elman.cells.activations import Array
from elman.cells.gradcheck import gradient_error

Products = tuple[Array, Array, tuple[Array, Array]]

SHUT, OPEN = -1000.0, 1000.0  # what a gate is given so that it is 0 or 1 to the last bit


def s(x: Array) -> Array:
    """The sigmoid as books write it."""
    return 1.0 / (1.0 + np.exp(-x))


@pytest.fixture
def products() -> Products:
    """a = W x + b, u = U h + c and the state (h, c), of 2 rows and H = 3."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 12)), rng.normal(size=(2, 12)), (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))


def test_the_step_is_the_equations(products: Products) -> None:
    a, u, (h, c) = products
    i, f, g, o = np.split(a + u, 4, axis=-1)
    c_expected = s(f) * c + s(i) * np.tanh(g)
    (h_next, c_next), _ = LSTM().forward(a, u, (h, c))
    # float64 on both sides, a few roundings of numbers of order one.
    np.testing.assert_allclose(c_next, c_expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(h_next, s(o) * np.tanh(c_expected), rtol=0, atol=1e-15)


def test_the_derivatives_are_those_of_finite_differences(products: Products) -> None:
    (a, u, (h, c)), (d_h_next, d_c_next) = products, np.random.default_rng(2).normal(size=(2, 2, 3))
    _, tape = LSTM().forward(a, u, (h, c))
    d_a, d_u, (d_h, d_c) = LSTM().backward((d_h_next, d_c_next), tape)

    def loss() -> float:
        (h_next, c_next), _ = LSTM().forward(a, u, (h, c))
        return float((h_next * d_h_next).sum() + (c_next * d_c_next).sum())

    # Central differences in float64: 1e-10 of truncation, 1e-11 of rounding.
    for array, gradient in ((a, d_a), (u, d_u), (h, d_h), (c, d_c)):
        assert gradient_error(loss, array, gradient) < 1e-9


def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_memory(products: Products) -> None:
    a, u, (h, c) = products
    a[:, 0:3], a[:, 3:6] = SHUT, OPEN
    (_, c_next), _ = LSTM().forward(a, u, (h, c))
    np.testing.assert_array_equal(c_next, c)


def test_a_shut_output_gate_hides_the_memory(products: Products) -> None:
    a, u, state = products
    a[:, 9:] = SHUT
    (h_next, c_next), _ = LSTM().forward(a, u, state)
    np.testing.assert_array_equal(h_next, np.zeros((2, 3)))
    assert c_next.all()

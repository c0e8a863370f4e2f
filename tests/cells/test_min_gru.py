"""The step of the minimal gated recurrent unit against its equations, and what its gates depend on."""

import numpy as np
import pytest

from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array
from elman.cells.gradcheck import cell_gradient_errors
from elman.cells.min_gru import MinGRU

NO_PRODUCT = np.zeros((2, 0))  # of U, which the cell does not have


@pytest.fixture
def step() -> tuple[Array, Array]:
    """a = W x + b and h, of 2 rows and H = 3."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 6)), rng.normal(size=(2, 3))


def test_the_step_is_the_equations(step: tuple[Array, Array]) -> None:
    a, h = step
    z, candidate = 1.0 / (1.0 + np.exp(-a[:, :3])), a[:, 3:]
    (h_next,), _ = MinGRU().forward(a, NO_PRODUCT, (h,))
    # float64 on both sides, a few roundings of numbers of order one.
    np.testing.assert_allclose(h_next, (1 - z) * h + z * candidate, rtol=0, atol=1e-15)


def test_the_derivatives_are_those_of_finite_differences() -> None:
    # Central differences in float64: 1e-10 of truncation, 1e-11 of rounding.
    assert max(cell_gradient_errors(MinGRU()).values()) < 1e-9


def test_a_shut_update_gate_keeps_the_state_and_an_open_one_replaces_it(step: tuple[Array, Array]) -> None:
    a, h = step
    for z, expected in ((-1000.0, h), (1000.0, a[:, 3:])):
        a[:, :3] = z
        np.testing.assert_array_equal(MinGRU().forward(a, NO_PRODUCT, (h,))[0], (expected,))


def test_the_outputs_are_weighted_means_of_the_candidates_and_the_initial_state() -> None:
    """z does not depend on h, so the outputs are linear in the initial state: a parallel scan could compute them."""
    rng = np.random.default_rng(3)
    p = LayerParameters.from_arrays({"W": rng.normal(size=(6, 2)), "b_ih": rng.normal(size=6)}, hidden_size=3)
    x, h, d = rng.normal(size=(2, 4, 2)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))

    def outputs(state: np.ndarray) -> np.ndarray:
        return unroll.run(MinGRU(), [[p]], x, (((state,),),))[0]

    difference = outputs(h + d) - outputs(h)
    np.testing.assert_allclose(outputs(h + 5.0 * d) - outputs(h), 5.0 * difference, rtol=0, atol=1e-13)
    assert np.abs(difference[:, 1:]).max() < np.abs(d).max()

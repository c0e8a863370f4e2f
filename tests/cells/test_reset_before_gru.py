"""The step of the reset-before GRU against its equations, and how it differs from the other GRU."""

import numpy as np
import pytest

from elman.cells import GRU, LayerParameters, unroll
from elman.cells.activations import Array
from elman.cells.gradcheck import cell_gradient_errors
from elman.cells.reset_before_gru import ResetBeforeGRU

H = 3
NO_PRODUCT = np.zeros((2, 0))  # of U, which the cell does not have


@pytest.fixture
def step() -> tuple[Array, Array, dict[str, Array]]:
    """a = W x + b, h, and the cell's own parameters."""
    rng = np.random.default_rng(1)
    own: dict[str, Array] = {"U_rz": rng.normal(size=(2 * H, H)), "U_n": rng.normal(size=(H, H))}
    return rng.normal(size=(2, 3 * H)), rng.normal(size=(2, H)), own


def logistic(x: Array) -> Array:
    y: Array = 1.0 / (1.0 + np.exp(-x))
    return y


def test_the_step_is_the_equations(step: tuple[Array, Array, dict[str, Array]]) -> None:
    a, h, own = step
    (h_next,), _ = ResetBeforeGRU().forward(a, NO_PRODUCT, (h,), own)
    for row in range(2):
        r = logistic(a[row, :H] + own["U_rz"][:H] @ h[row])
        z = logistic(a[row, H : 2 * H] + own["U_rz"][H:] @ h[row])
        n = np.tanh(a[row, 2 * H :] + own["U_n"] @ (r * h[row]))
        # float64 on both sides, a few roundings of numbers of order one.
        np.testing.assert_allclose(h_next[row], (1 - z) * n + z * h[row], rtol=0, atol=2e-15)


def test_the_derivatives_are_those_of_finite_differences() -> None:
    # Central differences in float64: 1e-10 of truncation, 1e-11 of rounding.
    assert max(cell_gradient_errors(ResetBeforeGRU()).values()) < 1e-9


def test_with_an_open_reset_gate_it_is_the_other_gru_and_else_it_is_not() -> None:
    """r is 1 for a bias of 1000, and then U_n (r * h) = r * (U_n h)."""
    rng = np.random.default_rng(2)
    W, b, U, x = (
        rng.normal(size=(3 * H, 2)),
        rng.normal(size=3 * H),
        rng.normal(size=(3 * H, H)),
        rng.normal(size=(2, 5, 2)),
    )

    def difference(b: Array) -> float:
        other = LayerParameters(W, U, b, np.zeros(3 * H))
        own = LayerParameters.from_arrays({"W": W, "b_ih": b, "U_rz": U[: 2 * H], "U_n": U[2 * H :]}, H)
        results = [unroll.run(cell, [[p]], x)[0] for cell, p in ((GRU(), other), (ResetBeforeGRU(), own))]
        return float(np.abs(results[0] - results[1]).max())

    assert difference(b) > 1e-2
    b[:H] = 1000.0
    assert difference(b) < 1e-12  # the same sums in another order

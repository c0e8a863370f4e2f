"""The step of the layer-normalized LSTM against its equations, and what normalization is for."""

import numpy as np
import pytest

from elman.cells.activations import Array
from elman.cells.cell import CellParameters, initial_parameters
from elman.cells.gradcheck import cell_gradient_errors
from elman.cells.layer_norm_lstm import LayerNormLSTM

Step = tuple[Array, Array, tuple[Array, Array], CellParameters]


def s(x: Array) -> Array:
    """The sigmoid as books write it."""
    return 1.0 / (1.0 + np.exp(-x))


def normalized(v: Array) -> Array:
    """Rows of mean 0 and variance 1, up to the paper's epsilon."""
    return np.asarray((v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5))


@pytest.fixture
def step() -> Step:
    """a = W x, u = U h, the state (h, c) and random gains and biases, of 2 rows and H = 3."""
    rng = np.random.default_rng(1)
    a, u, h, c = (rng.normal(size=(2, n)) for n in (12, 12, 3, 3))
    own = {name: rng.normal(size=value.shape) for name, value in initial_parameters(LayerNormLSTM(), 3).items()}
    return a, u, (h, c), own


def test_the_step_is_the_equations(step: Step) -> None:
    a, u, (h, c), p = step
    sums = p["gain_x"] * normalized(a) + p["bias_x"] + p["gain_h"] * normalized(u) + p["bias_h"]
    i, f, g, o = np.split(sums, 4, axis=-1)
    c_expected = s(f) * c + s(i) * np.tanh(g)
    h_expected = s(o) * np.tanh(p["gain_c"] * normalized(c_expected) + p["bias_c"])
    (h_next, c_next), _ = LayerNormLSTM().forward(a, u, (h, c), p)
    # float64 on both sides, a few roundings of numbers of order one.
    np.testing.assert_allclose(c_next, c_expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(h_next, h_expected, rtol=0, atol=1e-14)


def test_the_derivatives_are_those_of_finite_differences() -> None:
    errors = cell_gradient_errors(LayerNormLSTM())
    assert list(errors) == ["a", "u", "h", "c", "gain_x", "bias_x", "gain_h", "bias_h", "gain_c", "bias_c"]
    # Central differences in float64: 1e-10 of truncation, more where normalization divides by a small deviation.
    assert max(errors.values()) < 1e-8


def test_the_scale_and_the_mean_of_the_products_change_nothing(step: Step) -> None:
    a, u, state, p = step
    results = [LayerNormLSTM().forward(*products, state, p)[0] for products in ((a, u), (9.0 * a - 4.0, 7.0 * u + 3.0))]
    # The epsilon under the root, 1e-5, is relative to the variance of the products.
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-4)


def test_gains_start_at_one_and_only_the_bias_of_the_forget_gate_does() -> None:
    initial = initial_parameters(LayerNormLSTM(), 2)
    ones, zeros = np.ones(8), np.zeros(8)
    expected = {"gain_x": ones, "bias_x": np.array([0, 0, 1, 1, 0, 0, 0, 0.0]), "gain_h": ones, "bias_h": zeros}
    expected |= {"gain_c": ones[:2], "bias_c": zeros[:2]}
    assert initial.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(initial[name], value, err_msg=name)

"""The error of tanh and sigmoid against NumPy. A cell with W = 1 and U = 0 is its activation function."""

from collections.abc import Callable

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS, LayerParameters
from elman.cells.activations import Array

from .answers import every_dtype, needs_kernels

pytestmark = [needs_kernels, every_dtype]

REFERENCES: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
# Two roundings of half a unit in the last place (6e-8 and 1.1e-16), and about one more for the polynomial.
TOLERANCES: dict[type, float] = {np.float32: 3e-7, np.float64: 6e-16}
UNITS = 19  # whole registers of every instruction set, and a part of a register


def activation(name: str, x: Array) -> Array:
    """Return f(x) of every number, computed by each of the units: (len(x), UNITS)."""
    one = LayerParameters(np.ones((UNITS, 1), x.dtype), np.zeros((UNITS, UNITS), x.dtype))
    return kernels.Stack(CELLS["elman"](name), [[one]]).run(x[:, None, None])[0][:, 0]


def points(dtype: type) -> Array:
    """Return numbers of every magnitude and both signs."""
    positive = np.concatenate((np.geomspace(1e-30, 1e-3, 5000), np.linspace(1e-3, 30.0, 40001), [50.0, 87.0]))
    return np.concatenate((-positive, [0.0], positive)).astype(dtype)


@pytest.mark.parametrize("name", REFERENCES)
def test_the_error_is_a_few_roundings(instruction_set: str, name: str, dtype: type) -> None:
    x = points(dtype)
    expected = REFERENCES[name](x.astype(np.longdouble if dtype == np.float64 else np.float64))
    actual = activation(name, x)
    assert actual.dtype == dtype
    error = np.abs(actual - expected[:, None]) / np.abs(np.where(x == 0, 1, expected))[:, None]
    assert error.max() <= TOLERANCES[dtype], f"at {x[error.max(axis=1).argmax()]}: {error.max():.1e}"


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "identity"])
def test_every_lane_computes_the_same(instruction_set: str, name: str, dtype: type) -> None:
    values = activation(name, points(dtype))
    np.testing.assert_array_equal(values, np.repeat(values[:, :1], UNITS, axis=1))


def test_large_inputs_have_the_limits_as_results(instruction_set: str, dtype: type) -> None:
    x: Array = np.array([30.0, 50.0, 1000.0, 1e30, np.inf], dtype)
    np.testing.assert_array_equal(activation("tanh", x)[:, 0], np.ones(5, dtype))
    np.testing.assert_array_equal(activation("tanh", -x)[:, 0], -np.ones(5, dtype))
    np.testing.assert_array_equal(activation("sigmoid", x[1:])[:, 0], np.ones(4, dtype))
    # About the smallest normal number: adding it changes no other number.
    smallest = activation("sigmoid", -x[2:])[:, 0]
    assert np.all((smallest >= 0) & (smallest < 2 * np.finfo(dtype).tiny))


def test_nan_and_zero(instruction_set: str, dtype: type) -> None:
    for name in ("tanh", "sigmoid", "relu", "identity"):
        assert np.isnan(activation(name, np.array([np.nan], dtype))).all()
        zero = activation(name, np.array([0.0, -0.0], dtype))
        np.testing.assert_array_equal(zero, np.full((2, UNITS), 0.5 if name == "sigmoid" else 0.0, dtype))

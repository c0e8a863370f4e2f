"""The activations against torch, their derivatives against autograd."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from elman.cells.activations import ACTIVATIONS, sigmoid

TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x * 1.0,
}
POINTS = np.concatenate((np.linspace(-6.0, 6.0, 49), [-40.0, 40.0, 1e-9]))  # zero, the kink of relu, is among them

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


def test_every_activation_is_compared_with_torch() -> None:
    assert ACTIVATIONS.keys() == TORCH.keys()


@every_activation
def test_values_and_derivatives_are_those_of_torch(name: str) -> None:
    x = torch.from_numpy(POINTS).clone().requires_grad_()
    expected = TORCH[name](x)
    expected.sum().backward()
    y = ACTIVATIONS[name].function(POINTS)
    assert x.grad is not None
    # A few roundings of 1e-16 in numbers up to 1; the identity of 40 is exact.
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=0, atol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].derivative(y), x.grad.numpy(), rtol=0, atol=1e-15)


@every_activation
def test_float32_stays_float32(name: str) -> None:
    y = ACTIVATIONS[name].function(POINTS.astype(np.float32))
    assert {y.dtype, ACTIVATIONS[name].derivative(y).dtype} == {np.dtype(np.float32)}


@every_activation
def test_the_input_is_left_alone(name: str) -> None:
    x = POINTS.copy()
    ACTIVATIONS[name].derivative(ACTIVATIONS[name].function(x))
    np.testing.assert_array_equal(x, POINTS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_argument_of_sigmoid_overflows(dtype: type) -> None:
    largest = np.finfo(dtype).max
    with np.errstate(all="raise"):
        y = sigmoid(np.array([-largest, -1000.0, 0.0, 1000.0, largest], dtype))
    np.testing.assert_array_equal(y, [0.0, 0.0, 0.5, 1.0, 1.0])

"""Gradient clipping, against torch and by its invariants."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.cells.activations import Array
from elman.cells.clipping import clip_by_norm, clip_by_value, global_norm


def random_gradients() -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((3, 4), (3, 3), (3,))]


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_clipping_by_norm_is_that_of_torch(max_norm: float) -> None:
    gradients = random_gradients()
    parameters = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(g.copy())
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    assert abs(global_norm(gradients) - float(norm)) < 1e-12
    for parameter, clipped in zip(parameters, clip_by_norm(gradients, max_norm), strict=True):
        assert parameter.grad is not None
        np.testing.assert_allclose(clipped, parameter.grad.numpy(), rtol=2e-6)  # torch adds 1e-6 to the norm


def test_clipping_by_norm_keeps_the_direction_and_gives_exactly_the_bound() -> None:
    gradients = random_gradients()
    clipped = clip_by_norm(gradients, 0.5)
    assert abs(global_norm(clipped) - 0.5) < 1e-12
    ratios = np.concatenate([(c / g).ravel() for c, g in zip(clipped, gradients, strict=True)])
    assert np.ptp(ratios) < 1e-12
    unchanged = clip_by_norm(gradients, 1e6)
    assert all((u == g).all() for u, g in zip(unchanged, gradients, strict=True))


def test_gradients_of_zero_stay_zero() -> None:
    assert clip_by_norm([np.zeros(3)], 1.0)[0].tolist() == [0.0, 0.0, 0.0]


def test_clipping_by_value_bounds_every_entry() -> None:
    assert clip_by_value([np.array([-3.0, 0.2, 1.5])], 1.0)[0].tolist() == [-1.0, 0.2, 1.0]

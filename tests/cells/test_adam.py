"""Adam: the updates of torch.optim.Adam."""

from __future__ import annotations

import numpy as np
import torch

from elman.cells.adam import Adam


def test_updates_are_those_of_torch() -> None:
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=(3, 4))
    other = torch.nn.Parameter(torch.from_numpy(parameters.copy()))
    ours = Adam(parameters, 0.02, betas=(0.8, 0.95), epsilon=1e-3)
    theirs = torch.optim.Adam([other], 0.02, betas=(0.8, 0.95), eps=1e-3)
    for scale in (1.0, 100.0, 1e-4, 0.0, 1.0):
        gradient = scale * rng.normal(size=parameters.shape)
        ours.update(gradient)
        other.grad = torch.from_numpy(gradient)
        theirs.step()
        np.testing.assert_allclose(parameters, other.detach(), rtol=0.0, atol=1e-12)  # rounding in float64


def test_parameters_are_changed_in_place_in_their_precision() -> None:
    parameters = np.ones(5, np.float32)
    optimizer = Adam(parameters)
    optimizer.update(np.ones(5, np.float32))
    assert optimizer.parameters is parameters
    assert {parameters.dtype, optimizer.m.dtype, optimizer.v.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(parameters, 1.0 - 0.001, rtol=1e-6)  # the first update is the rate, in the sign of g

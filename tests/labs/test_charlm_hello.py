"""The lab charlm-hello: its gradients are those of finite differences, through time."""

from __future__ import annotations

import numpy as np
import pytest

from elman.labs.charlm_hello import compute_gradients, initial_weights


@pytest.mark.parametrize("name", ["W", "U", "b_ih", "V", "b_o"])
def test_the_gradients_of_the_whole_network_are_those_of_finite_differences(name: str) -> None:
    weights = initial_weights(seed=0)
    gradients = compute_gradients(weights)[2]
    assert set(gradients) == set(weights)
    differences = np.zeros_like(weights[name])
    for index in np.ndindex(differences.shape):
        losses = []
        for shift in (1e-5, -1e-5):
            shifted = {**weights, name: weights[name].copy()}
            shifted[name][index] += shift
            losses.append(compute_gradients(shifted)[0])
        differences[index] = (losses[0] - losses[1]) / 2e-5
    np.testing.assert_allclose(
        gradients[name], differences, rtol=0.0, atol=1e-9
    )  # rounding / 2e-5, and the step squared

"""The lab masked-loss: its gradients are those of finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from elman.labs import masked_loss
from elman.labs.masked_loss import REDUCTIONS, example, loss_and_gradient


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_gradient_of_each_reduction_is_that_of_finite_differences(
    reduction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    T = 5
    logits, targets, mask = example(T)
    gradient = loss_and_gradient(reduction, T)[1]
    differences = np.zeros_like(logits)
    for index in np.ndindex(logits.shape):
        losses = []
        for shift in (1e-5, -1e-5):
            shifted = logits.copy()
            shifted[index] += shift
            monkeypatch.setattr(masked_loss, "example", lambda T, shifted=shifted: (shifted, targets, mask))
            losses.append(loss_and_gradient(reduction, T)[0])
        differences[index] = (losses[0] - losses[1]) / 2e-5
    np.testing.assert_allclose(gradient, differences, rtol=0.0, atol=1e-9)  # rounding / 2e-5, and the step squared

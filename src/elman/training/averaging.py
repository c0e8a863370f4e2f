"""A moving average of the weights, which often predicts better than the weights of any single step.

    average += (weights - average) / n        n rises from 1 to `steps`: an average over about the last `steps` updates

Polyak and Juditsky (1992), with exponential forgetting. The updates do not depend on the average. The average is
validated and exported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class WeightAverage:
    """The average of a model's weights over about the last `steps` updates."""

    def __init__(self, model: nn.Module, steps: int) -> None:
        self._steps = steps
        self.weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Add the weights after update number `step`, which counts from 1."""
        current = [parameter.detach() for _, parameter in model.named_parameters()]
        torch._foreach_lerp_(list(self.weights.values()), current, 1.0 / min(step, self._steps))

    @contextlib.contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Give the model the average of the weights while the block runs."""
        current = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        copy_weights(self.weights, model)
        try:
            yield
        finally:
            copy_weights(current, model)


@torch.no_grad()
def copy_weights(weights: dict[str, Tensor], model: nn.Module) -> None:
    """Copy the weights, by name, into the model."""
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])

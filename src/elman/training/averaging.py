"""A moving average of the weights, which often predicts better than the weights of any moment.

    average += (weights - average) / n        n rises from 1 to `steps`: an average over about the last `steps` updates

Polyak and Juditsky (1992), with exponential forgetting. It changes nothing of the training itself: it is what is
validated and what ships.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Average:
    """The average of a model's weights over about so many updates."""

    def __init__(self, model: nn.Module, steps: int) -> None:
        self._steps = steps
        self.weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after an update, the first of which is step 1."""
        live = [parameter.detach() for _, parameter in model.named_parameters()]
        torch._foreach_lerp_(list(self.weights.values()), live, 1.0 / min(step, self._steps))

    @contextlib.contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Let the model have the average for a while."""
        live = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        copy_weights(self.weights, model)
        try:
            yield
        finally:
            copy_weights(live, model)


@torch.no_grad()
def copy_weights(weights: dict[str, Tensor], model: nn.Module) -> None:
    """Give the model weights by name."""
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])

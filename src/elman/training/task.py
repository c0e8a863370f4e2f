"""What the loop asks of a task. experiment.py brings the two together; neither knows the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

Position = dict[str, int]  # where the data stands: JSON
Carry = dict[str, Tensor] | None  # the detached recurrent state that goes from batch to batch


class Task(Protocol):
    """A kind of model to train."""

    objective: tuple[str, Literal["min", "max"]]  # the metric that tells the best step, and its way; among equals, loss
    unit: str  # what its losses are counted in, in the plural: tokens, texts

    batches_per_epoch: int

    def build(self) -> nn.Module:
        """Return a new model with the weights that training starts from."""

    def start(self) -> Position:
        """Return where training begins."""

    def batches(self, position: Position) -> Iterator[tuple[Any, Position]]:
        """Yield training batches without end, each with the position after it; the same position, the same batches."""

    def loss(
        self, model: nn.Module, batch: Any, carry: Carry, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, Carry]:
        """Return the loss summed over what counts, how much that is, and the state to carry on.

        progress runs from 0 to 1 over the training, for what changes on the way.
        """

    def predictor(self, model: nn.Module) -> Any:
        """Return a runtime predictor of the parameters as they are now."""

    def validate(self, model: nn.Module, predictor: Any) -> dict[str, float]:
        """Return metrics on held-out data."""

    def preview(self, predictor: Any) -> str | None:
        """Return a sample of what the model does, to show while it trains."""

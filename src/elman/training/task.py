"""The Task protocol: what the training loop needs from a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

Position = dict[str, int]  # the position in the training data, stored as JSON
Carry = dict[str, Tensor] | None  # the detached recurrent state that is carried from batch to batch


class Task(Protocol):
    """A model, its data and its loss."""

    objective: tuple[str, Literal["min", "max"]]  # decides the best step (loop.py); if equal, the lower loss does
    unit: str  # what the loss counts, in the plural: tokens, texts

    batches_per_epoch: int
    largest_batch: int  # tokens of the largest batch, padding included
    has_validation_set: bool  # if not, the metrics of `validate` are those of the training set

    def build(self) -> nn.Module:
        """Return a new model with its initial weights."""

    def start(self) -> Position:
        """Return the position of the first batch."""

    def batches(self, position: Position) -> Iterator[tuple[Any, Position]]:
        """Yield training batches endlessly, each with the position after it; the position determines the batches."""

    def loss(
        self, model: nn.Module, batch: Any, carry: Carry, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, Carry]:
        """Return the sum of the losses, their number, and the state to carry to the next batch.

        progress rises from 0 to 1 over the training; schedules may use it.
        """

    def predictor(self, model: nn.Module) -> Any:
        """Return a predictor with a copy of the current parameters."""

    def validate(self, model: nn.Module, predictor: Any) -> dict[str, float]:
        """Return metrics of the validation set, or of the training set if there is no validation set."""

    def preview(self, predictor: Any) -> str | None:
        """Return a sample of the predictions, which is shown during training."""

"""What the loop can be told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from elman.config import Config


class TrainingConfig(Config):
    """How long, how fast, and how to train. One of steps, epochs and minutes is the budget."""

    steps: PositiveInt | None = None  # updates of the weights
    epochs: PositiveFloat | None = None  # passes over the training data
    minutes: PositiveFloat | None = None  # of wall time; the schedule bends to it
    batch_size: PositiveInt  # sequences side by side
    bptt_steps: PositiveInt | None = None  # tokens between two truncations of the gradient, where a task has them
    accumulate_steps: PositiveInt = 1  # batches summed for one update
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    learning_rate: PositiveFloat  # the highest of the schedule
    weight_decay: float = Field(0.0, ge=0.0)
    momentum: float = Field(0.0, ge=0.0, lt=1.0)  # of sgd and rmsprop
    schedule: Literal["cosine", "constant", "plateau"] = "cosine"
    warmup_fraction: float = Field(0.02, ge=0.0, lt=1.0)  # of the training, rising to learning_rate
    final_fraction: float = Field(0.02, ge=0.0, le=1.0)  # of learning_rate, where cosine and plateau end
    plateau_factor: float = Field(0.5, gt=0.0, lt=1.0)  # the rate after plateau_patience validations without a new best
    plateau_patience: PositiveInt = 2
    clip_norm: float = Field(1.0, ge=0.0)  # largest global norm of the gradient; 0: not clipped
    average_steps: NonNegativeInt = 0  # updates over which the weights that ship are averaged; 0: not averaged
    patience: NonNegativeInt = 10  # validations without a new best before training stops; 0: never
    validate_every_steps: PositiveInt | None = None  # None: sixteen times in all
    validate_tokens: NonNegativeInt = 50_000  # of held-out text scored at a validation; 0: all
    checkpoint_every_steps: PositiveInt | None = None  # None: at every validation and every minute
    log_every_steps: PositiveInt = 50  # updates averaged into one line of metrics.jsonl
    threads: NonNegativeInt = 0  # of torch; 0 measures what is faster, then saves it
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"one budget only, given {' and '.join(given)}: choose one")
        return self

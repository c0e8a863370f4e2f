"""The options of the training loop."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from elman.config import Config
from elman.options import AUTOMATIC, option

MAX_THREADS = 1024  # OpenMP creates all of them, however few there is work for
MAX_LEARNING_RATE = 3.4e38  # the largest number of float32


class TrainingConfig(Config):
    """How long and how to train. One of minutes, epochs and steps is the budget."""

    minutes: PositiveFloat | None = option(
        None,
        flag="--minutes",
        metavar="M",
        help="Budget: wall time in minutes",
        automatic="chosen from the size of the data",
    )
    epochs: PositiveFloat | None = option(None, flag="--epochs", help="Budget: passes over the training set")
    steps: PositiveInt | None = option(None, flag="--steps", help="Budget: updates of the weights")
    batch_size: PositiveInt = option(flag="--batch-size", help="Examples of a mini-batch", automatic=AUTOMATIC)
    accumulate_steps: PositiveInt = option(1, help="Mini-batches whose gradients are summed for one update")
    learning_rate: PositiveFloat = option(
        le=MAX_LEARNING_RATE,
        flag="--lr",
        metavar="RATE",
        help="Highest learning rate of the schedule",
        automatic=AUTOMATIC,
    )
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = option("adamw", flag="--optimizer", help="Optimizer")
    weight_decay: float = option(0.0, ge=0.0, help="Weight decay")
    momentum: float = option(0.0, ge=0.0, lt=1.0, help="Momentum of sgd and rmsprop")
    schedule: Literal["cosine", "constant", "plateau"] = option("cosine", help="Learning-rate schedule")
    warmup_fraction: float = option(
        0.02, ge=0.0, lt=1.0, help="Share of the training in which the learning rate rises to its highest value"
    )
    final_fraction: float = option(
        0.02, ge=0.0, le=1.0, help="Share of the learning rate at which the schedules cosine and plateau end"
    )
    plateau_factor: float = option(
        0.5, gt=0.0, lt=1.0, help="Factor of the learning rate after plateau_patience validations without a new best"
    )
    plateau_patience: PositiveInt = option(2, help="Validations without a new best before plateau lowers the rate")
    clip_norm: float = option(
        1.0, ge=0.0, flag="--clip", metavar="NORM", help="Largest global norm of the gradient; 0 means no clipping"
    )
    average_steps: NonNegativeInt = option(
        0,
        help="Last updates over which the weights of the model folder are averaged; 0 means no averaging",
        automatic="chosen from the data and the budget; 0 for a language model",
    )
    patience: NonNegativeInt = option(
        10, help="Early stopping: validations without a new best before training stops; 0 means never"
    )
    validate_every_steps: PositiveInt | None = option(
        None,
        flag="--validate-every",
        help="Updates between validations",
        automatic="16 validations, and for small data more at the start",
    )
    checkpoint_every_steps: PositiveInt | None = option(
        None,
        flag="--checkpoint-every",
        help="Updates between checkpoints",
        automatic="at every validation and every minute",
    )
    log_every_steps: PositiveInt = option(50, help="Updates averaged into one line of metrics.jsonl")
    device: str = option(
        "auto",
        flag="--device",
        metavar="DEVICE",
        help="Where training runs: auto, cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one",
    )
    threads: NonNegativeInt = option(
        0,
        le=MAX_THREADS,
        flag="--threads",
        help="CPU threads; 0 measures which number is faster",
        automatic="1, or all if faster",
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", value):
            raise ValueError(f"given {value!r}; expected auto, cpu, cuda, cuda:1 (the second GPU) or mps")
        return value

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        budgets = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise ValueError(f"given {' and '.join(budgets)}; expected only one of steps, epochs and minutes")
        return self


class SequenceTrainingConfig(TrainingConfig):
    """The options of the training loop for tasks that cut long sequences into segments."""

    bptt_steps: PositiveInt = option(
        flag="--bptt",
        help="Steps of a segment, at whose start backpropagation through time is truncated",
        automatic=AUTOMATIC,
    )


class PaddedTrainingConfig(TrainingConfig):
    """The options of the training loop for tasks whose mini-batches are padded to their longest example."""

    batch_tokens: PositiveInt | None = option(
        None,
        flag="--batch-tokens",
        help="Largest number of tokens of a mini-batch, padding included; a longer example has a mini-batch of its own",
        automatic="twice what --batch-size examples of the usual length have",
    )


class PartialValidationConfig(TrainingConfig):
    """The options of the training loop for tasks that score a part of a large validation set during training."""

    validate_tokens: NonNegativeInt = option(
        50_000, help="Tokens of the validation set that a validation during training scores; 0 means all"
    )

"""The part of the toy task that needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

import elman.nn
from elman.training.snapshot import float32_weights, seeded

from . import DigitsCorpus, DigitsPredictor, DigitsRun, one_hot

Position = dict[str, int]


class DigitsNetwork(nn.Module):
    """A recurrent layer and a readout."""

    def __init__(self, config: DigitsRun, mean: float) -> None:
        super().__init__()
        self.layers = elman.nn.recurrent_layers(config.model.cell, "tanh", 10, [config.model.hidden_size])
        elman.nn.initialize_recurrent(self.layers)
        self.readout = nn.Linear(config.model.hidden_size, 1)
        nn.init.constant_(self.readout.bias, mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return sums (B,) of x (T, B, 10)."""
        outputs: Tensor = self.readout(self.layers[0](x)[0][-1])
        return outputs[:, 0]


def build_task(config: DigitsRun, corpus: DigitsCorpus) -> DigitsTask:
    """Return the Task of the training loop."""
    return DigitsTask(config, corpus)


def count_operations(config: DigitsRun, corpus: DigitsCorpus, batch: Any, count: int) -> float:
    """Return the operations of a batch, about."""
    return 18.0 * config.model.hidden_size * (config.model.hidden_size + 10) * count


class DigitsTask:
    """A Task."""

    objective: tuple[str, Literal["min", "max"]] = ("loss", "min")
    unit = "lines"

    def __init__(self, config: DigitsRun, corpus: DigitsCorpus) -> None:
        self._config = config
        self._train, self._valid = corpus.read("train"), corpus.read("valid")
        self.has_validation_set = corpus.has_validation_set
        self.batches_per_epoch = max(1, len(self._train) // config.training.batch_size)
        self.largest_batch = config.training.batch_size * max(len(item.digits) for item in self._train)

    def build(self) -> DigitsNetwork:
        """Return a new network."""
        with seeded(self._config.seed):
            return DigitsNetwork(self._config, float(np.mean([item.total for item in self._train])))

    def start(self) -> Position:
        return {"batch": 0}

    def batches(self, position: Position) -> Iterator[tuple[Any, Position]]:
        batch = position["batch"]
        while True:
            rng = np.random.default_rng([self._config.seed, batch])
            rows = rng.integers(0, len(self._train), self._config.training.batch_size)
            batch += 1
            yield [self._train[row] for row in rows], {"batch": batch}

    def loss(
        self, model: nn.Module, batch: Any, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        x = torch.from_numpy(one_hot([item.digits for item in batch])).transpose(0, 1)
        totals = torch.tensor([item.total for item in batch])
        return ((model(x) - totals) ** 2).sum(), len(batch), None

    def predictor(self, model: nn.Module) -> DigitsPredictor:
        return DigitsPredictor(self._config.model, float32_weights(model))

    def validate(self, model: nn.Module, predictor: DigitsPredictor) -> dict[str, float]:
        metrics = predictor.evaluate(self._valid)
        return {"loss": metrics["loss"], "accuracy": metrics["accuracy"]}

    def preview(self, predictor: DigitsPredictor) -> str | None:
        item = self._valid[0]
        return f"{item.digits} → {predictor.predict([item.digits])[0]:.1f}"

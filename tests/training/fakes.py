"""A task that is small enough to verify by inspection: a linear model of a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from elman.checkpoint import RunFolder
from elman.training.config import TrainingConfig
from elman.training.progress import Validation
from elman.training.task import Carry, Position

ROWS, INPUTS = 64, 3


def config(**settings: Any) -> TrainingConfig:
    """Return a config with few steps; a test overrides the settings that it depends on."""
    values = {"steps": 8, "batch_size": 4, "learning_rate": 0.05, "log_every_steps": 2, **settings}
    return TrainingConfig.model_validate(values)


def new_model(seed: int = 0) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(INPUTS, 1)


def new_run(path: Path) -> RunFolder:
    return RunFolder.create(path, {"task": "linear"})


class Weights:
    """A predictor that consists of a copy of the weights."""

    def __init__(self, model: nn.Module) -> None:
        self.text = " ".join(f"{float(x):.9e}" for p in model.parameters() for x in p.detach().flatten())

    def save(self, folder: Path, *, replace: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "weights.txt").write_text(self.text)


class LinearTask:
    """Least squares; rows are read in order, and the carried state counts them."""

    objective: tuple[str, Literal["min", "max"]] = ("loss", "min")
    unit = "rows"
    has_validation_set = True

    def __init__(
        self,
        rows: int = 4,
        *,
        metric: Callable[[int], float] | None = None,
        direction: Literal["min", "max"] = "min",
        at_batch: Callable[[int, Tensor], Tensor] = lambda number, loss: loss,
        sample: str | None = None,
    ) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(ROWS, INPUTS, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
        self.rows, self.metric, self.at_batch, self.sample = rows, metric, at_batch, sample
        self.objective = ("loss", direction)
        self.batches_per_epoch, self.largest_batch = ROWS // rows, rows
        self.num_batches = 0
        self.validations = 0

    def build(self) -> nn.Module:
        return new_model()

    def start(self) -> Position:
        return {"batch": 0}

    def batches(self, position: Position) -> Iterator[tuple[Any, Position]]:
        number = position["batch"]
        while True:
            first = number * self.rows % ROWS
            number += 1
            yield (self.x[first : first + self.rows], self.y[first : first + self.rows]), {"batch": number}

    def loss(
        self, model: nn.Module, batch: Any, carry: Carry, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, Carry]:
        x, y = batch
        self.num_batches += 1
        rows = torch.zeros(1) if carry is None else carry["rows"]
        loss = self.at_batch(self.num_batches, (model(x) - y).square().sum())
        return loss, len(x), {"rows": rows + len(x)}

    def predictor(self, model: nn.Module) -> Weights:
        return Weights(model)

    def validate(self, model: nn.Module, predictor: Any) -> dict[str, float]:
        assert not model.training
        self.validations += 1
        if self.metric is not None:
            return {"loss": self.metric(self.validations)}
        with torch.inference_mode():
            return {"loss": float((model(self.x) - self.y).square().mean())}

    def preview(self, predictor: Any) -> str | None:
        return self.sample


class Recorder:
    """A display that records all calls."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.training: list[dict[str, float]] = []  # the training metrics of each validation

    def begin(self, progress: float, unit: str = "tokens") -> None:
        self.events.append(("begin", progress))

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        assert seconds >= 0.0
        self.events.append(("step", step, progress, loss, tokens))

    def validation(self, validation: Validation) -> None:
        self.events.append(("validation", validation.step, validation.metrics, validation.best, validation.sample))
        self.training.append(validation.train)

    def notify(self, message: str) -> None:
        self.events.append(("notify", message))

    def end(self) -> None:
        self.events.append(("end",))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == kind]

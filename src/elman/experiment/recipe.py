"""What each task brings to an experiment: its files to data, its config, its Task, its words. One recipe a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from elman.config import Config, Values
from elman.data.encodings import Notify
from elman.data.labelled import ClassFolder, MemoryLabelled
from elman.data.pairs import MemoryPairs
from elman.data.readers import Source, TextSource
from elman.data.series import MemorySeries
from elman.data.tagged import MemoryTagged
from elman.training.config import TrainingConfig
from elman.training.task import Task

InMemory = MemoryPairs | MemoryLabelled | MemoryTagged | MemorySeries  # what a Python caller holds, beside texts
Opened = Source | ClassFolder | InMemory  # what is read once


class RunConfig(Protocol):
    """What the run configs of all tasks have."""

    seed: int
    training: TrainingConfig

    @property
    def model(self) -> Config:
        """The sizes of the model."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What to read: the training part and, unless it is to be cut from that, the held-out part.

    `targets` and `valid_targets` are the other sides of files that hold the sources of pairs alone.
    """

    train: Sequence[Opened]
    valid: Sequence[Opened] = ()
    targets: Sequence[Opened] = ()
    valid_targets: Sequence[Opened] = ()


class Recipe(Protocol):
    """A task, as experiment sees it. `data` is what prepare and open return."""

    @property
    def task(self) -> str:
        """The name that config.toml and the command line have for it."""

    @property
    def run(self) -> type[Config]:
        """What config.toml holds."""

    def resolve(self, given: Values, data: Any | None, flops: float) -> Any:
        """Return the whole config; what is not given is chosen for the data and a machine of so many FLOP/s."""

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource | ClassFolder:
        """Return what lies at a path, to be read once: it has the format that the task reads."""

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> Any:
        """Read the sources and write them to a folder, as open returns them."""

    def open(self, folder: Path) -> Any:
        """Return the data of a folder that was prepared."""

    def build(self, config: Any, data: Any) -> Task:
        """Return the task of training/."""

    def operations(self, config: Any, data: Any, batch: Any, counted: int) -> float:
        """Return the floating-point operations of training on a batch, in which the task's loss counts so many."""

    def evaluate(self, predictor: Any, data: Any) -> dict[str, Any]:
        """Return the metrics of all of the held-out part."""

    def speed(self, predictor: Any, data: Any) -> str:
        """Return how fast it predicts here and now, measured, in words."""

    def card(self, predictor: Any, valid: dict[str, Any], data: Any, speed: str) -> str:
        """Return the text of the model card."""

    def told(self, config: Any, data: Any) -> Iterable[str]:
        """Yield what a person should know before training starts, automatic choices included."""


def told_budget(training: TrainingConfig) -> str:
    """Return the budget in words."""
    budgets = {"steps": training.steps, "epochs": training.epochs, "minutes": training.minutes}
    return next(f"{value:g} {name}" for name, value in budgets.items() if value is not None)


def told_machine(training: TrainingConfig) -> str:
    """Return the threads and the device in words."""
    return f"{training.threads} thread{'s' * (training.threads > 1)} on {training.device}"

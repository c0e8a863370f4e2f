"""The part of a task that needs torch: what the module `training` of the task's package has."""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from elman.tasks.spec import AnyTask
from elman.training.task import Task


class TrainingModule(Protocol):
    """The functions of a task's module `training`, for its own run config and corpus."""

    def build_task(self, config: Any, corpus: Any) -> Task:
        """Return the Task of the training loop."""

    def count_operations(self, config: Any, corpus: Any, batch: Any, count: int) -> float:
        """Return the floating-point operations of training on a batch in which the loss has that count."""


def training_module(spec: AnyTask) -> TrainingModule:
    """Return the module `training` of a task's package."""
    return cast("TrainingModule", importlib.import_module(f"{spec.package}.training"))

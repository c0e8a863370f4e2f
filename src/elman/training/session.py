"""A training session: everything that changes from step to step, and how it is saved and restored.

A checkpoint contains all that `fit` needs to continue with the same results: float32 weights, the state of the
optimizer and of the random generator, the position in the data, the carried recurrent state, the counters, and the size
of metrics.jsonl at the checkpoint.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from elman.checkpoint import RunFolder, Tensors
from elman.checkpoint.serialization import shown
from elman.errors import ModelError

from .averaging import WeightAverage, copy_weights
from .config import TrainingConfig
from .optimizers import Optimizer, build_optimizer, load_optimizer_tensors, optimizer_tensors
from .task import Carry, Position, Task


class NonFiniteError(Exception):
    """A loss, gradient or weight is NaN or infinite; the message describes which one."""


@dataclass(slots=True)
class Counters:
    """The numbers that a checkpoint stores as JSON.

    log_loss, log_count and log_norm belong to the log line in progress, train_loss and train_count to the updates since
    the last validation; they would differ after resuming without them.
    """

    position: Position
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0  # of wall time, before this process started
    best_step: int | None = None
    best_value: float | None = None
    best_loss: float = 0.0  # of the step with best_value; decides if best_value is equal
    best_error: float = 0.0  # the best step is the last one that is less than this above best_value
    validations_since_best: int = 0
    plateaus: int = 0
    rollbacks: int = 0
    rate_scale: float = 1.0
    log_loss: float = 0.0
    log_count: int = 0
    log_norm: float = 0.0  # sum over the updates of the norm of the gradient before clipping
    train_loss: float = 0.0
    train_count: int = 0
    best_train: dict[str, float] | None = None  # the training metrics of the best step
    metrics_bytes: int = 0
    finished: bool = False


@dataclass(slots=True)
class Session:
    """A training session in this process."""

    task: Task
    model: nn.Module
    optimizer: Optimizer
    config: TrainingConfig
    run: RunFolder
    rng: torch.Generator
    counters: Counters
    average: WeightAverage | None = None
    carry: Carry = None
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)

    @classmethod
    def new(cls, task: Task, model: nn.Module, config: TrainingConfig, run: RunFolder, seed: int) -> Session:
        """Return a session before its first step."""
        device = next(model.parameters()).device
        rng = torch.Generator(device).manual_seed(seed)
        average = WeightAverage(model, config.average_steps) if config.average_steps else None
        return cls(task, model, build_optimizer(model, config), config, run, rng, Counters(task.start()), average)

    @property
    def seconds(self) -> float:
        """Wall time of the training, including earlier processes of a resumed run."""
        return self.counters.seconds + time.monotonic() - self.started

    @property
    def total_steps(self) -> int | None:
        """The number of steps; None if the budget is in minutes."""
        if self.config.minutes is not None:
            return None
        if self.config.steps is not None:
            return self.config.steps
        return max(1, round((self.config.epochs or 1) * self.updates_per_epoch))

    @property
    def updates_per_epoch(self) -> float:
        return self.task.batches_per_epoch / self.config.accumulate_steps

    @property
    def progress(self) -> float:
        """The share of the budget that is used, from 0 to 1."""
        if self.total_steps is not None:
            return min(1.0, self.counters.step / self.total_steps)
        return min(1.0, self.seconds / (60.0 * (self.config.minutes or 1.0)))

    def with_exported_weights(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the model has the weights to validate and to export."""
        return contextlib.nullcontext() if self.average is None else self.average.applied_to(self.model)

    def require_finite_weights(self) -> None:
        """Raise a NonFiniteError if a weight is NaN or infinite."""
        for name, parameter in self.model.named_parameters():
            if not torch.isfinite(parameter.detach()).all():
                raise NonFiniteError(f"weights {name} at step {self.counters.step}")

    def save(self, *, best: bool = False) -> None:
        """Write a checkpoint; weights that are not finite are a NonFiniteError."""
        self.require_finite_weights()
        weights = {name: parameter.detach().cpu() for name, parameter in self.model.named_parameters()}
        self.counters.metrics_bytes = self.run.file_size("metrics.jsonl")
        tensors = {f"model.{name}": weight for name, weight in weights.items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.optimizer).items()}
        if self.average is not None:
            tensors |= {f"average.{name}": weight.cpu() for name, weight in self.average.weights.items()}
        tensors |= {f"carry.{name}": tensor.cpu() for name, tensor in (self.carry or {}).items()}
        tensors["rng"] = self.rng.get_state()
        state = {**asdict(self.counters), "seconds": self.seconds}
        self.run.save_checkpoint(
            self.counters.step, {name: tensor.numpy() for name, tensor in tensors.items()}, state, best=best
        )
        self.saved = time.monotonic()

    def restore(self, tensors: Tensors, state: dict[str, Any]) -> None:
        """Restore a checkpoint, and cut metrics.jsonl to the size that it had then."""
        try:
            state = {"log_norm": 0.0, "best_error": 0.0, **state}  # checkpoints of earlier versions have none
            self.counters = Counters(**{counter.name: _checked(counter, state) for counter in fields(Counters)})
            copy_weights(_select_prefix("model.", tensors), self.model)
            if self.average is not None:
                average = _select_prefix("average.", tensors)
                for name, weight in self.average.weights.items():
                    weight.copy_(average[name])
            load_optimizer_tensors(self.optimizer, _select_prefix("optimizer.", tensors))
            carry = _select_prefix("carry.", tensors)
            device = next(self.model.parameters()).device
            self.carry = {name: tensor.to(device) for name, tensor in carry.items()} or None
            self.rng.set_state(torch.from_numpy(tensors["rng"].copy()))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            problem = f"the checkpoint does not match this run ({shown(str(error))})"
            raise ModelError(problem, where=str(self.run.path)) from None
        self.run.truncate_file("metrics.jsonl", self.counters.metrics_bytes)
        self.started = self.saved = time.monotonic()


_KINDS: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "Position": dict}


def _checked(counter: Field[Any], state: dict[str, Any]) -> Any:
    """Return the value of a counter in a checkpoint; one of another type is a TypeError."""
    value, (name, *none) = state[counter.name], str(counter.type).split(" | ")
    if none and value is None:
        return None
    kind = _KINDS.get(name, dict)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{counter.name}: {shown(repr(value))}")
    return value


def exported_weights(tensors: Tensors) -> dict[str, Tensor]:
    """Return the weights of a checkpoint to export: the average, if there is one."""
    return _select_prefix("average.", tensors) or _select_prefix("model.", tensors)


def _select_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix; the prefix is removed."""
    return {
        name.removeprefix(prefix): torch.from_numpy(array.copy())
        for name, array in tensors.items()
        if name.startswith(prefix)
    }

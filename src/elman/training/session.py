"""A training in progress: everything that changes from step to step, and how it is saved and restored.

What a checkpoint holds is exactly what fit needs to go on as if it had never stopped: float32 master weights, the
optimizer, the random generator, where the data stands, the carried state, the counters, and how many bytes of
metrics.jsonl belong to it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from elman.checkpoint import RunFolder, Tensors
from elman.errors import ModelError

from .averaging import Average, copy_weights
from .config import TrainingConfig
from .optimizers import Optimizer, build_optimizer, load_optimizer_tensors, optimizer_tensors
from .task import Carry, Position, Task


class NotFinite(Exception):
    """A loss, gradient or weight is nan or infinite; the text says where."""


@dataclass(slots=True)
class Counters:
    """What a checkpoint stores as JSON. A loss sum of 50 steps belongs in it, or a resumed log line would differ."""

    position: Position
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0  # of wall time before this process
    best_step: int | None = None
    best_value: float | None = None
    best_loss: float = 0.0  # of the best step: it decides among equals
    stale: int = 0  # validations since the best
    plateaus: int = 0
    rollbacks: int = 0
    rate_scale: float = 1.0
    log_loss: float = 0.0
    log_count: int = 0
    metrics_bytes: int = 0
    finished: bool = False


@dataclass(slots=True)
class Session:
    """The live training."""

    task: Task
    model: nn.Module
    optimizer: Optimizer
    config: TrainingConfig
    run: RunFolder
    rng: torch.Generator
    counters: Counters
    average: Average | None = None
    carry: Carry = None
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)

    @classmethod
    def new(cls, task: Task, model: nn.Module, config: TrainingConfig, run: RunFolder, seed: int) -> Session:
        """Return the training before its first step."""
        device = next(model.parameters()).device
        rng = torch.Generator(device).manual_seed(seed)
        average = Average(model, config.average_steps) if config.average_steps else None
        return cls(task, model, build_optimizer(model, config), config, run, rng, Counters(task.start()), average)

    @property
    def seconds(self) -> float:
        """Wall time of the training, all its processes together."""
        return self.counters.seconds + time.monotonic() - self.started

    @property
    def total_steps(self) -> int | None:
        """The steps to do; None where the budget is minutes."""
        if self.config.minutes is not None:
            return None
        if self.config.steps is not None:
            return self.config.steps
        return max(1, round((self.config.epochs or 1) * self.task.batches_per_epoch / self.config.accumulate_steps))

    @property
    def progress(self) -> float:
        """From 0 to 1: steps done of those to do, or minutes gone of those given."""
        if self.total_steps is not None:
            return min(1.0, self.counters.step / self.total_steps)
        return min(1.0, self.seconds / (60.0 * (self.config.minutes or 1.0)))

    def shipped(self) -> contextlib.AbstractContextManager[None]:
        """For a while, let the model have the weights that ship."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place(self.model)

    def save(self, *, best: bool = False) -> None:
        """Write a checkpoint of this moment; one that is not finite is refused."""
        weights = {name: parameter.detach().cpu() for name, parameter in self.model.named_parameters()}
        for name, weight in weights.items():
            if not torch.isfinite(weight).all():
                raise NotFinite(f"weights {name} at step {self.counters.step}")
        self.counters.metrics_bytes = self.run.length("metrics.jsonl")
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
        """Become what a checkpoint holds, and cut metrics.jsonl back to it."""
        try:
            self.counters = Counters(**{each.name: state[each.name] for each in fields(Counters)})
            copy_weights(_under("model.", tensors), self.model)
            if self.average is not None:
                average = _under("average.", tensors)
                for name, weight in self.average.weights.items():
                    weight.copy_(average[name])
            load_optimizer_tensors(self.optimizer, _under("optimizer.", tensors))
            carry = _under("carry.", tensors)
            device = next(self.model.parameters()).device
            self.carry = {name: tensor.to(device) for name, tensor in carry.items()} or None
            self.rng.set_state(torch.from_numpy(tensors["rng"].copy()))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"the checkpoint does not fit this run ({error})", where=str(self.run.path)) from None
        self.run.truncate("metrics.jsonl", self.counters.metrics_bytes)
        self.started = self.saved = time.monotonic()


def shipped_weights(tensors: Tensors) -> dict[str, Tensor]:
    """Return the weights of a checkpoint that ship: their average where there is one."""
    return _under("average.", tensors) or _under("model.", tensors)


def _under(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {
        name.removeprefix(prefix): torch.from_numpy(array.copy())
        for name, array in tensors.items()
        if name.startswith(prefix)
    }

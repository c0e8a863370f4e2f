"""The memory that a training needs, compared with what is available, before the operating system ends the process.

    weights        themselves, gradients, the state of the optimizer, the average, and the snapshot of a validation
    mini-batch     for each token of the largest one: inputs, outputs and gates of each layer, and their gradients

The estimate is a lower bound of about the right size: an estimate that is too high would refuse what works.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

import elman.nn
from elman import kernels
from elman.config import Config
from elman.errors import ResourceError
from elman.tasks.spec import RunConfig
from elman.training.config import TrainingConfig
from elman.training.task import Task

BYTES = 4  # of a number
LARGE = 4_000  # units of a layer, which has half a gigabyte of weights
OPTIMIZER_TENSORS = {"adamw": 2, "adam": 2, "sgd": 1, "rmsprop": 2}  # of the size of the weights
READOUT = "readout"  # the layer before the loss, which the kernels compute without an array of logits
UNLIMITED = 1 << 60  # some systems report a number above it where there is no limit

_MEMINFO = Path("/proc/meminfo")
_GROUPS = Path("/proc/self/cgroup")
_GROUP_FILES = {  # of the two versions of control groups: root, limit, usage, and the key of the file cache
    2: (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    1: (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def build_model(task: Task, config: RunConfig, where: Path) -> nn.Module:
    """Return the model, or raise a ResourceError if its training on the CPU needs more memory than is available.

    A large model is checked before it is built. To build one without the numbers of its weights, torch imports its
    compiler, which takes longer than to build a small one.
    """
    if largest_size(config.model) >= LARGE:
        with torch.device("meta"):
            _require_memory(task, task.build(), config.training, where)
    model = task.build()
    _require_memory(task, model, config.training, where)
    return model


def largest_size(model: Config) -> int:
    """Return the largest number of units or layers in the config of a model."""
    values = model.model_dump().values()
    numbers = chain.from_iterable(value if isinstance(value, tuple | list) else (value,) for value in values)
    return max((number for number in numbers if isinstance(number, int)), default=0)


def _require_memory(task: Task, model: nn.Module, config: TrainingConfig, where: Path) -> None:
    available = available_memory()
    if available is None or config.device not in ("auto", "cpu"):
        return
    needed = estimate_memory(task, model, config)
    if needed > available:
        problem = f"training needs about {_gigabytes(needed)} GB of memory; {_gigabytes(available)} GB are available"
        largest = f"The largest mini-batch has {task.largest_batch:,} tokens"
        hint = f"{largest}: choose a smaller --batch-size or --hidden, or leave out long examples"
        raise ResourceError(problem, hint=hint, where=str(where))


def estimate_memory(task: Task, model: nn.Module, config: TrainingConfig) -> int:
    """Return the bytes that a training needs beside what is in memory already."""
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    are_present = not any(p.is_meta for p in model.parameters())
    copies = (
        3 - are_present + OPTIMIZER_TENSORS[config.optimizer] + bool(config.average_steps)
    )  # weights, gradients, snapshot
    return copies * weights + BYTES * task.largest_batch * sum(_numbers_per_token(model))


def available_memory() -> int | None:
    """Return the bytes that this process may still take; None where the system does not say."""
    limits = [*_system_memory(), *_group_memory(), *_address_space()]
    return max(0, min(limits)) if limits else None


def _numbers_per_token(model: nn.Module) -> Iterator[int]:
    """Yield how many numbers each layer keeps for a token until its gradients are computed."""
    for name, module in model.named_modules():
        if isinstance(module, nn.RNNBase | elman.nn.Recurrent):
            yield _numbers_of_layers(module)
        elif isinstance(module, nn.Linear) and name.rpartition(".")[2] == READOUT:
            yield 0 if kernels.available() else 2 * module.out_features
        elif isinstance(module, nn.Linear):
            yield module.out_features
        elif isinstance(module, nn.Embedding):
            yield module.embedding_dim


def _numbers_of_layers(layers: Any) -> int:
    """Return the numbers of recurrent layers for a token: gates, state and output of each direction, and the input."""
    is_ours = isinstance(layers, elman.nn.Recurrent)
    gates = layers.cell.gates if is_ours else len(layers.weight_hh_l0) // layers.hidden_size
    units = layers.hidden_size * (2 if layers.bidirectional else 1) * layers.num_layers
    return int(units * (gates + 2) + layers.input_size)


def _system_memory() -> Iterator[int]:
    for line in _lines(_MEMINFO):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _group_memory() -> Iterator[int]:
    """Yield what the control groups of this process and those above them still allow, such as those of a container."""
    for line in _lines(_GROUPS):
        number, controllers, path = line.split(":", 2)
        if number == "0" or "memory" in controllers.split(","):
            root, limit, usage, cache = _GROUP_FILES[2 if number == "0" else 1]
            group = root / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(root):
                    yield from _remaining(folder / limit, folder / usage, folder / "memory.stat", cache)


def _remaining(limit_file: Path, usage_file: Path, stat_file: Path, cache: str) -> Iterator[int]:
    limit, usage = "".join(_lines(limit_file)), "".join(_lines(usage_file))
    if limit.isdecimal() and usage.isdecimal() and int(limit) < UNLIMITED:
        cached = [int(line.split()[1]) for line in _lines(stat_file) if line.startswith(f"{cache} ")]
        yield int(limit) - int(usage) + sum(cached)  # the system frees cached files first


def _address_space() -> Iterator[int]:
    """Yield what the limit of the address space (ulimit -v) still allows."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = [int(line.split()[0]) * resource.getpagesize() for line in _lines(Path("/proc/self/statm"))]
    if limit != resource.RLIM_INFINITY and used:
        yield limit - used[0]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except OSError:
        return []


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"

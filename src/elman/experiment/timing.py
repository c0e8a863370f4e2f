"""The config with every choice made, by the data and by how fast this machine trains the model."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch

import elman.nn
from elman.config import Values
from elman.errors import ConfigError
from elman.models.cell_name import cell_names
from elman.tasks.spec import AnyTask, RunConfig
from elman.training.throughput import ASSUMED_CPU_FLOPS, ASSUMED_GPU_FLOPS, fastest_thread_count, step_seconds

from .memory import build_model
from .training_module import training_module

MAX_TIMINGS = 4  # of a model whose size is being settled
TIMED_BATCHES = 4  # one alone may hold short examples only


def settled_config(spec: AnyTask, values: Values, corpus: Any, where: Path) -> RunConfig:
    """Return the config with every choice made, by the corpus and by the speed of this machine.

    The size depends on the speed, and the speed, threads included, on the size: training steps of the very model are
    timed until both agree.
    """
    early: RunConfig = spec.resolve(values, None, ASSUMED_CPU_FLOPS)
    device = _device(early)
    gpu = device != "cpu"
    config: RunConfig = spec.resolve(values, corpus, ASSUMED_GPU_FLOPS if gpu else ASSUMED_CPU_FLOPS)
    threads = config.training.threads or 1
    for _ in range(MAX_TIMINGS if not gpu else 0):
        if config.training.threads and config.training.minutes is None:
            break  # nothing depends on the speed
        threads, flops = _time_step(spec, config, corpus, where)
        before, config = config, spec.resolve(values, corpus, flops)
        if _sizes(config) == _sizes(before):
            break
    update = {"device": device, "threads": threads}
    return config.model_copy(update={"training": config.training.model_copy(update=update)})


def _sizes(config: RunConfig) -> Values:
    return config.model.model_dump(include={"hidden_size", "num_layers"})


def check_device(config: RunConfig) -> None:
    """Raise a ConfigError if the device is not here, or if the model cannot run on it."""
    device = config.training.device
    if device in ("auto", "cpu"):
        return
    if cells := _numpy_cells(config):
        problem = f"training.device: given {device}, but cell {cells[0]!r} runs by NumPy; expected cpu"
        raise ConfigError(problem, hint="Use --device auto or cpu")
    if device == "mps":
        if not torch.backends.mps.is_available():
            problem = "training.device: given mps, but torch finds no Metal here, which is on Macs only"
            raise ConfigError(problem, hint="Use --device auto or cpu")
        return
    if not torch.cuda.is_available():
        problem = f"training.device: given {device}, but torch finds no GPU here"
        raise ConfigError(problem, hint="Use --device auto or cpu")
    number, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        problem = f"training.device: given {device}, but torch finds {count} GPU{'s' * (count != 1)} here"
        raise ConfigError(problem, hint=f"Numbers begin at 0: the last one is cuda:{count - 1}")


def _device(config: RunConfig) -> str:
    if config.training.device != "auto":
        return config.training.device
    return "cuda" if torch.cuda.is_available() and not _numpy_cells(config) else "cpu"


def _numpy_cells(config: RunConfig) -> list[str]:
    """Return the cells of a model that torch.nn lacks, which run by NumPy and on the CPU only."""
    return [name for name in cell_names(config.model.model_dump()) if name not in elman.nn.LAYERS]


def _time_step(spec: AnyTask, config: RunConfig, corpus: Any, where: Path) -> tuple[int, float]:
    """Return the better number of threads for steps of this model, and the floating-point rate that they reach.

    A model that does not fit into memory is a ResourceError.
    """
    module = training_module(spec)
    task = module.build_task(config, corpus)
    model, rng = build_model(task, config, where), torch.Generator().manual_seed(0)
    batches = [batch for batch, _ in itertools.islice(task.batches(task.start()), TIMED_BATCHES)]
    counts: list[int] = []

    def step() -> None:
        counts.clear()
        for batch in batches:
            loss, count, _ = task.loss(model, batch, None, 0.0, rng)
            loss.backward()
            counts.append(count)

    num_threads = config.training.threads
    threads, seconds = (num_threads, step_seconds(step, num_threads)) if num_threads else fastest_thread_count(step)
    pairs = zip(batches, counts, strict=True)
    return threads, sum(module.count_operations(config, corpus, batch, count) for batch, count in pairs) / seconds

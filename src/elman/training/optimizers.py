"""Optimizers by name, and their state as plain tensors that a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .config import TrainingConfig
from .torch_internals import without_compiler

Optimizer = torch.optim.Optimizer


def _adam(kind: type[Optimizer]) -> Callable[[Any, TrainingConfig], Optimizer]:
    return lambda groups, config: kind(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)  # type: ignore[call-arg]


def _with_momentum(kind: type[Optimizer]) -> Callable[[Any, TrainingConfig], Optimizer]:
    return lambda groups, config: kind(groups, lr=config.learning_rate, momentum=config.momentum, foreach=True)  # type: ignore[call-arg]


OPTIMIZERS: dict[str, Callable[[Any, TrainingConfig], Optimizer]] = {
    "adamw": _adam(torch.optim.AdamW),
    "adam": _adam(torch.optim.Adam),
    "sgd": _with_momentum(torch.optim.SGD),
    "rmsprop": _with_momentum(torch.optim.RMSprop),
}


def build_optimizer(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """Return the optimizer; weight decay applies to matrices, not to biases."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    with without_compiler():
        return OPTIMIZERS[config.optimizer](groups, config)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as tensors with the names `NUMBER_OF_THE_PARAMETER.NAME`."""
    with without_compiler():
        state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value).detach().cpu()
        for number, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def load_optimizer_tensors(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the state that optimizer_tensors returned."""
    with without_compiler():
        state_dict = optimizer.state_dict()
        state_dict["state"] = {}
        for name, tensor in tensors.items():
            number, key = name.split(".", 1)
            state_dict["state"].setdefault(int(number), {})[key] = tensor
        optimizer.load_state_dict(state_dict)

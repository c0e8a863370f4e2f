"""Small things that the training modules of all tasks need: weights as arrays, seeded weights, mixed precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


def float32_weights(model: nn.Module) -> dict[str, npt.NDArray[np.float32]]:
    """Return a copy of the parameters by name, as a predictor takes them."""
    return {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}


def tensors_of(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, torch.Tensor]:
    """Return a copy of arrays as tensors."""
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from this seed, and leave torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def mixed_precision(device: torch.device) -> Any:
    """Return a context in which a GPU computes in bfloat16; a CPU computes as before."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

"""Layers of elman.nn.Recurrent with random weights, and their arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import elman.nn
from elman.cells import CELLS

from .layer_pairs import INPUTS, UNITS, B, T, seeded

NUMPY_CELLS = [name for name in CELLS if name not in elman.nn.LAYERS]  # that torch.nn lacks
RESET = torch.rand(T, B, generator=seeded(8)) < 0.4


def recurrent(cell: str, dtype: torch.dtype = torch.float64, **options: Any) -> elman.nn.Recurrent:
    """Return layers of random weights."""
    torch.manual_seed(4)
    layer = elman.nn.Recurrent(cell, INPUTS, UNITS, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, dtype=dtype))
    return layer


def shape_of_states(layer: Any, rows: tuple[int, ...] = (B,)) -> tuple[int, ...]:
    return (layer.num_layers * layer.num_directions, *rows, UNITS)


def states(layer: Any, rows: tuple[int, ...] = (B,)) -> list[Tensor]:
    dtype = layer.weight_ih_l0.dtype
    shape = shape_of_states(layer, rows)
    return [
        torch.randn(shape, generator=seeded(n), dtype=torch.float64).to(dtype) for n in range(len(layer.cell.states))
    ]


def inputs(layer: Any, shape: tuple[int, ...] = (T, B)) -> Tensor:
    x = torch.randn(*shape, INPUTS, generator=seeded(), dtype=torch.float64).to(layer.weight_ih_l0.dtype)
    return x.transpose(0, 1).contiguous() if layer.batch_first and len(shape) == 2 else x

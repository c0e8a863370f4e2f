"""A model with torch.nn's layers in the place of elman.nn's, for what goes by the exact class of a layer.

    quantized = torch.ao.quantization.quantize_dynamic(elman.nn.to_torch(model), {torch.nn.LSTM})

The results are the same; `reset` and `from_ids`, which torch.nn lacks, are not available.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from .layers import GRU, LSTM, RNN
from .recurrent import Recurrent

_CLASSES: dict[type, type[nn.Module]] = {RNN: torch.nn.RNN, GRU: torch.nn.GRU, LSTM: torch.nn.LSTM}


def to_torch(model: Any) -> Any:
    """Return a copy of a module in which every elman.nn.RNN, GRU and LSTM is one of torch.nn, with the same weights."""
    copied = copy.deepcopy(model)
    for name, module in copied.named_modules():
        if isinstance(module, Recurrent):
            problem = f"{name or 'model'}: {module.cell_name}; expected one of the cells that torch.nn has"
            raise ValueError(f"{problem}, elman, gru or lstm")
        module.__class__ = _CLASSES.get(type(module), type(module))
    return copied

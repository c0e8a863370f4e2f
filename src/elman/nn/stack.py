"""Recurrent layers, one module each, named and ordered as runtime/stack.py reads them; and the weights they start from.

Recurrent matrices are orthogonal gate by gate (Saxe et al., 2014), forget gates open (bias 1; Jozefowicz et al., 2015),
other biases zero; matrices of the input as torch.nn draws them: uniform within 1 / sqrt(H). For what is to be kept over
many steps, biases may be chrono (Tallec and Ollivier, 2018, section 3): a unit that keeps its state for about u steps,
u uniform from 1 to T - 1, has log u in the gate that keeps and - log u in the one that lets in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from .layers import GRU, LSTM, RNN

_KEEPS = {"LSTM": ((1, 1.0), (0, -1.0)), "GRU": ((1, 1.0),)}  # gates, of i f g o and r z n, and the sign of their bias
LAYERS: dict[str, Callable[..., RNN | GRU | LSTM]] = {"elman": RNN, "gru": GRU, "lstm": LSTM}


def recurrent_layers(
    cell: str, activation: str, input_size: int, hidden_sizes: Sequence[int], *, bidirectional: bool = False
) -> nn.ModuleList:
    """Return a layer of each size, the first reading input_size numbers."""
    layers = nn.ModuleList()
    extra: dict[str, Any] = {"nonlinearity": activation} if cell == "elman" else {}
    for hidden_size in hidden_sizes:
        layers.append(LAYERS[cell](input_size, hidden_size, bidirectional=bidirectional, **extra))
        input_size = hidden_size * (2 if bidirectional else 1)
    return layers


@torch.no_grad()
def start_recurrent(layers: Iterable[Any], *, chrono_steps: int | None = None) -> None:
    """Give layers the weights that training starts from; chrono_steps is T, the steps that LSTM and GRU are to keep."""
    for layer in layers:
        H = layer.hidden_size
        if chrono_steps is not None and chrono_steps < 3:
            raise ValueError(f"chrono_steps: given {chrono_steps}, expected 3 or more")
        for name, parameter in layer.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif "weight_hh" in name:
                for gate in torch.split(parameter, H):
                    nn.init.orthogonal_(gate)
            if "bias_ih" in name and layer.mode == "LSTM":
                nn.init.ones_(parameter[H : 2 * H])
            if "bias_ih" in name and chrono_steps is not None and layer.mode in _KEEPS:
                log_u = torch.empty(H).uniform_(1.0, chrono_steps - 1.0).log_()
                for number, sign in _KEEPS[layer.mode]:
                    parameter[number * H : (number + 1) * H] = sign * log_u

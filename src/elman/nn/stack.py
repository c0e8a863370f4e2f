"""Recurrent layers, one module each, named and ordered as runtime/stack.py expects; and the weights they start from.

Recurrent matrices are orthogonal gate by gate (Saxe et al., 2014), forget gates open (bias 1; Jozefowicz et al., 2015),
other biases zero; input matrices as in torch.nn: uniform within 1 / sqrt(H). A cell's own parameters start from the
values that it declares. For long memory, biases may be chrono (Tallec and Ollivier, 2018, section 3): for a unit that
should remember about u steps, u uniform from 1 to T - 1, the bias of the gate that keeps the state is log u, and the
bias of the gate that lets the input in is - log u.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from .layers import GRU, LSTM, RNN
from .recurrent import Recurrent

# The gates, of i f g o and r z n, whose chrono bias is not zero, and its sign.
_CHRONO_GATES = {"LSTM": ((1, 1.0), (0, -1.0)), "GRU": ((1, 1.0),)}
LAYERS: dict[str, Callable[..., RNN | GRU | LSTM]] = {"elman": RNN, "gru": GRU, "lstm": LSTM}


def recurrent_layers(
    cell: str, activation: str, input_size: int, hidden_sizes: Sequence[int], *, bidirectional: bool = False
) -> nn.ModuleList:
    """Return a layer of each size, the first with input_size inputs; cells that torch.nn lacks run by NumPy."""
    layers = nn.ModuleList()
    extra: dict[str, Any] = {"nonlinearity": activation} if cell == "elman" else {}
    for hidden_size in hidden_sizes:
        if cell in LAYERS:
            layers.append(LAYERS[cell](input_size, hidden_size, bidirectional=bidirectional, **extra))
        else:
            layers.append(Recurrent(cell, input_size, hidden_size, bidirectional=bidirectional))
        input_size = hidden_size * (2 if bidirectional else 1)
    return layers


@torch.no_grad()
def initialize_recurrent(layers: Iterable[Any], *, chrono_steps: int | None = None) -> None:
    """Set the weights that training starts from; chrono_steps is T, the steps that LSTM and GRU should remember."""
    if chrono_steps is not None and chrono_steps < 3:
        raise ValueError(f"chrono_steps: given {chrono_steps}; expected 3 or more")
    for layer in layers:
        H, mode = layer.hidden_size, getattr(layer, "mode", None)
        for name, parameter in layer.named_parameters():
            if name.startswith(("bias_ih", "bias_hh")):
                nn.init.zeros_(parameter)
            elif name.startswith("weight_hh"):
                for gate in torch.split(parameter, H):
                    nn.init.orthogonal_(gate)
            if name.startswith("bias_ih") and mode == "LSTM":
                nn.init.ones_(parameter[H : 2 * H])
            if name.startswith("bias_ih") and chrono_steps is not None and mode in _CHRONO_GATES:
                log_u = torch.empty(H).uniform_(1.0, chrono_steps - 1.0).log_()
                for number, sign in _CHRONO_GATES[mode]:
                    parameter[number * H : (number + 1) * H] = sign * log_u

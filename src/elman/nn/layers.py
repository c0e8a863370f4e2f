"""Recurrent layers over whole sequences: drop-in for torch.nn's, weights and results alike.

    RNN    h' = tanh(W x + b + U h + c), or relu          cells/elman.py
    GRU    reset after the product                        cells/gru.py
    LSTM   gates i, f, g, o                               cells/lstm.py

Inputs (T, B, I), or (B, T, I) with batch_first, or a packed sequence; outputs and states as torch.nn gives them.
"""

from __future__ import annotations

import torch


class RNN(torch.nn.RNN):
    """The simple recurrent network of Elman (1990) with torch.nn.RNN's interface."""


class GRU(torch.nn.GRU):
    """The gated recurrent unit of Cho et al. (2014), reset after the product, with torch.nn.GRU's interface."""


class LSTM(torch.nn.LSTM):
    """The long short-term memory of Hochreiter and Schmidhuber (1997) with torch.nn.LSTM's interface."""

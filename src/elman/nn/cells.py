"""Recurrent cells, one step at a time: drop-in for torch.nn's, weights and results alike.

Inputs (B, I) or (I,), states (B, H) or (H,); the caller loops over time.
"""

from __future__ import annotations

import torch


class RNNCell(torch.nn.RNNCell):
    """One step of the simple recurrent network with torch.nn.RNNCell's interface."""


class GRUCell(torch.nn.GRUCell):
    """One step of the gated recurrent unit with torch.nn.GRUCell's interface."""


class LSTMCell(torch.nn.LSTMCell):
    """One step of the long short-term memory with torch.nn.LSTMCell's interface."""

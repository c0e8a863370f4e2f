"""The torch module of a forecaster.

    o      = encoder(x)                              (H, K, Q) for each row

The three history encoders, and the names of the weights, are those of history_encoders.py, which computes the same
without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import elman.nn

from .config import ForecasterConfig
from .history_encoders import Features
from .scales import Scales

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


class Windows(NamedTuple):
    """Windows of L rows: x (B, D - 1 + L, F), z (B, D - 1 + lead + L, C), r (B, L, H, K), NaN where a value is missing.

    The first D - 1 rows of x, and D - 1 + lead rows of z, are the rows before the window that the delays need.
    """

    x: Tensor
    z: Tensor
    r: Tensor


class ForecasterNetwork(nn.Module):
    """A history encoder and the readout."""

    def __init__(self, config: ForecasterConfig, scales: Scales) -> None:
        super().__init__()
        self.config, self._features = config, Features(config, scales)
        H, K, Q = (1 if config.memory == "narx" else config.horizon), len(scales.targets), len(config.quantiles)
        self._shape = (H, K, Q)
        self._spread = np.array(scales.spread)
        if config.memory == "recurrent":
            sizes = [config.hidden_size] * config.num_layers
            self.layers = elman.nn.recurrent_layers(config.cell, config.activation, self._features.size, sizes)
            elman.nn.initialize_recurrent(self.layers)
        else:
            sizes = [config.delays * self._features.size, *[config.hidden_size] * config.num_layers]
            self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.readout = nn.Linear(config.hidden_size, H * K * Q)
        with torch.no_grad():
            self.readout.weight.mul_(0.1)  # the initial outputs are close to the naive forecast
            self.readout.bias.zero_()
        if config.memory == "narx":
            self.later = nn.Parameter(torch.zeros(config.horizon, K, Q))

    def forward(self, batch: Windows, rng: torch.Generator) -> Tensor:
        """Return o (B, L, H, K, Q)."""
        return _FORWARDS[self.config.memory](self, batch, self.config.dropout if self.training else 0.0, rng)

    def recurrent(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """Return o by the recurrent layers, which start at the first row of the window."""
        h = batch.x[:, self.config.delays - 1 :].transpose(0, 1)
        for layer in self.layers:
            h = elman.nn.dropout(layer(h)[0], rate, rng)
        return self._monotone(self._parts(h.transpose(0, 1)))

    def tdnn(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """Return o by hidden layers over the last D rows."""
        rows = batch.x.unfold(1, self.config.delays, 1).transpose(2, 3).flatten(2)
        return self._monotone(self._parts(self._hide(rows, rate, rng)))

    def narx(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """Return o by hidden layers over the last D rows, to which the network appends its own forecasts."""
        config, lead = self.config, self._features.lead
        K, lag, median = self._shape[1], config.lag, config.median
        spread = torch.from_numpy(self._spread).to(batch.z)
        window = batch.z.unfold(1, config.delays + lead, 1).transpose(2, 3)  # (B, L, D + lead, C)
        B, L = window.shape[:2]
        window = window.flatten(0, 1)
        newest, outputs = window[:, window.shape[1] - lag :, :K], []
        for h in range(config.horizon):
            x = self._features_of(window)
            a = self._parts(self._hide(x.flatten(1), rate, rng))[:, 0].to(window.dtype)
            forecast = window[:, -lag, :K] + spread[0] * a[..., median]
            later = a + self.later[h]
            of_horizon = (forecast - newest[:, h % lag]) / spread[h]
            parts = [later[..., :median], of_horizon[..., None], later[..., median + 1 :]]
            outputs.append(torch.cat(parts, -1))
            row = torch.cat([forecast, window[:, -1, K:]], 1)
            window = torch.cat([window[:, 1:], row[:, None]], 1)
        o = self._monotone(torch.stack(outputs, 1))
        return o.view(B, L, *o.shape[1:])

    def _features_of(self, z: Tensor) -> Tensor:
        """Return features (N, D, F) of z (N, D + lead, C), as Features of history_encoders.py does."""
        features, rows = self._features, z.shape[1]
        now = z[:, features.lead :]
        levels = now[..., features.first :]
        parts = [(levels - torch.from_numpy(features.mean).to(z)) / torch.from_numpy(features.scale).to(z)]
        for lag, scale in features.lags:
            K = len(scale)
            before = z[:, features.lead - lag : rows - lag, :K]
            parts.append((now[..., :K] - before) / torch.from_numpy(scale).to(z))
        return torch.cat(parts, -1).to(self.readout.weight.dtype)

    def _hide(self, rows: Tensor, rate: float, rng: torch.Generator) -> Tensor:
        for layer in self.hidden:
            rows = elman.nn.dropout(ACTIVATIONS[self.config.activation](layer(rows)), rate, rng)
        return rows

    def _parts(self, h: Tensor) -> Tensor:
        parts: Tensor = self.readout(h)
        return parts.view(*h.shape[:-1], *self._shape)

    def _monotone(self, a: Tensor) -> Tensor:
        """Return quantiles (..., Q): the median unchanged, each other quantile a softplus away from its neighbour."""
        median = self.config.median
        middle, steps = a[..., median : median + 1], nn.functional.softplus(a)
        above = middle + steps[..., median + 1 :].cumsum(-1)
        below = middle - steps[..., :median].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, middle, above], -1)


_FORWARDS: dict[str, Callable[[ForecasterNetwork, Windows, float, torch.Generator], Tensor]] = {
    "recurrent": ForecasterNetwork.recurrent,
    "tdnn": ForecasterNetwork.tdnn,
    "narx": ForecasterNetwork.narx,
}

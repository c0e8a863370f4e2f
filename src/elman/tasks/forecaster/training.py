"""The forecaster in training: what comes next in a series, at every row of a window.

    o      = memory(x)                               (H, K, Q) at each row; three kinds
    loss   = mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean     Koenker and Bassett (1978)

summed over the targets' values that are known. runtime/forecaster.py and memories.py say what each part is, and
data/windows.py what x, r and spread are. Rows that are read before a forecast counts warm the memory up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import elman.nn
from elman.data.padded import Ids, Position
from elman.errors import DataError
from elman.tasks.forecaster.batches import (
    endless_windows,
    futures,
    references,
    standing_still,
    windows_per_epoch,
    without_gaps,
)
from elman.tasks.forecaster.config import ForecasterConfig, Scales, modelled
from elman.tasks.forecaster.corpus import SeriesCorpus
from elman.tasks.forecaster.history_encoders import Features
from elman.tasks.forecaster.predictor import ForecasterPredictor

Array = npt.NDArray[Any]

START_POSITION: Position = {"epoch": 0, "batch": 0}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}
PREVIEW_ROWS = 6


class Windows(NamedTuple):
    """Windows of L rows: x (B, D - 1 + L, F), z (B, D - 1 + lead + L, C), r (B, L, H, K), NaN where nothing is known.

    The first D - 1 rows of x, and more of z, are those that the first row's delays reach back to.
    """

    x: Tensor
    z: Tensor
    r: Tensor


class ForecasterNetwork(nn.Module):
    """A memory, and what is said of it. Named as runtime/ names them."""

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
            self.readout.weight.mul_(0.1)  # it begins with the naive forecast, and a band around it
            self.readout.bias.zero_()
        if config.memory == "narx":
            self.later = nn.Parameter(torch.zeros(config.horizon, K, Q))

    def forward(self, batch: Windows, rng: torch.Generator) -> Tensor:
        """Return o (B, L, H, K, Q)."""
        return _FORWARDS[self.config.memory](self, batch, self.config.dropout if self.training else 0.0, rng)

    def recurrent(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """The state of the layers, from the window's first row on."""
        h = batch.x[:, self.config.delays - 1 :].transpose(0, 1)
        for layer in self.layers:
            h = elman.nn.dropout(layer(h)[0], rate, rng)
        return self._monotone(self._parts(h.transpose(0, 1)))

    def tdnn(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """The last D rows, side by side."""
        rows = batch.x.unfold(1, self.config.delays, 1).transpose(2, 3).flatten(2)
        return self._monotone(self._parts(self._hide(rows, rate, rng)))

    def narx(self, batch: Windows, rate: float, rng: torch.Generator) -> Tensor:
        """The last D rows, to which it adds what it says itself, on to the horizon."""
        config, lead = self.config, self._features.lead
        K, lag, median = self._shape[1], config.lag, config.median
        spread = torch.from_numpy(self._spread).to(batch.z)
        window = batch.z.unfold(1, config.delays + lead, 1).transpose(2, 3)  # (B, L, D + lead, C)
        B, L = window.shape[:2]
        window = window.flatten(0, 1)
        newest, found = window[:, window.shape[1] - lag :, :K], []
        for h in range(config.horizon):
            x = self._read(window)
            a = self._parts(self._hide(x.flatten(1), rate, rng))[:, 0].to(window.dtype)
            said = window[:, -lag, :K] + spread[0] * a[..., median]
            later = a + self.later[h]
            of_horizon = (said - newest[:, h % lag]) / spread[h]
            parts = [later[..., :median], of_horizon[..., None], later[..., median + 1 :]]
            found.append(torch.cat(parts, -1))
            row = torch.cat([said, window[:, -1, K:]], 1)
            window = torch.cat([window[:, 1:], row[:, None]], 1)
        o = self._monotone(torch.stack(found, 1))
        return o.view(B, L, *o.shape[1:])

    def _read(self, z: Tensor) -> Tensor:
        """X (N, D, F) of z (N, D + lead, C), as runtime's Features has it."""
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
        found: Tensor = self.readout(h)
        return found.view(*h.shape[:-1], *self._shape)

    def _monotone(self, a: Tensor) -> Tensor:
        """Quantiles (..., Q) of what the readout says: the median, and others by softplus away from their neighbour."""
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


class ForecasterTask:
    """The Task of training/: windows of the series, the loss, a backtest by what ships, a forecast to look at."""

    objective: tuple[str, Literal["min", "max"]] = ("mase", "min")  # of several targets, whatever their units
    unit = "values"

    def __init__(
        self, corpus: SeriesCorpus, model: ForecasterConfig, *, window: int, batch_size: int, seed: int = 0
    ) -> None:
        """Take a series, the sizes and the rows of a window."""
        self._model, self._series, self._train_rows = model, corpus.series, corpus.train_rows
        self.scales = Scales.of(corpus.series.rows(0, corpus.train_rows), model)
        self._batch_size, self._seed = batch_size, seed
        self._x, self._z, self._r = self._tables()
        self._length = min(window, len(self._r))
        self._warm = min(model.delays, self._length - 1)
        self._stride = self._length - self._warm
        windows = windows_per_epoch(len(self._r), self._length, self._stride)
        self.batches_per_epoch = -(-windows // batch_size)
        known = (~np.isnan(self._r)).reshape(len(self._r), -1).max(1)
        self._known = np.concatenate([[0], np.cumsum(known)])  # rows before each at which something is known
        if not known[self._warm :].any():
            hint = "give more rows, or fewer --delays"
            raise DataError("holds no values to learn from after the rows that warm a memory up", hint=hint)

    def build(self) -> ForecasterNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            return ForecasterNetwork(self._model, self.scales)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[Windows, Position]]:
        stream = endless_windows(len(self._r), self._length, self._stride, self._batch_size, self._seed, position)
        for starts, after in stream:
            known = self._known[starts + self._length] > self._known[starts + self._warm]
            if known.any():  # a window may hold nothing but gaps
                yield self._windows(starts[known]), after

    def loss(
        self, model: nn.Module, batch: Windows, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        parameter = next(model.parameters())
        batch = Windows(*(each.to(parameter.device) for each in batch))
        if parameter.dtype == torch.float64:
            batch = batch._replace(x=batch.x.double(), r=batch.r.double())
        o = model(batch, rng)[:, self._warm :]
        r = batch.r[:, self._warm :]
        return quantile_loss(o, r, self._model, self.scales)

    def predictor(self, model: nn.Module) -> ForecasterPredictor:
        weights = {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}
        predictor = ForecasterPredictor(self._model, self.scales, weights)
        return predictor.calibrated(self._series, self._train_rows)

    def validate(self, model: nn.Module, predictor: ForecasterPredictor) -> dict[str, float]:
        """Return loss and errors of the held-out rows by runtime/: what ships is what is measured."""
        return predictor.measure(self._series, self._train_rows)

    def preview(self, predictor: ForecasterPredictor) -> str | None:
        forecast = predictor.predict(self._series.rows(0, self._train_rows))
        name, said = forecast.targets[0], forecast.median[:PREVIEW_ROWS, 0]
        came = self._series.values[self._train_rows : self._train_rows + len(said), 0]
        told, expected = (", ".join(f"{value:.6g}" for value in values) for values in (said, came))
        return f"{name} → {told}\n{'came':>{len(name)}}   {expected}"

    def _tables(self) -> tuple[Array, Array, Array]:
        """x, z and r of the training part, x and z with the rows before it that delays reach back to."""
        model, K = self._model, len(self.scales.targets)
        values = self._series.values[: self._train_rows]
        z = modelled(values, K, logarithm=model.logarithm)
        filled = without_gaps(z, self.scales.mean)
        led = standing_still(filled, model.lead + model.delays - 1)
        reference = references(filled, K, model.horizon, model.lag)
        r = (futures(z[:, :K], model.horizon) - reference) / np.array(self.scales.spread)
        return Features(model, self.scales)(led), led, r.astype(np.float32)

    def _windows(self, starts: Ids) -> Windows:
        """The windows that begin at these rows."""
        back, L = self._model.delays - 1, self._length

        def cut(table: Array, rows: int) -> Tensor:
            return torch.from_numpy(np.stack([table[start : start + rows] for start in starts]))

        return Windows(cut(self._x, back + L), cut(self._z, back + self._model.lead + L), cut(self._r, L))


def quantile_loss(o: Tensor, r: Tensor, config: ForecasterConfig, scales: Scales) -> tuple[Tensor, int, None]:
    """Return the loss of o (..., H, K, Q) summed over the values of r (..., H, K) that are known, and their count."""
    spread = torch.tensor(scales.spread, dtype=o.dtype, device=o.device)
    levels = torch.tensor(config.quantiles, dtype=o.dtype, device=o.device)
    known = ~torch.isnan(r)
    error = torch.nan_to_num(r).to(o.dtype)[..., None] - o
    each = torch.maximum(levels * error, (levels - 1.0) * error).mean(-1) * (spread / spread.mean(0))
    return (each * known).sum(), int(known.sum()), None

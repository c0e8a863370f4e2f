"""Training a forecaster: the next rows, at every row of a window.

    loss   = mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean     Koenker and Bassett (1978)

summed over the known target values. The first rows of a window only warm up the history encoder. batches.py defines x,
r and spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.data.batches.buckets import Ids, Position
from elman.errors import DataError
from elman.training.snapshot import float32_weights, seeded
from elman.translations import display_width, pad, translate

from .batches import endless_windows, futures, references, windows_per_epoch, with_lead, without_missing
from .config import ForecasterConfig, ForecasterRun
from .corpus import ForecasterCorpus
from .defaults import operations_per_row
from .history_encoders import Features
from .network import ForecasterNetwork, Windows
from .predictor import ForecasterPredictor
from .scales import Scales, modelled
from .series import Series

Array = npt.NDArray[Any]

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_ROWS = 6


def build_task(config: ForecasterRun, corpus: ForecasterCorpus) -> ForecasterTask:
    """Return the Task of the training loop."""
    return ForecasterTask(config, corpus)


def count_operations(config: ForecasterRun, corpus: ForecasterCorpus, batch: Windows, count: int) -> float:
    """Return the floating-point operations of training on a batch."""
    columns = len(corpus.first.targets) + len(corpus.first.inputs)
    rows = batch.r.shape[0] * batch.r.shape[1]
    return operations_per_row(config.model.model_dump(exclude_none=True), columns) * rows


class ForecasterTask:
    """The Task of the training loop."""

    objective: tuple[str, Literal["min", "max"]] = ("mase", "min")  # it does not depend on the units of the targets
    unit = "values"

    def __init__(self, config: ForecasterRun, corpus: ForecasterCorpus) -> None:
        model = config.model
        self._model = model
        self.has_validation_set, self._scored = corpus.has_validation_set, corpus.scored
        self.scales = Scales.measure(corpus.train_series, model)
        self._batch_size, self._seed = config.training.batch_size, config.seed
        self._length = min(config.training.bptt_steps, max(part.train_rows for part in corpus.parts))
        self._warm = min(model.delays, self._length - 1)
        self._stride = self._length - self._warm
        tables = [self._tables(part.train_series) for part in corpus.parts]
        self._rows = [len(r) for _, _, r in tables]
        self._first_rows = np.concatenate([[0], np.cumsum(self._rows)[:-1]])  # of each series among the rows of all
        self._x, self._z, self._r = (np.concatenate(arrays) for arrays in zip(*tables, strict=True))
        windows = windows_per_epoch(self._rows, self._length, self._stride)
        self.batches_per_epoch = -(-windows // self._batch_size)
        self.largest_batch = min(windows, self._batch_size) * self._length
        known = (~np.isnan(self._r)).reshape(len(self._r), -1).max(1)
        self._known = np.concatenate([[0], np.cumsum(known)])  # rows with a target before each one
        after_warming = [known[first + self._warm : first + rows] for first, rows in self._borders()]
        if not any(rows.any() for rows in after_warming):
            hint = "Give more rows, or fewer --delays"
            raise DataError("has no target value after the rows that warm up the history encoder", hint=hint)

    def _borders(self) -> Iterator[tuple[int, int]]:
        """Yield the first row and the number of rows of each series."""
        return zip(self._first_rows.tolist(), self._rows, strict=True)

    def build(self) -> ForecasterNetwork:
        """Return a new network; the same seed gives the same weights."""
        with seeded(self._seed):
            return ForecasterNetwork(self._model, self.scales)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[Windows, Position]]:
        stream = endless_windows(self._rows, self._length, self._stride, self._batch_size, self._seed, position)
        for starts, after in stream:
            known = self._known[starts + self._length] > self._known[starts + self._warm]
            if known.any():  # all values of a window may be missing
                yield self._windows(starts[known]), after

    def loss(
        self, model: nn.Module, batch: Windows, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        parameter = next(model.parameters())
        batch = Windows(*(tensor.to(parameter.device) for tensor in batch))
        if parameter.dtype == torch.float64:
            batch = batch._replace(x=batch.x.double(), r=batch.r.double())
        o = model(batch, rng)[:, self._warm :]
        r = batch.r[:, self._warm :]
        return quantile_loss(o, r, self._model, self.scales)

    def predictor(self, model: nn.Module) -> ForecasterPredictor:
        predictor = ForecasterPredictor(self._model, self.scales, float32_weights(model))
        return predictor.calibrated(self._scored)

    def validate(self, model: nn.Module, predictor: ForecasterPredictor) -> dict[str, float]:
        """Return the loss and the errors on the validation set."""
        return predictor.measure(self._scored)

    def preview(self, predictor: ForecasterPredictor) -> str | None:
        series, begin = self._scored[0]
        first = begin if begin is not None else len(series) - self._model.horizon
        forecast = predictor.forecast(series.rows(0, first))
        name, medians = forecast.targets[0], forecast.median[:PREVIEW_ROWS, 0]
        actual = series.values[first : first + len(medians), 0]
        predicted, expected = (", ".join(f"{value:.6g}" for value in values) for values in (medians, actual))
        name = f"{series.label}, {name}" if series.label else name
        heading = pad(translate("actual", "words"), display_width(name), right=True)
        return f"{name} → {predicted}\n{heading}   {expected}"

    def _tables(self, series: Series) -> tuple[Array, Array, Array]:
        """Return x, z and r of the training rows of a series, x and z with the rows before it that the delays need.

        A series that is shorter than a window begins with copies of its first row, which are no targets.
        """
        model, K = self._model, len(self.scales.targets)
        unit = self.scales.unit_of(series, model)
        z = modelled(series.values, K, logarithm=model.logarithm, unit=unit)
        filled = without_missing(z, self.scales.mean)
        reference = references(filled, K, model.horizon, model.lag)
        r = (futures(z[:, :K], model.horizon) - reference) / np.array(self.scales.spread)
        copies = max(0, self._length - len(z))
        r = np.concatenate([np.full((copies, *r.shape[1:]), np.nan), r])
        z_with_lead = with_lead(filled, copies + model.lead + model.delays - 1)
        return Features(model, self.scales)(z_with_lead), z_with_lead, r.astype(np.float32)

    def _windows(self, starts: Ids) -> Windows:
        """Return the windows that begin at these rows."""
        back, lead, L = self._model.delays - 1, self._model.lead, self._length
        series = np.searchsorted(self._first_rows, starts, side="right") - 1

        def cut(table: Array, extra: int) -> Tensor:
            """Cut windows from a table that has `extra` rows before those of each series."""
            rows = extra + L
            return torch.from_numpy(np.stack([table[start : start + rows] for start in starts + series * extra]))

        return Windows(cut(self._x, back), cut(self._z, back + lead), cut(self._r, 0))


def quantile_loss(o: Tensor, r: Tensor, config: ForecasterConfig, scales: Scales) -> tuple[Tensor, int, None]:
    """Return the loss of o (..., H, K, Q) summed over the known values of r (..., H, K), and their count."""
    spread = np.array(scales.spread)  # float64: numbers above 1e38 have no float32
    weights = torch.tensor(spread / spread.mean(0), dtype=o.dtype, device=o.device)
    levels = torch.tensor(config.quantiles, dtype=o.dtype, device=o.device)
    known = ~torch.isnan(r)
    error = torch.nan_to_num(r).to(o.dtype)[..., None] - o
    losses = torch.maximum(levels * error, (levels - 1.0) * error).mean(-1) * weights
    return (losses * known).sum(), int(known.sum()), None

"""Tiny forecasters with random weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elman.data.readers.text import SourceRecord
from elman.tasks.forecaster.config import ForecasterConfig, ForecasterRun
from elman.tasks.forecaster.corpus import ForecasterCorpus, prepare
from elman.tasks.forecaster.defaults import resolve
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.scales import Scales
from elman.tasks.forecaster.series import Series

ROWS = 60
TARGETS, INPUTS = ("a", "b"), ("c",)

SMALL = {"delays": 3, "hidden_size": 5, "horizon": 4}
# Every history encoder, one layer and more, both references, logarithms, a season longer and shorter than the horizon.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "elman": {"cell": "elman", "activation": "relu"},
    "lstm": {"cell": "lstm", "num_layers": 2, "season": 3, "reference": "season"},
    "layer_norm_lstm": {"cell": "layer_norm_lstm", "num_layers": 2},
    "min_gru": {"cell": "min_gru"},
    "gru": {"cell": "gru", "levels": False, "logarithm": True, "season": 6, "quantiles": (0.5,)},
    "tdnn": {"memory": "tdnn", "season": 6, "reference": "season", "logarithm": True},
    "tdnn_deep": {"memory": "tdnn", "activation": "relu", "num_layers": 2, "delays": 1},
    "narx": {"memory": "narx", "season": 3, "reference": "season", "quantiles": (0.05, 0.25, 0.5, 0.9)},
    "narx_last": {"memory": "narx", "levels": False, "logarithm": True, "num_layers": 2, "delays": 1},
}


def series_of(rows: int = ROWS, *, missing: bool = True, seed: int = 0) -> Series:
    """Return two targets and an input that rise and swing, with missing values."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    values = np.stack([20 + t / 5 + 3 * np.sin(t), 9 + 2 * np.cos(t / 2), np.sin(t / 3)], 1)
    values += 0.3 * rng.normal(size=values.shape)
    if missing:
        values[rng.random(values.shape) < 0.1] = np.nan
        values[:3] = [[20.0, 9.0, 0.0], [21.0, np.nan, 0.5], [22.0, 9.5, np.nan]]
    return Series(TARGETS, INPUTS, values)


def tiny_config(architecture: str = "lstm", **more: Any) -> ForecasterConfig:
    """Return the config of an architecture."""
    return ForecasterConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def scales_of(config: ForecasterConfig) -> Scales:
    """Return the scales of the first two thirds of the series."""
    return Scales.measure([series_of().rows(0, 40)], config)


def tiny_network(architecture: str = "lstm", *, seed: int = 0, **more: Any) -> ForecasterNetwork:
    """Return a network in eval mode, its weights normal, its biases too."""
    config = tiny_config(architecture, **more)
    network = ForecasterNetwork(config, scales_of(config))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: ForecasterNetwork) -> ForecasterPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    return ForecasterPredictor(network.config, scales_of(network.config), weights)


def tiny_predictor(architecture: str = "lstm", *, seed: int = 0, **more: Any) -> ForecasterPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more))


@dataclass(frozen=True)
class SeriesSource:
    """A source that yields series which are there already."""

    series: Sequence[Series]
    name: str = "sales.csv"

    @property
    def record(self) -> SourceRecord:
        return SourceRecord(self.name, 3, "abc")

    def check(self) -> None:
        """Check nothing."""

    def examples(self) -> Iterator[Series]:
        """Yield the series."""
        yield from self.series


def prepared(
    folder: Path,
    train: Series | Sequence[Series],
    *,
    valid: Series | Sequence[Series] | None = None,
    valid_fraction: float | None = None,
    horizon: int = 5,
    notify: Callable[[str], None] = lambda message: None,
) -> ForecasterCorpus:
    """Return the corpus of a series, or of several."""
    values: dict[str, Any] = {"model": {"horizon": horizon}, "data": {}}
    if valid_fraction is not None:
        values["data"]["valid_fraction"] = valid_fraction
    sources = [] if valid is None else [SeriesSource(_listed(valid))]
    return prepare(folder, values, resolve(values), [SeriesSource(_listed(train))], sources, notify)


def _listed(series: Series | Sequence[Series]) -> Sequence[Series]:
    return [series] if isinstance(series, Series) else series


def run_of(model: ForecasterConfig, *, window: int = 12, batch_size: int = 2, seed: int = 0) -> ForecasterRun:
    """Return the config of a run with this model."""
    training = {"batch_size": batch_size, "bptt_steps": window, "learning_rate": 0.01, "steps": 1, "threads": 1}
    values = {"seed": seed, "data": {}, "model": model.model_dump(exclude_none=True), "training": training}
    return ForecasterRun.model_validate(values)

"""The wrong predictions of a forecaster: values outside of their prediction intervals, in forecasts from every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from elman.errors import ConfigError
from elman.tasks.spec import ErrorRow, Scored

from .batches import futures
from .config import EvaluateOptions
from .evaluation import first_row
from .series import Series


def wrong_predictions(
    scored: Scored, examples: Iterable[Series | tuple[Series, int | None]], options: EvaluateOptions
) -> Iterator[ErrorRow]:
    """Yield a row for each value outside of its interval; rows count from 1, and step 1 is the next row."""
    predictor = scored.predictor
    if len(predictor.config.quantiles) < 2:
        hint = "Train with --quantiles 0.1,0.5,0.9"
        raise ConfigError("--errors: the model has no prediction intervals; expected several quantiles", hint=hint)
    H, K = predictor.config.horizon, len(predictor.scales.targets)
    for item in examples:
        series, begin = item if isinstance(item, tuple) else (item, first_row(item, options))
        quantiles = predictor.backtest(series, begin)
        N = len(quantiles)
        start = len(series) - H - N + 1
        expected = futures(series.values[:, :K], H, slice(start - 1, start - 1 + N))
        is_outside = (expected < quantiles[..., 0]) | (expected > quantiles[..., -1])
        for n, step, k in np.argwhere(is_outside):
            row = start + n + step
            yield ErrorRow(
                {
                    **({"series": series.label} if series.label else {}),
                    "row": int(row) + 1,
                    **({"date": series.dates.text(row)} if series.dates else {}),
                    "target": series.targets[k],
                    "step": int(step) + 1,
                    "expected": float(expected[n, step, k]),
                    "predicted": float(quantiles[n, step, k, predictor.config.median]),
                    "lower": float(quantiles[n, step, k, 0]),
                    "upper": float(quantiles[n, step, k, -1]),
                }
            )

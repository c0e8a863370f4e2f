"""The metrics of a forecaster: forecasts from every row, beside the last value and the seasonal naive forecast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError
from elman.metrics import FORECAST_METRICS, ForecastScores
from elman.tasks.spec import Scored

from .calendar import parse_date
from .config import EvaluateOptions, ForecasterConfig
from .corpus import ForecasterCorpus
from .scales import Scales
from .series import Series

Array = npt.NDArray[Any]


def score_validation_set(scored: Scored, corpus: ForecasterCorpus, options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    for flag, value in (("--context", options.context), ("--from", options.from_date)):
        if value is not None:
            raise ConfigError(
                f"{flag}: given without DATA; expected DATA", hint=f"Run elman evaluate {scored.run} DATA"
            )
    predictor = scored.predictor
    if predictor.scales.calibration and len(predictor.config.quantiles) > 1:
        scored.notify("the prediction intervals were calibrated on these rows: the coverage is no evidence for others")
    metrics: dict[str, Any] = predictor.evaluate(corpus.series, corpus.scored_from)
    return metrics


def score(scored: Scored, examples: Iterable[Series], options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on a series."""
    (series,) = examples
    report_step(series, scored.predictor.scales, scored.notify)
    metrics: dict[str, Any] = scored.predictor.evaluate(series, _first_row(series, options))
    return metrics


def report_step(series: Series, scales: Scales, notify: Any) -> None:
    """Report a series whose rows have another step than those that the model was trained on."""
    if scales.step is not None and series.step is not None and str(series.step) != scales.step:
        notify(f"the data has one row every {series.step}; the model was trained on one row every {scales.step}")


def summarize(scores: ForecastScores, loss: float, config: ForecasterConfig, scales: Scales) -> dict[str, Any]:
    """Return the metrics of all targets and of each; targets without a value are left out."""
    known = [k for k in range(len(scales.targets)) if scores.counts[k]]
    if not known:
        raise DataError("has no value to score; all are missing", hint="Give rows with values after the history")
    targets = {scales.targets[k]: scores.of_target(k, scales.naive_mae[k]) for k in known}
    means = {key: float(np.mean([errors[key] for errors in targets.values()])) for key in FORECAST_METRICS}
    return {
        "task": "forecast",
        "count": scores.count,
        "forecasts": scores.forecasts,
        "loss": loss,
        **means,
        "coverage_expected": config.quantiles[-1] - config.quantiles[0],
        "targets": targets,
    }


def quantile_loss(o: Array, expected: Array, quantiles: Sequence[float], spread: Array) -> float:
    """Return the mean quantile loss of o (N, H, K, Q) for each target value; missing ones (NaN) do not count.

    mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean      Koenker and Bassett (1978)
    """
    levels = np.array(quantiles)
    error = expected[..., None] - o
    losses = np.maximum(levels * error, (levels - 1.0) * error).mean(-1) * (spread / spread.mean(0))
    return float(np.nanmean(losses)) if not np.isnan(losses).all() else float("nan")


def _first_row(series: Series, options: EvaluateOptions) -> int | None:
    """Return the first row that is scored; None is the first that the model can forecast."""
    date = options.from_date
    if date is None:
        return options.context
    if options.context is not None:
        raise ConfigError("--context and --from: given both; expected one of them", hint="Leave out one")
    start = parse_date(date) if not date.isdecimal() else parse_date(f"{date}-01")
    if start is None:
        raise ConfigError(
            f"--from: given {date!r}; expected a date", hint="Write it as 1949-01, 1949-01-31 or 1949-01-31 14:30"
        )
    if series.dates is None:
        raise DataError("has no column of dates; --from needs one", hint="Use --context N, which counts rows")
    row = next((row for row, day in enumerate(series.dates.dates) if day >= start), None)
    if row is None:
        raise DataError(f"ends at {series.dates.text(-1)}, before {date}", hint="Give --from a date inside the series")
    return row

"""The metrics of a forecaster: forecasts from every row, beside the last value and the seasonal naive forecast."""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.readers.dates import read_date
from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names
from elman.errors import ConfigError, DataError
from elman.metrics import FORECAST_METRICS, ForecastScores
from elman.tasks.spec import Scored

from .config import EvaluateOptions, ForecasterConfig
from .corpus import ForecasterCorpus, report_missing
from .scales import Scales
from .series import Series

Array = npt.NDArray[Any]

SERIES = "series"  # the key of the metrics of each series


class Part(NamedTuple):
    """The errors of the forecasts of one series."""

    label: str
    scores: ForecastScores
    losses: Array
    naive_mae: Sequence[float]  # (K,) in the training set


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
    metrics: dict[str, Any] = predictor.score(corpus.scored)
    return metrics


def score(scored: Scored, examples: Iterable[Series], options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on a series, or on several."""
    predictor = scored.predictor
    series = predictor.series(list(examples))
    report_missing(series, scored.notify)
    report_differences(series, predictor.scales, scored.notify)
    metrics: dict[str, Any] = predictor.score([(one, first_row(one, options)) for one in series])
    if left_out := len(series) - len(metrics.get(SERIES, series)):
        scored.notify(f"{left_out:,} of {len(series):,} series have too few rows and are not scored")
    return metrics


def report_differences(series: Sequence[Series], scales: Scales, notify: Notify) -> None:
    """Report series with another step than those of the training set, and series that it did not have."""
    steps = [str(one.step) for one in series if one.step is not None]
    if scales.step is not None and (other := next((step for step in steps if step != scales.step), None)):
        notify(f"the data has one row every {other}; the model was trained on one row every {scales.step}")
    unknown = [one.label for one in series if scales.series and one.label not in scales.units]
    if unknown:
        names = list_names(unknown)
        notify(
            f"{len(unknown):,} of {len(series):,} series are new to the model, and are scaled by their rows: {names}"
        )


def summarize(parts: Sequence[Part], config: ForecasterConfig, scales: Scales) -> dict[str, Any]:
    """Return the metrics of all targets and of each, and of each series if there are several.

    Targets without a value are left out.
    """
    scores = functools.reduce(operator.add, (part.scores for part in parts))
    known = [k for k in range(len(scales.targets)) if scores.counts[k]]
    if not known:
        raise DataError("has no value to score; all are missing", hint="Give rows with values after the history")
    targets = {scales.targets[k]: scores.of_target(k, _naive_mae(parts, k)) for k in known}
    losses = np.concatenate([part.losses.ravel() for part in parts])
    metrics = {
        "task": "forecast",
        "count": scores.count,
        "forecasts": scores.forecasts,
        "loss": float(np.nanmean(losses)),
        **_means(targets.values()),
        "coverage_expected": config.quantiles[-1] - config.quantiles[0],
        "targets": targets,
    }
    if scales.series:
        metrics[SERIES] = {part.label: _of_series(part) for part in parts if part.scores.count}
    return metrics


def _of_series(part: Part) -> dict[str, float]:
    """Return the metrics of one series among several, the means over its targets."""
    known = [k for k in range(len(part.naive_mae)) if part.scores.counts[k]]
    return {"count": part.scores.count, **_means([part.scores.of_target(k, part.naive_mae[k]) for k in known])}


def _means(targets: Collection[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([errors[key] for errors in targets])) for key in FORECAST_METRICS}


def _naive_mae(parts: Sequence[Part], k: int) -> float:
    """Return the error of the naive forecast for which MASE is the mean of the scaled errors of all series.

    Errors are scaled by the error of the naive forecast in the training set of their own series.
    """
    if len(parts) == 1:
        return parts[0].naive_mae[k]
    scaled = sum(float(part.scores.absolute[k]) / part.naive_mae[k] for part in parts)
    absolute = sum(float(part.scores.absolute[k]) for part in parts)
    return absolute / scaled if scaled > 0.0 else parts[0].naive_mae[k]


def quantile_losses(o: Array, expected: Array, quantiles: Sequence[float], spread: Array) -> Array:
    """Return the quantile loss (N, H, K) of o (N, H, K, Q) for each target value; NaN where it is missing.

    mean over q of max(q (r - o), (q - 1) (r - o)), times spread_h over its mean      Koenker and Bassett (1978)
    """
    levels = np.array(quantiles)
    error = expected[..., None] - o
    losses: Array = np.maximum(levels * error, (levels - 1.0) * error).mean(-1) * (spread / spread.mean(0))
    return losses


def first_row(series: Series, options: EvaluateOptions) -> int | None:
    """Return the first row that is scored; None is the first that the model can forecast."""
    date = options.from_date
    if date is None:
        return options.context
    if options.context is not None:
        raise ConfigError("--context and --from: given both; expected one of them", hint="Leave out one")
    start = read_date(date, series.dates.format if series.dates is not None else None)
    if start is None:
        raise ConfigError(
            f"--from: given {date!r}; expected a date", hint="Write it as 1949-01, 1949-01-31 or 1949-01-31 14:30"
        )
    if series.dates is None:
        raise DataError("has no column of dates; --from needs one", hint="Use --context N, which counts rows")
    row = next((row for row, day in enumerate(series.dates.dates) if day >= start), None)
    if row is None:
        if series.label:
            return len(series)  # other series may have rows after the date
        raise DataError(f"ends at {series.dates.text(-1)}, before {date}", hint="Give --from a date inside the series")
    return row

"""Metrics of forecasts: predicted quantiles compared with the actual values.

MAE, RMSE             mean absolute error; root of the mean squared error
sMAPE                 mean of 2 |y - f| / (|y| + |f|), 0 if both are 0; from 0 to 2          Makridakis (1993)
MASE                  MAE / MAE of the seasonal naive forecast in the training set        Hyndman and Koehler (2006)
relative MAE          MAE / MAE of the better naive forecast, last value or seasonal, for the same values
coverage              values between the lowest and the highest quantile / values
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Sums = npt.NDArray[Any]
FORECAST_METRICS = (
    *("mae", "rmse", "smape", "mase", "relative_mae", "coverage"),
    *("mae_last_value", "mae_seasonal_naive"),
)


@dataclass(frozen=True, slots=True)
class ForecastScores:
    """Sums over forecasts for each of K targets; missing values are excluded. Scores can be added."""

    forecasts: int  # number of forecasts, each of several rows
    counts: Sums  # (K,) number of values
    absolute: Sums
    squared: Sums
    symmetric: Sums  # 2 |y - f| / (|y| + |f|)
    inside: Sums  # values between the lowest and the highest quantile
    last: Sums  # absolute errors of the forecast by the last value
    seasonal: Sums  # absolute errors of the forecast by the value one season earlier

    @classmethod
    def of(cls, quantiles: Sums, expected: Sums, *, last: Sums, seasonal: Sums, median: int) -> ForecastScores:
        """Return the sums for quantiles (N, H, K, Q), one of them the median, and values (N, H, K) or NaN."""
        is_known = ~np.isnan(expected)
        forecast, y = quantiles[..., median], np.where(is_known, expected, 0.0)

        def total(values: Sums) -> Sums:
            result: Sums = np.where(is_known, values, 0.0).sum((0, 1))
            return result

        size = np.abs(y) + np.abs(forecast)
        return cls(
            len(expected),
            total(np.ones_like(y)),
            total(np.abs(y - forecast)),
            total((y - forecast) ** 2),
            total(2.0 * np.abs(y - forecast) / np.where(size > 0.0, size, 1.0)),
            total((quantiles[..., 0] <= y) & (y <= quantiles[..., -1])),
            total(np.abs(y - last)),
            total(np.abs(y - seasonal)),
        )

    def __add__(self, other: ForecastScores) -> ForecastScores:
        pairs = ((getattr(self, sums.name), getattr(other, sums.name)) for sums in fields(self))
        return ForecastScores(*(a + b for a, b in pairs))

    @property
    def count(self) -> int:
        """The number of values of all targets."""
        return int(self.counts.sum())

    def of_target(self, target: int, naive_mae: float) -> dict[str, float]:
        """Return the metrics of a target; naive_mae is the MAE of the seasonal naive forecast in the training set."""
        count = self.counts[target]
        if not count:
            return dict.fromkeys(FORECAST_METRICS, math.nan)
        mae, last, seasonal = (float(sums[target] / count) for sums in (self.absolute, self.last, self.seasonal))
        better_naive = min(last, seasonal)
        values = (
            mae,
            math.sqrt(self.squared[target] / count),
            float(self.symmetric[target] / count),
            mae / naive_mae,
            min(mae / max(better_naive, sys.float_info.min), sys.float_info.max),  # the naive error may be 0
            float(self.inside[target] / count),
            last,
            seasonal,
        )
        return dict(zip(FORECAST_METRICS, values, strict=True))

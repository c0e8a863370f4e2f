"""Forecasts beside what came.

MAE, RMSE             mean absolute error; root of the mean squared error
sMAPE                 mean of 2 |y - f| / (|y| + |f|), 0 where both are 0; from 0 to 2       Makridakis (1993)
MASE                  MAE / MAE of the seasonal naive forecast inside the training part   Hyndman and Koehler (2006)
relative MAE          MAE / MAE of the better of last value and seasonal naive over the same forecasts
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
FORECAST_ERRORS = (
    *("mae", "rmse", "smape", "mase", "relative_mae", "coverage"),
    *("mae_last_value", "mae_seasonal_naive"),
)


@dataclass(frozen=True, slots=True)
class ForecastScores:
    """How forecasts agree with what came, on its way, for each of K targets: add two, divide last; no gaps."""

    forecasts: int  # made, of several rows each
    counts: Sums  # (K,) values compared
    absolute: Sums
    squared: Sums
    symmetric: Sums  # 2 |y - f| / (|y| + |f|)
    inside: Sums  # between the lowest and the highest quantile
    last: Sums  # absolute errors of the last value
    seasonal: Sums  # absolute errors of the value a season before

    @classmethod
    def of(cls, quantiles: Sums, expected: Sums, *, last: Sums, seasonal: Sums, median: int) -> ForecastScores:
        """Compare quantiles (N, H, K, Q), of which one is the median, with values (N, H, K); NaN is a gap."""
        known = ~np.isnan(expected)
        forecast, y = quantiles[..., median], np.where(known, expected, 0.0)

        def summed(each: Sums) -> Sums:
            total: Sums = np.where(known, each, 0.0).sum((0, 1))
            return total

        size = np.abs(y) + np.abs(forecast)
        return cls(
            len(expected),
            summed(np.ones_like(y)),
            summed(np.abs(y - forecast)),
            summed((y - forecast) ** 2),
            summed(2.0 * np.abs(y - forecast) / np.where(size > 0.0, size, 1.0)),
            summed((quantiles[..., 0] <= y) & (y <= quantiles[..., -1])),
            summed(np.abs(y - last)),
            summed(np.abs(y - seasonal)),
        )

    def __add__(self, other: ForecastScores) -> ForecastScores:
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return ForecastScores(*(a + b for a, b in pairs))

    @property
    def count(self) -> int:
        """The values compared, of all targets."""
        return int(self.counts.sum())

    def of_target(self, target: int, naive_mae: float) -> dict[str, float]:
        """Return the errors of a target, by the MAE of the seasonal naive forecast inside its training part."""
        count = self.counts[target]
        if not count:
            return dict.fromkeys(FORECAST_ERRORS, math.nan)
        mae, last, seasonal = (float(each[target] / count) for each in (self.absolute, self.last, self.seasonal))
        naive = min(last, seasonal)
        found = (
            mae,
            math.sqrt(self.squared[target] / count),
            float(self.symmetric[target] / count),
            mae / naive_mae,
            min(mae / max(naive, sys.float_info.min), sys.float_info.max),  # a naive forecast may be without error
            float(self.inside[target] / count),
            last,
            seasonal,
        )
        return dict(zip(FORECAST_ERRORS, found, strict=True))

"""Calibrate prediction intervals so that they contain the stated share of the validation targets.

    o'_q = o_m + c_q (o_q - o_m)          m: the median

c_q is the smallest factor for which o'_q bounds a share of (1 + 1/N) max(q, 1 - q) of the values in N forecasts of the
validation set. This is conformalized quantile regression (Romano, Patterson and Candès, 2019) with a factor in place of
a difference, because quantiles farther ahead are farther apart. Factors do not decrease with the distance from the
median, so quantiles that did not cross do not cross; and they are bounded, so a quantile stays on its side of the
median. Forecasts from neighbouring rows are alike, and later rows may differ from the validation set: the share is not
guaranteed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .config import ForecasterConfig

Array = npt.NDArray[Any]

MIN_FACTOR, MAX_FACTOR = 0.1, 100.0  # in a small validation set, all forecasts may be close, or none
MIN_DISTANCE = 1e-9  # from the median


def calibration_factors(o: Array, expected: Array, config: ForecasterConfig) -> Array:
    """Return c (K, Q) from outputs o (N, H, K, Q) and expected outputs (N, H, K), NaN where a value is missing."""
    factors = np.ones((o.shape[2], len(config.quantiles)))
    middle = o[..., config.median]
    for k in range(o.shape[2]):
        known = ~np.isnan(expected[..., k])
        if not known.any():
            continue
        share = 1.0 + 1.0 / known.any(1).sum()
        error = expected[..., k][known] - middle[..., k][known]
        for number, level in enumerate(config.quantiles):
            if number != config.median:
                distance = o[..., k, number][known] - middle[..., k][known]
                distance = np.copysign(np.maximum(np.abs(distance), MIN_DISTANCE), level - 0.5)
                share_of_level = min(1.0, share * max(level, 1.0 - level))
                factors[k, number] = np.quantile(error / distance, share_of_level, method="inverted_cdf")
    factors = np.clip(factors, MIN_FACTOR, MAX_FACTOR)
    factors[:, config.median] = 1.0
    below, above = factors[:, : config.median], factors[:, config.median + 1 :]
    factors[:, config.median + 1 :] = np.maximum.accumulate(above, axis=1)
    factors[:, : config.median] = np.maximum.accumulate(below[:, ::-1], axis=1)[:, ::-1]
    return factors


def calibrate(o: Array, factors: Array, median: int) -> Array:
    """Return o' (..., K, Q) from o (..., K, Q) and c (K, Q)."""
    middle = o[..., median : median + 1]
    calibrated: Array = middle + factors * (o - middle)
    return calibrated

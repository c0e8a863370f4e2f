"""Bands about as wide as what they say: each quantile's distance from the median is stretched by what came.

    o'_q = o_m + c_q (o_q - o_m)          m: the median

c_q is the factor with which o'_q would have bounded a share of (1 + 1/N) max(q, 1 - q) of what came in N forecasts of
held-out rows: conformalized quantile regression (Romano, Patterson and Candès, 2019), by a factor in the place of a
difference, since quantiles further ahead lie further apart. Factors do not fall away from the median, so quantiles that
did not cross do not cross; and they have bounds, so a quantile stays on its side of the median. Forecasts from
neighbouring rows are alike, and the rows of next year may not be: the share is no guarantee.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from elman.tasks.forecaster.config import ForecasterConfig

Array = npt.NDArray[Any]

NARROWEST, WIDEST = 0.1, 100.0  # of what training said: of a few held-out rows, all may come close or none
SMALLEST = 1e-9  # distance from the median


def stretches(o: Array, expected: Array, config: ForecasterConfig) -> Array:
    """Return c (K, Q) of outputs o (N, H, K, Q) and of what came (N, H, K), NaN where there is a gap."""
    found = np.ones((o.shape[2], len(config.quantiles)))
    middle = o[..., config.median]
    for k in range(o.shape[2]):
        known = ~np.isnan(expected[..., k])
        if not known.any():
            continue
        share = 1.0 + 1.0 / known.any(1).sum()
        off = expected[..., k][known] - middle[..., k][known]
        for number, level in enumerate(config.quantiles):
            if number != config.median:
                away = o[..., k, number][known] - middle[..., k][known]
                away = np.copysign(np.maximum(np.abs(away), SMALLEST), level - 0.5)
                wanted = min(1.0, share * max(level, 1.0 - level))
                found[k, number] = np.quantile(off / away, wanted, method="inverted_cdf")
    found = np.clip(found, NARROWEST, WIDEST)
    found[:, config.median] = 1.0
    below, above = found[:, : config.median], found[:, config.median + 1 :]
    found[:, config.median + 1 :] = np.maximum.accumulate(above, axis=1)
    found[:, : config.median] = np.maximum.accumulate(below[:, ::-1], axis=1)[:, ::-1]
    return found


def stretched(o: Array, factors: Array, median: int) -> Array:
    """Return o' (..., K, Q) of o (..., K, Q) and c (K, Q)."""
    middle = o[..., median : median + 1]
    found: Array = middle + factors * (o - middle)
    return found

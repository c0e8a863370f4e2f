"""Calibrate probabilities by one temperature, so that they are as high as predictions are often correct.

    p(y)   = softmax(logits / T)

T minimizes the negative log likelihood of the labels of the validation set (Guo et al., 2017, section 4.2). The most
probable label does not change. The weights on disk are those of training. In a classifier, T divides the weights and
the bias of the readout once, when the predictor is built, so it applies to everything that the predictor computes, and
costs nothing.

If every prediction of the validation set is correct, the likelihood rises as T falls to 0. One example is therefore
added, in the manner of Platt (1999): an average example, for which every label is equally correct. The larger the
validation set, the less it changes. For two labels, N correct predictions of equal certainty become probabilities of
1 - 1 / (2 N + 2): 0.976 for 20 examples, 0.9995 for 1,000. With a handful of examples, T is a rough estimate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from elman.config import Config

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
BISECTIONS = 25  # of log 1/T, whose interval is 6 wide: seven digits

Array = npt.NDArray[Any]


class Calibration(Config):
    """The part `calibration` of config.json. A folder without it has T = 1."""

    temperature: float = Field(default=1.0, ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)


def calibrate(logits: Array, labels: npt.NDArray[np.integer[Any]]) -> Calibration:
    """Return the calibration for logits (N, C), or log probabilities, of examples with these labels (N,)."""
    if not len(logits):
        return Calibration()
    z = np.asarray(logits, np.float64)
    z = z - z.max(1, keepdims=True)
    of_labels = np.take_along_axis(z, labels[:, None], 1).sum() + z.mean()

    def slope(b: float) -> float:
        """Return the derivative of the negative log likelihood with respect to b = 1 / T; it increases with b."""
        p = np.exp(b * z)
        expected = (p * z).sum(1) / p.sum(1)
        return float(expected.sum() + expected.mean() - of_labels)

    low, high = -np.log(MAX_TEMPERATURE), -np.log(MIN_TEMPERATURE)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if slope(float(np.exp(middle))) > 0.0 else (middle, high)
    return Calibration(temperature=float(np.clip(np.exp(-0.5 * (low + high)), MIN_TEMPERATURE, MAX_TEMPERATURE)))

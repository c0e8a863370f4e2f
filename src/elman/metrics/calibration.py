"""Metrics of probabilities: whether they are as high as predictions are often correct, and what thresholds give.

    ECE      sum over bins of n_b / N |accuracy_b - mean probability_b|         expected calibration error
    Brier    mean over examples of the sum over classes of (p_c - [y = c])^2    from 0 to 2

The ECE is that of Guo et al. (2017), section 2: the probabilities of the predictions are grouped into 15 bins of equal
width, (0, 1/15], (1/15, 2/15] and so on. It is never negative, so its value for calibrated probabilities is above 0: by
about 0.01 for 1,000 examples and 0.03 for 100. The Brier score is Brier's own (1950), which for two classes is twice
the mean squared error of the probability of one of them.

A threshold t predicts a class for every example in which the class has a probability of t or more. Its precision on a
few examples is uncertain: the lower bound is the lower end of Wilson's interval (1927) of 95 %. The precision on all
examples of the kind is below it in one case of 40.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15
NORMAL_QUANTILE = 1.959964  # of 0.975

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ReliabilityBins:
    """Predictions in bins of their probability: counts, and sums of probabilities and of correct ones. Can be added."""

    counts: Array  # (BINS,)
    probability_sums: Array
    correct_sums: Array

    @classmethod
    def of(cls, probabilities: npt.ArrayLike, correct: npt.ArrayLike) -> ReliabilityBins:
        """Return the bins of predictions with these probabilities (N,), where correct (N,) is true for correct ones."""
        p = np.asarray(probabilities, np.float64)
        bins = np.clip(np.ceil(p * BINS).astype(np.int64) - 1, 0, BINS - 1)
        sums = (np.bincount(bins, weights, BINS) for weights in (None, p, np.asarray(correct, np.float64)))
        return cls(*sums)

    def __add__(self, other: ReliabilityBins) -> ReliabilityBins:
        counts, probability_sums = self.counts + other.counts, self.probability_sums + other.probability_sums
        return ReliabilityBins(counts, probability_sums, self.correct_sums + other.correct_sums)

    @property
    def probabilities(self) -> Array:
        """The mean probability in each bin (BINS,); 0 without predictions."""
        return np.asarray(self.probability_sums / np.maximum(1, self.counts))

    @property
    def accuracies(self) -> Array:
        """The share of correct predictions in each bin (BINS,); 0 without predictions."""
        return np.asarray(self.correct_sums / np.maximum(1, self.counts))

    @property
    def mean_probability(self) -> float:
        """The mean probability of all predictions; NaN without predictions."""
        total = int(self.counts.sum())
        return float(self.probability_sums.sum()) / total if total else math.nan

    @property
    def expected_calibration_error(self) -> float:
        """The ECE; NaN without predictions."""
        total = int(self.counts.sum())
        return float(np.abs(self.probability_sums - self.correct_sums).sum()) / total if total else math.nan


def brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the Brier score of probabilities (N, C) for expected labels (N,), numbers from 0; NaN without examples."""
    p, numbers = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    if not len(p):
        return math.nan
    of_labels = np.take_along_axis(p, numbers[:, None], 1)[:, 0]
    return float((np.square(p).sum(1) - 2.0 * of_labels + 1.0).mean())


@dataclass(frozen=True, slots=True)
class ThresholdScores:
    """What a threshold on the probability of one class gives."""

    threshold: float
    precision: float  # the share of the examples at or above the threshold that have the class
    lower_bound: float  # of the precision
    recall: float  # the share of the examples with the class that are at or above the threshold
    coverage: float  # the share of all examples that are at or above the threshold


def wilson_lower_bound(successes: int, total: int) -> float:
    """Return the lower end of Wilson's interval of 95 % for the probability of a success (Wilson, 1927); 0 for none."""
    if not total:
        return 0.0
    share, z2 = successes / total, NORMAL_QUANTILE**2
    centre = share + z2 / (2 * total)
    spread = NORMAL_QUANTILE * math.sqrt(share * (1.0 - share) / total + z2 / (4 * total**2))
    return max(0.0, (centre - spread) / (1.0 + z2 / total))


def threshold_for_precision(
    probabilities: npt.ArrayLike, positive: npt.ArrayLike, least: float
) -> ThresholdScores | None:
    """Return the ThresholdScores with the highest recall among those whose precision is `least` or more, or None.

    The probabilities (N,) are those of a class, and positive (N,) is true for the examples that have it.
    """
    scores = _all_thresholds(probabilities, positive)
    return next((score for score in reversed(scores) if score.precision >= least), None)


def threshold_for_recall(probabilities: npt.ArrayLike, positive: npt.ArrayLike, least: float) -> ThresholdScores | None:
    """Return the ThresholdScores with the highest threshold among those whose recall is `least` or more, or None."""
    scores = _all_thresholds(probabilities, positive)
    return next((score for score in scores if score.recall >= least), None)


def _all_thresholds(probabilities: npt.ArrayLike, positive: npt.ArrayLike) -> list[ThresholdScores]:
    """Return what every probability gives as a threshold, the highest first; nothing without a positive example."""
    p, is_positive = np.asarray(probabilities, np.float64), np.asarray(positive, bool)
    if not is_positive.any():
        return []
    order = np.argsort(-p, kind="stable")
    p, correct = p[order], np.cumsum(is_positive[order])
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))  # of equal probabilities
    return [
        ThresholdScores(
            threshold=float(p[row]),
            precision=float(correct[row] / (row + 1)),
            lower_bound=wilson_lower_bound(int(correct[row]), int(row) + 1),
            recall=float(correct[row] / correct[-1]),
            coverage=float((row + 1) / len(p)),
        )
        for row in last
    ]

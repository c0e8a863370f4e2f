"""Metrics of probabilities compared with their definitions in plain Python, and with scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from elman.metrics import (
    BINS,
    ReliabilityBins,
    ThresholdScores,
    brier_score,
    threshold_for_precision,
    threshold_for_recall,
    wilson_lower_bound,
)

RNG = np.random.default_rng(3)
PROBABILITIES = RNG.uniform(size=300)
CORRECT = RNG.uniform(size=300) < PROBABILITIES**2
# Two decimals: many examples have the same probability.
SCORES, POSITIVE = np.round(PROBABILITIES, 2), CORRECT


def ece_by_definition(probabilities: list[float], correct: list[bool]) -> float:
    """Guo et al. (2017), equation 3, one bin and one example after another."""
    error = 0.0
    for number in range(15):
        inside = [i for i, p in enumerate(probabilities) if number / 15 < p <= (number + 1) / 15]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            confidence = sum(probabilities[i] for i in inside) / len(inside)
            error += len(inside) / len(probabilities) * abs(accuracy - confidence)
    return error


@pytest.mark.parametrize("count", [1, 7, 300])
def test_the_expected_calibration_error_is_that_of_its_definition(count: int) -> None:
    p, correct = PROBABILITIES[:count], CORRECT[:count]
    expected = ece_by_definition(p.tolist(), correct.tolist())
    assert ReliabilityBins.of(p, correct).expected_calibration_error == pytest.approx(expected, rel=1e-12)


def test_the_calibration_error_is_zero_for_probabilities_that_are_right_and_one_for_the_opposite() -> None:
    right, wrong = ReliabilityBins.of([0.75] * 4, [True, True, True, False]), ReliabilityBins.of([1.0] * 4, [False] * 4)
    assert right.expected_calibration_error == pytest.approx(0.0, abs=1e-15)
    assert wrong.expected_calibration_error == 1.0
    assert (right + wrong).expected_calibration_error == 0.5
    assert (right + wrong).mean_probability == 0.875
    assert math.isnan(ReliabilityBins.of([], []).expected_calibration_error)
    assert math.isnan(ReliabilityBins.of([], []).mean_probability)


def test_bins_include_their_upper_edges() -> None:
    bins = ReliabilityBins.of([1 / 15, np.nextafter(1 / 15, 1), 1.0, 0.0], [True, False, True, False])
    assert bins.counts.tolist() == [2, 1, *[0] * (BINS - 3), 1]
    assert bins.accuracies[:2].tolist() == [0.5, 0.0]


def test_the_brier_score_is_that_of_scikit_learn_and_of_its_definition() -> None:
    from sklearn.metrics import brier_score_loss

    p = RNG.dirichlet(np.ones(4), size=50)
    labels = RNG.integers(0, 4, size=50)
    by_definition = sum(sum((p[i, c] - (labels[i] == c)) ** 2 for c in range(4)) for i in range(50)) / 50
    assert brier_score(p, labels) == pytest.approx(by_definition, rel=1e-12)
    of_one_class = brier_score_loss(labels[:50] % 2, p[:, 1] / (p[:, 0] + p[:, 1]))
    two = np.stack([p[:, 0], p[:, 1]], 1) / (p[:, 0] + p[:, 1])[:, None]
    assert brier_score(two, labels % 2) == pytest.approx(2 * of_one_class, rel=1e-12)
    assert math.isnan(brier_score(np.empty((0, 2)), []))


@pytest.mark.parametrize("least", [0.5, 0.8, 0.95, 1.0])
def test_a_threshold_for_a_precision_has_the_highest_recall_of_scikit_learns_curve(least: float) -> None:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(POSITIVE, SCORES)
    score = threshold_for_precision(SCORES, POSITIVE, least)
    reaching = recall[:-1][precision[:-1] >= least]  # the last point of the curve has no threshold
    if score is None:
        assert not reaching.size
        return
    assert score.recall == pytest.approx(reaching.max())
    check_threshold(score)


@pytest.mark.parametrize("least", [0.1, 0.5, 0.9, 1.0])
def test_a_threshold_for_a_recall_is_the_highest_of_scikit_learns_curve(least: float) -> None:
    from sklearn.metrics import precision_recall_curve

    _, recall, thresholds = precision_recall_curve(POSITIVE, SCORES)
    score = threshold_for_recall(SCORES, POSITIVE, least)
    assert score is not None
    assert score.threshold == thresholds[recall[:-1] >= least].max()
    check_threshold(score)


def check_threshold(score: ThresholdScores) -> None:
    """The figures of a threshold are those of counting."""
    above = score.threshold <= SCORES
    assert score.precision == pytest.approx(POSITIVE[above].mean())
    assert score.recall == pytest.approx(POSITIVE[above].sum() / POSITIVE.sum())
    assert score.coverage == pytest.approx(above.mean())


def test_a_precision_that_no_threshold_reaches_and_a_class_without_examples_have_none() -> None:
    assert threshold_for_precision([0.9, 0.1], [False, True], 0.9) is None
    assert threshold_for_precision([0.9, 0.1], [False, False], 0.1) is None
    assert threshold_for_recall([0.9, 0.1], [False, False], 0.1) is None


@pytest.mark.parametrize(("successes", "total"), [(0, 1), (1, 1), (0, 40), (40, 40), (97, 100), (3, 7), (5_000, 9_999)])
def test_the_lower_bound_is_that_of_scipy(successes: int, total: int) -> None:
    interval = scipy.stats.binomtest(successes, total).proportion_ci(0.95, method="wilson")
    assert wilson_lower_bound(successes, total) == pytest.approx(interval.low, abs=1e-6)


def test_nothing_is_known_of_no_examples() -> None:
    assert wilson_lower_bound(0, 0) == 0.0

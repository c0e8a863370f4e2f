"""Metrics of classification: predicted labels compared with expected labels, and predicted spans with expected spans.

accuracy              correct predictions / predictions
F1 of a class         2 correct / (predictions of the class + examples of the class)
macro F1              mean F1 of the classes that occur
span precision        correct spans / predicted spans               correct: the same beginning, end and type
span recall           correct spans / expected spans
span F1               2 correct spans / (predicted spans + expected spans)
AUC                   area under the ROC curve: the probability that a positive example has a higher score than a
                      negative one; equal scores count 1/2
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Counts of predictions: counts[i, j] examples of class i were predicted as class j. Counts can be added."""

    counts: npt.NDArray[np.int64]  # (C, C)

    @classmethod
    def of(cls, labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> ConfusionMatrix:
        """Return the counts for expected labels (N,) and predicted labels (N,), which are numbers from 0."""
        numbers = np.asarray(labels, np.int64) * num_classes + np.asarray(predictions, np.int64)
        return cls(np.bincount(numbers, minlength=num_classes * num_classes).reshape(num_classes, num_classes))

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        return ConfusionMatrix(self.counts + other.counts)

    @property
    def accuracy(self) -> float:
        """The share of correct predictions; NaN without predictions."""
        total = int(self.counts.sum())
        return float(self.counts.trace()) / total if total else math.nan

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of each class (C,); NaN for a class that was neither expected nor predicted."""
        total = self.counts.sum(0) + self.counts.sum(1)
        return np.where(total, 2.0 * self.counts.diagonal() / np.maximum(total, 1), math.nan)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that were expected or predicted; NaN without predictions."""
        values = self.f1[~np.isnan(self.f1)]
        return float(values.mean()) if values.size else math.nan


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Counts of predictions per label, without the matrix of ConfusionMatrix. Counts can be added."""

    correct: npt.NDArray[np.int64]  # (C,)
    predicted: npt.NDArray[np.int64]
    expected: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> LabelCounts:
        """Return the counts for expected labels (N,) and predicted labels (N,), which are numbers from 0."""
        expected, predicted = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
        groups = (expected[expected == predicted], predicted, expected)
        return cls(*(np.bincount(group, minlength=num_classes) for group in groups))

    def __add__(self, other: LabelCounts) -> LabelCounts:
        correct, predicted = self.correct + other.correct, self.predicted + other.predicted
        return LabelCounts(correct, predicted, self.expected + other.expected)

    @property
    def accuracy(self) -> float:
        """The share of correct predictions; NaN without predictions."""
        total = int(self.expected.sum())
        return float(self.correct.sum()) / total if total else math.nan

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of each class (C,); NaN for a class that was neither expected nor predicted."""
        total = self.predicted + self.expected
        return np.where(total, 2.0 * self.correct / np.maximum(total, 1), math.nan)


@dataclass(frozen=True, slots=True)
class SpanScores:
    """Counts of correct, predicted and expected spans. Counts can be added."""

    correct: int = 0
    predicted: int = 0
    expected: int = 0

    @classmethod
    def of(cls, predicted: Iterable[Hashable], expected: Iterable[Hashable]) -> SpanScores:
        """Return the counts for the spans of a sentence."""
        predicted_set, expected_set = set(predicted), set(expected)
        return cls(len(predicted_set & expected_set), len(predicted_set), len(expected_set))

    def __add__(self, other: SpanScores) -> SpanScores:
        return SpanScores(
            self.correct + other.correct, self.predicted + other.predicted, self.expected + other.expected
        )

    @property
    def precision(self) -> float:
        """The share of predicted spans that are correct; 0 without predicted spans."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The share of expected spans that are predicted; 0 without expected spans."""
        return self.correct / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 without any spans."""
        total = self.predicted + self.expected
        return 2.0 * self.correct / total if total else 0.0


def auc(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the AUC of scores (N,), where positive (N,) is true for positive examples; NaN if a class is empty."""
    values, is_positive = np.asarray(scores), np.asarray(positive, bool)
    negatives, positives = np.sort(values[~is_positive]), values[is_positive]
    if not negatives.size or not positives.size:
        return math.nan
    lower_or_equal = np.searchsorted(negatives, positives, "right") + np.searchsorted(negatives, positives, "left")
    return float(lower_or_equal.mean() / (2 * len(negatives)))

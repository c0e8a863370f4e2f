"""Decisions beside labels, and spans of them.

accuracy              decisions that are right / decisions
precision, recall     right decisions for a class / decisions for it, / examples of it
F1 of a class         2 right / (decisions for it + examples of it); macro F1 is the mean over the classes there are
span F1               2 right / (spans predicted + spans there are); right: the same beginning, end and type
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Confusion:
    """How decisions agree with labels, on its way: counts[i, j] examples of class i were taken for class j."""

    counts: npt.NDArray[np.int64]  # (C, C)

    @classmethod
    def of(cls, labels: npt.ArrayLike, decisions: npt.ArrayLike, classes: int) -> Confusion:
        """Count decisions (N,) for classes numbered from 0, whose labels (N,) are right."""
        numbers = np.asarray(labels, np.int64) * classes + np.asarray(decisions, np.int64)
        return cls(np.bincount(numbers, minlength=classes * classes).reshape(classes, classes))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def accuracy(self) -> float:
        """The share of right decisions; nan where nothing was counted."""
        total = int(self.counts.sum())
        return float(self.counts.trace()) / total if total else math.nan

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of each class (C,); 0 of one that is never right, nan of one that was neither there nor decided for."""
        both = self.counts.sum(0) + self.counts.sum(1)
        return np.where(both, 2.0 * self.counts.diagonal() / np.maximum(both, 1), math.nan)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that were there or decided for; nan where nothing was counted."""
        known = self.f1[~np.isnan(self.f1)]
        return float(known.mean()) if known.size else math.nan


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How decisions agree with labels, label by label and without a matrix of them, on its way."""

    right: npt.NDArray[np.int64]  # (C,)
    decided: npt.NDArray[np.int64]
    expected: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: npt.ArrayLike, decisions: npt.ArrayLike, classes: int) -> LabelCounts:
        """Count decisions (N,) for classes numbered from 0, whose labels (N,) are right."""
        expected, decided = np.asarray(labels, np.int64), np.asarray(decisions, np.int64)
        counted = (expected[expected == decided], decided, expected)
        return cls(*(np.bincount(each, minlength=classes) for each in counted))

    def __add__(self, other: LabelCounts) -> LabelCounts:
        return LabelCounts(self.right + other.right, self.decided + other.decided, self.expected + other.expected)

    @property
    def accuracy(self) -> float:
        """The share of right decisions; nan where nothing was counted."""
        total = int(self.expected.sum())
        return float(self.right.sum()) / total if total else math.nan

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of each class (C,), as Confusion has it."""
        both = self.decided + self.expected
        return np.where(both, 2.0 * self.right / np.maximum(both, 1), math.nan)


@dataclass(frozen=True, slots=True)
class SpanScores:
    """How predicted spans agree with those there are, on its way: add two, divide last."""

    correct: int = 0
    predicted: int = 0
    expected: int = 0

    @classmethod
    def of(cls, predicted: Iterable[Hashable], expected: Iterable[Hashable]) -> SpanScores:
        """Count the spans of a sentence; a span is right where the same one is expected."""
        given, wanted = set(predicted), set(expected)
        return cls(len(given & wanted), len(given), len(wanted))

    def __add__(self, other: SpanScores) -> SpanScores:
        return SpanScores(
            self.correct + other.correct, self.predicted + other.predicted, self.expected + other.expected
        )

    @property
    def precision(self) -> float:
        """The share of predicted spans that are right; 0 where there are none."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The share of spans that are found; 0 where there are none."""
        return self.correct / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two; 0 where nothing was predicted and nothing there."""
        both = self.predicted + self.expected
        return 2.0 * self.correct / both if both else 0.0

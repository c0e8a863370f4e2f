"""Metrics as (sum, count) pairs until the last line, so that padding, chunks and several processes agree.

    exact match           sequences that equal a reference / sequences
    sequence error rate   1 - exact match
    token error rate      sum of edit distances to the closest references / sum of those references' lengths

    accuracy              decisions that are right / decisions
    precision, recall     right decisions for a class / decisions for it, / examples of it
    F1 of a class         2 right / (decisions for it + examples of it); macro F1 is the mean over the classes there are
    MAE, RMSE             mean absolute error; root of the mean squared error
    sMAPE                 mean of 2 |y - f| / (|y| + |f|), 0 where both are 0; from 0 to 2       Makridakis (1993)
    MASE                  MAE / MAE of the seasonal naive forecast inside the training part   Hyndman and Koehler (2006)
    relative MAE          MAE / MAE of the better of last value and seasonal naive over the same forecasts
    coverage              values between the lowest and the highest quantile / values
    span F1               2 right / (spans predicted + spans there are); right: the same beginning, end and type

The closest of several references is the one at the smallest edit distance, the longer among equals. A token error rate
may exceed 1: a prediction may hold more tokens than its reference. BLEU (Papineni et al., 2002) and chrF (Popovic,
2015) are sacrebleu's, of whole corpora, with its defaults (Post, 2018). Rates and scores are fractions of one.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Sums = npt.NDArray[Any]
FORECAST_ERRORS = (
    *("mae", "rmse", "smape", "mase", "relative_mae", "coverage"),
    *("mae_last_value", "mae_seasonal_naive"),
)
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean on its way: add two, divide last."""

    sum: float = 0.0
    count: int = 0

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.sum + other.sum, self.count + other.count)

    @property
    def value(self) -> float:
        """The mean; nan where nothing was counted."""
        return self.sum / self.count if self.count else math.nan


def perplexity(loss: float) -> float:
    """Return e^loss for a loss in nats per token: the number of equally likely tokens that would be as surprising."""
    return math.exp(min(loss, 700.0))


def bits_per_character(loss_sum: float, characters: int) -> float:
    """Return the bits of a loss in nats, summed over all tokens, for each character of the text they spell."""
    return loss_sum / math.log(2.0) / characters if characters else math.nan


def edit_distance(given: Sequence[Hashable], expected: Sequence[Hashable]) -> int:
    """Return the fewest tokens to insert, delete or replace that make one of the other (Levenshtein, 1966)."""
    first, given_end, expected_end = 0, len(given), len(expected)
    while first < min(given_end, expected_end) and given[first] == expected[first]:
        first += 1
    while first < min(given_end, expected_end) and given[given_end - 1] == expected[expected_end - 1]:
        given_end, expected_end = given_end - 1, expected_end - 1
    columns = given[first:given_end]
    row = list(range(len(columns) + 1))  # distances of each beginning of the columns to what was read of `expected`
    for number, token in enumerate(expected[first:expected_end], start=1):
        left, above = number, row
        row = [number]
        for column, other in enumerate(columns):
            left = above[column] if token == other else 1 + min(left, above[column], above[column + 1])
            row.append(left)
    return row[-1]


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """How predictions agree with references, on its way: add two, divide last."""

    sequences: int = 0
    exact: int = 0
    token_errors: int = 0
    tokens: int = 0  # of the closest references

    def __add__(self, other: SequenceScores) -> SequenceScores:
        return SequenceScores(
            self.sequences + other.sequences,
            self.exact + other.exact,
            self.token_errors + other.token_errors,
            self.tokens + other.tokens,
        )

    @property
    def exact_match(self) -> float:
        """The share of sequences that equal a reference; nan where nothing was counted."""
        return self.exact / self.sequences if self.sequences else math.nan

    @property
    def sequence_error_rate(self) -> float:
        """The share of sequences that equal no reference; nan where nothing was counted."""
        return 1.0 - self.exact_match

    @property
    def token_error_rate(self) -> float:
        """Token errors for each token of the references; where these hold none, 0 without errors and inf with any."""
        if not self.tokens:
            return math.inf if self.token_errors else 0.0
        return self.token_errors / self.tokens


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


def sequence_scores(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> SequenceScores:
    """Return the scores of predictions, as tokens, each against the closest of its references."""
    _check_references(len(predictions), references)
    exact = errors = tokens = 0
    for prediction, choices in zip(predictions, references, strict=True):
        distance, minus_length = min((edit_distance(prediction, reference), -len(reference)) for reference in choices)
        exact += distance == 0
        errors += distance
        tokens -= minus_length
    return SequenceScores(len(predictions), exact, errors, tokens)


def translation_scores(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return BLEU and chrF of a corpus, each prediction with one reference or more; nan where there is none.

    BLEU's words are those of mteval-v13a or, where the references are mostly Chinese characters, these one by one.
    Where no prediction has four words, BLEU is 0. Without sacrebleu this is a ModuleNotFoundError.
    """
    import sacrebleu

    _check_references(len(predictions), references)
    if not predictions:
        return {"bleu": math.nan, "chrf": math.nan}
    most = max(map(len, references))
    streams = [[each[number] if number < len(each) else None for each in references] for number in range(most)]
    words = "zh" if _is_chinese(choices[0] for choices in references) else "13a"
    bleu = sacrebleu.corpus_bleu(predictions, streams, tokenize=words, force=True)  # force: whatever they look like
    chrf = sacrebleu.corpus_chrf(predictions, streams)
    return {"bleu": min(1.0, bleu.score / 100.0), "chrf": chrf.score / 100.0}  # logarithms round above 1


def _is_chinese(texts: Iterable[str]) -> bool:
    """Whether most characters are Chinese ones."""
    whole = "".join("".join(text.split()) for text in texts)
    return 2 * len(_CHINESE.findall(whole)) > len(whole)


def _check_references(count: int, references: Sequence[Sequence[Any]]) -> None:
    if len(references) != count:
        raise ValueError(f"references: given {len(references)}, expected {count}, a list for each prediction")
    empty = next((number for number, choices in enumerate(references) if not len(choices)), None)
    if empty is not None:
        raise ValueError(f"references: given none for prediction {empty}, expected at least one")

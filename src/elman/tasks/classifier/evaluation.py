"""The metrics of a classifier on labelled texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.readers.excerpts import list_names
from elman.errors import DataError
from elman.metrics import ConfusionMatrix, ReliabilityBins, brier_score
from elman.tasks.spec import Scored

from .config import EvaluateOptions
from .corpus import ClassifierCorpus
from .readers import LabelledText
from .thresholds import scores_of_answers, thresholds_by_label, wanted_thresholds

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Model = Callable[[Iterable[str]], Array]  # texts to log probabilities (N, C), in the order of the labels


def score_validation_set(scored: Scored, corpus: ClassifierCorpus, options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    metrics: dict[str, Any] = scored.predictor.evaluate(corpus.valid(), options=options)
    return metrics


def score(scored: Scored, examples: Iterable[LabelledText], options: EvaluateOptions) -> dict[str, Any]:
    """Return the metrics on examples."""
    metrics: dict[str, Any] = scored.predictor.evaluate(list(examples), options=options)
    return metrics


def evaluate(
    examples: Iterable[LabelledText] | Iterable[tuple[str, str]],
    labels: Sequence[str],
    log_probabilities: Model,
    options: EvaluateOptions,
) -> dict[str, Any]:
    """Return the metrics of labels and of probabilities, F1 for each label, the confusion matrix, and thresholds.

    The confusion matrix has a row for each label and a column for each prediction. Examples may be (text, label).
    """
    items = [item if isinstance(item, LabelledText) else LabelledText(*item) for item in examples]
    if not items:
        raise DataError("no texts to score; expected at least one", hint="Give a text and its label on each line")
    thresholds = None if options.threshold is None else thresholds_by_label(options.threshold, labels)
    scored = _scored(items, labels, log_probabilities)
    p, expected, confusion = np.exp(scored.log_p), scored.expected, scored.confusion  # p: as predict_proba has them
    bins = ReliabilityBins.of(p.max(1), p.argmax(1) == expected)
    wanted = wanted_thresholds(p, expected, labels, precision=options.precision, recall=options.recall)
    f1 = {label: None if np.isnan(value) else float(value) for label, value in zip(labels, confusion.f1, strict=True)}
    return {
        "task": "classify",
        "count": len(items),
        "loss": scored.loss,
        "accuracy": confusion.accuracy,
        "macro_f1": confusion.macro_f1,
        "mean_confidence": bins.mean_probability,
        "ece": bins.expected_calibration_error,
        "brier": brier_score(p, expected),
        **({} if thresholds is None else scores_of_answers(p, expected, thresholds)),
        "f1": f1,
        "confusion": {"labels": list(labels), "counts": confusion.counts.tolist()},
        **({"thresholds": wanted} if wanted else {}),
    }


def measure(examples: Sequence[LabelledText], labels: Sequence[str], log_probabilities: Model) -> dict[str, float]:
    """Return loss, its standard error, accuracy and macro F1, by which training compares steps."""
    scored = _scored(examples, labels, log_probabilities)
    confusion = scored.confusion
    accuracy, macro_f1 = confusion.accuracy, confusion.macro_f1
    return {"loss": scored.loss, "loss_error": scored.loss_error, "accuracy": accuracy, "macro_f1": macro_f1}


@dataclass(frozen=True, slots=True)
class _Scored:
    """Log probabilities (N, C) of texts and the numbers (N,) of their labels."""

    log_p: Array
    expected: Ids

    @property
    def loss(self) -> float:
        """The mean negative log likelihood of the labels, in nats."""
        return -float(self._of_labels.sum(dtype=np.float64)) / len(self.expected)

    @property
    def loss_error(self) -> float:
        """The standard error of the loss as an estimate for other texts; 0 for a single text."""
        count = len(self.expected)
        return float(self._of_labels.std(ddof=1, dtype=np.float64)) / math.sqrt(count) if count > 1 else 0.0

    @property
    def _of_labels(self) -> Array:
        """The log probabilities (N,) of the labels."""
        return np.asarray(self.log_p[np.arange(len(self.expected)), self.expected])

    @property
    def confusion(self) -> ConfusionMatrix:
        """The counts of the most probable labels."""
        return ConfusionMatrix.of(self.expected, self.log_p.argmax(1), self.log_p.shape[1])


def _scored(examples: Sequence[LabelledText], labels: Sequence[str], log_probabilities: Model) -> _Scored:
    expected = label_numbers(examples, labels)
    return _Scored(log_probabilities(example.text for example in examples), expected)


def label_numbers(examples: Sequence[LabelledText], labels: Sequence[str]) -> Ids:
    """Return the numbers (N,) of the examples' labels; a label that the model does not know is a DataError."""
    number = {label: i for i, label in enumerate(labels)}
    for example in examples:
        if example.label not in number:
            problem = f"the model does not know the label {example.label!r}; expected one of {list_names(labels)}"
            raise DataError(problem, where=example.where or None)
    return np.array([number[example.label] for example in examples], np.int64)

"""The metrics of a classifier on labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.config import Config
from elman.data.readers.excerpts import list_names
from elman.errors import DataError
from elman.metrics import ConfusionMatrix, Mean
from elman.tasks.spec import Scored

from .corpus import ClassifierCorpus
from .readers import LabelledText

Model = Callable[[Iterable[str]], npt.NDArray[Any]]  # texts to log probabilities (N, C), in the order of the labels


def score_validation_set(scored: Scored, corpus: ClassifierCorpus, options: Config) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    metrics: dict[str, Any] = scored.predictor.evaluate(corpus.valid())
    return metrics


def score(scored: Scored, examples: Iterable[LabelledText], options: Config) -> dict[str, Any]:
    """Return the metrics on examples."""
    metrics: dict[str, Any] = scored.predictor.evaluate(examples)
    return metrics


def evaluate(
    examples: Iterable[LabelledText] | Iterable[tuple[str, str]], labels: Sequence[str], log_probabilities: Model
) -> dict[str, Any]:
    """Return loss, accuracy, macro F1, F1 for each label, and the confusion matrix.

    The confusion matrix has a row for each label and a column for each prediction. Examples may be (text, label).
    """
    items = [item if isinstance(item, LabelledText) else LabelledText(*item) for item in examples]
    if not items:
        raise DataError("no texts to score; expected at least one", hint="Give a text and its label on each line")
    loss, confusion = _scores(items, labels, log_probabilities)
    f1 = {label: None if np.isnan(value) else float(value) for label, value in zip(labels, confusion.f1, strict=True)}
    return {
        "task": "classify",
        "count": len(items),
        "loss": loss.value,
        "accuracy": confusion.accuracy,
        "macro_f1": confusion.macro_f1,
        "f1": f1,
        "confusion": {"labels": list(labels), "counts": confusion.counts.tolist()},
    }


def measure(examples: Sequence[LabelledText], labels: Sequence[str], log_probabilities: Model) -> dict[str, float]:
    """Return loss, accuracy and macro F1, by which training compares steps."""
    loss, confusion = _scores(examples, labels, log_probabilities)
    return {"loss": loss.value, "accuracy": confusion.accuracy, "macro_f1": confusion.macro_f1}


def _scores(
    examples: Sequence[LabelledText], labels: Sequence[str], log_probabilities: Model
) -> tuple[Mean, ConfusionMatrix]:
    expected = label_numbers(examples, labels)
    log_p = log_probabilities(example.text for example in examples)
    loss = -float(log_p[np.arange(len(expected)), expected].sum(dtype=np.float64))
    return Mean(loss, len(expected)), ConfusionMatrix.of(expected, log_p.argmax(1), len(labels))


def label_numbers(examples: Sequence[LabelledText], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the numbers (N,) of the examples' labels; a label that the model does not know is a DataError."""
    number = {label: i for i, label in enumerate(labels)}
    for example in examples:
        if example.label not in number:
            problem = f"the model does not know the label {example.label!r}; expected one of {list_names(labels)}"
            raise DataError(problem, where=example.where or None)
    return np.array([number[example.label] for example in examples], np.int64)

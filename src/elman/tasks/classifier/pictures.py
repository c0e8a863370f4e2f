"""The pictures of a classifier: the confusion matrix, and whether its probabilities are right as often as they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.errors import DataError
from elman.figures.style import Draw
from elman.figures.training import confusion_matrix, reliability
from elman.metrics import ConfusionMatrix

from .corpus import ClassifierCorpus
from .evaluation import label_numbers
from .readers import LabelledText


class Model(Protocol):
    """What the pictures need of a predictor."""

    labels: tuple[str, ...]

    def log_probabilities(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return log probabilities (N, C)."""


def of_validation_set(model: Model, corpus: ClassifierCorpus) -> dict[str, Draw]:
    """Return the pictures of the validation set of a run."""
    return of_examples(model, corpus.valid())


def of_examples(model: Model, examples: Iterable[LabelledText] | Iterable[tuple[str, str]]) -> dict[str, Draw]:
    """Return the pictures of labelled texts; examples may be (text, label)."""
    items = [item if isinstance(item, LabelledText) else LabelledText(*item) for item in examples]
    if not items:
        raise DataError("no texts to draw; expected at least one", hint="Give a text and its label on each line")
    expected = label_numbers(items, model.labels)
    log_p = model.log_probabilities(item.text for item in items)
    predicted = log_p.argmax(1)
    counts = ConfusionMatrix.of(expected, predicted, len(model.labels)).counts
    return {
        "confusion": confusion_matrix(counts, model.labels),
        "reliability": reliability(np.exp(log_p.max(1)), predicted == expected),
    }

"""The decisions of a classifier on labelled texts: the most probable label of each, whatever the thresholds are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.tasks.spec import Decision

from .evaluation import label_numbers
from .readers import LabelledText


class Model(Protocol):
    """What the decisions need of a predictor."""

    labels: tuple[str, ...]

    def log_probabilities(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """Return log probabilities (N, C)."""


def decisions(model: Model, examples: Iterable[LabelledText] | Iterable[tuple[str, str]]) -> Iterator[Decision]:
    """Yield the decision for each text, in order; a label that the model does not know is a DataError.

    Examples may be (text, label).
    """
    items = [item if isinstance(item, LabelledText) else LabelledText(*item) for item in examples]
    label_numbers(items, model.labels)
    log_p = model.log_probabilities(item.text for item in items)
    for item, row, best in zip(items, log_p, log_p.argmax(1), strict=True):
        probability = float(np.exp(row[best]))
        yield Decision(item.label, model.labels[best], probability, item.text, place=item.where)

"""The wrong predictions of a classifier: texts whose most probable label is not the expected one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from elman.config import Config
from elman.tasks.spec import ErrorRow, Scored

from .evaluation import label_numbers
from .readers import LabelledText


def wrong_predictions(scored: Scored, examples: Iterable[LabelledText], options: Config) -> Iterator[ErrorRow]:
    """Yield a row for each text that gets another label; thresholds have no effect."""
    items, predictor = list(examples), scored.predictor
    expected = label_numbers(items, predictor.labels)
    p: Any = np.exp(predictor.log_probabilities(item.text for item in items))
    predicted = p.argmax(1)
    for row in np.flatnonzero(predicted != expected):
        item = items[row]
        yield {
            "place": item.where,
            "text": item.text,
            "expected": item.label,
            "predicted": predictor.labels[predicted[row]],
            "probability": float(p[row, predicted[row]]),
            "probability_expected": float(p[row, expected[row]]),
        }

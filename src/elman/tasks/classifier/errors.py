"""The wrong predictions of a classifier: texts whose label is not the expected one, and texts without a label.

Without thresholds, a text has its most probable label. With them, it may have none (thresholds.py): then its row has no
`predicted`, `probability` is that of its most probable label, and all rows name that label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from elman.tasks.error_columns import other_columns_reader
from elman.tasks.spec import ErrorRow, Scored

from .config import EvaluateOptions
from .evaluation import label_numbers
from .readers import LabelledText
from .thresholds import ABSTENTION, MOST_PROBABLE, choose_labels, thresholds_by_label

COLUMNS = ("place", "text", "expected", "predicted", "probability", "probability_expected", MOST_PROBABLE)


def wrong_predictions(scored: Scored, examples: Iterable[LabelledText], options: EvaluateOptions) -> Iterator[ErrorRow]:
    """Yield a row for each text that gets another label, or none."""
    items, predictor = list(examples), scored.predictor
    other_columns = other_columns_reader(items, COLUMNS)
    expected = label_numbers(items, predictor.labels)
    p: Any = np.exp(predictor.log_probabilities(item.text for item in items))
    best = p.argmax(1)
    chosen = choose_labels(p, thresholds_by_label(options.threshold or (), predictor.labels))
    for row in np.flatnonzero(chosen != expected):
        item, has_label = items[row], chosen[row] != ABSTENTION
        columns = {
            "place": item.where,
            "text": item.text,
            "expected": item.label,
            "predicted": predictor.labels[chosen[row]] if has_label else None,
            "probability": float(p[row, chosen[row] if has_label else best[row]]),
            "probability_expected": float(p[row, expected[row]]),
        }
        if options.threshold:
            columns[MOST_PROBABLE] = predictor.labels[best[row]]
        yield ErrorRow(columns, other_columns(item))

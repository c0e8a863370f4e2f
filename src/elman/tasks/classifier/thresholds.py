"""Thresholds: a label is given only where it is probable enough; otherwise the classifier abstains.

The answer for a text is the most probable of the labels whose probabilities reach their thresholds. If there is no such
label, the classifier abstains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.readers.excerpts import list_names
from elman.errors import ArgumentError, ConfigError
from elman.metrics import threshold_for_precision, threshold_for_recall

ALL_LABELS = ""  # the key of a threshold that holds for all labels that have none of their own
ABSTENTION = -1  # the number of no label
MOST_PROBABLE = "most_probable"  # the column of the most probable label, whatever the thresholds

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


def parse_thresholds(values: Sequence[str]) -> dict[str, float]:
    """Return the thresholds in `0.9` or `LABEL=0.9` by label; a probability that is none is a ValueError."""
    thresholds: dict[str, float] = {}
    for value in values:
        label, _, number = value.rpartition("=")
        try:
            threshold = float(number)
        except ValueError:
            threshold = math.nan
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"given {value!r}; expected a probability from 0 to 1, or LABEL=PROBABILITY")
        thresholds[label] = threshold
    return thresholds


def thresholds_by_label(values: Sequence[str], labels: Sequence[str]) -> Array:
    """Return the threshold of each label (C,), 0 where there is none; an unknown label is a ConfigError."""
    return _by_number(parse_thresholds(values), labels, "--threshold")


def thresholds_of(threshold: float | Mapping[str, float], labels: Sequence[str]) -> Array:
    """Return the threshold of each label (C,): one for all, or by label, 0 where there is none."""
    by_label = dict(threshold) if isinstance(threshold, Mapping) else {ALL_LABELS: threshold}
    for value in by_label.values():
        if not 0.0 <= value <= 1.0:
            raise ArgumentError(f"threshold: given {value!r}; expected a probability from 0 to 1")
    return _by_number(by_label, labels, "threshold")


def _by_number(by_label: Mapping[str, float], labels: Sequence[str], name: str) -> Array:
    for label in by_label:
        if label != ALL_LABELS and label not in labels:
            known = list_names(labels)
            raise ConfigError(f"{name}: the model does not know the label {label!r}; expected one of {known}")
    of_all = by_label.get(ALL_LABELS, 0.0)
    return np.array([by_label.get(label, of_all) for label in labels])


def choose_labels(probabilities: Array, thresholds: Array) -> Ids:
    """Return the numbers (N,) of the labels for probabilities (N, C) and thresholds (C,), or ABSTENTION."""
    p = np.asarray(probabilities, np.float64)
    reached = p >= thresholds
    return np.where(reached.any(1), np.where(reached, p, -1.0).argmax(1), ABSTENTION)


def scores_of_answers(probabilities: Array, expected: Ids, thresholds: Array) -> dict[str, Any]:
    """Return the share of texts that get a label, and the accuracy of these labels."""
    chosen = choose_labels(probabilities, thresholds)
    answered = chosen != ABSTENTION
    accuracy = float((chosen == expected)[answered].mean()) if answered.any() else None
    return {"coverage": float(answered.mean()), "answered_accuracy": accuracy}


def wanted_thresholds(
    probabilities: Array, expected: Ids, labels: Sequence[str], *, precision: float | None, recall: float | None
) -> dict[str, Any]:
    """Return, for a wanted precision and a wanted recall, the threshold of each label that reaches it, or None.

    The precision also has the threshold for all labels together: the predictions at or above it are correct so often.
    """
    searches: Mapping[str, tuple[Any, float | None]] = {
        "precision": (threshold_for_precision, precision),
        "recall": (threshold_for_recall, recall),
    }
    tables: dict[str, Any] = {}
    for wanted, (search, least) in searches.items():
        if least is not None:
            scores = [search(probabilities[:, number], expected == number, least) for number in range(len(labels))]
            by_label = {
                label: None if score is None else asdict(score) for label, score in zip(labels, scores, strict=True)
            }
            tables[wanted] = {"at_least": least, "labels": by_label}
    if precision is not None:
        of_all = threshold_for_precision(probabilities.max(1), probabilities.argmax(1) == expected, precision)
        tables["precision"]["all_labels"] = None if of_all is None else asdict(of_all)
    return tables

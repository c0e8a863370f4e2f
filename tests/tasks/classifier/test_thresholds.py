"""Thresholds: the most probable label that reaches its threshold, or none."""

from __future__ import annotations

import numpy as np
import pytest

from elman.errors import ConfigError
from elman.tasks.classifier.thresholds import ABSTENTION, choose_labels, parse_thresholds, thresholds_by_label

P = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), [0, 2, 1]),
        (("0.7",), [0, ABSTENTION, 1]),
        (("0.95",), [ABSTENTION] * 3),
        (("a=0.8",), [1, 2, 1]),
        (("0.9", "c=0.4"), [ABSTENTION, 2, 1]),
        (("c=0.4", "0.9"), [ABSTENTION, 2, 1]),
    ],
)
def test_the_answer_is_the_most_probable_label_that_reaches_its_threshold(
    values: tuple[str, ...], expected: list[int]
) -> None:
    assert choose_labels(P, thresholds_by_label(values, ("a", "b", "c"))).tolist() == expected


def test_a_label_may_contain_an_equals_sign() -> None:
    assert parse_thresholds(["a=b=0.5", "0.25"]) == {"a=b": 0.5, "": 0.25}


@pytest.mark.parametrize("value", ["high", "1.5", "-0.1", "nan", "spam", "spam=", ""])
def test_what_is_no_probability_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="expected a probability from 0 to 1, or LABEL=PROBABILITY"):
        parse_thresholds([value])


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(
        ConfigError, match="--threshold: the model does not know the label 'spam'; expected one of a, b"
    ):
        thresholds_by_label(["spam=0.5"], ["a", "b"])

"""Counted nouns in English messages: the singular after 1, and nothing else changes."""

from __future__ import annotations

import pytest

from elman.translations import Text, translate, use_language
from elman.translations.plurals import NOUNS, with_singulars


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 steps, 1 epochs and 11 steps", "1 step, 1 epoch and 11 steps"),
        ("training set: 1 pairs; 1 different words", "training set: 1 pair; 1 different word"),
        ("1 x lstm 8; mini-batches of 1 texts; 1 minutes", "1 x lstm 8; mini-batches of 1 text; 1 minute"),
        ("(1 threads on cpu)", "(1 thread on cpu)"),
        ("1 sources are too few; 1 values have no date", "1 source is too few; 1 value has no date"),
        ("1 of 3 pairs", "1 of 3 pairs"),
        (
            "2.1 seconds, 0,1 steps, -1 rows, ±1 points, 1.0 seconds",
            "2.1 seconds, 0,1 steps, -1 rows, ±1 points, 1.0 seconds",
        ),
        ("book 1 texts.txt: no such file", "book 1 texts.txt: no such file"),
        ("runs/1 steps/model", "runs/1 steps/model"),
        ("1 tokens/s", "1 tokens/s"),
        ("1 is texts", "1 is texts"),
        ("step 1  loss 2.3", "step 1  loss 2.3"),
    ],
)
def test_a_noun_after_1_is_in_the_singular(text: str, expected: str) -> None:
    assert with_singulars(text) == expected


def test_every_noun_has_its_plural_by_an_s() -> None:
    assert [noun for noun in NOUNS if noun.endswith(("s", "x", "y", "sh"))] == []
    assert len(set(NOUNS)) == len(NOUNS)


def test_messages_and_labs_are_shown_that_way_in_english_only() -> None:
    assert translate("1 texts") == "1 text"
    assert Text("Training 1 networks, each with 1 seeds", "训练").in_language("en") == (
        "Training 1 network, each with 1 seed"
    )
    with use_language("zh"):
        assert translate("1 texts") == "1 段文本"

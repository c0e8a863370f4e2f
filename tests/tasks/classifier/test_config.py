"""The options of a classifier: tokenization, and mistakes that are reported together."""

from __future__ import annotations

import pytest

from elman.errors import ConfigError
from elman.tasks.classifier.config import ClassifierReaderConfig, ClassifierTextConfig
from elman.tasks.classifier.defaults import resolve


def test_words_are_composed_before_tokenization_but_keep_their_capitals() -> None:
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    text = ClassifierTextConfig(level="word", normalize="nfc")
    assert text.tokenize(f"{decomposed}, {composed}") == [composed, ",", composed]
    lower = ClassifierTextConfig(level="word", normalize="lower")
    assert lower.tokenize(composed) == [composed]
    assert lower.word(composed) == composed.lower()
    assert ClassifierTextConfig(normalize="lower").tokenize("Ab") == ["a", "b"]


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve({"model": {"pooling": "sum", "hidden_size": 0}, "data": {"level": "bpe"}})
    assert len(raised.value.message.splitlines()) == 3


@pytest.mark.parametrize("level", ["char", "byte"])
def test_only_words_have_characters(level: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.character_size: given 8; expected 0 at level {level}"):
        resolve({"model": {"character_size": 8}, "data": {"level": level}})
    assert resolve({"model": {"character_size": 8}, "data": {"level": "word"}}).model.character_size == 8


def test_a_table_without_a_header_needs_the_names_of_its_columns() -> None:
    with pytest.raises(ValueError, match="--no-header: given without --columns; expected the names of all columns"):
        ClassifierReaderConfig(header=False)
    with pytest.raises(ValueError, match="--columns: given with --header; expected one of them"):
        ClassifierReaderConfig(header=True, columns=("a", "b"))
    assert ClassifierReaderConfig(columns=("a", "b")).columns == ("a", "b")

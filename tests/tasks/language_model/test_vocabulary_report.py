"""`elman data vocabulary`: the vocabulary and the counts of a training, by another way of counting."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.language_model.config import LanguageModelDataConfig
from elman.tasks.language_model.vocabulary_report import VocabularyFigures, vocabulary_figures
from elman.text import UNKNOWN
from elman.text.tokenizers import TOKENIZERS

from .corpora import memory, prepared, small_text

TEXT = "The cat, the dog; THE Dog! 你好，世界。\n" * 3 + small_text(200)


def figures_of(*texts: str, **data: Any) -> VocabularyFigures:
    return vocabulary_figures([memory(text) for text in texts], LanguageModelDataConfig(**data), lambda message: None)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"level": "word"},
        {"level": "byte"},
        {"normalize": "lower", "min_frequency": 3},
        {"level": "word", "vocabulary_size": 5},
        {"byte_fallback": True, "min_frequency": 5},
        {"valid_fraction": 0.0},
        {"valid_fraction": 0.4, "level": "word"},
    ],
)
def test_the_vocabulary_is_that_of_a_training(data: dict[str, Any], tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", TEXT, small_text(100, seed=1), **data)
    figures = figures_of(TEXT, small_text(100, seed=1), **data)
    assert tuple(item.token for item in figures.vocabulary) == corpus.vocabulary.tokens
    assert (figures.valid is not None) == corpus.has_validation_set
    if not data.get("byte_fallback"):  # which writes some characters as several tokens
        assert figures.train.tokens == corpus.train_set.tokens
        assert figures.train.covered == pytest.approx(1.0 - corpus.train_set.unknown / corpus.train_set.tokens)
        assert figures.vocabulary[0].count == corpus.train_set.unknown
        if figures.valid is not None:
            valid = corpus.valid_set
            assert figures.valid.tokens == valid.tokens
            assert figures.valid.covered == pytest.approx(1.0 - valid.unknown / valid.tokens)


@pytest.mark.parametrize("level", ["char", "word", "byte"])
def test_the_counts_are_those_of_the_tokens(level: str) -> None:
    figures = figures_of(TEXT, level=level, valid_fraction=0.0, min_frequency=4)
    counts = Counter(TOKENIZERS[level].split(TEXT))
    assert figures.train.tokens == counts.total()
    assert figures.train.different == len(counts)
    items = {item.token: item.count for item in (*figures.vocabulary[1:], *figures.left_out)}
    assert {token: count for token, count in items.items() if count} == counts
    if level != "byte":
        assert all(item.count >= 4 for item in figures.vocabulary[1:])
        assert all(item.count < 4 for item in figures.left_out)
        assert figures.left_out
    assert figures.vocabulary[0].token == UNKNOWN
    assert figures.vocabulary[0].count == sum(item.count for item in figures.left_out)
    assert figures.train.covered == pytest.approx(1.0 - figures.vocabulary[0].count / counts.total())


def test_characters_that_are_written_as_bytes_are_not_unknown() -> None:
    figures = figures_of(TEXT, byte_fallback=True, min_frequency=5)
    assert figures.left_out
    assert figures.vocabulary[0].count == 0
    assert figures.train.covered < 1.0

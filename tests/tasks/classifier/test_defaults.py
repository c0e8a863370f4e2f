"""The choices for labelled texts: valid for all data and every budget, and never against the user's values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.tasks.classifier.config import ClassifierRun, ClassifierTextConfig
from elman.tasks.classifier.corpus import ClassifierCorpus, TextSet
from elman.tasks.classifier.defaults import (
    ASSUMED_CPU_FLOPS,
    batch_size,
    default_minutes,
    operations_per_token,
    resolve,
)
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.sizing import CHARACTERS_PER_TOKEN
from elman.text import Vocabulary

thorough = settings(max_examples=200, deadline=None, derandomize=True, database=None)

TEXTS = st.floats(0.31, 7).map(lambda digits: int(10**digits))  # 2 to ten million
LENGTHS = st.floats(1.0, 1000.0)  # tokens
BUDGETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


def corpus_with(texts: int, length: float, text: ClassifierTextConfig) -> ClassifierCorpus:
    """Return a corpus of which only the counts and the tokenization exist."""
    train = TextSet(texts, int(texts * length), 0, int(length))
    vocabulary = Vocabulary(("<unk>",))
    return ClassifierCorpus(Path(), (), text, vocabulary, vocabulary, ("a", "b"), (1, 1), train, train)


def chosen(
    values: dict[str, Any],
    texts: int = 5000,
    length: float = 80.0,
    flops: float = ASSUMED_CPU_FLOPS,
    text: ClassifierTextConfig | None = None,
) -> ClassifierRun:
    return resolve(values, corpus_with(texts, length, text or ClassifierTextConfig()), flops)


@thorough
@given(TEXTS, LENGTHS, st.sampled_from(list(CELLS)), BUDGETS, SPEEDS, st.booleans())
def test_the_choices_are_valid_for_all_texts_and_budgets(
    texts: int, length: float, cell: str, budget: dict[str, Any], flops: float, bidirectional: bool
) -> None:
    values = {"model": {"cell": cell, "bidirectional": bidirectional}, "training": budget}
    config = chosen(values, texts, length, flops)
    model, training = config.model, config.training
    assert model.cell == cell
    assert 32 <= model.hidden_size <= 256
    assert model.embedding_size <= model.hidden_size
    assert 0.0 <= model.dropout <= 0.5
    assert 1e-4 < training.learning_rate < 1e-2
    assert 1 <= training.batch_size <= min(texts, 64)
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@thorough
@given(TEXTS, LENGTHS, BUDGETS, st.floats(1.0, 1000.0))
def test_a_larger_budget_never_chooses_a_smaller_model(
    texts: int, length: float, budget: dict[str, Any], factor: float
) -> None:
    larger = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (chosen({"training": limit}, texts, length).model.hidden_size for limit in (budget, larger))
    assert small <= large


def test_few_texts_never_fill_a_large_model() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [chosen(endless, int(tokens / 80)).model.hidden_size for tokens in (200, 7_000, 1e5, 2e6)]
    assert sizes == [32, 64, 128, 256]  # 128 for 1e5 tokens; half of it for a sixteenth


def test_values_of_the_user_take_precedence() -> None:
    values = {"model": {"hidden_size": 7, "dropout": 0.05}, "training": {"batch_size": 3, "epochs": 2.0}}
    config = chosen(values)
    assert (config.model.hidden_size, config.model.dropout, config.training.batch_size) == (7, 0.05, 3)
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 0.5


def test_mini_batches_grow_with_the_texts_and_minutes_with_the_tokens() -> None:
    assert [batch_size(texts) for texts in (1, 5, 100, 1200, 4500, 10**6)] == [1, 5, 8, 8, 30, 64]
    assert [default_minutes(tokens) for tokens in (1, 200_000, 10**6, 10**9)] == [1.0, 1.0, 5.0, 10.0]


@pytest.mark.parametrize(
    "values",
    [{}, {"character_size": 24}, {"num_layers": 3}, {"bidirectional": False}, {"cell": "gru", "pooling": "attention"}],
)
def test_the_operations_are_those_of_the_weights_of_the_network(values: dict[str, Any]) -> None:
    text = ClassifierTextConfig(level="word" if "character_size" in values else "char")
    model = chosen({"model": values}, text=text).model
    network = ClassifierNetwork(model, 50, 20, 3)
    weights = sum(p.numel() for name, p in network.named_parameters() if p.dim() > 1 and ".weight" in name)
    weights -= network.tokens.words.weight.numel() + network.readout.weight.numel()
    if network.tokens.characters is not None:
        embedding = network.tokens.characters.embedding.weight.numel()
        of_characters = sum(p.numel() for p in network.tokens.characters.parameters() if p.dim() > 1) - embedding
        weights += int(CHARACTERS_PER_TOKEN - 1) * of_characters - embedding
    assert operations_per_token(model.model_dump(exclude_none=True)) == pytest.approx(6 * weights)


def test_invalid_sizes_do_not_stop_the_count_of_operations() -> None:
    assert operations_per_token({"num_layers": "two", "hidden_size": -1, "cell": 3}) > 0.0


def test_words_have_characters_and_more_dropout() -> None:
    values = {"training": {"epochs": 20}}
    word = chosen(values, text=ClassifierTextConfig(level="word", normalize="lower"))
    char = chosen(values, text=ClassifierTextConfig(level="char", normalize="none"))
    assert (word.data.level, word.data.normalize) == ("word", "lower")
    assert word.model.character_size > 0 == char.model.character_size
    assert word.model.dropout > char.model.dropout > 0.0
    assert word.model.word_dropout > 0.0 == char.model.word_dropout

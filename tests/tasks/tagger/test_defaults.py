"""The choices for tagged sentences: valid for all data and every budget, and never against the user's values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.tasks.sizing import CHARACTERS_PER_TOKEN
from elman.tasks.tagger.config import TaggerRun, TaggerTextConfig
from elman.tasks.tagger.corpus import SentenceSet, TaggerCorpus
from elman.tasks.tagger.defaults import ASSUMED_CPU_FLOPS, batch_size, default_minutes, operations_per_token, resolve
from elman.tasks.tagger.network import TaggerNetwork
from elman.text import Vocabulary

thorough = settings(max_examples=200, deadline=None, derandomize=True, database=None)

SENTENCES = st.floats(0.31, 7).map(lambda digits: int(10**digits))  # 2 to ten million
LENGTHS = st.floats(1.0, 100.0)  # tokens
BUDGETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)
LABELS = st.integers(2, 2000)


def corpus_with(
    sentences: int, length: float, labels: int = 20, level: Literal["word", "char"] = "word", scheme: Any = "none"
) -> TaggerCorpus:
    """Return a corpus of which only the counts, the level and the scheme exist."""
    train = SentenceSet(sentences, int(sentences * length), 0, int(length))
    vocabulary = Vocabulary(("<unk>",))
    text = TaggerTextConfig(level=level)
    tags = tuple(map(str, range(labels)))
    return TaggerCorpus(Path(), (), text, scheme, vocabulary, vocabulary, tags, train, train)


def chosen(
    values: dict[str, Any], sentences: int = 5000, length: float = 16.0, flops: float = ASSUMED_CPU_FLOPS, **corpus: Any
) -> TaggerRun:
    return resolve(values, corpus_with(sentences, length, **corpus), flops)


@thorough
@given(SENTENCES, LENGTHS, LABELS, st.sampled_from(list(CELLS)), BUDGETS, SPEEDS, st.booleans())
def test_the_choices_are_valid_for_all_sentences_and_budgets(
    sentences: int, length: float, labels: int, cell: str, budget: dict[str, Any], flops: float, bidirectional: bool
) -> None:
    values = {"model": {"cell": cell, "bidirectional": bidirectional}, "training": budget}
    config = chosen(values, sentences, length, flops, labels=labels)
    model, training = config.model, config.training
    assert model.cell == cell
    assert 32 <= model.hidden_size <= 256
    assert 0.0 <= model.dropout <= 0.6
    assert 1e-4 < training.learning_rate < 1e-2
    assert 1 <= training.batch_size <= min(sentences, 64)
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@thorough
@given(SENTENCES, LENGTHS, BUDGETS, st.floats(1.0, 1000.0))
def test_a_larger_budget_never_chooses_a_smaller_model(
    sentences: int, length: float, budget: dict[str, Any], factor: float
) -> None:
    larger = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (chosen({"training": limit}, sentences, length).model.hidden_size for limit in (budget, larger))
    assert small <= large


@pytest.mark.parametrize(("level", "with_characters"), [("word", True), ("char", False)])
@pytest.mark.parametrize(("scheme", "crf"), [("none", False), ("bio", True), ("bioes", True), ("unconstrained", True)])
def test_words_have_characters_and_tags_of_spans_a_conditional_random_field(
    level: Literal["word", "char"], with_characters: bool, scheme: Any, crf: bool
) -> None:
    config = chosen({}, level=level, scheme=scheme)
    assert (config.model.character_size > 0, config.model.crf, config.model.scheme) == (with_characters, crf, scheme)
    assert config.data.level == level
    config = chosen({"model": {"character_size": 7, "crf": not crf}}, level=level, scheme=scheme)
    assert (config.model.character_size, config.model.crf) == (7, not crf)


def test_before_the_data_is_read_the_level_is_open() -> None:
    config = resolve({})
    assert config.data.level is None
    assert (config.model.character_size, config.model.crf, config.model.scheme) == (64, False, "none")


def test_values_of_the_user_take_precedence() -> None:
    values = {"model": {"hidden_size": 7, "dropout": 0.05}, "training": {"batch_size": 3, "epochs": 2.0}}
    config = chosen(values)
    assert (config.model.hidden_size, config.model.dropout, config.training.batch_size) == (7, 0.05, 3)
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 0.5


def test_mini_batches_grow_with_the_sentences_and_minutes_with_the_tokens() -> None:
    assert [batch_size(sentences) for sentences in (1, 3, 100, 1200, 4500, 10**6)] == [1, 3, 4, 8, 30, 32]
    assert [default_minutes(tokens) for tokens in (1, 20_000, 10**5, 10**9)] == [1.0, 1.0, 5.0, 10.0]


@pytest.mark.parametrize(
    "values", [{}, {"num_layers": 3}, {"bidirectional": False}, {"cell": "gru"}, {"character_size": 0}]
)
def test_the_operations_are_those_of_the_weights_of_the_network(values: dict[str, Any]) -> None:
    model = chosen({"model": values}).model
    network = TaggerNetwork(model, 50, 20, ("a", "b", "c"))
    expected = 0.0
    for name, p in network.named_parameters():
        if p.dim() > 1 and "words" not in name and "embedding" not in name:
            expected += p.numel() * (CHARACTERS_PER_TOKEN if name.startswith("tokens.characters") else 1.0)
    assert operations_per_token(model.model_dump(exclude_none=True), 3) == pytest.approx(6 * expected)


def test_invalid_sizes_do_not_stop_the_count_of_operations() -> None:
    assert operations_per_token({"num_layers": "two", "hidden_size": -1, "cell": 3}, 50) > 0.0

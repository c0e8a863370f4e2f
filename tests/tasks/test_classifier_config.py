"""What is chosen for labelled texts: valid for all of them and every budget, never against what is told."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.errors import ConfigError
from elman.experiment.config import ClassifierRun, resolve_classifier
from elman.tasks.classifier.corpus import LabelTextConfig
from elman.tasks.classifier.defaults import LabelDataConfig, batch_size, default_minutes, operations_per_token
from elman.tasks.classifier.readers import Columns
from elman.tasks.classifier.training import ClassifierNetwork
from elman.tasks.sizing import CHARACTERS_A_TOKEN

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)

TEXTS = st.floats(0.31, 7).map(lambda digits: int(10**digits))  # 2 to ten million
LENGTHS = st.floats(1.0, 1000.0)  # tokens
BUDGETS = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


def chosen(given_: dict[str, Any], texts: int = 5000, length: float = 80.0, **more: Any) -> ClassifierRun:
    return resolve_classifier(given_, texts=texts, tokens=int(texts * length), **more)


@exhaustive
@given(TEXTS, LENGTHS, st.sampled_from(list(CELLS)), BUDGETS, SPEEDS, st.booleans())
def test_whatever_the_texts_and_the_budget_the_choices_are_valid(
    texts: int, length: float, cell: str, budget: dict[str, Any], flops: float, one: bool
) -> None:
    given_ = {"model": {"cell": cell, "bidirectional": not one}, "training": budget}
    config = chosen(given_, texts, length, flops=flops)
    model, training = config.model, config.training
    assert model.cell == cell
    assert 32 <= model.hidden_size <= 256
    assert model.embedding_size <= model.hidden_size
    assert 0.0 <= model.dropout <= 0.5
    assert 1e-4 < training.learning_rate < 1e-2
    assert 1 <= training.batch_size <= min(texts, 64)
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@exhaustive
@given(TEXTS, LENGTHS, BUDGETS, st.floats(1.0, 1000.0))
def test_more_of_the_same_budget_never_chooses_a_smaller_model(
    texts: int, length: float, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (chosen({"training": each}, texts, length).model.hidden_size for each in (budget, more))
    assert small <= large


def test_no_budget_makes_a_few_texts_fill_a_large_model() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [chosen(endless, int(tokens / 80)).model.hidden_size for tokens in (200, 7_000, 1e5, 2e6)]
    assert sizes == [32, 64, 128, 256]  # 128 for 1e5 tokens; half of it for a sixteenth


def test_what_is_told_is_kept() -> None:
    given_ = {"model": {"hidden_size": 7, "dropout": 0.05}, "training": {"batch_size": 3, "epochs": 2.0}}
    config = chosen(given_)
    assert (config.model.hidden_size, config.model.dropout, config.training.batch_size) == (7, 0.05, 3)
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 0.5


def test_batches_grow_once_an_epoch_has_its_updates_and_minutes_with_the_tokens() -> None:
    assert [batch_size(texts) for texts in (1, 5, 100, 1200, 4500, 10**6)] == [1, 5, 8, 8, 30, 64]
    assert [default_minutes(tokens) for tokens in (1, 200_000, 10**6, 10**9)] == [1.0, 1.0, 5.0, 10.0]


@pytest.mark.parametrize(
    "more",
    [{}, {"character_size": 24}, {"num_layers": 3}, {"bidirectional": False}, {"cell": "gru", "pooling": "attention"}],
)
def test_the_operations_are_those_of_the_network_s_weights(more: dict[str, Any]) -> None:
    model = chosen({"model": more}).model
    network = ClassifierNetwork(model, 50, 20, 3)
    weights = sum(p.numel() for name, p in network.named_parameters() if p.dim() > 1 and ".weight" in name)
    weights -= network.tokens.words.weight.numel() + network.readout.weight.numel()
    if network.tokens.characters is not None:
        embedding = network.tokens.characters.embedding.weight.numel()
        of_characters = sum(p.numel() for p in network.tokens.characters.parameters() if p.dim() > 1) - embedding
        weights += (CHARACTERS_A_TOKEN - 1) * of_characters - embedding
    assert operations_per_token(model.model_dump(exclude_none=True)) == pytest.approx(6 * weights)
    odd = {"num_layers": "two", "hidden_size": -1, "cell": 3}
    assert operations_per_token(odd) > 0.0


def test_words_are_spelled_and_dropped_more() -> None:
    word, char = (
        chosen({"training": {"epochs": 20}}, text=LabelTextConfig(level=level, normalize=normalize))
        for level, normalize in (("word", "lower"), ("char", "none"))
    )
    assert (word.data.level, word.data.normalize) == ("word", "lower")
    assert word.model.character_size > 0 == char.model.character_size
    assert word.model.dropout > char.model.dropout > 0.0
    assert word.model.word_dropout > 0.0 == char.model.word_dropout


def test_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_classifier({"model": {"pooling": "sum", "hidden_size": 0}, "data": {"level": "bpe"}})
    assert len(raised.value.message.splitlines()) == 3


def test_only_words_are_spelled() -> None:
    with pytest.raises(ConfigError, match=r"model\.character_size: given 8, expected 0 at level char"):
        chosen({"model": {"character_size": 8}}, text=LabelTextConfig())
    assert chosen({"model": {"character_size": 8}}, text=LabelTextConfig(level="word")).model.character_size == 8


def test_columns_are_read_as_they_are_named() -> None:
    assert LabelDataConfig().where_they_stand() == Columns()
    named = LabelDataConfig(text_column="a", label_column="b", columns=("b", "a"))
    assert named.where_they_stand() == Columns("a", "b", ("b", "a"))

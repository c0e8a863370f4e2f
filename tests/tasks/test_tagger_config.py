"""What is chosen for tagged sentences: valid for all of them and every budget, never against what is told."""

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.errors import ConfigError
from elman.experiment.config import TaggerRun, resolve_tagger
from elman.tasks.sizing import CHARACTERS_A_TOKEN
from elman.tasks.tagger.defaults import TagDataConfig, batch_size, default_minutes, operations_per_token
from elman.tasks.tagger.readers import TagColumns
from elman.tasks.tagger.training import TaggerNetwork

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)

SENTENCES = st.floats(0.31, 7).map(lambda digits: int(10**digits))  # 2 to ten million
LENGTHS = st.floats(1.0, 100.0)  # tokens
BUDGETS = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)
LABELS = st.integers(2, 2000)


def chosen(given_: dict[str, Any], sentences: int = 5000, length: float = 16.0, **more: Any) -> TaggerRun:
    return resolve_tagger(given_, sentences=sentences, tokens=int(sentences * length), **more)


@exhaustive
@given(SENTENCES, LENGTHS, LABELS, st.sampled_from(list(CELLS)), BUDGETS, SPEEDS, st.booleans())
def test_whatever_the_sentences_and_the_budget_the_choices_are_valid(
    sentences: int, length: float, labels: int, cell: str, budget: dict[str, Any], flops: float, one: bool
) -> None:
    given_ = {"model": {"cell": cell, "bidirectional": not one}, "training": budget}
    config = chosen(given_, sentences, length, labels=labels, flops=flops)
    model, training = config.model, config.training
    assert model.cell == cell
    assert 32 <= model.hidden_size <= 256
    assert 0.0 <= model.dropout <= 0.6
    assert 1e-4 < training.learning_rate < 1e-2
    assert 1 <= training.batch_size <= min(sentences, 64)
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@exhaustive
@given(SENTENCES, LENGTHS, BUDGETS, st.floats(1.0, 1000.0))
def test_more_of_the_same_budget_never_chooses_a_smaller_model(
    sentences: int, length: float, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (chosen({"training": each}, sentences, length).model.hidden_size for each in (budget, more))
    assert small <= large


@pytest.mark.parametrize(("level", "spelled"), [("word", True), ("char", False), (None, True)])
@pytest.mark.parametrize(("scheme", "together"), [("none", False), ("bio", True), ("bioes", True), ("loose", True)])
def test_words_are_spelled_and_spans_chosen_together(
    level: Literal["word", "char"] | None, spelled: bool, scheme: Any, together: bool
) -> None:
    config = chosen({}, level=level, scheme=scheme)
    assert (config.model.character_size > 0, config.model.crf, config.model.scheme) == (spelled, together, scheme)
    assert config.data.level == level
    told = chosen({"model": {"character_size": 7, "crf": not together}}, level=level, scheme=scheme)
    assert (told.model.character_size, told.model.crf) == (7, not together)


def test_what_is_told_is_kept() -> None:
    given_ = {"model": {"hidden_size": 7, "dropout": 0.05}, "training": {"batch_size": 3, "epochs": 2.0}}
    config = chosen(given_)
    assert (config.model.hidden_size, config.model.dropout, config.training.batch_size) == (7, 0.05, 3)
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 0.5


def test_batches_grow_once_an_epoch_has_its_updates_and_minutes_with_the_tokens() -> None:
    assert [batch_size(sentences) for sentences in (1, 3, 100, 1200, 4500, 10**6)] == [1, 3, 4, 8, 30, 32]
    assert [default_minutes(tokens) for tokens in (1, 20_000, 10**5, 10**9)] == [1.0, 1.0, 5.0, 10.0]


@pytest.mark.parametrize(
    "more", [{}, {"num_layers": 3}, {"bidirectional": False}, {"cell": "gru"}, {"character_size": 0}]
)
def test_the_operations_are_those_of_the_network_s_weights(more: dict[str, Any]) -> None:
    model = chosen({"model": more}).model
    network = TaggerNetwork(model, 50, 20, ("a", "b", "c"))
    expected = 0.0
    for name, p in network.named_parameters():
        if p.dim() > 1 and "words" not in name and "embedding" not in name:
            expected += p.numel() * (CHARACTERS_A_TOKEN if name.startswith("tokens.characters") else 1.0)
    assert operations_per_token(model.model_dump(exclude_none=True), 3) == pytest.approx(6 * expected)
    odd = {"num_layers": "two", "hidden_size": -1, "cell": 3}
    assert operations_per_token(odd, 50) > 0.0


def test_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_tagger({"model": {"crf": "maybe", "hidden_size": 0}, "data": {"level": "byte"}})
    assert len(raised.value.message.splitlines()) == 3


def test_columns_are_read_as_they_are_named() -> None:
    assert TagDataConfig().where_they_stand() == TagColumns()
    assert TagDataConfig(token_column="lemma", tag_column="xpos").where_they_stand() == TagColumns("lemma", "xpos")

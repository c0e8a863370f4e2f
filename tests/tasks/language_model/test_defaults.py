"""Automatic choices: valid for every text and budget, in proportion to both, and never in place of a given value."""

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.data.readers.text import SourceRecord
from elman.tasks.language_model import defaults
from elman.tasks.language_model.config import LanguageModelRun
from elman.tasks.language_model.corpus import LanguageModelCorpus, TokenSet
from elman.tasks.language_model.defaults import ASSUMED_CPU_FLOPS, SHORT_TEXT, operations_per_token
from elman.text import UNKNOWN, Vocabulary

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)

TOKENS = st.floats(1.3, 9).map(lambda digits: int(10**digits))  # 20 to a billion
VOCABULARIES = st.floats(0.31, 5).map(lambda digits: int(10**digits))  # 2 to a hundred thousand
CELL_NAMES = st.sampled_from(list(CELLS))
BUDGETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


@functools.cache
def vocabulary_of(size: int) -> Vocabulary:
    return Vocabulary((UNKNOWN, *map(str, range(size - 1))))


def resolved(
    values: dict[str, Any], tokens: int = 1_000_000, vocabulary: int = 100, flops: float = ASSUMED_CPU_FLOPS
) -> LanguageModelRun:
    """Return the config for a training set of that many tokens and a vocabulary of that size."""
    train = TokenSet(tokens, 0, "uint8", "")
    record = SourceRecord("text", tokens, "")
    corpus = LanguageModelCorpus(Path("data"), train, train, (record,), vocabulary_of(vocabulary))
    return defaults.resolve(values, corpus, flops)


# Every text, every budget


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, BUDGETS, SPEEDS, st.booleans())
def test_the_choices_are_valid_for_every_text_and_budget(
    tokens: int, vocabulary: int, cell: str, budget: dict[str, Any], flops: float, tied: bool
) -> None:
    config = resolved(
        {"model": {"cell": cell, "tie_weights": tied}, "training": budget},
        tokens=tokens,
        vocabulary=vocabulary,
        flops=flops,
    )
    model, training = config.model, config.training
    assert model.cell == cell
    assert 32 <= model.hidden_sizes[0] <= 1024
    assert model.embedding_size == model.hidden_sizes[-1] if tied else model.embedding_size <= model.hidden_sizes[0]
    assert 0.0 <= model.dropout <= 0.5
    assert 1e-4 < training.learning_rate < 2e-2
    if tokens > SHORT_TEXT:
        assert tokens // (training.batch_size * training.bptt_steps) >= 8  # several batches an epoch
    else:
        assert (training.batch_size, training.bptt_steps, model.dropout) == (1, tokens - 1, 0.0)
    assert training.batch_size == 1 or training.batch_size * training.bptt_steps * vocabulary <= 4_000_000
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, BUDGETS, st.floats(1.0, 1000.0))
def test_more_of_the_same_budget_never_chooses_a_smaller_model(
    tokens: int, vocabulary: int, cell: str, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (resolved({"model": {"cell": cell}, "training": b}, tokens, vocabulary) for b in (budget, more))
    assert small.model.hidden_sizes[0] <= large.model.hidden_sizes[0]


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, st.floats(0.1, 1e4), SPEEDS, st.floats(1.0, 100.0))
def test_a_faster_machine_never_chooses_a_smaller_model(
    tokens: int, vocabulary: int, cell: str, minutes: float, flops: float, factor: float
) -> None:
    values = {"model": {"cell": cell}, "training": {"minutes": minutes}}
    slow, fast = (resolved(values, tokens, vocabulary, flops=rate) for rate in (flops, factor * flops))
    assert slow.model.hidden_sizes[0] <= fast.model.hidden_sizes[0]


def test_larger_budgets_choose_larger_models() -> None:
    sizes = [resolved({"training": {"minutes": m}}, 10_000_000).model.hidden_sizes[0] for m in (0.01, 1, 30, 10_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    assert sizes[0] == 32


def test_the_size_of_the_text_limits_the_model_for_every_budget() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [resolved(endless, tokens).model.hidden_sizes[0] for tokens in (20, 62_500, 1_000_000, 16_000_000)]
    assert sizes == [32, 256, 512, 1024]  # 512 for a million; twice that for sixteen times the text


def test_dropout_grows_with_the_number_of_epochs_and_is_zero_for_one() -> None:
    rates = [resolved({"training": {"epochs": e}}, 100_000).model.dropout for e in (1, 4, 20, 1000)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.0, 0.5)
    assert rates[1] == 0.05  # 4 / 80


def test_the_default_budget_is_shorter_for_a_short_text() -> None:
    minutes = [resolved({}, tokens).training.minutes for tokens in (20, 100_000, 500_000, 1_000_000, 10**9)]
    assert minutes == [1.0, 1.0, 5.0, 10.0, 10.0]


def test_operations_are_six_for_each_weight_and_count_double_in_a_large_softmax() -> None:
    assert operations_per_token("lstm", 256, 64, 100) == 6 * (4 * 256 * (256 + 64) + 100 * 256)
    assert operations_per_token("gru", 32, 16, 1000) == 6 * (3 * 32 * (32 + 16) + 2 * 1000 * 32)
    assert operations_per_token("elman", 32, 16, 512) == 6 * (32 * (32 + 16) + 512 * 32)


# Given values

GIVEN: dict[str, Any] = {
    "seed": 7,
    "data": {"level": "word", "stream": "random", "valid_fraction": 0.2},
    "model": {"cell": "gru", "hidden_size": 48, "num_layers": 2, "embedding_size": 24, "dropout": 0.35},
    "training": {"batch_size": 5, "bptt_steps": 9, "learning_rate": 0.123, "epochs": 3.0, "optimizer": "sgd"},
}


@exhaustive
@given(
    TOKENS, VOCABULARIES, st.sets(st.sampled_from([(t, k) for t in ("data", "model", "training") for k in GIVEN[t]]))
)
def test_a_given_value_is_never_replaced(tokens: int, vocabulary: int, keys: set[tuple[str, str]]) -> None:
    values: dict[str, Any] = {"data": {}, "model": {}, "training": {}}
    for table, key in keys:
        values[table][key] = GIVEN[table][key]
    dumped = resolved(values, tokens, vocabulary).model_dump()
    for table, key in keys:
        expected = GIVEN[table][key]
        assert dumped[table][key] == ((48,) if key == "hidden_size" else expected)


def test_no_value_is_required() -> None:
    config = defaults.resolve({})
    assert (config.task, config.seed, config.data.level, config.model.cell) == ("lm", 0, "char", "lstm")
    assert defaults.resolve({"seed": 7}).seed == 7


def test_a_list_of_sizes_sets_the_number_of_layers() -> None:
    model = resolved({"model": {"hidden_size": [256, 128, 64]}}).model
    assert (model.num_layers, model.hidden_sizes) == (3, (256, 128, 64))
    model = resolved({"model": {"hidden_size": 96, "num_layers": 3}}).model
    assert (model.num_layers, model.hidden_sizes) == (3, (96, 96, 96))


@pytest.mark.parametrize(
    "model", [{}, {"hidden_size": 96}, {"hidden_size": [96, 40]}, {"embedding_size": 100}, {"num_layers": 2}]
)
def test_tied_weights_have_equal_sizes(model: dict[str, Any]) -> None:
    config = resolved({"model": {**model, "tie_weights": True}}).model
    assert config.embedding_size == config.hidden_sizes[-1]
    assert config.embedding_size == model.get("embedding_size", config.hidden_sizes[-1])


def test_sgd_has_its_own_learning_rate() -> None:
    assert resolved({"training": {"optimizer": "sgd"}}).training.learning_rate == 1.0
    assert resolved({}).training.learning_rate < 0.02


def test_the_learning_rate_falls_with_the_hidden_size_and_has_two_digits() -> None:
    rates = [resolved({"model": {"hidden_size": H}}).training.learning_rate for H in (32, 64, 256, 1024)]
    assert rates == [0.013, 0.013, 0.0065, 0.0032]


def test_words_are_learned_with_a_lower_rate_than_characters() -> None:
    rates = [resolved({"data": {"level": level}, "model": {"hidden_size": 256}}) for level in ("char", "byte", "word")]
    assert [config.training.learning_rate for config in rates] == [0.0065, 0.0065, 0.004]

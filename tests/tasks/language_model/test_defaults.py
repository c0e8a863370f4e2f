"""What is chosen where nothing is told: valid for every text and budget, in proportion, never against what is told."""

from typing import Any

import pytest
from elman.experiment.config import LanguageModelRun, resolve
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.errors import ConfigError
from elman.tasks.language_model.defaults import operations_per_token

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)

TOKENS = st.floats(1.3, 9).map(lambda digits: int(10**digits))  # 20 to a billion
VOCABULARIES = st.floats(0.31, 5).map(lambda digits: int(10**digits))  # 2 to a hundred thousand
CELL_NAMES = st.sampled_from(list(CELLS))
BUDGETS = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


def mistakes(given_: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        resolve(given_)
    assert raised.value.exit_code == 2
    return raised.value.message.splitlines()


def chosen(given_: dict[str, Any], tokens: int = 1_000_000, vocabulary: int = 100) -> LanguageModelRun:
    return resolve(given_, tokens=tokens, vocabulary=vocabulary)


# Every text, every budget


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, BUDGETS, SPEEDS, st.booleans())
def test_whatever_the_text_and_the_budget_the_choices_are_valid(
    tokens: int, vocabulary: int, cell: str, budget: dict[str, Any], flops: float, tied: bool
) -> None:
    config = resolve(
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
    assert 1e-4 < training.learning_rate < 1e-2
    assert tokens // (training.batch_size * training.bptt_steps) >= 8  # several batches an epoch
    assert training.batch_size == 1 or training.batch_size * training.bptt_steps * vocabulary <= 4_000_000
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, BUDGETS, st.floats(1.0, 1000.0))
def test_more_of_the_same_budget_never_chooses_a_smaller_model(
    tokens: int, vocabulary: int, cell: str, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    small, large = (chosen({"model": {"cell": cell}, "training": each}, tokens, vocabulary) for each in (budget, more))
    assert small.model.hidden_sizes[0] <= large.model.hidden_sizes[0]


@exhaustive
@given(TOKENS, VOCABULARIES, CELL_NAMES, st.floats(0.1, 1e4), SPEEDS, st.floats(1.0, 100.0))
def test_a_faster_machine_never_chooses_a_smaller_model(
    tokens: int, vocabulary: int, cell: str, minutes: float, flops: float, factor: float
) -> None:
    given_ = {"model": {"cell": cell}, "training": {"minutes": minutes}}
    slow, fast = (resolve(given_, tokens=tokens, vocabulary=vocabulary, flops=rate) for rate in (flops, factor * flops))
    assert slow.model.hidden_sizes[0] <= fast.model.hidden_sizes[0]


def test_budgets_from_small_to_large_choose_models_from_small_to_large() -> None:
    sizes = [chosen({"training": {"minutes": m}}, 10_000_000).model.hidden_sizes[0] for m in (0.01, 1, 30, 10_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    assert sizes[0] == 32


def test_no_budget_makes_a_short_text_fill_a_large_model() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [chosen(endless, tokens).model.hidden_sizes[0] for tokens in (20, 62_500, 1_000_000, 16_000_000)]
    assert sizes == [32, 256, 512, 1024]  # 512 at a million, and its fourth root more: twice for sixteen times the text


def test_a_text_read_often_is_given_more_dropout_and_one_read_once_none() -> None:
    rates = [chosen({"training": {"epochs": e}}, 100_000).model.dropout for e in (1, 4, 20, 1000)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.0, 0.5)
    assert rates[1] == 0.05  # 4 / 80


def test_a_short_text_has_no_more_minutes_than_it_needs() -> None:
    minutes = [chosen({}, tokens).training.minutes for tokens in (20, 100_000, 500_000, 1_000_000, 10**9)]
    assert minutes == [1.0, 1.0, 5.0, 10.0, 10.0]


def test_operations_are_six_for_each_weight_and_those_of_a_large_softmax_are_dearer() -> None:
    assert operations_per_token("lstm", 256, 64, 100) == 6 * (4 * 256 * (256 + 64) + 100 * 256)
    assert operations_per_token("gru", 32, 16, 1000) == 6 * (3 * 32 * (32 + 16) + 2 * 1000 * 32)
    assert operations_per_token("elman", 32, 16, 512) == 6 * (32 * (32 + 16) + 512 * 32)


# What is given

GIVEN = {
    "seed": 7,
    "data": {"level": "word", "stream": "random", "valid_fraction": 0.2},
    "model": {"cell": "gru", "hidden_size": 48, "num_layers": 2, "embedding_size": 24, "dropout": 0.35},
    "training": {"batch_size": 5, "bptt_steps": 9, "learning_rate": 0.123, "epochs": 3.0, "optimizer": "sgd"},
}


@exhaustive
@given(
    TOKENS, VOCABULARIES, st.sets(st.sampled_from([(t, k) for t in ("data", "model", "training") for k in GIVEN[t]]))
)
def test_what_is_given_is_never_overridden(tokens: int, vocabulary: int, keys: set[tuple[str, str]]) -> None:
    given_: dict[str, Any] = {"data": {}, "model": {}, "training": {}}
    for table, key in keys:
        given_[table][key] = GIVEN[table][key]  # type: ignore[index]
    dumped = resolve(given_, tokens=tokens, vocabulary=vocabulary).model_dump()
    for table, key in keys:
        expected = GIVEN[table][key]  # type: ignore[index]
        assert dumped[table][key] == ((48,) if key == "hidden_size" else expected)


def test_nothing_given_is_enough() -> None:
    config = resolve({})
    assert (config.task, config.seed, config.data.level, config.model.cell) == ("lm", 0, "char", "lstm")
    assert resolve({"seed": 7}).seed == 7


def test_a_list_of_sizes_says_the_number_of_layers() -> None:
    model = chosen({"model": {"hidden_size": [256, 128, 64]}}).model
    assert (model.num_layers, model.hidden_sizes) == (3, (256, 128, 64))
    model = chosen({"model": {"hidden_size": 96, "num_layers": 3}}).model
    assert (model.num_layers, model.hidden_sizes) == (3, (96, 96, 96))


@pytest.mark.parametrize(
    "model", [{}, {"hidden_size": 96}, {"hidden_size": [96, 40]}, {"embedding_size": 100}, {"num_layers": 2}]
)
def test_tied_weights_have_equal_sizes(model: dict[str, Any]) -> None:
    config = chosen({"model": {**model, "tie_weights": True}}).model
    assert config.embedding_size == config.hidden_sizes[-1]
    assert config.embedding_size == model.get("embedding_size", config.hidden_sizes[-1])


def test_plain_gradient_descent_gets_a_rate_of_its_own() -> None:
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 1.0
    assert chosen({}).training.learning_rate < 0.01


def test_the_rate_falls_with_the_size_and_has_two_digits() -> None:
    rates = [chosen({"model": {"hidden_size": H}}).training.learning_rate for H in (32, 64, 256, 1024)]
    assert rates == [0.008, 0.008, 0.004, 0.002]


# Mistakes


def test_a_cell_that_does_not_exist_is_told_with_those_that_do() -> None:
    (message,) = mistakes({"model": {"cell": "gur"}})
    *others, last = CELLS
    assert message == (f"model.cell: unknown cell 'gur'; choose {', '.join(others)} or {last} (did you mean 'gru'?)")


def test_an_unknown_key_is_told_with_the_nearest() -> None:
    (message,) = mistakes({"training": {"batchsize": 3}})
    assert message.startswith("training.batchsize: unknown key (did you mean 'batch_size'?): choose steps, epochs,")
    (message,) = mistakes({"modle": {"cell": "gru"}})
    assert message == "modle: unknown key (did you mean 'model'?): choose task, seed, data, model, training"


def test_several_mistakes_are_told_at_once() -> None:
    messages = mistakes(
        {
            "model": {"cell": "gur", "hiden_size": 3},
            "training": {"learning_rate": -1, "steps": 0},
            "data": {"level": "lines"},
        }
    )
    assert [message.split(":")[0] for message in messages] == [
        "data.level",
        "model.cell",
        "model.hiden_size",
        "training.steps",
        "training.learning_rate",
    ]


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ({"steps": 5, "minutes": 1.0}, "steps and minutes"),
        ({"steps": 5, "epochs": 1.0}, "steps and epochs"),
        ({"steps": 5, "epochs": 1.0, "minutes": 1.0}, "steps and epochs and minutes"),
    ],
)
def test_there_is_one_budget_only(budgets: dict[str, Any], told: str) -> None:
    assert mistakes({"training": budgets}) == [f"training: one budget only, given {told}: choose one"]


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (
            {"model": {"hidden_size": [5, 4], "num_layers": 3}},
            "model: hidden_size gives 2 layers, num_layers 3",
        ),
        (
            {"model": {"hidden_size": 5, "embedding_size": 4, "tie_weights": True}},
            "model: tie_weights needs equal sizes, given embedding_size 4, last hidden size 5",
        ),
        (
            {"data": {"byte_fallback": True, "vocabulary_size": 256}},
            "data: vocabulary_size: given 256, expected 257 or more with byte_fallback",
        ),
        (
            {"data": {"level": "word", "byte_fallback": True}},
            "data: byte_fallback is for level 'char', given level 'word'",
        ),
    ],
)
def test_keys_that_disagree_are_told(given_: dict[str, Any], told: str) -> None:
    assert mistakes(given_) == [told]


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        *(
            ("training", key, value)
            for key in ("minutes", "epochs")
            for value in (0, -1, float("inf"), float("nan"), "x")
        ),
        *(
            ("training", key, value)
            for key in ("steps", "batch_size", "bptt_steps")
            for value in (0, -1, 0.5, float("inf"), "x", [3])
        ),
        ("training", "learning_rate", float("inf")),
        ("model", "hidden_size", 0),
        ("model", "hidden_size", "x"),
        ("model", "hidden_size", [32, -1]),
        ("model", "hidden_size", 0.5),
        ("model", "cell", ["gru"]),
        ("model", "num_layers", 0),
        ("model", "num_layers", 10**9),
        ("model", "embedding_size", -3),
        ("model", "dropout", 1.0),
        ("data", "valid_fraction", 1.0),
        ("data", "min_frequency", 0),
        ("data", "reset_probability", 1.5),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_never_breaks_the_choices(table: str, key: str, value: Any) -> None:
    (message,) = mistakes({table: {key: value}})
    wrong = value[-1] if key == "hidden_size" and isinstance(value, list) else value
    assert message.startswith(f"{table}.{key}: given {wrong!r}, expected ")


@pytest.mark.parametrize("table", ["data", "model", "training"])
@pytest.mark.parametrize("value", [3, "lstm", []])
def test_a_value_in_the_place_of_a_table_is_told(table: str, value: Any) -> None:
    assert mistakes({table: value}) == [f"{table}: given {value!r}, expected a table of keys"]

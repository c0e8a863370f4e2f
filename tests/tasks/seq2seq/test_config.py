"""The options of an encoder-decoder: mistakes are reported with their keys, and sizes follow from the options."""

from __future__ import annotations

from typing import Any

import pytest

from elman.config import validate_config
from elman.errors import ConfigError
from elman.tasks.seq2seq.config import PredictOptions, Seq2SeqConfig, Seq2SeqDataConfig, Seq2SeqTextConfig
from elman.tasks.seq2seq.defaults import resolve

from .models import tiny_config


def mistakes(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        resolve(values)
    assert caught.value.exit_code == 2
    return caught.value.message.splitlines()


def test_all_mistakes_are_reported_at_once() -> None:
    messages = mistakes(
        {"model": {"cell": "gur", "hiden_size": 3}, "training": {"steps": 0}, "data": {"source_level": "lines"}}
    )
    assert [message.split(":")[0] for message in messages] == [
        "data.source_level",
        "model.cell",
        "model.hiden_size",
        "training.steps",
    ]
    assert messages[2].startswith("model.hiden_size: unknown key (did you mean 'hidden_size'?); expected cell, ")


@pytest.mark.parametrize("second", [{"minutes": 1.0}, {"epochs": 1.0}])
def test_two_budgets_are_an_error(second: dict[str, Any]) -> None:
    (name,) = second
    expected = f"training: given steps and {name}; expected only one of steps, epochs and minutes"
    assert mistakes({"training": {"steps": 5, **second}}) == [expected]


@pytest.mark.parametrize(
    "value", [3, [1], [1, 1], [0, 1], [-1, 2], [1, 2, 3], ["a", "a"], [1, "b"], [1.0, 2.0], [True, 2], "1,2", {}]
)
def test_columns_are_two_different_numbers_from_one(value: Any) -> None:
    expected = "two different numbers from 1, or names, of source and target"
    assert mistakes({"data": {"columns": value}}) == [f"data.columns: given {value!r}; expected {expected}"]
    for columns in ([2, 1], (1, 3), ["en", "fr"], None):
        assert validate_config(Seq2SeqDataConfig, {"columns": columns}).columns == (tuple(columns) if columns else None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"data": {"columns": [1, 2], "extra_targets": True}},
            "data: given columns and extra_targets, which reads all columns; expected one of them",
        ),
        (
            {"data": {"columns": [1, 2], "format": "jsonl"}},
            "data: given numbers of columns for JSON lines; expected the names of two keys",
        ),
        (
            {"model": {"attention": "none", "input_feeding": True}},
            "model: given input_feeding with attention none; expected attention. Leave out input_feeding",
        ),
        (
            {"model": {"attention": "none", "aligned_input": True}},
            "model: given aligned_input with attention none; expected attention. Leave out aligned_input",
        ),
        (
            {"model": {"bridge": "copy"}},
            "model: given bridge copy; expected the same cell, layers and size in encoder and decoder, and "
            "bidirectional = false. Leave out bridge",
        ),
    ],
)
def test_keys_that_exclude_each_other_are_an_error(values: dict[str, Any], message: str) -> None:
    assert mistakes(values) == [message]


WRONG_VALUES: list[tuple[str, str, Any]] = [
    *(("training", key, value) for key in ("minutes", "epochs") for value in (0, -1, float("inf"), "x", [3])),
    *(("training", "batch_size", value) for value in (0, -1, 0.5, float("nan"), "x", [3])),
    ("training", "minutes", float("nan")),
    ("training", "steps", 0.5),
    ("training", "steps", float("inf")),
    *(("model", "hidden_size", value) for value in (0, -3, 0.5, 1e300, float("nan"), "x", [32])),
    ("model", "hidden_size", {}),
    *(("model", "num_layers", value) for value in (0, 0.5, -1, 10**9, "x", [2])),
    ("model", "cell", ["gru"]),
    ("model", "bidirectional", "perhaps"),
    ("model", "embedding_size", -3),
    ("model", "dropout", 1.0),
    ("data", "source_level", ["char"]),
    ("data", "normalize", "textbook"),
    ("data", "valid_fraction", 1.0),
    ("data", "min_frequency", 0),
    ("data", "vocabulary_size", 0),
]


@pytest.mark.parametrize(("table", "key", "value"), WRONG_VALUES)
def test_a_wrong_value_is_an_error_with_its_key(table: str, key: str, value: Any) -> None:
    (message,) = mistakes({table: {key: value}})
    assert message.startswith(f"{table}.{key}: given {value!r}; expected ")


@pytest.mark.parametrize("table", ["data", "model", "training"])
@pytest.mark.parametrize("value", [3, "lstm", []])
def test_a_value_in_place_of_a_table_is_an_error(table: str, value: Any) -> None:
    assert mistakes({table: value}) == [f"{table}: given {value!r}; expected a table of keys"]


@pytest.mark.parametrize(
    "wrong", [{"attention": "none"}, {"input_feeding": True}, {"num_layers": 1}, {"num_layers": 2, "decoder_layers": 1}]
)
def test_attention_of_the_first_layer_needs_layers_above_it(wrong: dict[str, Any]) -> None:
    sizes = {"embedding_size": 3, "hidden_size": 4, "num_layers": 2, "attention_layer": "first"}
    expected = "given attention_layer first; expected attention, two decoder layers or more, and no input_feeding"
    with pytest.raises(ConfigError, match=expected):
        validate_config(Seq2SeqConfig, {**sizes, **wrong})


def test_states_that_the_encoder_lacks_start_from_its_state_h() -> None:
    assert tiny_config("unlike").bridges == [
        (0, "h", "layers.0.h"), (0, "c", "layers.0.h"), (1, "h", "layers.0.h"), (1, "c", "layers.0.h"),
    ]  # fmt: skip
    assert tiny_config("shallower").bridges == [(0, "h", "layers.0.h")]
    assert tiny_config("dot").bridges == [(0, "h", "layers.0.h"), (0, "c", "layers.0.c")]


def test_encoder_and_decoder_are_described() -> None:
    deep = tiny_config("aligned_deep")
    assert deep.encoder_described == "2 x gru 4, both directions"
    assert deep.decoder_described == "2 x gru 6, attention general, aligned input"
    assert tiny_config("one_way").encoder_described == "1 x lstm 6, one direction"


def test_a_target_may_be_a_little_longer_than_in_training() -> None:
    text = Seq2SeqTextConfig(longest_ratio=1.5)
    assert [text.longest_target(tokens) for tokens in (0, 1, 9)] == [11, 13, 25]


def test_the_beam_has_at_least_n_best_hypotheses() -> None:
    options: list[tuple[dict[str, Any], int]] = [({}, 1), ({"beam": 3}, 3), ({"n_best": 4}, 4)]
    options.append(({"beam": 5, "n_best": 2}, 5))
    for values, beam in options:
        assert validate_config(PredictOptions, values).beam_size == beam
    with pytest.raises(ConfigError, match="--n-best: given 5; expected at most --beam, 2"):
        validate_config(PredictOptions, {"beam": 2, "n_best": 5})


@pytest.mark.parametrize("ratio", [250.0, 1e9, 1.7e308])
def test_a_prediction_has_an_end_whatever_the_ratio(ratio: float) -> None:
    assert Seq2SeqTextConfig(longest_ratio=ratio).longest_target(3) == 1010

"""The config of a language model: several mistakes are one error, each with its key, the value and what is expected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from elman.cells import CELLS
from elman.errors import ConfigError
from elman.tasks.language_model.config import LanguageModelTextConfig
from elman.tasks.language_model.defaults import resolve


def mistakes(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        resolve(values)
    assert raised.value.exit_code == 2
    return raised.value.message.splitlines()


def test_an_unknown_cell_is_an_error_that_lists_the_cells() -> None:
    (message,) = mistakes({"model": {"cell": "gur"}})
    *others, last = CELLS
    assert message == (f"model.cell: unknown cell 'gur'; choose {', '.join(others)} or {last} (did you mean 'gru'?)")


def test_an_unknown_key_is_an_error_with_the_nearest_key() -> None:
    (message,) = mistakes({"training": {"batchsize": 3}})
    assert message.startswith("training.batchsize: unknown key (did you mean 'batch_size'?); expected minutes, epochs,")
    (message,) = mistakes({"modle": {"cell": "gru"}})
    assert message == "modle: unknown key (did you mean 'model'?); expected task, seed, data, model, training"


def test_several_mistakes_are_one_error() -> None:
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
    ("budgets", "names"),
    [
        ({"steps": 5, "minutes": 1.0}, "steps and minutes"),
        ({"steps": 5, "epochs": 1.0}, "steps and epochs"),
        ({"steps": 5, "epochs": 1.0, "minutes": 1.0}, "steps and epochs and minutes"),
    ],
)
def test_two_budgets_are_an_error(budgets: dict[str, Any], names: str) -> None:
    assert mistakes({"training": budgets}) == [
        f"training: given {names}; expected only one of steps, epochs and minutes"
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"model": {"hidden_size": [5, 4], "num_layers": 3}},
            "model: hidden_size: given 2 sizes for 3 layers; expected one size, or one for each layer",
        ),
        (
            {"model": {"hidden_size": 5, "embedding_size": 4, "tie_weights": True}},
            "model: tie_weights: given embedding_size 4 and last hidden size 5; expected equal sizes",
        ),
        (
            {"data": {"byte_fallback": True, "vocabulary_size": 256}},
            "data: vocabulary_size: given 256; expected 257 or more with byte_fallback",
        ),
        (
            {"data": {"level": "word", "byte_fallback": True}},
            "data: byte_fallback: given with level 'word'; expected level 'char'",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_an_error(values: dict[str, Any], message: str) -> None:
    assert mistakes(values) == [message]


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
def test_a_wrong_value_is_an_error_with_its_key(table: str, key: str, value: Any) -> None:
    (message,) = mistakes({table: {key: value}})
    wrong = value[-1] if key == "hidden_size" and isinstance(value, list) else value
    assert message.startswith(f"{table}.{key}: given {wrong!r}; expected ")


@pytest.mark.parametrize("table", ["data", "model", "training"])
@pytest.mark.parametrize("value", [3, "lstm", []])
def test_a_value_in_place_of_a_table_is_an_error(table: str, value: Any) -> None:
    assert mistakes({table: value}) == [f"{table}: given {value!r}; expected a table of keys"]


@pytest.mark.parametrize("level", ["word", "byte"])
def test_byte_fallback_is_for_characters(level: Any) -> None:
    with pytest.raises(ValidationError, match=f"byte_fallback: given with level '{level}'; expected level 'char'"):
        LanguageModelTextConfig(level=level, byte_fallback=True)

"""Configuration: merging, assignments, reading and writing TOML, and errors that report all mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, PositiveInt, model_validator

from elman.config import (
    BUDGETS,
    Config,
    layer_values,
    merge_values,
    nest_value,
    parse_assignments,
    read_toml,
    to_toml,
    validate_config,
)
from elman.errors import ConfigError


class Engine(Config):
    cylinders: PositiveInt = 4
    fuel: Literal["petrol", "diesel", "steam"] = "petrol"
    share: float = Field(default=0.5, ge=0.0, lt=1.0)
    sizes: tuple[PositiveInt, ...] = (1, 2)
    turbo: bool = False
    name: str | None = None

    @model_validator(mode="after")
    def _require_one_cylinder_for_steam(self) -> Engine:
        if self.fuel == "steam" and self.cylinders != 1:
            raise ValueError(f"given {self.cylinders} cylinders; expected 1 for steam")
        return self


class Car(Config):
    seats: PositiveInt
    engine: Engine = Engine()


def mistakes(values: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        validate_config(Car, values)
    assert raised.value.exit_code == 2
    return raised.value.message.splitlines()


# Merging

names = st.sampled_from("abc")
trees = st.dictionaries(
    names,
    st.recursive(
        st.integers(0, 9), lambda subtrees: st.dictionaries(names, subtrees, min_size=1, max_size=3), max_leaves=6
    ),
)


def leaves(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(tree, dict):
        return {path: tree}
    return {leaf_path: leaf for key, value in tree.items() for leaf_path, leaf in leaves(value, (*path, key)).items()}


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(trees, trees)
def test_the_later_layer_wins_and_the_earlier_one_supplies_other_values(first: Any, second: Any) -> None:
    merged = leaves(merge_values(first, second))
    assert leaves(second).items() <= merged.items()
    for path, leaf in leaves(first).items():
        is_replaced = any(path[: len(other)] == other or other[: len(path)] == path for other in leaves(second))
        assert is_replaced or merged[path] == leaf
    assert merged.keys() <= leaves(first).keys() | leaves(second).keys()


def test_tables_are_merged_key_by_key_and_other_values_are_replaced() -> None:
    layers: tuple[dict[str, Any], ...] = ({"a": {"x": 1, "y": [1]}, "b": 1}, {"a": {"y": [2]}}, {"b": {"z": 3}})
    assert merge_values(*layers) == {"a": {"x": 1, "y": [2]}, "b": {"z": 3}}
    assert merge_values({"a": {"x": 1}}, {"a": 5}) == {"a": 5}
    assert merge_values() == {}


def test_merging_does_not_change_the_layers() -> None:
    first, second = {"a": {"x": 1}}, {"a": {"y": 2}}
    merge_values(first, second)
    assert (first, second) == ({"a": {"x": 1}}, {"a": {"y": 2}})


def test_a_key_with_dots_is_nested() -> None:
    assert nest_value("a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert nest_value("a", {"b": 2}) == {"a": {"b": 2}}


# Layers of a config, in which a training budget replaces others


def with_training(**values: Any) -> dict[str, Any]:
    return {"training": values}


@pytest.mark.parametrize("first", sorted(BUDGETS))
@pytest.mark.parametrize("second", sorted(BUDGETS))
def test_a_budget_replaces_any_budget_of_earlier_layers(first: str, second: str) -> None:
    below = {"training": {first: 3, "batch_size": 4}, "seed": 1}
    values = layer_values(below, with_training(), with_training(**{second: 5}))
    assert values == {"training": {second: 5, "batch_size": 4}, "seed": 1}
    assert below == {"training": {first: 3, "batch_size": 4}, "seed": 1}, "the layers do not change"


def test_a_layer_without_a_budget_keeps_the_budget_of_earlier_layers() -> None:
    values = layer_values(with_training(steps=3), with_training(batch_size=8), {"seed": 2})
    assert values == {"training": {"steps": 3, "batch_size": 8}, "seed": 2}


def test_the_last_of_three_budgets_is_used() -> None:
    values = layer_values(with_training(steps=3), with_training(minutes=1.0), with_training(epochs=2))
    assert values == with_training(epochs=2)


# Assignments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64),
        ("-0.5", -0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("false", False),
        ("[256, 128]", [256, 128]),
        ('["a", "b"]', ["a", "b"]),
        ('"64"', "64"),
        ("adamw", "adamw"),
        ("two words", "two words"),
        ("D:/x=y", "D:/x=y"),
        ("中文", "中文"),
        ("", ""),
        (" 7 ", 7),
    ],
)
def test_the_right_side_of_an_assignment_is_toml_or_a_string(text: str, value: Any) -> None:
    parsed = parse_assignments([f"table.key={text}"])["table"]["key"]
    assert (parsed, type(parsed)) == (value, type(value))


def test_assignments_are_merged_and_the_last_one_wins() -> None:
    assignments = ["a.x=1", "b=2", "a.y=3", "a.x=4", " a.z =5"]
    assert parse_assignments(assignments) == {"a": {"x": 4, "y": 3, "z": 5}, "b": 2}
    assert parse_assignments([]) == {}


@pytest.mark.parametrize("bad", ["training.batch_size", "=3", " =3", ""])
def test_text_without_an_assignment_raises_an_error_with_an_example(bad: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_assignments([bad])
    assert str(raised.value) == f"--set {bad!r}; expected KEY=VALUE. For example: --set training.batch_size=64"


# TOML


def test_reading_returns_the_config_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    car = Car(
        seats=2, engine=Engine(cylinders=6, fuel="diesel", share=0.1, sizes=(3,), turbo=True, name='a "quoted" 名')
    )
    for config in (car, Car(seats=1)):
        path.write_text(to_toml(config), "utf-8")
        assert validate_config(Car, read_toml(path)) == config


def test_keys_with_the_value_none_are_omitted(tmp_path: Path) -> None:
    (tmp_path / "car.toml").write_text(to_toml(Car(seats=1)), "utf-8")
    assert "name" not in (tmp_path / "car.toml").read_text("utf-8")


def test_a_byte_order_mark_is_not_a_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_bytes(b"\xef\xbb\xbfseats = 3\n")
    assert read_toml(path) == {"seats": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"seats = \n", "not a TOML file: "), (b"seats = '\xff'\n", "not a TOML file: "), (None, "no such config file")],
)
def test_a_file_that_cannot_be_read_raises_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "car.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_toml(path)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_a_folder_instead_of_a_file_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read_toml(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path}: not a TOML file: ")


# Mistakes


def test_a_valid_config_contains_the_values_and_the_defaults() -> None:
    car = validate_config(Car, {"seats": 5, "engine": {"fuel": "diesel"}})
    assert car == Car(seats=5, engine=Engine(cylinders=4, fuel="diesel"))


def test_the_error_of_a_misspelled_key_names_the_closest_and_all_keys() -> None:
    (message,) = mistakes({"seats": 1, "engine": {"cylinder": 3}})
    known = "cylinders, fuel, share, sizes, turbo, name"
    assert message == f"engine.cylinder: unknown key (did you mean 'cylinders'?); expected {known}"


def test_a_key_that_resembles_no_other_gets_no_suggestion() -> None:
    assert mistakes({"seats": 1, "qqq": 3}) == ["qqq: unknown key; expected seats, engine"]


def test_the_error_of_an_invalid_choice_names_the_choices_and_the_closest() -> None:
    (message,) = mistakes({"seats": 1, "engine": {"fuel": "desel"}})
    assert message == "engine.fuel: given 'desel'; expected petrol, diesel or steam (did you mean 'diesel'?)"
    (message,) = mistakes({"seats": 1, "engine": {"fuel": 7}})
    assert message == "engine.fuel: given 7; expected petrol, diesel or steam"


@pytest.mark.parametrize(
    ("values", "beginning"),
    [
        ({"seats": 0}, "seats: given 0; expected"),
        ({"seats": "many"}, "seats: given 'many'; expected"),
        ({"seats": 1, "engine": {"share": 1.5}}, "engine.share: given 1.5; expected"),
        ({"seats": 1, "engine": {"share": float("nan")}}, "engine.share: given nan; expected"),
        ({"seats": 1, "engine": {"sizes": [3, -1]}}, "engine.sizes: given -1; expected"),
        ({"seats": 1, "engine": {"turbo": "perhaps"}}, "engine.turbo: given 'perhaps'; expected"),
    ],
)
def test_the_error_of_an_invalid_value_names_the_key_and_the_value(values: Any, beginning: str) -> None:
    (message,) = mistakes(values)
    assert message.startswith(beginning)
    assert len(message) > len(beginning) + 3  # something follows


def test_a_missing_key_raises_an_error() -> None:
    assert mistakes({}) == ["seats: missing key"]


def test_a_value_instead_of_a_table_raises_an_error() -> None:
    assert mistakes({"seats": 1, "engine": 3}) == ["engine: given 3; expected a table of keys"]


def test_the_error_of_contradictory_keys_names_their_table() -> None:
    (message,) = mistakes({"seats": 1, "engine": {"fuel": "steam"}})
    assert message == "engine: given 4 cylinders; expected 1 for steam"


def test_all_mistakes_are_reported_at_once() -> None:
    messages = mistakes({"engine": {"fuel": "desel", "cylinder": 3, "share": -1}})
    assert [message.split(":")[0] for message in messages] == [
        "seats",
        "engine.fuel",
        "engine.share",
        "engine.cylinder",
    ]


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Car(seats=1).seats = 2


class Lists(Config):
    """A config with a list of numbers."""

    numbers: tuple[int, ...] = ()
    name: str = ""


def test_a_list_with_very_many_mistakes_is_one_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        validate_config(Lists, {"numbers": ["x"] * 100_000, "name": 3})
    assert caught.value.message.split("\n") == [
        "numbers: given 'x'; expected a valid integer",
        "name: given 3; expected a valid string",
    ]


def test_a_table_with_very_many_keys_is_one_problem() -> None:
    with pytest.raises(ConfigError, match=r"^config: given 200,000 keys; expected at most 1,000$|^given 200,000 keys"):
        validate_config(Lists, {str(n): n for n in range(200_000)})


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        validate_config(Lists, {"name": ["x" * 1_000_000] * 1000})
    assert len(caught.value.message) < 10_000


def test_deep_toml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match=r"a\.toml: not a TOML file"):
        read_toml(tmp_path / "a.toml")

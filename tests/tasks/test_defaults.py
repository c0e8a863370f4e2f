"""The whole config: budgets that replace each other over layers, bounds, and the zeros that turn things off."""

from __future__ import annotations

from typing import Any

import pytest
from elman.experiment.config import BUDGETS, layer_values, resolve

from elman.config import to_toml
from elman.errors import ConfigError


def training(**values: Any) -> dict[str, Any]:
    return {"training": values}


@pytest.mark.parametrize("first", sorted(BUDGETS))
@pytest.mark.parametrize("second", sorted(BUDGETS))
def test_a_budget_replaces_any_other_of_the_layers_before(first: str, second: str) -> None:
    below = {"training": {first: 3, "batch_size": 4}, "seed": 1}
    found = layer_values(below, training(), training(**{second: 5}))
    assert found == {"training": {second: 5, "batch_size": 4}, "seed": 1}
    assert below == {"training": {first: 3, "batch_size": 4}, "seed": 1}, "the layers stay as they were"


def test_without_a_new_budget_the_old_one_stays() -> None:
    assert layer_values(training(steps=3), training(batch_size=8), {"seed": 2}) == {
        "training": {"steps": 3, "batch_size": 8},
        "seed": 2,
    }


def test_the_last_of_three_budgets_wins() -> None:
    assert layer_values(training(steps=3), training(minutes=1.0), training(epochs=2)) == training(epochs=2)


def test_two_budgets_in_one_layer_are_still_a_mistake() -> None:
    given = layer_values(training(epochs=1), training(steps=3, minutes=1.0))
    assert given == training(steps=3, minutes=1.0)
    with pytest.raises(ConfigError, match="one budget only, given steps and minutes"):
        resolve(given)


@pytest.mark.parametrize("wrong", [3, "steps = 3", None])
def test_a_layer_whose_training_is_no_table_is_left_for_the_config_to_refuse(wrong: Any) -> None:
    assert layer_values({"training": wrong}, training(steps=3))["training"] == {"steps": 3}
    given = layer_values(training(steps=3), {"training": wrong})
    with pytest.raises(ConfigError, match="training: given "):
        resolve(given)


@pytest.mark.parametrize(("seed", "right"), [(0, True), (2**63 - 1, True), (-1, False), (2**63, False)])
def test_a_seed_is_one_that_torch_and_numpy_take(seed: int, right: bool) -> None:
    given = {"seed": seed, **training(steps=1)}
    if right:
        assert resolve(given).seed == seed
        return
    with pytest.raises(ConfigError, match=f"seed: given {seed}, expected "):
        resolve(given)


ZEROS = ["clip_norm", "patience", "validate_tokens"]


@pytest.mark.parametrize("key", ZEROS)
def test_a_zero_turns_it_off_and_is_written_down(key: str) -> None:
    import tomllib

    config = resolve(training(steps=1, **{key: 0}))
    assert getattr(config.training, key) == 0
    again = resolve(tomllib.loads(to_toml(config)))
    assert again == config, "what a file holds is what was resolved"


@pytest.mark.parametrize("key", ZEROS)
def test_less_than_zero_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"training.{key}: given -1, expected greater than or equal to 0"):
        resolve(training(steps=1, **{key: -1}))

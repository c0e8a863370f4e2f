"""The config that every task resolves: seeds, budgets, and zeros that turn an option off."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from elman.config import BUDGETS, layer_values, to_toml
from elman.errors import ConfigError
from elman.tasks.estimator import config_places
from elman.tasks.spec import TASKS, AnyTask, RunConfig, task_spec
from elman.training.throughput import ASSUMED_CPU_FLOPS

ZEROS = {"clip_norm", "patience", "validate_tokens"}  # options of training for which zero means none, or all
TASKS_WITH_ZEROS = [
    (task, key) for task in TASKS for key in sorted(ZEROS & set(config_places(task_spec(task).run_config)))
]


@pytest.fixture(params=TASKS)
def spec(request: pytest.FixtureRequest) -> AnyTask:
    return task_spec(request.param)


def resolve(spec: AnyTask, values: dict[str, Any]) -> RunConfig:
    config: RunConfig = spec.resolve(values, None, ASSUMED_CPU_FLOPS)
    return config


def with_training(**values: Any) -> dict[str, Any]:
    return {"training": values}


def test_the_config_names_its_task(spec: AnyTask) -> None:
    assert resolve(spec, {}).task == spec.name


@pytest.mark.parametrize("budget", sorted(BUDGETS))
def test_a_given_budget_is_the_only_one(spec: AnyTask, budget: str) -> None:
    training = resolve(spec, with_training(**{budget: 3})).training
    assert {name for name in BUDGETS if getattr(training, name) is not None} == {budget}


def test_without_a_budget_there_is_one_in_minutes(spec: AnyTask) -> None:
    training = resolve(spec, {}).training
    assert {name for name in BUDGETS if getattr(training, name) is not None} == {"minutes"}


def test_two_budgets_in_one_layer_are_an_error(spec: AnyTask) -> None:
    values = layer_values(with_training(epochs=1), with_training(steps=3, minutes=1.0))
    assert values == with_training(steps=3, minutes=1.0)
    with pytest.raises(
        ConfigError, match="training: given steps and minutes; expected only one of steps, epochs and minutes"
    ):
        resolve(spec, values)


@pytest.mark.parametrize("wrong", [3, "steps = 3", None])
def test_a_value_in_place_of_the_table_training_is_an_error_of_validation(spec: AnyTask, wrong: Any) -> None:
    assert layer_values({"training": wrong}, with_training(steps=3))["training"] == {"steps": 3}
    values = layer_values(with_training(steps=3), {"training": wrong})
    with pytest.raises(ConfigError, match="training: given "):
        resolve(spec, values)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_a_seed_that_torch_and_numpy_accept_is_valid(spec: AnyTask, seed: int) -> None:
    assert resolve(spec, {"seed": seed, **with_training(steps=1)}).seed == seed


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_torch_or_numpy_does_not_accept_is_an_error(spec: AnyTask, seed: int) -> None:
    with pytest.raises(ConfigError, match=f"seed: given {seed}; expected "):
        resolve(spec, {"seed": seed, **with_training(steps=1)})


@pytest.mark.parametrize("synonym", ["rnn", "srn"])
def test_a_synonym_of_a_cell_is_the_cell(spec: AnyTask, synonym: str) -> None:
    configs = [resolve(spec, {"model": {"cell": name}}) for name in (synonym, "elman")]
    assert configs[0] == configs[1]
    assert configs[0].model_dump()["model"]["cell"] == "elman"


@pytest.mark.parametrize(("spec", "key"), TASKS_WITH_ZEROS, indirect=["spec"])
def test_zero_turns_an_option_off_and_is_written_to_the_file(spec: AnyTask, key: str) -> None:
    config = resolve(spec, with_training(steps=1, **{key: 0}))
    assert getattr(config.training, key) == 0
    assert resolve(spec, tomllib.loads(to_toml(config))) == config, "the file holds the resolved config"


@pytest.mark.parametrize(("spec", "key"), TASKS_WITH_ZEROS, indirect=["spec"])
def test_a_value_below_zero_is_an_error(spec: AnyTask, key: str) -> None:
    with pytest.raises(ConfigError, match=f"training.{key}: given -1; expected greater than or equal to 0"):
        resolve(spec, with_training(steps=1, **{key: -1}))

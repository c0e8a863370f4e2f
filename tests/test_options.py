"""Options: a config field gives its flag, its help, its value from the command line, and its row in the docs."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import PositiveInt

from elman.cells import CELLS
from elman.config import Config
from elman.data.readers.token_lines import CONLLU
from elman.options import Option, fields_of, option, options_of, values_of
from elman.tasks.estimator import OWN_PARAMETERS, Estimator, config_places
from elman.tasks.spec import TASKS, task_spec
from elman.translations import translate, use_language

from .scripts import load_script

ROOT = Path(__file__).parent.parent


class Inner(Config):
    size: PositiveInt = option(flag="--size", help="Size", automatic="chosen")
    sizes: tuple[int, ...] | int = option((1, 2), flag="--sizes", help="Sizes")
    kind: Literal["a", "b", "c"] = option("b", flag="--kind", help="Kind")
    rate: float | None = option(None, flag="--some-rate", help="Rate")
    shares: tuple[float, ...] = option((0.5,), flag="--shares", help="Shares")
    shuffle: bool = option(True, flag="--shuffle", help="Shuffle")
    hidden: int = option(3, help="Without a flag")


class Outer(Config):
    inner: Inner
    seed: int = option(0, flag="--seed", help="Seed")


OPTIONS = {each.name: each for each in options_of(Outer)}


def test_fields_with_a_flag_are_options_in_their_order() -> None:
    assert [each.key for each in options_of(Outer)] == [
        *("inner.size", "inner.sizes", "inner.kind", "inner.rate", "inner.shares", "inner.shuffle", "seed"),
    ]
    assert [each.key for each in fields_of(Outer) if not each.flag] == ["inner.hidden"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("size", "Size.  [default: chosen]"),
        ("sizes", "Sizes.  [default: 1,2]"),
        ("kind", "Kind: a, b or c.  [default: b]"),
        ("some_rate", "Rate."),
        ("shuffle", "Shuffle.  [default: yes]"),
    ],
)
def test_help_has_the_choices_and_the_default(name: str, text: str) -> None:
    assert OPTIONS[name].help == text


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("size", 5, 5),
        ("sizes", "5", 5),
        ("sizes", "5,6", [5, 6]),
        ("sizes", "5,x", [5, "x"]),
        ("shares", "0.5", [0.5]),
        ("shares", "0.1, 0.9", [0.1, 0.9]),
        ("kind", "a", "a"),
        ("shuffle", False, False),
    ],
)
def test_a_value_from_the_command_line(name: str, given: Any, value: Any) -> None:
    assert OPTIONS[name].parse(given) == value


def test_values_that_are_not_given_are_left_out() -> None:
    values = values_of(OPTIONS.values(), {"size": 4, "kind": None, "shuffle": False, "other": 1})
    assert values == {"inner": {"size": 4, "shuffle": False}}


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_every_task_is_explained(task: str) -> None:
    config = task_spec(task).run_config
    explained = {field.key.split(".")[-1] for field in fields_of(config)}
    assert set(config_places(config)) - explained == {"task"}


def declared_default(config: type[Config], key: str) -> Any:
    """The default of a field, found by its key such as `model.dropout`."""
    first, _, rest = key.partition(".")
    field = config.model_fields[first]
    if not rest:
        return field.default
    assert isinstance(field.annotation, type)
    assert issubclass(field.annotation, Config)
    return declared_default(field.annotation, rest)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("flops", [1e9, 1e12])
def test_an_option_whose_value_the_program_chooses_says_so(task: str, flops: float) -> None:
    spec = task_spec(task)
    values = spec.resolve({}, None, flops).model_dump()
    for field in fields_of(spec.run_config):
        value = functools.reduce(dict.__getitem__, field.key.split("."), values)
        default = declared_default(spec.run_config, field.key)
        assert value == default or field.automatic, f"{field.key} is {value}, and its help says {field.default}"


@pytest.mark.parametrize("task", TASKS)
def test_flags_are_unique_within_a_task(task: str) -> None:
    spec = task_spec(task)
    prediction = [spec.prediction.options] if spec.prediction else []
    for config in (spec.run_config, spec.evaluation.options, *prediction):
        flags = [each.flag for each in options_of(config)]
        assert len(flags) == len(set(flags))


@pytest.mark.parametrize("task", TASKS)
def test_the_parameters_of_an_estimator_are_fields_of_its_config(task: str) -> None:
    module = importlib.import_module(f"{TASKS[task].package}.estimator")
    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Estimator)]
    (estimator,) = (each for each in classes if each is not Estimator)
    places = config_places(task_spec(task).run_config)
    parameters = inspect.signature(estimator).parameters
    assert set(parameters) - set(places) == OWN_PARAMETERS
    flags = {each.key: each for each in options_of(task_spec(task).run_config)}
    sizes = {key for key in flags if key.startswith("model.")} - {places[name] for name in parameters if name in places}
    assert sizes <= {"model.tie_weights"}, "sizes that the command line has and the estimator lacks"


GENERATE = load_script(ROOT / "docs" / "generate_options.py")
FIELDS = [field for task in TASKS for field in fields_of(task_spec(task).run_config)]
VALUES = {choice for field in FIELDS for choice in field.choices} | {*CELLS, *CONLLU}
ENGLISH_WORDS = {"attention", "columns", "first", "last", "none", "random", "recurrent", "season", "word"}  # and values
NAME = re.compile(  # a flag, <unk>, a variable of a formula, a key, a file, a number, CPU or UTF-8
    r"--[\w-]+|<\w+>|(?<!')\b[b-z]\b|\w+_\w+|[a-z]\w*\.[a-z]\w*|\d+(?:[.,]\d+)*|[A-Z]{2,}[\w-]*", re.ASCII
)


def names_in(text: str, choices: Collection[str]) -> set[str]:
    """The names, values and numbers in a text, which no translation changes. choices are those of its option."""
    words = set(re.findall(r"[a-z_]+", text))
    return set(NAME.findall(text)) | (words & (VALUES - ENGLISH_WORDS | set(choices)))


def translations() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each text of an option: in English, in Chinese, and the choices of the option."""
    with use_language("zh"):
        for field in FIELDS:
            for english in (field.description, field.automatic):
                yield english, translate(english, "options"), field.choices


def test_the_pages_of_options_are_those_of_the_configs() -> None:
    for path, text in GENERATE.pages():
        assert path.read_text("utf-8") == text, "run `make docs-pages`"


def test_translations_keep_the_names_values_and_numbers() -> None:
    for english, chinese, choices in translations():
        lost = names_in(english, choices) - names_in(chinese, choices)
        assert not lost, f"options.toml: {chinese!r} lacks {lost}, which {english!r} has"


def test_the_help_of_an_option_is_in_the_current_language() -> None:
    field = next(field for field in FIELDS if field.key == "training.optimizer")
    with use_language("zh"):
        assert field.help == "优化器。可取 adamw、adam、sgd 或 rmsprop。  [默认值：adamw]"
    assert field.help == "Optimizer: adamw, adam, sgd or rmsprop.  [default: adamw]"


def test_an_option_is_named_after_its_flag() -> None:
    assert isinstance(OPTIONS["some_rate"], Option)
    assert OPTIONS["some_rate"].key == "inner.rate"

"""Configuration: TOML files, --set key=value and flags, merged into frozen pydantic models that say what is wrong.

Later wins: automatic choices < the file < --set < flags. Every mistake is reported at once, with the key, what was
given, what is expected, and the nearest key where one was misspelled. The models stand beside what they configure.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from elman.errors import ConfigError

Values = dict[str, Any]

BUDGETS = frozenset({"minutes", "epochs", "steps"})


class Config(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


C = TypeVar("C", bound=Config)


def read_toml(path: Path) -> Values:
    """Return the values of a TOML file."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError("no such config file", where=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"not a TOML file: {error}", where=str(path)) from None


def to_toml(config: Config) -> str:
    """Return a config as TOML; keys that are None, which is always their default, are left out."""
    import tomli_w

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def parse_assignments(assignments: Iterable[str]) -> Values:
    """Return nested values from `training.batch_size=64`; the right side is TOML, or else a plain string."""
    values: Values = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key.strip():
            raise ConfigError(f"--set {assignment!r}: expected KEY=VALUE", hint="for example training.batch_size=64")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        values = merged(values, nested(key.strip(), value))
    return values


def nested(key: str, value: Any) -> Values:
    """Return {"a": {"b": value}} for the key `a.b`."""
    for name in reversed(key.split(".")):
        value = {name: value}
    result: Values = value
    return result


def merged(*layers: Mapping[str, Any]) -> Values:
    """Return the layers laid over each other, later ones winning, tables merged key by key."""
    result: Values = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, Mapping)
            result[key] = merged(below, value) if both and below is not None else value
    return result


def layered(*layers: Values) -> Values:
    """Return the layers laid over each other; a training budget in a later one replaces any other budget below it."""
    result: Values = {}
    for layer in layers:
        training = layer.get("training")
        if isinstance(training, dict) and BUDGETS & set(training) and isinstance(result.get("training"), dict):
            others = {key: value for key, value in result["training"].items() if key not in BUDGETS}
            result = {**result, "training": others}
        result = merged(result, layer)
    return result


def table(values: Mapping[str, Any], name: str) -> Values:
    """Return a table of the values, empty where there is none: what is no table is left to validation to refuse."""
    found = values.get(name, {})
    return found if isinstance(found, dict) else {}


def positive(value: Any) -> float | None:
    """Return what validation will take as a positive number, else None: what it refuses must not stop the choices."""
    return float(value) if isinstance(value, int | float) and 0 < value < 1e18 else None


def validated(model: type[C], values: Mapping[str, Any]) -> C:
    """Return the config, or raise one ConfigError that tells of every mistake."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_told(model, problem) for problem in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(problems))) from None


def _told(model: type[Config], problem: Any) -> str:
    path = [part for part in problem["loc"] if isinstance(part, str)]
    key = ".".join(path) or "config"
    if problem["type"] == "extra_forbidden":
        known = _keys(model, path[:-1])
        return f"{key}: unknown key{_did_you_mean(path[-1], known)}: choose {', '.join(known)}"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if problem["type"] == "missing":
        return f"{key}: missing"
    if problem["type"] in ("model_type", "dict_type"):
        return f"{key}: given {problem['input']!r}, expected a table of keys"
    if not path or problem["type"] == "value_error":
        return f"{key}: {message}" if path else message
    if problem["type"] == "literal_error":
        choices = problem["ctx"]["expected"].replace("'", "")
        guess = _did_you_mean(str(problem["input"]), choices.replace(" or ", ", ").split(", "))
        return f"{key}: given {problem['input']!r}, expected {choices}{guess}"
    expected = message.removeprefix("input should be ").split(", unable to")[0]
    return f"{key}: given {problem['input']!r}, expected {expected}"


def _keys(model: type[Config], path: list[str]) -> list[str]:
    """The keys that a table of the config may hold."""
    for name in path:
        field = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(field, type) and issubclass(field, Config)):
            return []
        model = field
    return list(model.model_fields)


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

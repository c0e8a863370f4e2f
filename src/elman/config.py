"""Configuration: values from a TOML file, --set KEY=VALUE and flags, merged and validated as frozen pydantic models.

Later sources win: automatic choices < the file < --set < flags. Validation reports all mistakes at once, each with its
key, the value, what is expected, and the nearest known key for a misspelled one. A model is next to what it configures.
"""

from __future__ import annotations

import difflib
import reprlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema

from elman.errors import ConfigError

Values = dict[str, Any]
_SHOWN = reprlib.Repr()  # of values in errors, which a file may make very long
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = 200
_SHOWN.maxlist = _SHOWN.maxtuple = _SHOWN.maxdict = 20
BUDGETS = frozenset({"minutes", "epochs", "steps"})  # of which a training has one
MAX_KEYS = 1000  # of a table
MAX_PROBLEMS = 50  # in one error
_MAX_NUMBER = 1e18
_MAX_WORD = 100  # characters of a word that is compared to the known ones


def _end_lists_at_first_mistake(schema: Any) -> None:
    """Change a schema of pydantic and what is in it."""
    if isinstance(schema, dict):
        if schema.get("type") in ("tuple", "list"):
            schema["fail_fast"] = True
        for part in schema.values():
            _end_lists_at_first_mistake(part)
    elif isinstance(schema, list):
        for part in schema:
            _end_lists_at_first_mistake(part)


class Config(BaseModel):
    """A frozen model that rejects unknown keys.

    `refused_keys` explains why a key that a user may expect is not there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    refused_keys: ClassVar[dict[str, str]] = {}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let the validation of a list end at its first mistake, of which a hostile file may have very many."""
        schema = handler(source)
        _end_lists_at_first_mistake(schema)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _has_few_keys(cls, values: Any) -> Any:
        if isinstance(values, dict) and len(values) > MAX_KEYS:
            raise ValueError(f"given {len(values):,} keys; expected at most {MAX_KEYS:,}")
        return values


C = TypeVar("C", bound=Config)


def read_toml(path: Path) -> Values:
    """Return the values of a TOML file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError("no such config file", where=str(path)) from None
    except OSError as error:
        raise ConfigError(f"not a TOML file: {error}", where=str(path)) from None
    return parse_toml(content, path)


def parse_toml(content: bytes, path: Path) -> Values:
    """Return the values in a TOML file's content."""
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        raise ConfigError(f"not a TOML file: {error}", where=str(path)) from None


def to_toml(config: Config) -> str:
    """Return a config as TOML without the keys whose value is None, which is always their default."""
    import tomli_w

    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def parse_assignments(assignments: Iterable[str]) -> Values:
    """Return nested values from `training.batch_size=64`; a right side that is not TOML is a plain string."""
    values: Values = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key.strip():
            hint = "For example: --set training.batch_size=64"
            raise ConfigError(f"--set {assignment!r}; expected KEY=VALUE", hint=hint)
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        values = merge_values(values, nest_value(key.strip(), value))
    return values


def nest_value(key: str, value: Any) -> Values:
    """Return {"a": {"b": value}} for the key `a.b`."""
    for name in reversed(key.split(".")):
        value = {name: value}
    result: Values = value
    return result


def merge_values(*layers: Mapping[str, Any]) -> Values:
    """Return the merged layers: later values win, and tables are merged key by key."""
    merged: Values = {}
    for layer in layers:
        for key, value in layer.items():
            current = merged.get(key)
            if isinstance(current, dict) and isinstance(value, Mapping):
                merged[key] = merge_values(current, value)
            else:
                merged[key] = value
    return merged


def layer_values(*layers: Values) -> Values:
    """Return the merged layers; a training budget in a later one replaces any other budget before it."""
    merged: Values = {}
    for layer in layers:
        training = layer.get("training")
        if isinstance(training, dict) and BUDGETS & set(training) and isinstance(merged.get("training"), dict):
            others = {key: value for key, value in merged["training"].items() if key not in BUDGETS}
            merged = {**merged, "training": others}
        merged = merge_values(merged, layer)
    return merged


def get_table(values: Mapping[str, Any], name: str) -> Values:
    """Return a table of the values, or an empty one if it is missing or not a table, which validation reports."""
    value = values.get(name, {})
    return value if isinstance(value, dict) else {}


def positive_or_none(value: Any) -> float | None:
    """Return a positive number as a float, and None for any other value, which validation reports."""
    return float(value) if isinstance(value, int | float) and 0 < value < _MAX_NUMBER else None


def validate_config(model: type[C], values: Mapping[str, Any]) -> C:
    """Return the config, or raise one ConfigError that lists all mistakes."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_describe_problem(model, problem) for problem in error.errors()[:MAX_PROBLEMS]]
        raise ConfigError("\n".join(dict.fromkeys(problems))) from None


def _describe_problem(model: type[Config], problem: Any) -> str:
    path = [part for part in problem["loc"] if isinstance(part, str)]
    key = ".".join(path) or "config"
    value, kind = problem["input"], problem["type"]
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "extra_forbidden":
        if (reason := refusal(model, path)) is not None:
            return f"{key}: {reason}"
        known_keys = _known_keys(model, path[:-1])
        return f"{key}: unknown key{_suggest(path[-1], known_keys)}; expected {', '.join(known_keys)}"
    if kind == "missing":
        return f"{key}: missing key"
    if kind in ("model_type", "dict_type"):
        return f"{key}: given {_SHOWN.repr(value)}; expected a table of keys"
    if not path or kind == "value_error":
        return f"{key}: {message}" if path else message
    if kind == "literal_error":
        expected = problem["ctx"]["expected"].replace("'", "")
        choices = expected.replace(" or ", ", ").split(", ")
        suggestion = _suggest(value, choices) if isinstance(value, str) else ""
    else:
        expected, suggestion = message.removeprefix("input should be ").split(", unable to")[0], ""
    return f"{key}: given {_SHOWN.repr(value)}; expected {expected}{suggestion}"


def refusal(model: type[Config], path: Sequence[str]) -> str | None:
    """Return why a key is refused, for a key that its table explains."""
    table = _table(model, path[:-1])
    return table.refused_keys.get(path[-1]) if table is not None else None


def _known_keys(model: type[Config], path: Sequence[str]) -> list[str]:
    """Return the keys of a table of the config."""
    table = _table(model, path)
    return list(table.model_fields) if table is not None else []


def _table(model: type[Config], path: Sequence[str]) -> type[Config] | None:
    """Return the model of a table of the config, or None if the path is no table."""
    for name in path:
        field = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(field, type) and issubclass(field, Config)):
            return None
        model = field
    return model


def _suggest(word: str, choices: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` for a word that resembles one of the choices."""
    close = difflib.get_close_matches(word[:_MAX_WORD], choices, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""

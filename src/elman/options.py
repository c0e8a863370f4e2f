"""Options: fields of a config that have a flag on the command line, each declared once, on the field.

    hidden_size: PositiveInt = option(flag="--hidden", help="Hidden units of each layer", automatic=AUTOMATIC)

The command line, its help, the parameters of the estimators and the tables of the docs are made from these fields;
--set and TOML files reach every field, with a flag or without.
"""

from __future__ import annotations

import keyword
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .config import Config, Values, merge_values, nest_value
from .translations import current_language, translate

AUTOMATIC = "chosen from the data and the budget"
TRAINING = "(training)"  # begins the help of a field of a model that does not change predictions
CATALOGUE = "options"  # the part of the catalogue that has the texts of options


def option(
    default: Any = ...,
    *,
    help: str,  # noqa: A002 - as the command line calls it
    flag: str | None = None,
    negative_flag: str | None = None,
    metavar: str | None = None,
    automatic: str | None = None,
    repeatable: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    min_length: int | None = None,
) -> Any:
    """Return a config field with its help, its flag and the limits of its values.

    automatic describes the value that is used where none is given and the default is None or missing. A repeatable flag
    adds one value to a tuple each time. negative_flag is the flag for no, of a field of yes or no: --no-FLAG by
    default.
    """
    extra: dict[str, Any] = {
        "flag": flag,
        "negative_flag": negative_flag,
        "metavar": metavar,
        "automatic": automatic,
        "repeatable": repeatable,
    }
    return Field(default, description=help, json_schema_extra=extra, ge=ge, gt=gt, le=le, lt=lt, min_length=min_length)


@dataclass(frozen=True, slots=True)
class Option:
    """A config field. key is its place in the config, such as `model.hidden_size`."""

    key: str
    flag: str  # empty where the field has none
    metavar: str
    description: str  # the help of the field, without the choices
    choices: tuple[str, ...]  # the values of a Literal; empty for other types
    automatic: str  # how the value is chosen where none is given, in words; empty where the default is a value
    default: str  # automatic, or the value; empty where the field has no effect unless it is given
    kind: type  # of one value: bool, int, float or str
    takes_one: bool  # False where the value is always a list
    takes_list: bool  # values separated by commas: `256,128`
    repeatable: bool = False  # the flag may be given several times
    negative_flag: str = ""  # for no, of a field of yes or no

    @property
    def meaning(self) -> str:
        """The description and the choices as a sentence, in the current language."""
        if current_language() == "zh":
            return f"{translate(self.description, CATALOGUE)}。" + _choices_in_chinese(self.choices)
        return f"{self.description}: {_or(self.choices)}." if self.choices else f"{self.description}."

    @property
    def described_default(self) -> str:
        """The default in the current language; a value is the same in all."""
        return translate(self.default, CATALOGUE) if self.automatic or self.kind is bool else self.default

    @property
    def help(self) -> str:
        """The line in the help of a command: the meaning and the default."""
        word = "默认值：" if current_language() == "zh" else "default: "
        return f"{self.meaning}  [{word}{self.described_default}]" if self.default else self.meaning

    @property
    def name(self) -> str:
        """The name of the option as a parameter in Python: `batch_size` of `--batch-size`, `from_` of `--from`."""
        name = self.flag.removeprefix("--").replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name

    def parse(self, value: Any) -> Any:
        """Return the config value of what stands on the command line; parts of a wrong type are left to validation."""
        if not isinstance(value, str) or not self.takes_list:
            return value
        parts = [_converted(part.strip(), self.kind) for part in value.split(",")]
        return parts[0] if self.takes_one and len(parts) == 1 else parts


def options_of(model: type[Config], prefix: str = "") -> Iterator[Option]:
    """Yield the fields that have a flag, of a config and of the configs in it, in their order."""
    return (field for field in fields_of(model, prefix) if field.flag)


def fields_of(model: type[Config], prefix: str = "") -> Iterator[Option]:
    """Yield all fields of a config and of the configs in it, in their order."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Config):
            yield from fields_of(annotation, f"{prefix}{name}.")
        elif field.description is not None:
            yield _option(f"{prefix}{name}", field)


def determined_values(config: Config) -> Values:
    """Return the values of the fields on which predictions depend: all but those whose help begins with (training)."""
    fields = type(config).model_fields
    return {name: getattr(config, name) for name in fields if not (fields[name].description or "").startswith(TRAINING)}


def refused_keys_of(model: type[Config], prefix: str = "") -> Iterator[str]:
    """Yield the keys that a config and the configs in it refuse with a reason: `model.bidirectional`."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            yield from refused_keys_of(field.annotation, f"{prefix}{name}.")
    yield from (f"{prefix}{name}" for name in model.refused_keys)


def values_of(options: Iterable[Option], arguments: Mapping[str, Any]) -> Values:
    """Return nested config values of the options that have a value other than None among the arguments, by name."""
    present = [option for option in options if arguments.get(option.name) is not None]
    return merge_values(*(nest_value(option.key, option.parse(arguments[option.name])) for option in present))


def _option(key: str, field: FieldInfo) -> Option:
    extra, shape = _extra(field), _shape(field.annotation)
    automatic = extra.get("automatic") or ""
    return Option(
        key=key,
        flag=extra.get("flag") or "",
        metavar=extra.get("metavar") or {bool: "", str: "NAME"}.get(shape.kind, "N"),
        description=field.description or "",
        choices=shape.choices,
        automatic=automatic,
        default=automatic or _default(field),
        kind=shape.kind,
        takes_one=shape.takes_one,
        takes_list=shape.takes_list and not extra.get("repeatable"),
        repeatable=bool(extra.get("repeatable")),
        negative_flag=extra.get("negative_flag") or f"--no-{(extra.get('flag') or '').removeprefix('--')}",
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What values a field takes: their type, the choices of a Literal, and whether it takes one or a list of them."""

    kind: type
    choices: tuple[str, ...]
    takes_one: bool
    takes_list: bool


def _shape(annotation: Any) -> _Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0])
    if origin is Literal:
        return _Shape(str, tuple(map(str, arguments)), True, False)
    if origin is tuple:
        return _Shape(_shape(arguments[0]).kind, (), False, True)
    if origin in (Union, types.UnionType):
        shapes = [_shape(argument) for argument in arguments if argument is not type(None)]
        return _Shape(
            shapes[0].kind,
            tuple(choice for shape in shapes for choice in shape.choices),
            any(shape.takes_one for shape in shapes),
            any(shape.takes_list for shape in shapes),
        )
    return _Shape(annotation if annotation in (bool, int, float) else str, (), True, False)


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _default(field: FieldInfo) -> str:
    """Return the default value as help shows it; nothing for None."""
    default = field.default
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def _or(choices: Sequence[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]


def _choices_in_chinese(choices: Sequence[str]) -> str:
    from .translations.catalogue import chinese_list

    return f"可取 {chinese_list(_or(choices))}。" if choices else ""


def _converted(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text

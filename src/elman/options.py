"""Options: fields of a config that have a flag on the command line, each declared once, on the field.

    hidden_size: PositiveInt = option(flag="--hidden", help="Hidden units of each layer", automatic=AUTOMATIC)

The command line, its help, the parameters of the estimators and the tables of the docs are made from these fields;
--set and TOML files reach every field, with a flag or without.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .config import Config, Values, merged, nested

AUTOMATIC = "chosen from the data and the budget"


def option(
    default: Any = ...,
    *,
    help: str,  # noqa: A002 - as the command line calls it
    flag: str | None = None,
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
    adds one value to a tuple each time.
    """
    extra: dict[str, Any] = {"flag": flag, "metavar": metavar, "automatic": automatic, "repeatable": repeatable}
    return Field(default, description=help, json_schema_extra=extra, ge=ge, gt=gt, le=le, lt=lt, min_length=min_length)


@dataclass(frozen=True, slots=True)
class Option:
    """A config field with a flag. key is its place in the config, such as `model.hidden_size`."""

    key: str
    flag: str
    metavar: str
    help: str
    kind: type  # of one value: bool, int, float or str
    takes_one: bool  # False where the value is always a list
    takes_list: bool  # values separated by commas: `256,128`
    repeatable: bool = False  # the flag may be given several times

    @property
    def name(self) -> str:
        """The name of the option in Python: `batch_size` of `--batch-size`."""
        return self.flag.removeprefix("--").replace("-", "_")

    def parse(self, value: Any) -> Any:
        """Return the config value of what stands on the command line; parts of a wrong type are left to validation."""
        if not isinstance(value, str) or not self.takes_list:
            return value
        parts = [_converted(part.strip(), self.kind) for part in value.split(",")]
        return parts[0] if self.takes_one and len(parts) == 1 else parts


def options_of(model: type[Config], prefix: str = "") -> Iterator[Option]:
    """Yield the options of a config and of the configs in it, in the order of their fields."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Config):
            yield from options_of(annotation, f"{prefix}{name}.")
        elif _extra(field).get("flag"):
            yield _option(f"{prefix}{name}", field)


def values_of(options: Iterable[Option], arguments: Mapping[str, Any]) -> Values:
    """Return nested config values of the options that have a value other than None among the arguments, by name."""
    present = [each for each in options if arguments.get(each.name) is not None]
    return merged(*(nested(each.key, each.parse(arguments[each.name])) for each in present))


def _option(key: str, field: FieldInfo) -> Option:
    extra, shape = _extra(field), _shape(field.annotation)
    choices = f": {_or(shape.choices)}" if shape.choices else ""
    default = _default(field, extra.get("automatic"))
    return Option(
        key=key,
        flag=extra["flag"],
        metavar=extra.get("metavar") or {bool: "", str: "NAME"}.get(shape.kind, "N"),
        help=f"{field.description}{choices}.{default}",
        kind=shape.kind,
        takes_one=shape.takes_one,
        takes_list=shape.takes_list and not extra.get("repeatable"),
        repeatable=bool(extra.get("repeatable")),
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


def _default(field: FieldInfo, automatic: str | None) -> str:
    """The default value as help shows it; nothing where an option that is not given has no effect."""
    if automatic is not None:
        return f"  [default: {automatic}]"
    default = field.default
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, bool):
        return f"  [default: {'yes' if default else 'no'}]"
    shown = (
        ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in default)
        if isinstance(default, tuple)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )
    return f"  [default: {shown}]"


def _or(choices: Sequence[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]


def _converted(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text

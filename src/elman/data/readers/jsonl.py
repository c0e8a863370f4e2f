"""JSON Lines, one object a line; and one array of objects."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any

from elman.errors import DataError

from .excerpts import list_names, shorten, shorten_json
from .tables import joined_columns_hint
from .text import Line

_BEFORE_VALUE = re.compile(r"[\s,]*")
_ARRAY_OF_OBJECTS = re.compile(r'\s*\[\s*(\{\s*(["}]|$)|$)')

Object = tuple[str, dict[str, Any]]  # its place, and its values by key


def read_labelled_json(lines: Iterable[Line], keys: tuple[str, str], hint: str, noun: str) -> Iterator[Object]:
    """Yield the objects of a text, as read_json does; keys are that of the inputs and that of the labels.

    noun is what the labels are called: labels, tags or targets.
    """
    key, label_key = keys
    for where, value in read_json(lines, (key,), hint):
        if label_key not in value:
            raise DataError(_describe_missing_key(value, label_key), hint=hint, where=where, missing=noun)
        yield where, value


def read_json(lines: Iterable[Line], keys: Sequence[str], hint: str) -> Iterator[Object]:
    """Yield the objects of a text that is one array of objects, or has an object on each line."""
    remaining = iter(lines)
    first = next((line for line in remaining if line[1].strip()), None)
    if first is not None:
        read = read_array if first[1].lstrip().startswith("[") else read_objects
        yield from read(chain([first], remaining), keys, hint)


def begins_array(lines: Sequence[str]) -> bool:
    """Return whether a text that begins with these lines is an array of objects, lists or texts."""
    first = next((line for line in lines if line.strip()), "")
    if not first.lstrip().startswith("["):
        return False
    text = "\n".join(lines)
    return bool(_ARRAY_OF_OBJECTS.match(text)) or _is_list(text) or _is_list(first)


def _is_list(text: str) -> bool:
    """Return whether a text is a list of objects, lists or texts."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and all(isinstance(item, dict | list | str) for item in value)


def read_objects(lines: Iterable[Line], keys: Sequence[str], hint: str) -> Iterator[Object]:
    """Yield the place and the object of each line that is not blank; a line without one of the keys is a DataError."""
    for where, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not JSON ({error})", hint=hint, where=where) from None
        if not isinstance(value, dict):
            raise DataError(f"{shorten(line.strip())}; expected a JSON object", hint=hint, where=where)
        _require_keys(value, keys, hint, where)
        yield where, value


def read_array(lines: Iterable[Line], keys: Sequence[str], hint: str) -> Iterator[Object]:
    """Yield the objects of a text that is one JSON array, each with the place of its first line."""
    places, texts = zip(*lines, strict=True)
    text = "\n".join(texts)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error})", hint=hint, where=places[0]) from None
    starts = list(accumulate((len(line) + 1 for line in texts), initial=0))
    end = text.index("[") + 1
    for value in values:
        start = _BEFORE_VALUE.match(text, end).end()  # type: ignore[union-attr]
        _, end = json.JSONDecoder().raw_decode(text, start)
        where = places[bisect_right(starts, start) - 1]
        if not isinstance(value, dict):
            raise DataError(f"{shorten_json(value)}; expected a JSON object", hint=hint, where=where)
        _require_keys(value, keys, hint, where)
        yield where, value


def _require_keys(value: dict[str, Any], keys: Sequence[str], hint: str, where: str) -> None:
    """Raise a DataError that names the keys of an object if it lacks one of these keys."""
    for key in keys:
        if key not in value:
            hint = joined_columns_hint(key, value) or hint
            raise DataError(_describe_missing_key(value, key), hint=hint, where=where)


def _describe_missing_key(value: dict[str, Any], key: str) -> str:
    names = list_names([json.dumps(name, ensure_ascii=False) for name in value])
    return f'no key "{key}" in the object, which has {names}' if value else f'no key "{key}" in the object'

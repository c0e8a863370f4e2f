"""JSON Lines, one object a line; and one array of objects."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from elman.errors import DataError

from .excerpts import list_names, shorten, shorten_json
from .text import Line

_BEFORE_VALUE = re.compile(r"[\s,]*")

Object = tuple[str, dict[str, Any]]  # its place, and its values by key


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
            names = list_names([json.dumps(name, ensure_ascii=False) for name in value])
            problem = f'no key "{key}" in the object, which has {names}' if value else f'no key "{key}" in the object'
            raise DataError(problem, hint=hint, where=where)

"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from elman.errors import DataError

from .excerpts import shorten
from .text import Line


def read_objects(lines: Iterable[Line], keys: Sequence[str], hint: str) -> Iterator[tuple[str, dict[str, Any]]]:
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
        for key in keys:
            if key not in value:
                raise DataError(f'no key "{key}" in the object', hint=hint, where=where)
        yield where, value

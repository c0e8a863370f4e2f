"""Records of users' files: objects of JSON lines, texts without what is no part of them, values as errors show them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from elman.errors import DataError

from .readers import Line

SHOWN_CHARACTERS = 40  # of a value that an error shows
LONGEST_CELL = 1 << 30  # characters; csv's own limit is 131,072


def objects(lines: Iterable[Line], keys: Sequence[str], expected: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the object of each line that is not blank; one without the keys is a DataError."""
    for where, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"is not JSON ({error})", hint=expected, where=where) from None
        if not isinstance(value, dict):
            raise DataError(f"is {shown(line.strip())}, expected an object", hint=expected, where=where)
        for key in keys:
            if key not in value:
                raise DataError(f'lacks "{key}"', hint=expected, where=where)
        yield where, value


def csv_rows(lines: Iterable[Line], delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Yield the rows of a CSV with the place where each begins; a row may go over several lines."""
    begun: list[str] = []

    def read() -> Iterator[str]:
        for where, line in lines:
            begun.append(where)
            yield line + "\n"

    csv.field_size_limit(LONGEST_CELL)
    rows = csv.reader(read(), strict=True, delimiter=delimiter)
    while True:
        begun.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            hint = "is a quote not closed? in CSV a quote inside a cell is written twice"
            raise DataError(f"is no CSV ({error})", hint=hint, where=begun[0]) from None
        yield begun[0], row


def stripped(text: str) -> str:
    """Return the text without spaces around it; a lone surrogate, which is no character, becomes a question mark."""
    return text.strip().encode("utf-8", "replace").decode("utf-8")


def shown(text: str) -> str:
    """Return a text as an error shows it: its beginning, where it is long."""
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def shown_json(value: Any) -> str:
    """Return a value as JSON, as an error shows it."""
    return shown(json.dumps(value, ensure_ascii=False))


def shown_names(names: Sequence[str], most: int = 10) -> str:
    """Return names as an error lists them: the first ones, where there are many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")

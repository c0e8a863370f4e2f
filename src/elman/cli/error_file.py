"""The file of `elman evaluate --errors`: one wrong prediction a row, as JSON lines or as a table.

The other columns of the data are written as they are; numbers of elman's have six digits in a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from elman.checkpoint import replaced_text
from elman.data.readers.tables import Dialect
from elman.tasks.spec import ErrorRow

DIALECTS = {".csv": Dialect(","), ".jsonl": None}  # the other names: tabs


class ErrorCounts(NamedTuple):
    """How many wrong predictions a file has, and how many examples without a prediction."""

    wrong: int
    abstentions: int


def write_errors(path: Path, rows: Iterable[ErrorRow]) -> ErrorCounts:
    """Write the rows as the name of the file says, and return how many there are; a table has a header."""
    dialect = DIALECTS.get(path.suffix.lower(), Dialect("\t", has_quotes=False))
    count = abstentions = 0
    with replaced_text(path) as stream:
        for count, row in enumerate(rows, start=1):
            abstentions += row.columns.get("predicted", "") is None
            if dialect is None:
                stream.write(json.dumps({**row.columns, **row.other_columns}, ensure_ascii=False) + "\n")
                continue
            if count == 1:
                stream.write(dialect.write([*row.columns, *row.other_columns]) + "\n")
            cells = [*map(_cell, row.columns.values()), *map(_other_cell, row.other_columns.values())]
            stream.write(dialect.write(cells) + "\n")
    return ErrorCounts(count - abstentions, abstentions)


def _cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _other_cell(value: Any) -> str:
    """Return a value of the data, from a table or from JSON."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

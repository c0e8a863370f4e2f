"""The file of `elman evaluate --errors`: one wrong prediction a row, as JSON lines or as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from elman.checkpoint import replaced_text
from elman.data.readers.tables import Dialect
from elman.tasks.spec import ErrorRow

DIALECTS = {".csv": Dialect(","), ".jsonl": None}  # the other names: tabs


def write_errors(path: Path, rows: Iterable[ErrorRow]) -> int:
    """Write the rows as the name of the file says, and return how many there are; a table has a header."""
    dialect = DIALECTS.get(path.suffix.lower(), Dialect("\t", has_quotes=False))
    count = 0
    with replaced_text(path) as stream:
        for count, row in enumerate(rows, start=1):
            if dialect is None:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                continue
            if count == 1:
                stream.write(dialect.write(row) + "\n")
            stream.write(dialect.write(_cell(value) for value in row.values()) + "\n")
    return count


def _cell(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

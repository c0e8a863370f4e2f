"""Tables: the rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from elman.errors import DataError

from .text import Line

MAX_CELL_CHARACTERS = 1 << 30  # the default of the csv module is 131,072


def read_csv_rows(lines: Iterable[Line], delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Yield each row with the place of its first line; a quoted cell may contain line ends."""
    places: list[str] = []  # of the lines of the current row

    def read_lines() -> Iterator[str]:
        for where, line in lines:
            places.append(where)
            yield line + "\n"

    csv.field_size_limit(MAX_CELL_CHARACTERS)
    rows = csv.reader(read_lines(), strict=True, delimiter=delimiter)
    while True:
        places.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            hint = "Check that every quote is closed. In CSV, a quote inside a quoted cell is written twice"
            raise DataError(f"not a CSV row ({error})", hint=hint, where=places[0]) from None
        yield places[0], row

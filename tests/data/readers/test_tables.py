"""Tables: rows of CSV with the place of their first line."""

from __future__ import annotations

import pytest

from elman.data.readers.tables import read_csv_rows
from elman.errors import DataError


def rows(*lines: str, delimiter: str = ",") -> list[tuple[str, list[str]]]:
    return list(read_csv_rows(((f"f:{number}", line) for number, line in enumerate(lines, 1)), delimiter))


def test_a_row_has_its_cells_and_its_place() -> None:
    assert rows("a,b", "1,") == [("f:1", ["a", "b"]), ("f:2", ["1", ""])]
    assert rows("a;b,c", delimiter=";") == [("f:1", ["a", "b,c"])]


def test_a_quoted_cell_may_contain_line_ends_delimiters_and_quotes() -> None:
    assert rows('"one', 'two, ""three""",x', "y,z") == [("f:1", ['one\ntwo, "three"', "x"]), ("f:3", ["y", "z"])]


def test_a_long_cell_is_read() -> None:
    assert rows("x" * 200_000) == [("f:1", ["x" * 200_000])]


def test_the_error_of_an_open_quote_has_the_place_of_the_first_line_of_the_row() -> None:
    with pytest.raises(DataError, match="not a CSV row") as caught:
        rows("a,b", '"open', "c,d")
    assert caught.value.where == "f:2"

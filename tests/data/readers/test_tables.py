"""Tables: the dialect is that of the content, rows keep their places and texts, and no cell is cut or lost."""

from __future__ import annotations

import csv
import io
import warnings
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.tables import Dialect, Row, Table, first_row_hint, read_table
from elman.errors import DataError

few = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def table_of(text: str, **options: Any) -> Table:
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    return read_table(((f"f:{number}", line) for number, line in enumerate(lines, 1)), **options)


def cells_of(text: str, **options: Any) -> list[list[str]]:
    return [row.cells for row in table_of(text, **options).rows()]


def error_of(text: str) -> DataError:
    table = table_of(text)
    table.take_header()
    with pytest.raises(DataError) as caught:
        list(table.rows())
    return caught.value


def test_a_row_has_its_cells_its_place_and_its_text() -> None:
    table = table_of('a,b\n"one\ntwo, ""three""",x\ny,z\n')
    assert table.take_header() == ("a", "b")
    assert table.header == Row("f:1", ["a", "b"], "a,b")
    assert list(table.rows()) == [
        Row("f:2", ['one\ntwo, "three"', "x"], '"one\ntwo, ""three""",x'),
        Row("f:4", ["y", "z"], "y,z"),
    ]


def test_rows_that_were_peeked_at_are_read_again() -> None:
    table = table_of("a,b\nc,d\ne,f\n")
    assert [row.cells for row in table.peek(2)] == [["a", "b"], ["c", "d"]]
    assert [row.cells for row in table.peek(9)] == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert table.take_header() == ("a", "b")
    assert [row.cells for row in table.rows()] == [["c", "d"], ["e", "f"]]
    assert table_of("").take_header() == ()
    assert list(table_of("").rows()) == []


def test_a_long_cell_is_read() -> None:
    assert cells_of("x" * 200_000 + ",y") == [["x" * 200_000, "y"]]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("text,label\na,x\n", ","),
        ("text;label\na, b, c;x\nd;y\n", ";"),
        ("text\tlabel\na, b; c\tx\n", "\t"),
        ("date;temp;note\n2020-01-01;1,5;a\n2020-01-02;2,5;b\n", ";"),
        ('"a;b",c\n"d;e;f",g\nh,i\n', ","),
        ("sep=;\na,b;c\n", ";"),
        ("sep=|\na|b\n", "|"),
        ('"sep=,"\na,b\n', ","),
        ("value\n1\n2\n", ","),
        ("\n\n\na;b\nc;d\n", ";"),
        ("ham,go; now\nham,go\nspam,win\n", ","),
        ("id,text,label\n1,a;b,x\n2,c;d,y\n", ","),
    ],
)
def test_the_content_decides_the_separator(text: str, separator: str) -> None:
    assert table_of(text).dialect.separator == separator


def test_the_separator_that_gives_the_wanted_names_comes_first() -> None:
    text = "text;more,label\na;b,x\n"
    assert table_of(text).dialect.separator == ";"
    assert table_of(text, names=("label",)).dialect.separator == ","


def test_a_declaration_is_no_row_and_places_stay_right() -> None:
    table = table_of("sep=;\ntext;label\na;x\n")
    assert (table.dialect.is_declared, table.take_header()) == (True, ("text", "label"))
    assert [row.where for row in table.rows()] == ["f:3"]


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("a,b\nc,d, e\n", 2, "has 3 cells; expected 2 as in the header", "Is a text with a comma not quoted?"),
        ("a;b\nc;d\n\ne;f;g\n", 4, "has 3 cells; expected 2 as in the header", "Is a text with a semicolon not"),
        ("a\tb\nc\td\te\tf\n", 2, "has 4 cells; expected 2 as in the header", "Is a text with a tab not quoted?"),
        ('a,b\n"open,c\nd\n', 2, "not a CSV row (a quoted cell has no closing quote)", "Check that every quote is"),
        ('a,b\n"c" d,e\n', 2, "not a CSV row (' ' after the closing quote of a cell)", "Check that every quote is"),
        ('a,b\n1,2\n"c\nd","e"f\n', 3, "not a CSV row ('f' after the closing quote of a cell)", "Check that"),
    ],
)
def test_a_malformed_row_is_an_error_with_its_place(text: str, place: int, message: str, hint: str) -> None:
    error = error_of(text)
    assert (error.where, error.message) == (f"f:{place}", message)
    assert (error.hint or "").startswith(hint)


def test_empty_cells_at_the_end_of_a_row_are_not_too_many() -> None:
    table = table_of("a,b\nc,d,,\n")
    table.take_header()
    assert [row.cells for row in table.rows()] == [["c", "d", "", ""]]
    with pytest.raises(DataError, match=r"has 3 cells; expected 2\. Is a text with a comma"):
        list(table_of("a,b\nc,d,e\n").rows(2))


def test_a_lone_cr_is_a_character_of_its_cell() -> None:
    assert cells_of('a,b\n10\r20,"x\r,y"\n') == [["a", "b"], ["10\r20", "x\r,y"]]


ALONE = [  # each has the rows 1,",O and 2,b,O
    '1,",O\n2,b,O\n',
    '1,",O\n2,b,O\n1,",O\n',
    '2,b,O\n1,",O\n2,b,O\n2,b,O\n1,",O\n1,",O\n',
    '1,",O\n2,b,O\n1,"""",O\n2,b,O\n1,",O\n',
]


@pytest.mark.parametrize("text", ALONE)
def test_a_cell_that_is_a_quote_alone_is_that_character(text: str) -> None:
    table = table_of("id,word,tag\n" + text)
    table.take_header()
    expected = [["1", '"', "O"] if '"' in line else ["2", "b", "O"] for line in text.splitlines()]
    assert [row.cells for row in table.rows()] == expected
    assert cells_of('label,text\nx,"\nfirst, line\n"\ny,b\n') == [
        ["label", "text"],
        ["x", "\nfirst, line\n"],
        ["y", "b"],
    ]
    assert cells_of('label,text\nx,"one\ny, two"\n') == [["label", "text"], ["x", "one\ny, two"]]


LITERAL = [  # tables with tabs in which a quote is a character like any other
    'ham\t"Go" he said\nspam\tx\n',
    'ham\t"Go now"\nspam\tx\n',
    'x\t"one\ny\ttwo"\n',
    '"\tPUNCT\na\tDET\n"\tPUNCT\n',
    'CLOSE-QUOTE\tK L OW\n"END-QUOTE\tEH N D\n"QUOTE\tK W OW T\n',
    'a\t5" disk\nb\t3.5" disk\n',
    '"Hello," he said.\t« Bonjour »\n"Yes."\t"Oui."\n',
    'a\t""\nb\t"\n',
    'a\t"open\nb\tc\nd\te\n',
    '"a" b\t"c"\n"d\te"\n',
]


@pytest.mark.parametrize("text", LITERAL)
def test_in_a_table_with_tabs_a_lone_quote_is_a_character(text: str) -> None:
    assert cells_of(text) == [line.split("\t") for line in text.splitlines()]


QUOTED = [
    ('text\tlabel\n"say ""hi"""\tx\n', [["text", "label"], ['say "hi"', "x"]]),
    ('text\tlabel\n"a\tb"\tx\n', [["text", "label"], ["a\tb", "x"]]),
    ('text\tlabel\n"a\nb"\tx\n', [["text", "label"], ["a\nb", "x"]]),
    ('label\ttext\nx\t"a\n\nb"\ny\tc\n', [["label", "text"], ["x", "a\n\nb"], ["y", "c"]]),
    ('"text"\t"label"\n"a"\t"x"\n"b"\t1\n', [["text", "label"], ["a", "x"], ["b", "1"]]),
    ('a\tb\n"""\ty\n', [["a", "b"], ['"""', "y"]]),
    ('a\tb\n""""\ty\n', [["a", "b"], ['"', "y"]]),
]


@pytest.mark.parametrize(("text", "expected"), QUOTED)
def test_in_a_table_with_tabs_cells_that_need_quotes_may_have_them(text: str, expected: list[list[str]]) -> None:
    assert cells_of(text) == expected


texts = st.text(st.sampled_from(list("ab \"\n\t,;'é中")), max_size=6)


def rows_of(width: int) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=6)


def is_ambiguous(row: list[str]) -> bool:
    """Return whether the lines of a row may have as many tabs as a row each, so that quotes may be characters."""
    return any("\n" in cell for cell in row) and any("\t" in cell for cell in row)


def may_have_a_quote_alone(row: list[str]) -> bool:
    """Return whether a quote stands alone in a row of several lines, so that it may be a character."""
    has_separator_at_an_end = any(cell.startswith((",", ";")) or cell.endswith((",", ";")) for cell in row)
    return has_separator_at_an_end and any("\n" in cell for cell in row)


@few
@given(rows=rows_of(3), delimiter=st.sampled_from(",;"), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_rows_of_the_csv_module_are_read(rows: list[list[str]], delimiter: str, quoting: Any) -> None:
    rows = [row for row in rows if not may_have_a_quote_alone(row)]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=quoting)
    writer.writerows([["c1", "c2", "c3"], *rows])
    table = table_of(stream.getvalue(), names=("c1", "c2", "c3"))
    assert table.dialect.separator == delimiter
    assert [row.cells for row in table.rows()] == [["c1", "c2", "c3"], *rows]


@few
@given(rows=rows_of(3))
def test_tables_with_tabs_of_pandas_are_read(rows: list[list[str]]) -> None:
    rows = [[cell or "empty" for cell in row] for row in rows if not is_ambiguous(row)]
    frame = pd.DataFrame(rows, columns=["c1", "c2", "c3"])
    assert cells_of(frame.to_csv(sep="\t", index=False)) == [["c1", "c2", "c3"], *rows]


@few
@given(rows=rows_of(2))
def test_what_a_dialect_writes_is_read_as_the_same_cells(rows: list[list[str]]) -> None:
    rows = [row for row in rows if not may_have_a_quote_alone(row)]
    for separator in ",;\t":
        dialect = Dialect(separator, has_quotes=separator != "\t")
        if separator == "\t":
            rows = [row for row in rows if not is_ambiguous(row)]
        text = "".join(dialect.write(row) + "\n" for row in [["first", "second"], *rows])
        assert cells_of(text, names=("first", "second"), separators=separator) == [["first", "second"], *rows]


@few
@given(rows=rows_of(2))
def test_the_texts_of_the_rows_are_the_file(rows: list[list[str]]) -> None:
    text = "".join(Dialect().write(row) + "\n" for row in [["a", "b"], *rows])
    assert "".join(row.text + "\n" for row in table_of(text).rows()) == text
    text = "".join(Dialect("\t", has_quotes=False).write(row) + "\n" for row in [["a", "b"], *rows])
    assert "".join(row.text + "\n" for row in table_of(text).rows()) == text


@few
@given(rows=rows_of(2))
def test_a_table_with_a_further_column_is_read_by_pandas(rows: list[list[str]]) -> None:
    """This is how a table gets a column of predictions: each row as it was, and one more cell."""
    rows = [row for row in rows if not may_have_a_quote_alone(row)]
    dialect = Dialect()
    text = "".join(dialect.write(row) + "\n" for row in [["a", "b"], *rows])
    table = table_of(text)
    new = [row.text + dialect.separator + dialect.write([f'p "{i}", x']) for i, row in enumerate(table.rows())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.read_csv(io.StringIO("\n".join(new)), header=None, dtype=str, keep_default_na=False)
    assert frame.values.tolist() == [[*row, f'p "{i}", x'] for i, row in enumerate([["a", "b"], *rows])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('text\tlabel\n"a"\t"x"\n"b"\t"y"\n', [["text", "label"], ["a", "x"], ["b", "y"]]),
        ('text\tlabel\n"a ""b"""\t"x"\n', [["text", "label"], ['a "b"', "x"]]),
        ('text\tlabel\n"a"\tx\n"b"\t"y"\n', [["text", "label"], ['"a"', "x"], ['"b"', '"y"']]),
        ('text\tlabel\n"a\t"x"\n', [["text", "label"], ['"a', '"x"']]),
        ("text\tlabel\n", [["text", "label"]]),
        ('"\tx\n"\ty\n', [['"', "x"], ['"', "y"]]),
    ],
)
def test_quotes_around_all_cells_below_a_header_with_tabs_are_quotes(text: str, expected: list[list[str]]) -> None:
    assert cells_of(text) == expected


def test_a_bar_separates_the_columns_that_are_searched_for() -> None:
    text = "text|label\na, b; c|x\n"
    assert cells_of(text, names=("text", "label")) == [["text", "label"], ["a, b; c", "x"]]
    assert cells_of(text) == [["text|label"], ["a", " b; c|x"]]
    assert cells_of("text,label|\na,b\n", names=("text", "label|")) == [["text", "label|"], ["a", "b"]]
    assert cells_of("sep=|\n" + text) == [["text", "label"], ["a, b; c", "x"]]
    assert table_of(text, names=("label",)).dialect.write(["a|b", "c"]) == '"a|b"|c'


def test_a_title_above_a_table_is_named() -> None:
    error = error_of("Sales of May\nday,sold\n1,2\n")
    assert (error.where, error.message) == ("f:2", "has 2 cells; expected 1 as in the header")
    assert error.hint is not None
    assert error.hint.endswith("If line 1 is a title above the table, remove it")
    titled = table_of("Sales of May\nday,sold\n").peek(2)
    assert first_row_hint(titled) == "Is line 1 a title above the table? Remove it"
    assert first_row_hint(table_of("day|sold\n1|2\n").peek(2)) == (
        "If | separates the cells, write sep=| on a line above them"
    )
    assert first_row_hint(table_of("day,sold\n1,2\n").peek(2)) is None
    assert first_row_hint(table_of("text\na\n").peek(2)) is None
    assert first_row_hint([]) is None

"""Numbers: every notation by its definition, one notation for each column, and nothing that is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.numbers import NOTATIONS, Notation, is_number, is_too_large, read_numbers

exhaustive = settings(deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1234.5", "-0.25", "1e-3", "+7", ".5", "5."], [1234.5, -0.25, 0.001, 7, 0.5, 5]),
        (["100,32", "-99,1", "7"], [100.32, -99.1, 7]),
        (["1,234.50", "12,345,678.00", "7.5"], [1234.5, 12345678, 7.5]),
        (["1.234,50", "12.345.678,00", "7,5"], [1234.5, 12345678, 7.5]),
        (["1 234,5", "12 345 678", "7,25"], [1234.5, 12345678, 7.25]),
        (["1\u00a0234,5", "12\u202f345\u202f678", "7,25"], [1234.5, 12345678, 7.25]),
        (["1'234.50", "12\u2019345\u2019678.25", "7"], [1234.5, 12345678.25, 7]),
        (["12,34,567.5", "1,00,000", "99.25"], [1234567.5, 100000, 99.25]),
        (["(1,234.50)", "2.25", "(0.5)"], [-1234.5, 2.25, -0.5]),
        (["5-", "7", "\u22123", "- 2"], [-5, 7, -3, -2]),
        (["5.2%", "-1.25 %", "0"], [5.2, -1.25, 0]),
        (["5,2 %", "1,25\u00a0%"], [5.2, 1.25]),
        (["$5", "$1,234.50", "-$3", "$-4"], [5, 1234.5, -3, -4]),
        (["5,10 \u20ac", "1.234,50 \u20ac", "7"], [5.1, 1234.5, 7]),
        (["CHF 1'234.50", "CHF 7"], [1234.5, 7]),
        (["\uffe5\uff11\uff12\uff13\uff0e\uff15", "\uffe510"], [123.5, 10]),
        (["1,234,567", "2,345"], [1234567, 2345]),
        (["1.234.567", "2.345"], [1234567, 2345]),
        (["0,125", "1,234"], [0.125, 1.234]),
        ([1, 2.5, "3.5", np.float64(4)], [1, 2.5, 3.5, 4]),
    ],
)
def test_a_column_is_read_in_its_notation(cells: list[str], expected: list[float]) -> None:
    column = read_numbers(cells)
    np.testing.assert_allclose(column.values, expected, rtol=1e-15)
    assert (column.unreadable, column.ambiguous, column.missing) == ((), None, 0)
    assert column.holds_numbers


def write(value: int, decimals: int, notation: Notation) -> str:
    """A whole number of the last decimals, written in a notation."""
    digits = f"{abs(value):0{decimals + 1}d}"
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    groups: list[str] = []
    while notation.group and len(whole) > 3:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    return "-" * (value < 0) + notation.group.join([whole, *groups]) + (notation.decimal + rest) * bool(decimals)


@exhaustive
@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8),
    st.sampled_from([1, 2, 4, 5]),
    st.sampled_from(NOTATIONS),
)
def test_what_is_written_in_a_notation_is_read_again(values: list[int], decimals: int, notation: Notation) -> None:
    """One notation for the column: with decimals other than three, which could be a group, there is only one."""
    column = read_numbers([write(value, decimals, notation) for value in values])
    np.testing.assert_allclose(column.values, np.array(values) / 10**decimals, rtol=1e-12)
    assert column.ambiguous is None
    assert column.holds_numbers


@pytest.mark.parametrize(
    ("cells", "point", "comma"),
    [
        (["1,234", "5,678"], [1234, 5678], [1.234, 5.678]),
        (["1.234", "5.678"], [1.234, 5.678], [1234, 5678]),
        (["-12,500", "7"], [-12500, 7], [-12.5, 7]),
        (["$1,234", "$999"], [1234, 999], [1.234, 999]),
    ],
)
def test_an_ambiguous_column_is_read_as_the_decimal_mark_says(
    cells: list[str], point: list[float], comma: list[float]
) -> None:
    column = read_numbers(cells)
    np.testing.assert_allclose(column.values, point)
    assert column.ambiguous == 0
    np.testing.assert_allclose(read_numbers(cells, ".").values, point)
    np.testing.assert_allclose(read_numbers(cells, ",").values, comma)
    assert read_numbers(cells, ",").ambiguous is None


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "null", "None", "?", "-", "#N/A", "<NA>"])
def test_missing_values(cell: str) -> None:
    column = read_numbers([cell, "1,5"])
    assert math.isnan(column.values[0])
    assert (column.missing, column.known, column.unreadable) == (1, 1, ())


@pytest.mark.parametrize(
    ("cells", "unreadable"),
    [
        (["1,5", "2.5", "3,5"], (1,)),
        (["1", "two", "3"], (1,)),
        (["5%", "0.5", "6%"], (1,)),
        (["$5", "\u20ac6", "$7"], (1,)),
        (["1", "1_000"], (1,)),
        (["1,5", "1,23,4"], (1,)),
        (["(1", "2"], (0,)),
        (["1", "inf"], (1,)),
        (["1", "1e300"], (1,)),
        ([1.0, float("inf"), -1e200], (1, 2)),
        (["1 23", "4"], (0,)),
        (["2020-01-01", "5"], (0,)),
        (["12:30", "5"], (0,)),
        (["--5", "5"], (0,)),
    ],
)
def test_a_cell_that_is_no_number_of_its_column_is_named(cells: list[str], unreadable: tuple[int, ...]) -> None:
    column = read_numbers(cells)
    assert column.unreadable == unreadable
    assert np.isnan(column.values[list(unreadable)]).all()
    assert not column.holds_numbers


def test_a_column_with_text_in_it_is_still_mostly_one_of_numbers() -> None:
    assert read_numbers(["1,5", "2,5", "sold out"]).mostly_numbers
    assert not read_numbers(["a", "b", "1"]).mostly_numbers
    assert not read_numbers(["", "NA"]).mostly_numbers


def test_is_number() -> None:
    assert all(map(is_number, ["1.5", "1,5", "(3)", "5 %", ""]))
    assert not any(map(is_number, ["a1", "date", "1-2"]))


def test_an_integer_beyond_the_largest_float_is_too_large() -> None:
    assert read_numbers([1, 10**400, -(10**400)]).unreadable == (1, 2)
    assert is_too_large(-(10**400))

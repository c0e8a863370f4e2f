"""Numbers as people and programs write them, read with one notation for each column of a table.

    1234.5   1,234.50   1.234,50   1 234,5   1'234.50   12,34,567   -5   5-   (1,234)   5.2 %   $5   5 €   1e-3

A notation is the decimal mark and the mark between groups of digits. It is chosen from all cells of a column: the one
with which most cells are numbers. A column such as `1,234`, `5,678` is a number in two notations. The decimal mark that
the caller knows (from an option, from other columns) decides then; without one, a point is decimal and a comma
separates thousands.

Signs of percent and currency are removed: 5.2 % is 5.2. A column has one of them: % and numbers without it, or two
currencies, are not one unit. Parentheses mean a negative number, as in accounting.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .wide_characters import WIDE

Cell = str | float

MISSING = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "nan", "<na>", "nat", "null", "none", "?", ".", "-", "--", "\u2013", "\u2014"}
)
LARGEST = 1e100  # of a magnitude: the squares of larger numbers may be infinite

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MARKS = str.maketrans(
    {
        **WIDE,
        **dict(zip("\uffe0\uffe1\uffe5\uffe6", "\u00a2\u00a3\u00a5\u20a9", strict=True)),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u2212\u2013\ufe63", "-"),
        **dict.fromkeys("\u2019\u2018\u02bc`", "'"),
    }
)
_CURRENCY = (
    r"(?:[A-Z]{1,3})?[$\u00a2-\u00a5\u09f3\u0e3f\u20a0-\u20bf]|[\u5143\u5186\uc6d0]|kr\.?|z\u0142|K\u010d|Rs\.?|Fr\.?|"
    "USD|EUR|GBP|JPY|CNY|RMB|CHF|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|KRW|HKD|TWD|SGD|RUB|TRY|ZAR"
)
_SIGNED = re.compile(
    rf"(?P<open>\()? ?(?P<sign>[-+])? ?(?P<before>{_CURRENCY})? ?(?P<second_sign>[-+])?"
    r"(?P<body>(?:\d[\d.,' ]*|[.,]\d+)(?:(?<=\d)[eE][+-]?\d+)?) ?"
    rf"(?P<after>%|\u2030|{_CURRENCY})? ?(?P<last_sign>-)? ?(?P<close>\))?"
)


class Notation(NamedTuple):
    """The decimal mark, and the mark between groups of digits, which may be absent."""

    decimal: str
    group: str


NOTATIONS = [Notation(decimal, group) for group in ("", ",", ".", " ", "'") for decimal in ".," if decimal != group]


def _pattern(notation: Notation) -> re.Pattern[str]:
    """Return the pattern of an unsigned number; 12,34,567 has the groups of India."""
    decimal, group = re.escape(notation.decimal), re.escape(notation.group)
    grouped = rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+|[1-9]\d?(?:{group}\d\d)+{group}\d{{3}}|" if group else ""
    return re.compile(rf"(?:(?:{grouped}\d+)(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?")


_PATTERNS = {notation: _pattern(notation) for notation in NOTATIONS}


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """The numbers of a column: NaN for a missing value and for a cell that is not a number."""

    values: npt.NDArray[np.float64]
    unreadable: tuple[int, ...]  # rows whose cells are no numbers
    missing: int  # the number of cells that hold no value
    notation: Notation
    ambiguous: int | None  # a row whose cell is another number with the other decimal mark; None without one
    has_marks: bool  # the cells decide about the decimal mark
    unit: str  # the sign of percent or currency that was removed

    @property
    def known(self) -> int:
        """The number of cells that are numbers."""
        return len(self.values) - len(self.unreadable) - self.missing

    @property
    def holds_numbers(self) -> bool:
        """Whether some cells are numbers, and all others are missing."""
        return not self.unreadable and self.known > 0

    @property
    def mostly_numbers(self) -> bool:
        """Whether at least half of the cells that are not missing are numbers."""
        return self.known > 0 and self.known >= len(self.unreadable)


def read_numbers(cells: Sequence[Cell], decimal: str | None = None) -> NumberColumn:
    """Read the cells of a column. decimal is the decimal mark, `.` or `,`, if it is known."""
    plain = _read_plain(cells, decimal)
    if plain is not None:
        return plain
    parts = [_parts(cell) for cell in cells]
    bodies = [part.body for part in parts if part is not None and part.body]
    notation, ambiguous_body = _choose(bodies, decimal)
    unit = _unit(parts)
    values, unreadable, missing = np.full(len(cells), math.nan), [], 0
    for row, part in enumerate(parts):
        if part is not None and part.missing:
            missing += 1
            continue
        value = None if part is None else _value_of(part, notation, unit)
        if value is None or not abs(value) <= LARGEST:
            unreadable.append(row)
        else:
            values[row] = value
    ambiguous = None
    if ambiguous_body is not None:
        ambiguous = next(row for row, part in enumerate(parts) if part is not None and part.body == ambiguous_body)
    has_marks = any("." in body or "," in body for body in bodies) and ambiguous is None
    return NumberColumn(values, tuple(unreadable), missing, notation, ambiguous, has_marks, unit)


def is_number(cell: Cell) -> bool:
    """Return whether a cell is a number, or missing, in any notation."""
    return not read_numbers([cell]).unreadable


def is_too_large(cell: Cell) -> bool:
    """Return whether a cell is a number whose magnitude is above LARGEST."""
    try:
        return abs(float(cell) if isinstance(cell, str) else _as_float(cell)) > LARGEST
    except ValueError:
        return False


class _Parts(NamedTuple):
    body: str  # the digits and marks; empty for a missing value and for a number of Python
    negative: bool = False
    unit: str = ""
    number: float | None = None  # of Python

    @property
    def missing(self) -> bool:
        return not self.body and self.number is None


_NO_VALUE = _Parts("")


def _read_plain(cells: Sequence[Cell], decimal: str | None) -> NumberColumn | None:
    """Return the column if all cells are missing or numbers of Python and of most programs; else None."""
    values, missing, three_decimals, first = np.full(len(cells), math.nan), 0, decimal is None, None
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            text = cell.strip()
            if not _PLAIN.fullmatch(text):
                if text.lower() not in MISSING:
                    return None
                missing += 1
                continue
            value = float(text)
            if "." in text:
                if decimal == ",":
                    return None  # the point may separate thousands
                three_decimals = three_decimals and bool(_THREE_DECIMALS.fullmatch(text))
                first = row if first is None else first
        else:
            value = _as_float(cell)
            if math.isnan(value):
                missing += 1
                continue
        if not abs(value) <= LARGEST:
            return None
        values[row] = value
    ambiguous = first if three_decimals else None
    return NumberColumn(
        values, (), missing, Notation(decimal or ".", ""), ambiguous, first is not None and ambiguous is None, ""
    )


_THREE_DECIMALS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")


def _as_float(number: float) -> float:
    """Return a number as a float; an integer beyond the largest float is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _parts(cell: Cell) -> _Parts | None:
    """Return the parts of a number; None for text."""
    if not isinstance(cell, str):
        number = _as_float(cell)
        return _NO_VALUE if math.isnan(number) else _Parts("", number=number)
    text = re.sub(" +", " ", cell.translate(_MARKS).strip())
    if text.lower() in MISSING:
        return _NO_VALUE
    match = _SIGNED.fullmatch(text)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [sign for sign in (match["sign"], match["second_sign"], match["last_sign"]) if sign]
    if len(signs) > 1 or (signs and match["open"]) or (match["before"] and match["after"]):
        return None
    return _Parts(match["body"].strip(), bool(match["open"]) or "-" in signs, match["before"] or match["after"] or "")


def _value(body: str, notation: Notation) -> float:
    if notation.group:
        body = body.replace(notation.group, "")
    return float(body.replace(notation.decimal, "."))


def _value_of(part: _Parts, notation: Notation, unit: str) -> float | None:
    """Return the number of a cell in the notation and the unit of its column; None if it has others."""
    if part.number is not None:
        return part.number
    if not _PATTERNS[notation].fullmatch(part.body) or not _has_unit(part, unit):
        return None
    value = _value(part.body, notation)
    return -value if part.negative else value


def _choose(bodies: Sequence[str], decimal: str | None) -> tuple[Notation, str | None]:
    """Return the notation with which most bodies are numbers, and a body that has another value in another one."""
    marked = list(dict.fromkeys(body for body in bodies if not body.isdigit()))
    counts = {
        notation: sum(pattern.fullmatch(body) is not None for body in marked)
        for notation, pattern in _PATTERNS.items()
        if decimal in (None, notation.decimal)
    }
    best = [notation for notation, count in counts.items() if count == max(counts.values())]
    chosen = next((notation for notation in best if notation.decimal == "."), best[0])
    for body in marked:
        readings = {_value(body, notation) for notation in best if _PATTERNS[notation].fullmatch(body)}
        if len(readings) > 1:
            return chosen, body
    return chosen, None


def _unit(parts: Sequence[_Parts | None]) -> str:
    counts = Counter(part.unit for part in parts if part is not None and part.unit)
    return counts.most_common(1)[0][0] if counts else ""


def _has_unit(part: _Parts, unit: str) -> bool:
    """Return whether a number has the unit of its column; a currency need not be written in every cell."""
    if part.unit == unit:
        return True
    is_zero = not part.body.strip("0.,")
    return not part.unit and (is_zero or unit not in ("%", "\u2030"))

"""Dates that are written as numbers.

    1949   194901   19490131   1949013114   194901311430          digits of year, month, day and time
    1709251200   1709251200.5   1709251200000                     seconds and milliseconds since 1970
    45292   45292.5                                               days since 1899-12-30, as spreadsheets store dates

Other numbers look the same. Seconds, milliseconds and days are therefore dates only in a column that is named so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from .date_columns import DateColumn, date_column
from .date_patterns import DatePattern

YEARS = range(1500, 2201)  # of dates that are written in digits alone
MAX_NAME_LENGTH = 40
_SHORT, _HOURS = (4, 6), 10  # numbers of digits that other numbers have as well: years and months; hours
_DIGITS = re.compile(r"\d{4}|\d{6}|\d{8}|\d{10}|\d{12}|\d{14}")
_OF_DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_SECONDS = re.compile(r"[1-9]\d{8,9}(?:\.\d{1,9})?")
_MILLISECONDS = re.compile(r"[1-9]\d{12}")
_SPREADSHEET_DAYS = re.compile(r"[2-7]\d{4}(?:\.\d+)?")  # 1954 to 2118
_COUNTED = ((_SECONDS, "%s[.%f]"), (_MILLISECONDS, "%s%3f"), (_SPREADSHEET_DAYS, "%E"))
_WORDS = re.compile(r"[A-Z]?[a-zéñôû]+|[A-Z]+|[\u4e00-\u9fff]")
_AMBIGUOUS_WORDS = frozenset({"data", "ano", "anno"})  # dates in Portuguese and Italian; numbers in English
_DATE_WORDS = frozenset(
    {
        *("year", "yr", "jahr", "année", "annee", "año", "month", "monat", "mois", "mes", "mês"),
        *("date", "dates", "datum", "fecha", "datetime", "timestamp", "time", "ts", "ds", "epoch", "unix", "period"),
        *("day", "tag", "jour", "week", "woche", "kw", "semaine", "semana", "quarter", "quartal", "trimestre", "zeit"),
        *("hour", "stunde", "heure", "hora", "weekday"),
        *"年月日周期季度时间份星",
    }
)


def name_has_date_word(name: str) -> bool:
    """Return whether a word of a column's name is that of a date or a time."""
    return not (_DATE_WORDS | _AMBIGUOUS_WORDS).isdisjoint(_words(name))


def is_date_name(name: str) -> bool:
    """Return whether a column's name has only words of dates and times, such as `date`, `DateTime` or 月份."""
    words = _words(name)
    return bool(words) and len(name) <= MAX_NAME_LENGTH and words <= _DATE_WORDS


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}


def read_dates_of_digits(cells: Sequence[str], name: str) -> DateColumn | None:
    """Return the dates of a column of numbers; None if they may be other numbers.

    Years and months are dates if the column is called so, or if each is one step after another one. Seconds and days
    are dates if the column is called so.
    """
    filled = {cell.strip() for cell in cells}
    if (column := _read_digits(cells, filled, name)) is not None:
        return column
    return _read_counted(cells, filled) if is_date_name(name) else None


def _read_digits(cells: Sequence[str], filled: set[str], name: str) -> DateColumn | None:
    """Return the dates of a column with the digits of years, months, days and times."""
    sizes = {len(cell) for cell in filled}
    if len(sizes) != 1 or len(filled) < 2 or not all(_DIGITS.fullmatch(cell) for cell in filled):
        return None
    size = sizes.pop()
    if not all(int(cell[:4]) in YEARS for cell in filled):
        return None
    column = _column(cells, _OF_DIGITS[size])
    if column is None or column.unreadable:
        return None
    if size not in (*_SHORT, _HOURS) or name_has_date_word(name):
        return column
    if size == _HOURS:
        return None
    dates = sorted(date for date in set(column.dates) if date is not None)
    unit = 1 if size > len("1949") else 12
    months = [date.year * 12 + date.month for date in dates]
    return column if all(b - a == unit for a, b in itertools.pairwise(months)) else None


def _read_counted(cells: Sequence[str], filled: set[str]) -> DateColumn | None:
    """Return the dates of a column that counts seconds, milliseconds or days."""
    for expression, pattern in _COUNTED:
        if all(map(expression.fullmatch, filled)):
            return _column(cells, pattern)
    return None


def _column(cells: Sequence[str], text: str) -> DateColumn | None:
    pattern = DatePattern(text, has_brackets="[" in text)
    return date_column(cells, [pattern.read(cell) for cell in cells], pattern)

"""Dates: every way to write them, one pattern for each column, and the order of day and month from all cells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from dateutil import parser
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.date_numbers import read_dates_of_digits
from elman.data.readers.date_patterns import DatePattern, write_date
from elman.data.readers.dates import read_date, read_dates
from elman.data.readers.dateutil_dates import look_like_dates

exhaustive = settings(deadline=None, derandomize=True, database=None)
DAYS = [datetime(2020, 1, 1) + timedelta(days=n) for n in range(60)]
HOURS = [datetime(2020, 1, 1) + timedelta(hours=7 * n) for n in range(60)]
MONTHS = [datetime(1990 + n // 12, n % 12 + 1, 1) for n in range(60)]
QUARTERS = [datetime(1990 + n // 4, 3 * (n % 4) + 1, 1) for n in range(40)]
HALF_YEARS = [datetime(1990 + n // 2, 6 * (n % 2) + 1, 1) for n in range(40)]
WEEKS = [datetime(2019, 12, 30) + timedelta(weeks=n) for n in range(30)]
TENTHS = [datetime(2021, 1, 1) + timedelta(milliseconds=100 * n) for n in range(60)]


@pytest.mark.parametrize(
    ("dates", "pattern"),
    [
        *((DAYS, pattern) for pattern in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y %m %d", "%Y年%m月%d日")),
        *((DAYS, pattern) for pattern in ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y")),
        *((DAYS, pattern) for pattern in ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%-m/%-d/%Y", "%-d.%-m.%Y")),
        *((DAYS, pattern) for pattern in ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d%b%Y", "%B %-d, %Y", "%b %d %Y")),
        *((DAYS, pattern) for pattern in ("%a, %d %b %Y", "%A, %d %B %Y", "%Y-%b-%d", "%d. %B %Y")),
        *(
            (MONTHS, pattern)
            for pattern in ("%Y-%m", "%Y/%m", "%m/%Y", "%b-%y", "%b %Y", "%B %Y", "%Y-%b", "%Y年%-m月")
        ),
        *((QUARTERS, pattern) for pattern in ("%YQ%q", "%Y Q%q", "%Y-Q%q", "Q%q %Y", "Q%q/%Y", "Q%q-%y", "%qQ%Y")),
        *((HOURS, pattern) for pattern in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%d %H")),
        *(
            (HOURS, pattern)
            for pattern in ("%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M:%S %p", "%Y%m%d %H%M", "%Y%m%dT%H%M%S")
        ),
        *((TENTHS, pattern) for pattern in ("%Y-%m-%d %H:%M:%S.%1f", "%Y-%m-%dT%H:%M:%S.%3f", "%d.%m.%Y %H:%M:%S,%6f")),
        *((MONTHS, pattern) for pattern in ("%YM%m", "%YM%-m", "%Y-M%m")),
        *((HALF_YEARS, pattern) for pattern in ("%YH%h", "%Y-H%h", "H%h %Y")),
        *((WEEKS, pattern) for pattern in ("%G-W%V", "%GW%V", "KW %V/%G", "%G/KW %V", "W%V-%G")),
        *((HOURS, pattern) for pattern in ("%d/%m/%Y %Hh%M", "%Y-%m-%d %-Hh%M")),
    ],
)
def test_dates_are_read_and_written_alike(dates: list[datetime], pattern: str) -> None:
    cells = [write_date(date, pattern) for date in dates]
    column = read_dates(cells)
    assert column is not None
    assert list(column.dates) == dates
    assert (column.unreadable, column.other) == ((), None)
    assert [write_date(date, column.pattern) for date in dates] == cells


@pytest.mark.parametrize("pattern", ["%Y-%m-%d %H:%M:%S", "%d %b %Y %H:%M", "%m/%d/%Y %I:%M %p", "%d/%m/%y"])
def test_dates_are_those_of_strftime_and_of_dateutil(pattern: str) -> None:
    cells = [date.strftime(pattern) for date in HOURS]
    column = read_dates(cells)
    assert column is not None
    assert list(column.dates) == [datetime.strptime(cell, pattern) for cell in cells]
    assert list(column.dates) == [parser.parse(cell, dayfirst=pattern.startswith("%d")) for cell in cells]
    assert [write_date(date, pattern) for date in HOURS] == cells


PATTERNS = [
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d",
    "%d %B %Y",
    "%j/%Y",
    "%A, %d %b %Y %H:%M:%S",
]


@exhaustive
@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.sampled_from(PATTERNS))
def test_a_pattern_reads_what_it_writes(date: datetime, pattern: str) -> None:
    text = write_date(date, pattern)
    assert text == date.strftime(pattern)
    reading = DatePattern(pattern).read(text)
    assert reading is not None
    assert write_date(reading[0], pattern) == text


def cells_of(pattern: str, dates: list[datetime]) -> list[str]:
    return [write_date(date, pattern) for date in dates]


@pytest.mark.parametrize(
    ("cells", "first", "second", "is_certain"),
    [
        (["01/02/2020", "13/02/2020"], (2020, 2, 1), (2020, 2, 13), True),
        (["01/02/2020", "01/13/2020"], (2020, 1, 2), (2020, 1, 13), True),
        (
            ["01/01/2020", "01/02/2020", "01/03/2020", "01/04/2020"],
            (2020, 1, 1),
            (2020, 1, 2),
            False,
        ),  # as spreadsheets
        (["01.01.2020", "01.02.2020", "01.03.2020", "01.04.2020"], (2020, 1, 1), (2020, 2, 1), False),
        (["01-02-2020", "02-02-2020", "03-02-2020", "04-02-2020"], (2020, 2, 1), (2020, 2, 2), False),
        (cells_of("%d/%m/%Y", MONTHS[:24]), (1990, 1, 1), (1990, 2, 1), False),
        (cells_of("%m/%d/%Y", MONTHS[:24]), (1990, 1, 1), (1990, 2, 1), False),
    ],
)
def test_the_order_of_day_and_month_is_that_of_the_whole_column(
    cells: list[str], first: tuple[int, int, int], second: tuple[int, int, int], is_certain: bool
) -> None:
    column = read_dates(cells)
    assert column is not None
    assert column.dates[:2] == (datetime(*first), datetime(*second))
    assert (column.other is None) == is_certain


def test_the_order_of_day_and_month_can_be_chosen() -> None:
    cells = ["01/02/2020", "02/02/2020"]
    for day_first, expected in ((True, datetime(2020, 2, 1)), (False, datetime(2020, 1, 2))):
        column = read_dates(cells, day_first=day_first)
        assert column is not None
        assert (column.dates[0], column.other, column.day_first) == (expected, None, day_first)
    usual = read_dates(cells, usual="%d/%m/%Y")
    assert usual is not None
    assert (usual.dates[0], usual.other) == (datetime(2020, 2, 1), None)
    certain = read_dates(["13/02/2020", "14/02/2020"], usual="%m/%d/%Y")
    assert certain is not None
    assert certain.dates[0] == datetime(2020, 2, 13)


def test_a_format_of_the_user_is_used_as_it_is() -> None:
    column = read_dates(["07h 2.1.20", "08h 2.1.20", "x"], date_format="%Hh %d.%m.%y")
    assert column is not None
    assert column.dates == (datetime(2020, 1, 2, 7), datetime(2020, 1, 2, 8), None)
    assert column.unreadable == (2,)
    assert read_dates(["2020-01-01"], date_format="%d.%m.%Y") is None
    seconds = read_dates(["1577836800", "1577836860"], date_format="%s")
    assert seconds is not None
    assert seconds.dates == (datetime(2020, 1, 1), datetime(2020, 1, 1, 0, 1))
    with pytest.raises(ValueError, match="%K"):
        DatePattern("%K")


@pytest.mark.parametrize(
    ("cells", "dates", "pattern", "clock"),
    [
        (
            ["2020-01-01 00:00:00+02:00", "2020-01-01 01:00:00+02:00"],
            [datetime(2020, 1, 1), datetime(2020, 1, 1, 1)],
            "%Y-%m-%d %H:%M:%S+02:00",
            "written",
        ),
        (
            ["2020-01-01T00:00Z", "2020-01-01T01:00Z"],
            [datetime(2020, 1, 1), datetime(2020, 1, 1, 1)],
            "%Y-%m-%dT%H:%MZ",
            "written",
        ),
        (
            ["2020-03-29 00:00+01:00", "2020-03-30 00:00+02:00"],
            [datetime(2020, 3, 29), datetime(2020, 3, 30)],
            "%Y-%m-%d %H:%M",
            "calendar",
        ),
        (
            ["2020-03-29 01:00+01:00", "2020-03-29 03:00+02:00", "2020-03-29 04:00+02:00"],
            [datetime(2020, 3, 29, hour) for hour in (0, 1, 2)],
            "%Y-%m-%d %H:%M+00:00",
            "utc",
        ),
        (["2020-01-01Z", "2020-01-02Z"], [datetime(2020, 1, 1), datetime(2020, 1, 2)], "%Y-%m-%dZ", "written"),
    ],
)
def test_zones(cells: list[str], dates: list[datetime], pattern: str, clock: str) -> None:
    column = read_dates(cells)
    assert column is not None
    assert (list(column.dates), column.pattern, column.clock) == (dates, pattern, clock)


def test_parts_of_a_time_may_be_absent() -> None:
    column = read_dates(["2020-01-01 00:00:00", "2020-01-01 00:00:00.500", "2020-01-01 00:00:01"])
    assert column is not None
    assert [date and date.microsecond for date in column.dates] == [0, 500_000, 0]
    mixed = read_dates(["2020-01-01", "2020-01-01 12:00", "2020-01-02"])
    assert mixed is not None
    assert mixed.dates[1] == datetime(2020, 1, 1, 12)
    assert mixed.unreadable == ()


def test_a_column_in_several_patterns_is_read_cell_by_cell() -> None:
    column = read_dates(["2020-01-01", "2 Jan 2020", "January 3, 2020", "2020/01/04"])
    assert column is not None
    assert list(column.dates) == DAYS[:4]
    assert column.pattern == "%Y-%m-%d"
    assert read_dates(["3 January", "4 January"]) is None, "no year"
    with_text = read_dates(["2020-01-01", "2020-01-02", "soon"])
    assert with_text is not None
    assert with_text.unreadable == (2,)


@pytest.mark.parametrize(
    "cells",
    [
        ["", ""],
        ["a", "b"],
        ["12", "13"],
        ["3.5", "4.5"],
        ["1949-13", "1949-14"],
        ["2021-02-30", "2021-02-31"],
        ["31/1", "1/2"],
        ["10:30", "11:30"],
        ["192.168.0.1", "192.168.0.2"],
        ["A-12", "B-13"],
        ["1.2.3", "1.2.4"],
        ["555-123-4567", "555-123-4568"],
        ["Jan 01 20:30", "Jan 02 20:30"],
    ],
)
def test_what_is_no_date(cells: list[str]) -> None:
    column = read_dates(cells)
    assert column is None or 2 * len(column.unreadable) > len(cells)


@pytest.mark.parametrize(
    ("cells", "name", "expected"),
    [
        (["1950", "1951", "1952"], "x", True),
        (["1950", "1951", "1953"], "x", False),
        (["1950", "1951", "1953"], "Year", True),
        (["1950", "1951", "1953"], "年份", True),
        (["1950", "1951", "1953"], "updates", False),
        (["1350", "1351"], "year", False),
        (["200001", "200002", "200003"], "x", True),
        (["200012", "200013"], "month", False),
        (["20200101", "20200103"], "x", True),
        (["20201301", "20201302"], "date", False),
        (["20200101", "2020010"], "date", False),
        (["20200101000000", "20200101010000"], "x", True),
        (["1.5", "2.5"], "year", False),
    ],
)
def test_dates_of_digits_alone(cells: list[str], name: str, expected: bool) -> None:
    column = read_dates_of_digits(cells, name)
    assert (column is not None) == expected
    if column is not None:
        assert [write_date(date, column.pattern) for date in column.dates if date] == cells


def test_two_digits_of_a_year_are_those_of_spreadsheets() -> None:
    column = read_dates(["Jan-29", "Jan-30", "Jan-99", "Jan-00"])
    assert column is not None
    assert [date and date.year for date in column.dates] == [2029, 1930, 1999, 2000]


def test_what_looks_like_dates() -> None:
    assert look_like_dates(["31/31/2020", "32/31/2020"])
    assert look_like_dates(["3. Mai 2020", "5. März 2020", "x"])
    assert not look_like_dates(["1.5", "a", "192.168.0.1", "555-123-4567"])


def test_one_date_is_read_in_the_pattern_of_others_or_as_usual() -> None:
    assert read_date("01.02.2020", "%d.%m.%Y") == datetime(2020, 2, 1)
    assert read_date("2020-02-01", "%d.%m.%Y") == datetime(2020, 2, 1)
    assert read_date("1991") == datetime(1991, 1, 1)
    assert read_date("2016-07-01T00:00:00.000000000") == datetime(2016, 7, 1)
    assert read_date("1949-1") == datetime(1949, 1, 1)
    assert read_date("soon") is None


@pytest.mark.parametrize("make", [lambda n: DAYS[0] + timedelta(minutes=n), lambda n: DAYS[0] + timedelta(days=n)])
def test_a_long_column_is_read_with_one_pattern(make: Callable[[int], datetime], monkeypatch: Any) -> None:
    """dateutil, which takes a hundred times as long, is not asked."""
    monkeypatch.setattr(parser, "parse", None)
    cells = [write_date(make(n), "%d/%m/%Y %H:%M") for n in range(5_000)]
    column = read_dates(cells)
    assert column is not None
    assert column.dates[-1] == make(4_999)


SECONDS = 1_709_251_200  # 2024-03-01


@pytest.mark.parametrize("name", ["date", "time", "Timestamp", "日期", "月份"])
@pytest.mark.parametrize(
    ("cells", "second"),
    [
        ([f"{SECONDS + 3600 * n}" for n in range(40)], datetime(2024, 3, 1, 1)),
        ([f"{SECONDS + 3600 * n}.0" for n in range(40)], datetime(2024, 3, 1, 1)),
        ([f"{SECONDS + 3600 * n}000" for n in range(40)], datetime(2024, 3, 1, 1)),
        ([f"{SECONDS + n // 4}.{n % 4 * 25:02d}" for n in range(40)], datetime(2024, 3, 1, microsecond=250_000)),
        ([f"{SECONDS + n // 4}{n % 4 * 25:02d}0" for n in range(40)], datetime(2024, 3, 1, microsecond=250_000)),
        ([f"{45_352 + n}" for n in range(40)], datetime(2024, 3, 2)),
        ([f"{45_352 + n / 24:.9f}" for n in range(40)], datetime(2024, 3, 1, 1)),
    ],
)
def test_seconds_milliseconds_and_days_are_dates_in_a_column_of_times(
    name: str, cells: list[str], second: datetime
) -> None:
    column = read_dates_of_digits(cells, name)
    assert column is not None
    assert column.dates[:2] == (datetime(2024, 3, 1), second)
    assert column.unreadable == ()
    written = [float(write_date(date, column.pattern)) for date in column.dates if date]
    assert written == pytest.approx([float(cell) for cell in cells], abs=1e-5)  # half a second, in days
    assert read_dates_of_digits(cells, "response time of sales") is None
    assert read_dates_of_digits([*cells, "x"], name) is None


@pytest.mark.parametrize("separator", ["-", "/", "年"])
def test_full_width_forms_are_read_as_ascii(separator: str) -> None:
    cells = [f"2020{separator}{date.month:02d}{separator}{date.day:02d}".replace("年", "-") for date in DAYS]
    wide = [cell.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}) for cell in cells]
    column = read_dates(wide)
    assert column is not None
    assert list(column.dates) == DAYS


RANGES = [
    ["2024-01-10/2024-01-11", "2024-01-11/2024-01-12", "2024-01-12/2024-01-13"],
    ["2024-03-01-00-30", "2024-03-01-01-30", "2024-03-01-02-30"],
    ["2024-03-01T00:00:00+25:00", "2024-03-02T00:00:00+25:00"],
    ["2024-03-01T00:00:00-99:99", "2024-03-02T00:00:00-99:99"],
    [f"2024-03-01 {n:02d}:00-{n + 1:02d}:00" for n in range(9)],
    ["10:00 2024-03-01 - 11:00 2024-03-01", "11:00 2024-03-01 - 12:00 2024-03-01"],
]


@pytest.mark.parametrize("cells", RANGES)
def test_a_second_date_or_time_is_no_zone(cells: list[str]) -> None:
    assert read_dates(cells) is None
    assert look_like_dates(cells)


@exhaustive
@given(
    st.lists(
        st.one_of(
            st.text("0123456789-/.: TWZhQ+年月日Mayjan２", max_size=24),
            st.from_regex(r"\d{4}-[01]\d-[0-3]\d[-/T +][0-9:/+-]{2,14}", fullmatch=True),
            st.sampled_from([cell for cells in RANGES for cell in cells]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([None, "%Y-%m-%d", "%s", "%E", "%G-W%V", "%Y-%j", "%Y-%m-%dT%H:%M%z"]),
)
def test_no_text_is_an_internal_error(cells: list[str], date_format: str | None) -> None:
    for column in (
        read_dates(cells),
        read_dates(cells, date_format=date_format),
        read_dates_of_digits(cells, "date"),
    ):
        if column is not None:
            assert len(column.dates) == len(cells)
            assert all(write_date(date, column.pattern) for date in column.dates if date)


def test_dates_that_only_dateutil_reads_have_the_order_with_equal_steps() -> None:
    cells = [f"{day:02d}/03/2024 at {hour:02d}h00m" for day in (1, 2, 3) for hour in range(24)]
    column = read_dates(cells)
    assert column is not None
    assert column.dates[-1] == datetime(2024, 3, 3, 23)
    assert column.day_first


def test_two_orders_of_day_and_month_in_one_column_are_no_dates_of_either() -> None:
    column = read_dates(["13/01/2024", "14/01/2024", "01/15/2024", "16/01/2024"])
    assert column is not None
    assert column.unreadable == (2,)

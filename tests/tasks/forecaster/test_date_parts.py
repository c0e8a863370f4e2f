"""Dates whose parts are in several columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from elman.data.readers.date_patterns import MONTHS

from .tables import csv_of, error_of, read_all

MONTHLY = [datetime(1949 + n // 12, n % 12 + 1, 1) for n in range(48)]
DAILY = [datetime(2023, 12, 1) + timedelta(days=n) for n in range(96)]
HOURLY = [datetime(2023, 12, 30) + timedelta(hours=n) for n in range(96)]
HALF_HOURLY = [datetime(2023, 12, 30) + timedelta(minutes=30 * n) for n in range(96)]
QUARTERLY = [datetime(1990 + n // 4, n % 4 * 3 + 1, 1) for n in range(48)]
PARTS: list[tuple[str, list[datetime], Callable[[datetime], tuple[Any, ...]], str]] = [
    ("year,month", MONTHLY, lambda date: (date.year, date.month), "month"),
    ("Year,Month", MONTHLY, lambda date: (date.year, MONTHS[date.month - 1]), "month"),
    ("year,month", MONTHLY, lambda date: (date.year, MONTHS[date.month - 1][:3]), "month"),
    ("年份,月份", MONTHLY, lambda date: (date.year, date.month), "month"),
    ("month,year", MONTHLY, lambda date: (f"{date.month:02d}", date.year), "month"),
    ("year,quarter", QUARTERLY, lambda date: (date.year, (date.month + 2) // 3), "3 months"),
    ("year,quarter", QUARTERLY, lambda date: (date.year, f"Q{(date.month + 2) // 3}"), "3 months"),
    ("year,month,day", DAILY, lambda date: (date.year, date.month, date.day), "day"),
    ("year,month,day", MONTHLY, lambda date: (date.year, date.month, 1), "month"),
    ("year,month,day,hour", HOURLY, lambda date: (date.year, date.month, date.day, date.hour), "hour"),
    ("date,hour", HOURLY, lambda date: (f"{date:%Y-%m-%d}", date.hour), "hour"),
    ("date,hour", HOURLY, lambda date: (f"{date:%d/%m/%Y}", f"{date.hour:02d}"), "hour"),
    ("day,x", HALF_HOURLY, lambda date: (f"{date:%d.%m.%Y}", f"{date:%H:%M}"), "30 minutes"),
    ("time,date", HALF_HOURLY, lambda date: (f"{date:%H:%M:%S}", f"{date:%Y%m%d}"), "30 minutes"),
]


@pytest.mark.parametrize("options", [{}, {"targets": ["load"]}])
@pytest.mark.parametrize(("header", "dates", "cells", "step"), PARTS)
def test_parts_of_dates_are_joined_and_continued(
    header: str,
    dates: list[datetime],
    cells: Callable[[datetime], tuple[Any, ...]],
    step: str,
    options: dict[str, Any],
    tmp_path: Path,
) -> None:
    content = csv_of(f"{header},load", [(*cells(date), n * n % 17 + 0.5) for n, date in enumerate(dates)])
    messages: list[str] = []
    (series,) = read_all(tmp_path, content, messages, **options)
    assert series.dates is not None
    assert (list(series.dates.dates), str(series.step), series.targets) == (dates, step, ("load",))
    assert messages[-1].startswith("FILE: the columns ")
    names = sorted(header.split(","))
    assert sorted(messages[-1].removeprefix("FILE: the columns ").partition(" hold the dates")[0].split(", ")) == names
    assert sorted(series.dates.name.split(" ")) == names
    again: dict[str, Any] = {"columns_required": False, "date": series.dates.name, "targets": ["load"]}
    (of_a_model,) = read_all(tmp_path, content, **again)
    assert of_a_model.dates == series.dates


def test_hours_from_1_to_24_end_at_midnight(tmp_path: Path) -> None:
    rows = [(f"{day:%Y-%m-%d}", hour, hour % 5) for day in DAILY[:5] for hour in range(1, 25)]
    (series,) = read_all(tmp_path, csv_of("date,hour,load", rows))
    assert series.dates is not None
    assert (str(series.step), series.dates.dates[23]) == ("hour", DAILY[1])


def test_inputs_may_be_parts_and_columns_of_series_may_not(tmp_path: Path) -> None:
    rows = [(f"{date:%Y-%m-%d}", date.hour, n % 7) for n, date in enumerate(HOURLY)]
    (one,) = read_all(tmp_path, csv_of("date,hour,load", rows), targets=["load"], inputs=["hour"])
    assert str(one.step) == "hour"
    assert len(read_all(tmp_path, csv_of("date,hour,load", rows), targets=["load"], series=["hour"])) == 24


def test_a_column_of_dates_comes_before_its_parts(tmp_path: Path) -> None:
    rows = [(date.year, date.month, f"{date:%Y-%m-%d}", n % 7) for n, date in enumerate(DAILY)]
    (series,) = read_all(tmp_path, csv_of("year,month,when,load", rows), targets=["load"])
    assert series.dates is not None
    assert series.dates.name == "when"


def test_several_series_may_have_dates_in_parts(tmp_path: Path) -> None:
    rows = [(shop, date.year, date.month, n % 7) for shop in "AB" for n, date in enumerate(MONTHLY)]
    series = read_all(tmp_path, csv_of("shop,year,month,sales", rows), targets=["sales"])
    assert [(one.label, len(one), str(one.step)) for one in series] == [("A", 48, "month"), ("B", 48, "month")]
    opening = [
        (f"{day:%Y-%m-%d}", hour, shop, n % 7) for n, day in enumerate(DAILY) for shop, hour in (("A", 8), ("B", 9))
    ]
    series = read_all(tmp_path, csv_of("date,hour,shop,sales", opening), targets=["sales"])
    assert [(one.label, str(one.step)) for one in series] == [("A", "day"), ("B", "day")]


@pytest.mark.parametrize("month", ["13", "0", "Thermidor", "", "1.5"])
def test_a_part_that_cannot_be_read_is_an_error_with_its_place(month: str, tmp_path: Path) -> None:
    rows = [(1949 + n // 12, month if n == 7 else n % 12 + 1, n % 5) for n in range(48)]
    expected = f"FILE:9: 'year month' is {f'1949 {month}'!r}; expected a date. Write dates as"
    assert error_of(tmp_path, csv_of("year,month,y", rows), targets=["y"]).startswith(expected)

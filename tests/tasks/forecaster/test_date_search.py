"""The search for dates: every column that looks like dates is read, reported or refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.notices import Caution
from elman.errors import ElmanError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import open_source

from .tables import csv_of, error_of, read_all

DAYS = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(48)]
FRENCH = ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "sept.", "oct.", "nov.", "déc."]
UNREAD: dict[str, Callable[[int], str]] = {
    "month of a language": lambda n: f"{FRENCH[n % 12]} {2019 + n // 12}",
    "long date of a language": lambda n: f"{n % 28 + 1} de enero de {2000 + n}",
    "third of a year": lambda n: f"{2005 + n // 3}T{n % 3 + 1}",
    "Chinese numerals": lambda n: f"二〇二四年1月{n % 28 + 1}日",
    "day of the year": lambda n: f"2024-{n + 1:03d}",
    "interval": lambda n: f"{DAYS[n]:%Y-%m-%d}/{DAYS[n] + timedelta(days=1):%Y-%m-%d}",
    "hyphens": lambda n: f"2024-03-01-{n // 2:02d}-{n % 2 * 30:02d}",
    "wrong zone": lambda n: f"{DAYS[n]:%Y-%m-%d}T00:00:00+25:00",
    "elapsed": lambda n: f"{n // 4:02d}:{n % 4 * 15:02d}:00",
    "weekday": lambda n: f"{DAYS[n]:%a}",
    "month": lambda n: f"{datetime(2024, n % 12 + 1, 1):%b}",
}
UNREAD_NUMBERS: dict[str, Callable[[int], str]] = {
    "year and fraction": lambda n: f"{2000 + n / 12:.4f}",
    "day of the year": lambda n: f"2024{n + 1:03d}",
    "year of old": lambda n: f"{900 + n}",
    "year of the future": lambda n: f"{9990 + n}",
    "before our era": lambda n: f"{-500 + 10 * n}",
    "seconds from the start": lambda n: f"{0.5 * n}",
    "month": lambda n: f"{n % 12 + 1}",
    "weekday": lambda n: f"{n % 7}",
}


def table(cell: Callable[[int], str], name: str = "date") -> str:
    return csv_of(f"{name},sales", [(cell(n), 100 + n * n % 17) for n in range(48)])


@pytest.mark.parametrize("targets", [None, ["sales"]])
@pytest.mark.parametrize("name", ["date", "Time", "timestamp", "week", "日期", "月份"])
@pytest.mark.parametrize("kind", UNREAD)
def test_dates_that_cannot_be_read_are_reported(kind: str, name: str, targets: Any, tmp_path: Path) -> None:
    messages: list[str] = []
    (series,) = read_all(tmp_path, table(UNREAD[kind], name), messages, targets=targets)
    assert (series.dates, series.targets, len(series)) == (None, ("sales",), 48)
    cell = UNREAD[kind](0)
    assert messages == [
        f"FILE:2: {name!r} looks like dates, but {cell} cannot be read; the rows are used in their order, without "
        "dates. Use --date-format to read it"
    ]


@pytest.mark.parametrize("name", ["date", "year", "Time", "时间"])
@pytest.mark.parametrize("kind", UNREAD_NUMBERS)
def test_numbers_that_cannot_be_read_as_dates_are_reported_in_a_column_of_times(
    kind: str, name: str, tmp_path: Path
) -> None:
    messages: list[str] = []
    content = table(UNREAD_NUMBERS[kind], name)
    (series,) = read_all(tmp_path, content, messages, targets=["sales"])
    assert series.dates is None
    assert [message.split(" cannot")[0] for message in messages] == [
        f"FILE:2: {name!r} looks like dates, but {UNREAD_NUMBERS[kind](0)}"
    ]
    messages.clear()
    if kind not in ("month", "weekday"):  # which count again and again: names of several series, if they are not dates
        read_all(tmp_path, content.replace(name, "load", 1), messages, targets=["sales"])
    assert messages == []
    read_all(tmp_path, content, messages, targets=["sales"], inputs=[name])
    assert messages == []


def test_a_count_of_the_rows_is_no_date(tmp_path: Path) -> None:
    for first in (0, 1):
        messages: list[str] = []
        read_all(tmp_path, table(lambda n, first=first: f"{first + n}", "time"), messages)  # type: ignore[misc]
        assert messages == []


@pytest.mark.parametrize("kind", ["third of a year", "day of the year", "interval", "hyphens", "wrong zone", "elapsed"])
def test_texts_whose_numbers_rise_look_like_dates_under_every_name(kind: str, tmp_path: Path) -> None:
    messages: list[str] = []
    read_all(tmp_path, table(UNREAD[kind], "x"), messages)
    assert [message.split(" cannot")[0] for message in messages] == [
        f"FILE:2: 'x' looks like dates, but {UNREAD[kind](0)}"
    ]


@pytest.mark.parametrize(
    ("cell", "step", "following", "message"),
    [
        (lambda n: f"{1_709_251_200 + 3600 * n}", "hour", "1709424000", "seconds since 1970, in UTC; 1709251200"),
        (lambda n: f"{1_709_251_200 + 3600 * n}000", "hour", "1709424000000", "milliseconds since 1970, in UTC; 170"),
        (lambda n: f"{45_352 + n}", "day", "45400", "days since 1899-12-30, as in spreadsheets; 45352"),
    ],
)
@pytest.mark.parametrize("name", ["date", "x"])
def test_numbers_that_count_time_are_dates_where_the_name_or_the_option_says_so(
    cell: Callable[[int], str], step: str, following: str, message: str, name: str, tmp_path: Path
) -> None:
    messages: list[str] = []
    options: dict[str, Any] = {"targets": ["sales"]} | ({} if name == "date" else {"date": name})
    (series,) = read_all(tmp_path, table(cell, name), messages, **options)
    assert series.dates is not None
    assert (str(series.step), series.dates.following(1)) == (step, [following])
    assert series.dates.dates[0] == datetime(2024, 3, 1)
    (notice,) = messages
    assert notice.startswith(f"FILE: {name!r} counts {message}")
    assert notice.endswith("is read as 2024-03-01")


def test_dates_such_as_07_2024_are_those_of_a_column_that_is_named_so(tmp_path: Path) -> None:
    def month(n: int) -> str:
        return f"{n % 12 + 1:02d}.{2019 + n // 12}"

    (series,) = read_all(tmp_path, table(month))
    assert series.dates is not None
    assert (str(series.step), series.targets) == ("month", ("sales",))
    assert "has 2 columns of numbers" in error_of(tmp_path, table(month, "x"))


FORMATS = ["%d.%m.%Y", "%H:%M", "%Y", "%s", "%Y-%m-%d %H:%M"]


@pytest.mark.parametrize("options", [{}, {"date": "date"}, {"targets": ["sales"]}])
@pytest.mark.parametrize("date_format", FORMATS)
@pytest.mark.parametrize("kind", [*UNREAD, *UNREAD_NUMBERS])
def test_a_format_of_the_user_that_does_not_fit_is_an_error(
    kind: str, date_format: str, options: dict[str, Any], tmp_path: Path
) -> None:
    cell = {**UNREAD_NUMBERS, **UNREAD}[kind]
    if (kind, date_format) in (("year of old", "%Y"), ("year of the future", "%Y")):
        return
    message = error_of(tmp_path, table(cell), date_format=date_format, **options)
    expected = f"FILE:2: 'date' is {cell(0)!r}; expected a date in the format {date_format}. Write dates as"
    assert message.startswith(expected)


def test_a_format_that_fits_some_cells_is_an_error_with_the_place_of_the_first_other_one(tmp_path: Path) -> None:
    content = table(lambda n: f"{DAYS[n]:%d.%m.%Y}" if n < 5 else f"{DAYS[n]:%Y-%m-%d}")
    expected = "FILE:7: 'date' is '2024-01-06'; expected a date in the format %d.%m.%Y. Write dates as"
    assert error_of(tmp_path, content, date_format="%d.%m.%Y").startswith(expected)


def test_of_several_columns_of_dates_the_one_that_is_named_so_is_used(tmp_path: Path) -> None:
    rows = [(cohort, f"{day:%Y-%m-%d}", n) for cohort in ("2023-01", "2023-02") for n, day in enumerate(DAYS)]
    messages: list[str] = []
    series = read_all(tmp_path, csv_of("cohort,date,sales", rows), messages)
    assert [one.ids for one in series] == [("2023-01",), ("2023-02",)]
    assert messages[0] == (
        "FILE: the dates are those of 'date', and not those of 'cohort'. Use --date for another column"
    )
    for header in ("created,date,sales", "date,created,sales"):
        both = csv_of(header, [(f"{day:%Y-%m-%d}", f"{day:%Y-%m-%d}", n) for n, day in enumerate(DAYS)])
        (one,) = read_all(tmp_path, both)
        assert one.dates is not None
        assert one.dates.name == "date"


def test_an_empty_cell_among_dates_is_called_empty(tmp_path: Path) -> None:
    content = table(lambda n: f"{DAYS[n]:%Y-%m-%d}" if n % 24 == 0 else "")
    messages: list[str] = []
    read_all(tmp_path, content, messages)
    assert messages[0].startswith("FILE:3: 'date' looks like dates, but the cell is empty; the rows are used in")


CELLS = ["", "1", "2.5", "NaN", "2024-01-10", "2024-01-11/2024-01-12", "9999-12-31", "24:00", "0001-01-01T00:00+05:00"]
CELLS += [
    "9999-12-31T23:00-05:00",
    "1709251200",
    "45292",
    "Jan",
    "13",
    "A",
    "%",
    "２０２４",
    "年",
    "2024-02-30",
    "1e400",
    "-",
]


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(
    st.lists(st.sampled_from(["date", "year", "month", "day", "hour", "shop", "y", ""]), min_size=1, max_size=4),
    st.data(),
)
def test_no_table_is_an_internal_error(tmp_path_factory: Any, header: list[str], data: st.DataObject) -> None:
    row = st.lists(st.sampled_from(CELLS), min_size=len(header), max_size=len(header))
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    options = st.fixed_dictionaries(
        {},
        optional={
            "targets": st.sampled_from([("y",), ("shop",)]),
            "date": st.sampled_from(["date", "year", "y"]),
            "series": st.sampled_from([("shop",), ("shop", "month")]),
            "date_format": st.sampled_from(["%Y-%m-%d", "%s", "%E", "%b"]),
            "columns_required": st.booleans(),
        },
    )
    chosen: dict[str, Any] = data.draw(options)
    with contextlib.suppress(ElmanError):
        read_all(tmp_path_factory.getbasetemp(), csv_of(",".join(header), rows), **chosen)


def test_choices_that_change_what_is_read_are_cautions(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    messages: list[str] = []
    for content in (table(UNREAD["month of a language"]), "date,y\n01/02/2024,1\n02/02/2024,2\n03/02/2024,5\n"):
        path.write_text(content, "utf-8")
        list(open_source(path, ForecasterReaderConfig(), messages.append).examples())
    assert [isinstance(message, Caution) for message in messages[:2]] == [True, True]


def test_an_order_of_day_and_month_that_changes_is_named(tmp_path: Path) -> None:
    mixed = [f"{day:%d/%m/%Y}" for day in DAYS[12:20]]
    mixed[3] = "01/16/2024"
    content = csv_of("date,sales", [(cell, n) for n, cell in enumerate(mixed)])
    expected = "FILE:5: 'date' is '01/16/2024'; expected day and month in the order of the others, such as 13/01/2024."
    assert error_of(tmp_path, content).startswith(expected)
    spreadsheet = [f"{day:%m/%d/%Y}" if day.day <= 12 else f"{day:%d/%m/%Y}" for day in DAYS[:20]]
    content = csv_of("date,sales", [(cell, n) for n, cell in enumerate(spreadsheet)])
    expected = (
        "FILE:14: the date 13/01/2024 comes after 01/12/2024. Day and month seem to be exchanged in some rows. Write"
    )
    assert error_of(tmp_path, content).startswith(expected)

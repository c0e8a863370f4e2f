"""What the columns of a table hold: nothing that looks like a date or a number is left out without a word."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers.date_patterns import write_date
from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import open_source
from elman.tasks.forecaster.series import Series

DAYS = [datetime(2020, 1, 1) + timedelta(days=n) for n in range(40)]
VALUES = [round(1000.5 + 7.25 * (n % 7) + n, 2) for n in range(40)]


def read(folder: Path, content: str, messages: list[str] | None = None, **options: Any) -> Series:
    path = folder / "sales.csv"
    path.write_text(content, "utf-8")
    reader = ForecasterReaderConfig(**options)
    (series,) = open_source(path, reader, (messages if messages is not None else []).append).examples()
    return series


def messages_of(folder: Path, content: str, **options: Any) -> list[str]:
    messages: list[str] = []
    read(folder, content, messages, **options)
    return [message.replace(f"{folder / 'sales.csv'}", "FILE") for message in messages]


def error(folder: Path, content: str, **options: Any) -> str:
    with pytest.raises(DataError) as raised:
        read(folder, content, **options)
    return str(raised.value).replace(f"{folder / 'sales.csv'}", "FILE")


def table(dates: list[datetime], pattern: str, separator: str = ";", decimal: str = ".") -> str:
    rows = (
        f"{write_date(date, pattern)}{separator}{str(value).replace('.', decimal)}\n"
        for date, value in zip(dates, VALUES, strict=False)
    )
    return f"when{separator}y\n" + "".join(rows)


HOURLY = [DAYS[0] + timedelta(hours=n) for n in range(40)]
WORKING = [day for n in range(60) if (day := DAYS[0] + timedelta(days=n)).weekday() < 5][:40]
MONTHLY = [datetime(1990 + n // 12, n % 12 + 1, 1) for n in range(40)]
YEARLY = [datetime(1950 + n, 1, 1) for n in range(40)]


@pytest.mark.parametrize(
    ("dates", "pattern", "step", "following"),
    [
        (DAYS, "%d/%m/%Y", "day", "10/02/2020"),
        (DAYS, "%m/%d/%Y", "day", "02/10/2020"),
        (DAYS, "%-m/%-d/%y", "day", "2/10/20"),
        (DAYS, "%d.%m.%Y", "day", "10.02.2020"),
        (DAYS, "%d %B %Y", "day", "10 February 2020"),
        (DAYS, "%Y%m%d", "day", "20200210"),
        (DAYS, "%Y年%-m月%-d日", "day", "2020年2月10日"),
        (HOURLY, "%d/%m/%Y %I:%M %p", "hour", "02/01/2020 04:00 PM"),
        (HOURLY, "%Y-%m-%dT%H:%M:%S+02:00", "hour", "2020-01-02T16:00:00+02:00"),
        (WORKING, "%Y-%m-%d", "working day", "2020-02-26"),
        (MONTHLY, "%b-%y", "month", "May-93"),
        ([datetime(1990 + n // 4, 3 * (n % 4) + 1, 1) for n in range(40)], "%YQ%q", "3 months", "2000Q1"),
        (YEARLY, "%Y", "year", "1990"),
        (
            [DAYS[0] + timedelta(milliseconds=250 * n) for n in range(40)],
            "%Y-%m-%d %H:%M:%S.%3f",
            "250 milliseconds",
            "2020-01-01 00:00:10.000",
        ),
    ],
)
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ",")])
def test_dates_have_their_step_and_are_continued(
    dates: list[datetime], pattern: str, step: str, following: str, separator: str, decimal: str, tmp_path: Path
) -> None:
    series = read(tmp_path, table(dates, pattern, separator, decimal))
    assert series.targets == ("y",)
    np.testing.assert_array_equal(series.values[:, 0], VALUES)
    assert series.dates is not None
    assert list(series.dates.dates) == dates
    assert str(series.step) == step
    assert series.dates.following(1) == [following]


def test_the_target_is_never_another_column_because_the_real_one_is_written_otherwise(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-{n + 1:02d};{100 + n},25;{n % 5}\n" for n in range(20))
    expected = "FILE:1: has 2 columns of numbers. Name what to forecast with --target, from price, count"
    assert error(tmp_path, f"day;price;count\n{rows}") == expected
    series = read(tmp_path, f"day;price;count\n{rows}", targets=["price"])
    np.testing.assert_array_equal(series.values[:, 0], 100.25 + np.arange(20))
    damaged = rows.replace("103,25", "n.v.")
    assert error(tmp_path, f"day;price;count\n{damaged}") == expected
    one = "".join(f"2020-01-{n + 1:02d},{'soon' if n == 15 else n % 3},x\n" for n in range(20))
    assert error(tmp_path, f"day,y,note\n{one}").startswith("FILE:17: 'y' is 'soon'; expected a number. A missing")


@pytest.mark.parametrize(
    ("content", "options", "expected", "message"),
    [
        (
            'y\n"1,234"\n"5,678"\n',
            {},
            1234,
            "1,234 in 'y' is a number in two notations; it is read as 1234. Use --decimal comma",
        ),
        ('y\n"1,234"\n"5,678"\n', {"decimal": "comma"}, 1.234, None),
        (
            "d;y\n2020-01;1,234\n2020-02;5,678\n",
            {},
            1.234,
            "1,234 in 'y' is a number in two notations; it is read as 1.234. Use --decimal point",
        ),
        ("d;y\n2020-01;1,234\n2020-02;5,678\n", {"decimal": "point"}, 1234, None),
        (
            "y\n1.234\n5.678\n",
            {},
            1.234,
            "1.234 in 'y' is a number in two notations; it is read as 1.234. Use --decimal comma",
        ),
        ("y\n1.234\n5.678\n", {"usual_decimal": ","}, 1234, None),
        ("d;y;p\n2020-01;1.234;2,5\n2020-02;5.678;3,5\n", {"targets": ["y"]}, 1234, None),
        ("y\n5.2%\n6.1%\n", {}, 5.2, "'y' is in percent: 5.2% is read as 5.2"),
    ],
)
def test_a_choice_between_two_notations_is_reported(
    content: str, options: dict[str, Any], expected: float, message: str | None, tmp_path: Path
) -> None:
    assert read(tmp_path, content, **options).values[0, 0] == expected
    found = messages_of(tmp_path, content, **options)
    assert len(found) == (message is not None)
    if message is not None:
        assert found[0].startswith(f"FILE: {message}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "y;z\n1,5;1\n2.5;2\n3,5;1\n",
            "FILE:3: 'y' is '2.5'; expected a number in the notation of the others, such as 1,5. Write",
        ),
        (
            "y;z\n5%;1\n0.5;2\n",
            "FILE:3: 'y' is '0.5'; expected a number in the notation of the others, such as 5%. Write",
        ),
        (
            "y;z\n1e300;1\n0.5;2\n",
            "FILE:2: 'y' is '1e300'; expected a number between -1e+100 and 1e+100. A missing value",
        ),
        ("y;z\n1.5;1\n3 or 4;2\n", "FILE:3: 'y' is '3 or 4'; expected a number. A missing value is an empty cell"),
    ],
)
def test_a_cell_in_another_notation_is_an_error_with_its_place(content: str, expected: str, tmp_path: Path) -> None:
    assert error(tmp_path, content, targets=["y"]).startswith(expected)


def test_the_order_of_day_and_month_is_reported_if_it_is_not_certain(tmp_path: Path) -> None:
    content = "when,y\n" + "".join(f"{day:02d}/02/2020,{day}\n" for day in range(1, 6))
    expected = (
        "FILE: the order of day and month in 'when' is not certain; 01/02/2020 is read as 2020-01-02. "
        "Use --day-first for the other order"
    )
    assert expected in messages_of(tmp_path, content)
    for day_first, first in ((True, datetime(2020, 2, 1)), (False, datetime(2020, 1, 2))):
        series = read(tmp_path, content, day_first=day_first)
        assert series.dates is not None
        assert series.dates.dates[0] == first
        assert not any("not certain" in message for message in messages_of(tmp_path, content, day_first=day_first))
    assert not any("not certain" in m for m in messages_of(tmp_path, content, usual_date_format="%d/%m/%Y"))


def test_a_format_of_dates_is_read_or_named_in_the_error(tmp_path: Path) -> None:
    content = "t,y\n" + "".join(f"{n}|2020,{n % 4}\n" for n in range(1, 13))
    series = read(tmp_path, content, date_format="%m|%Y")
    assert series.dates is not None
    assert (series.dates.dates[11], series.dates.following(1)) == (datetime(2020, 12, 1), ["1|2021"])
    expected = "FILE:2: 't' is '1|2020'; expected a date in the format %d.%m.%Y. Write dates as 1949-01"
    assert error(tmp_path, content, date_format="%d.%m.%Y", date="t").startswith(expected)
    with pytest.raises(ValueError, match="where %K is unknown; expected a format of strptime"):
        ForecasterReaderConfig(date_format="%K")


def test_dates_that_cannot_be_read_are_reported_or_refused_with_their_place(tmp_path: Path) -> None:
    words = "tag,y\n5. Mai 2020,1\n6. Mai 2020,2\n7. Mai 2020,4\n"
    expected = (
        "FILE:2: 'tag' looks like dates, but 5. Mai 2020 cannot be read; the rows are used in their order, without "
        "dates. Use --date-format to read it"
    )
    assert messages_of(tmp_path, words) == [expected]
    assert error(tmp_path, words, date="tag").startswith("FILE:2: 'tag' is '5. Mai 2020'; expected a date. Write")
    late = table(DAYS, "%d/%m/%Y", ",").replace("03/02/2020", "31/02/2020")
    assert error(tmp_path, late).startswith("FILE:35: 'when' is '31/02/2020'; expected a date. Write")


def test_the_newest_row_may_come_first(tmp_path: Path) -> None:
    content = table(DAYS[::-1], "%Y-%m-%d")
    series = read(tmp_path, content)
    np.testing.assert_array_equal(series.values[:, 0], VALUES[::-1])
    assert series.dates is not None
    assert list(series.dates.dates) == DAYS
    expected = "FILE: the newest row comes first; the rows are used from the oldest to the newest"
    assert messages_of(tmp_path, content) == [expected]


def test_working_days_have_no_gaps_at_week_ends_and_holidays_are_missing_rows(tmp_path: Path) -> None:
    days = [day for day in WORKING if day != datetime(2020, 1, 20)]
    content = "when,y\n" + "".join(f"{day:%Y-%m-%d},{n}\n" for n, day in enumerate(days))
    series = read(tmp_path, content)
    assert len(series) == len(WORKING)
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [WORKING.index(datetime(2020, 1, 20))]
    assert messages_of(tmp_path, content) == [
        "FILE: the rows are those of Monday to Friday; the days between are not missing",
        "FILE: 1 row is missing according to the dates, the first at 2020-01-20; inserted",
    ]
    assert series.step is not None
    assert series.step.season == 5


def test_an_hour_that_comes_twice_in_autumn_is_read(tmp_path: Path) -> None:
    """Local time without a zone: 2020-10-25 has 02:00 twice, 2021-03-28 has none."""
    begin, autumn, spring = datetime(2020, 10, 24, 22), datetime(2020, 10, 25, 1), datetime(2021, 3, 28, 1)
    utc = [begin + timedelta(hours=n) for n in range(24 * 160)]
    local = [date + timedelta(hours=1 if autumn <= date < spring else 2) for date in utc]
    assert local[2] == local[3] == datetime(2020, 10, 25, 2)
    content = "when,y\n" + "".join(f"{date:%Y-%m-%d %H:%M},{n}\n" for n, date in enumerate(local))
    series = read(tmp_path, content)
    assert series.dates is not None
    assert str(series.step) == "hour"
    assert series.dates.dates[-1] == local[-1]
    np.testing.assert_array_equal(np.diff(series.dates.dates), timedelta(hours=1))  # type: ignore[arg-type]
    np.testing.assert_array_equal(series.values[:, 0], np.arange(len(utc)))
    assert (
        "the clock was set back 1 time; the dates are those of the clock of the last row"
        in messages_of(tmp_path, content)[0]
    )
    twice = "when,y\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n2020-01-01 01:00,3\n2020-01-01 02:00,4\n"
    assert "the date 2020-01-01 01:00 comes a second time" in error(tmp_path, twice)


def test_several_offsets_from_utc_are_reported(tmp_path: Path) -> None:
    hours = ["01:00+01:00", "03:00+02:00", "04:00+02:00", "05:00+02:00"]
    content = "when,y\n" + "".join(f"2020-03-29 {hour},{n}\n" for n, hour in enumerate(hours))
    assert messages_of(tmp_path, content) == [
        "FILE: the dates have several offsets from UTC; they are read and written in UTC"
    ]
    days = "when,y\n2020-03-28 00:00+01:00,1\n2020-03-29 00:00+01:00,3\n2020-03-30 00:00+02:00,2\n"
    assert messages_of(tmp_path, days) == [
        "FILE: the dates have several offsets from UTC; they are read as days, without a zone"
    ]


@pytest.mark.parametrize(
    "cell", ["4.5 °C", "12.3K", "12.3万", '="12.3"', "<0.5", "~12", "12.3 kWh/m²", "1,234.50 units", "-3.5°", "7*"]
)
def test_cells_that_look_like_numbers_never_make_another_column_the_target(cell: str, tmp_path: Path) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    content = "date,temp,visits\n" + "".join(f"{day:%Y-%m-%d},{quoted},{n % 7}\n" for n, day in enumerate(DAYS))
    expected = (
        f"FILE:2: 'temp' looks like numbers, but {cell!r} cannot be read. Write numbers without a unit, or name the "
        "column to forecast with --target"
    )
    assert error(tmp_path, content) == expected
    assert read(tmp_path, content, targets=["visits"]).targets == ("visits",)
    some = content.replace(quoted, "NA", 30)
    assert error(tmp_path, some) == expected.replace("FILE:2", "FILE:32")


@pytest.mark.parametrize(
    "cell", ["A12", "10 Main Street, 2nd floor", "sunny", "10:30", "3/4", "v1.2.3", "555-123-4567"]
)
def test_other_texts_leave_the_only_column_of_numbers_the_target(cell: str, tmp_path: Path) -> None:
    content = "date,note,visits\n" + "".join(f'{day:%Y-%m-%d},"{cell}",{n % 7}\n' for n, day in enumerate(DAYS))
    assert read(tmp_path, content).targets == ("visits",)


def test_permille_are_called_so(tmp_path: Path) -> None:
    assert messages_of(tmp_path, "y\n5.2‰\n6.1‰\n") == ["FILE: 'y' is in permille: 5.2‰ is read as 5.2"]


def test_a_column_of_numbers_that_names_series_is_not_the_target(tmp_path: Path) -> None:
    content = "date,shop,sales\n" + "".join(f"{day:%Y-%m-%d},A,{n}\n" for n, day in enumerate(DAYS))
    expected = (
        "FILE:1: has no column of numbers beside the names of series (sales). Name what to forecast with --target"
    )
    assert error(tmp_path, content, series=["sales"]).startswith(expected)


@pytest.mark.parametrize(
    ("change", "cells"),
    [
        (datetime(2024, 3, 31, 2), "%d.%m.%Y %H:%M"),
        (datetime(2024, 3, 10, 2), "%Y-%m-%d %H:%M"),
        (datetime(2024, 10, 6, 2), "%Y-%m-%d %H:%M"),
    ],
)
def test_an_hour_that_never_was_in_spring_is_not_missing(change: datetime, cells: str, tmp_path: Path) -> None:
    hours = [change + timedelta(hours=n) for n in range(-30, 42) if n != 0]
    content = "when,y\n" + "".join(f"{hour:{cells}},{n}\n" for n, hour in enumerate(hours))
    series = read(tmp_path, content)
    assert (len(series), str(series.step)) == (71, "hour")
    assert not np.isnan(series.values).any()
    assert series.dates is not None
    assert (series.dates.dates[0], series.dates.dates[-1]) == (hours[0] + timedelta(hours=1), hours[-1])
    expected = "FILE: the clock was set forward 1 time; the dates are those of the clock of the last row"
    assert messages_of(tmp_path, content) == [expected]


@pytest.mark.parametrize(
    ("missing", "hours_before"),
    [
        (datetime(2024, 3, 31, 14), 30),  # by day
        (datetime(2024, 3, 28, 2), 30),  # on a Thursday
        (datetime(2024, 5, 26, 2), 30),  # in May
        (datetime(2024, 3, 31, 2), 24 * 170),  # an autumn before it, in which no hour comes twice
    ],
)
def test_another_hour_that_is_missing_is_inserted(missing: datetime, hours_before: int, tmp_path: Path) -> None:
    hours = [missing + timedelta(hours=n) for n in range(-hours_before, 42) if n != 0]
    content = "when,y\n" + "".join(f"{hour:%Y-%m-%d %H:%M},{n}\n" for n, hour in enumerate(hours))
    assert "1 row is missing according to the dates" in messages_of(tmp_path, content)[-1]


def test_one_long_gap_is_named(tmp_path: Path) -> None:
    days = [DAYS[0] + timedelta(days=n if n < 20 else n + 200) for n in range(60)]
    content = "when,y\n" + "".join(f"{day:%Y-%m-%d},{n}\n" for n, day in enumerate(days))
    assert messages_of(tmp_path, content) == [
        "FILE: too many rows are missing between 2020-01-20 and 2020-08-08 to be inserted; the rows are used in their "
        "order"
    ]

"""Dates of rows: what is one, what lies between two, and what comes next."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.tasks.forecaster.calendar import DAY, HOUR, Step, common_step, date_format, parse_date

FORMATS = ["%Y-%m", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y.%m.%d"]
exhaustive = settings(deadline=None, derandomize=True, database=None)


@exhaustive
@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.sampled_from(FORMATS))
def test_what_is_written_is_read_and_written_alike(date: datetime, written: str) -> None:
    text = f"{date:{written}}"
    read = parse_date(text)
    assert read is not None
    assert f"{read:{date_format(text)}}" == text


@pytest.mark.parametrize(
    "text", ["", "1949", "12", "3.5", "1949-13", "2021-02-30", "Jan 1949", "31/1/1949", "1949-1-1-1"]
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


def test_dates_that_are_written_otherwise() -> None:
    assert parse_date(" 1949-1 ") == datetime(1949, 1, 1)
    assert parse_date("2016-07-01T00:00:00.000000000") == datetime(2016, 7, 1)
    assert parse_date("2016-07-01 10:30:00+00:00") == datetime(2016, 7, 1, 10, 30)


@exhaustive
@given(
    st.sampled_from(
        [Step("months", 1), Step("months", 3), Step("months", 12), Step("seconds", HOUR), Step("seconds", DAY)]
    ),
    st.datetimes(datetime(1800, 1, 1), datetime(2100, 1, 1)).map(lambda date: date.replace(day=min(date.day, 28))),
    st.lists(st.integers(1, 4), min_size=3, max_size=8),
)
def test_steps_between_dates_are_those_that_were_taken(step: Step, first: datetime, skips: list[int]) -> None:
    first = first.replace(microsecond=0)
    places = [0, 1, 2, 3]
    for skip in skips:
        places += [places[-1] + skip, places[-1] + skip + 1, places[-1] + skip + 2]
    dates = [step.after(first, place) for place in places]
    assert [step.between(first, date) for date in dates] == places
    found = common_step(dates)
    assert found is not None
    assert [found.between(first, date) for date in dates] == places


def test_ends_of_months_stay_ends_of_months() -> None:
    dates = [datetime(2023, 11, 30), datetime(2023, 12, 31), datetime(2024, 1, 31), datetime(2024, 2, 29)]
    step = common_step(dates)
    assert step == Step("months", 1, month_end=True)
    assert step.after(dates[-1], 1) == datetime(2024, 3, 31)
    assert [step.between(dates[0], date) for date in dates] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("step", "told", "season"),
    [
        (Step("months", 1), "month", 12),
        (Step("months", 3), "3 months", 4),
        (Step("months", 12), "year", 1),
        (Step("months", 5), "5 months", 1),
        (Step("seconds", HOUR), "hour", 24),
        (Step("seconds", 900), "15 minutes", 96),
        (Step("seconds", DAY), "day", 7),
        (Step("seconds", 7 * DAY), "week", 52),
        (Step("seconds", 2 * DAY), "2 days", 1),
        (Step("seconds", 7), "7 seconds", 1),
    ],
)
def test_steps_are_told_and_have_their_season(step: Step, told: str, season: int) -> None:
    assert (str(step), step.season) == (told, season)


def test_rows_within_a_day_at_the_end_of_a_month_are_hours_apart() -> None:
    hours = [datetime(2024, 1, 31, hour) for hour in range(24)]
    assert common_step(hours) == Step("seconds", HOUR)
    assert common_step([datetime(2024, 1, 31), datetime(2024, 1, 31, 12)]) == Step("seconds", 12 * HOUR)
    thirtieth = [datetime(2024, month, 30) for month in (3, 4, 5)]
    assert common_step(thirtieth) == Step("months", 1)


def test_one_date_has_no_step_and_parts_of_steps_are_none() -> None:
    assert common_step([datetime(2020, 1, 1)]) is None
    assert Step("seconds", HOUR).between(datetime(2020, 1, 1), datetime(2020, 1, 1) + timedelta(minutes=90)) is None
    assert Step("months", 1).between(datetime(2020, 1, 1), datetime(2020, 2, 2)) is None

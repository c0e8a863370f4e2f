"""Dates of rows: what lies between two, and what comes next."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from elman.errors import DataError
from elman.tasks.forecaster.calendar import DAY, HOUR, Step, common_step, describe_weekdays

exhaustive = settings(deadline=None, derandomize=True, database=None)


@exhaustive
@given(
    st.sampled_from(
        [Step("months", 1), Step("months", 3), Step("months", 12), Step("seconds", HOUR), Step("seconds", DAY)]
    ),
    st.datetimes(datetime(1800, 1, 1), datetime(2100, 1, 1)).map(lambda day: day.replace(day=min(day.day, 28))),
    st.lists(st.integers(1, 4), min_size=3, max_size=8),
)
def test_steps_between_dates_are_those_that_were_taken(step: Step, first: datetime, skips: list[int]) -> None:
    first = first.replace(microsecond=0)
    places = [0, 1, 2, 3]
    for skip in skips:
        places += [places[-1] + skip, places[-1] + skip + 1, places[-1] + skip + 2]
    dates = [step.after(first, place) for place in places]
    assert [step.between(first, day) for day in dates] == places
    found = common_step(dates)
    assert found is not None
    assume(found.unit != "weekdays")  # the same days of every week may be skipped by chance
    assert [found.between(first, day) for day in dates] == places


def test_ends_of_months_stay_ends_of_months() -> None:
    dates = [datetime(2023, 11, 30), datetime(2023, 12, 31), datetime(2024, 1, 31), datetime(2024, 2, 29)]
    step = common_step(dates)
    assert step == Step("months", 1, month_end=True)
    assert step.after(dates[-1], 1) == datetime(2024, 3, 31)
    assert [step.between(dates[0], day) for day in dates] == [0, 1, 2, 3]


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


def test_steps_within_a_second() -> None:
    dates = [datetime(2021, 1, 1) + timedelta(microseconds=2_500 * n) for n in range(5)]
    step = common_step(dates)
    assert step == Step("microseconds", 2_500)
    assert (str(step), str(Step("microseconds", 100_000)), step.season) == ("2500 microseconds", "100 milliseconds", 1)
    assert step.after(dates[0], 4) == dates[4]
    assert step.between(dates[0], dates[3]) == 3
    assert step.between(dates[0], dates[3] + timedelta(microseconds=1)) is None


@exhaustive
@given(
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    st.sampled_from([(0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 6)]),
)
def test_days_of_the_week_without_rows_are_not_missing(first: date, weekdays: tuple[int, ...]) -> None:
    start = datetime.combine(first, datetime.min.time())
    days = [day for n in range(40) if (day := start + timedelta(days=n)).weekday() in weekdays]
    step = common_step(days)
    assert step == Step("weekdays", 1, weekdays=weekdays)
    assert [step.between(days[0], day) for day in days] == list(range(len(days)))
    assert [step.after(days[0], n) for n in range(len(days))] == days
    assert (str(step), step.season) == ("working day", len(weekdays))
    missing = next(day for n in range(7) if (day := start + timedelta(days=n)).weekday() not in weekdays)
    assert step.between(days[0], missing) is None


def test_weekdays_are_named() -> None:
    assert describe_weekdays(Step("weekdays", 1, weekdays=(0, 1, 2, 3, 4))) == "Monday to Friday"
    assert describe_weekdays(Step("weekdays", 1, weekdays=(0, 1, 6))) == "Monday, Tuesday, Sunday"


def test_a_few_days_do_not_tell_working_days() -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(5)]
    assert common_step(days) == Step("seconds", DAY)


@pytest.mark.parametrize(
    "step", [Step("months", 1), Step("seconds", DAY), Step("weekdays", 1, weekdays=(0, 1, 2, 3, 4))]
)
def test_dates_after_the_year_9999_are_an_error_of_the_data(step: Step) -> None:
    last = datetime(9999, 12, 31)
    assert common_step([datetime(9999, 10, 31), datetime(9999, 11, 30), last]) == Step("months", 1, month_end=True)
    with pytest.raises(DataError, match="dates after 9999 leave the years 1 to 9999"):
        step.after(last, 1)

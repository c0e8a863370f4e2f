"""Tables without dates: rows of several series are never joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import MemorySeries, open_source

from .tables import csv_of, error_of, read_all

ROWS = 30
Rows = list[tuple[Any, ...]]


def value(k: int, n: int) -> float:
    return 100 * k + (n * n + k) % 17 + 0.25


def blocks(ids: Sequence[Any], *more: Callable[[int], Any]) -> Rows:
    return [(one, *(cell(n) for cell in more), value(k, n)) for k, one in enumerate(ids) for n in range(ROWS)]


def turns(ids: Sequence[Any], *more: Callable[[int], Any]) -> Rows:
    return [(one, *(cell(n) for cell in more), value(k, n)) for n in range(ROWS) for k, one in enumerate(ids)]


SEVERAL: list[tuple[str, Rows]] = [
    ("region,price", blocks("AB")),
    ("region,price", turns("AB")),
    ("region,price", turns("ABC")[:-1]),
    ("shop,price", blocks([101, 102])),
    ("shop,price", turns([101, 205, 102])),
    ("run,step,price", blocks(["run1", "run2", "run3"], lambda n: n)),
    ("unit,cycle,price", blocks([1, 2, 3], lambda n: n + 1)),
    ("unit,cycle,price", turns([1, 2, 3], lambda n: n + 1)),
    ("unit,time,price", blocks([1, 2], lambda n: f"{n // 2:02d}:{n % 2 * 30:02d}")),
    ("shop,date,price", blocks("AB", lambda n: f"{n + 1} janvier 2024")),
    ("unique_id,ds,price", blocks("ab", lambda n: n)),
    ("城市,销量,price", blocks(["北京", "上海"], lambda n: n % 4 + 0.5)),
]


@pytest.mark.parametrize(("header", "rows"), SEVERAL)
def test_several_series_without_dates_are_refused_with_the_option(header: str, rows: Rows, tmp_path: Path) -> None:
    name = header.partition(",")[0]
    content = csv_of(header, rows)
    message = error_of(tmp_path, content, targets=["price"])
    assert "in " + repr(name) in message
    assert f"Use --series {name} if the rows are those of several series, or leave out the column" in message
    series = read_all(tmp_path, content, targets=["price"], series=[name])
    assert {one.label for one in series} == {str(row[0]) for row in rows}
    for k, one in enumerate(series):
        assert one.values[:, 0].tolist() == [value(k, n) for n in range(len(one))]
    of_a_model = error_of(tmp_path, content, targets=["price"], columns_required=False)
    assert of_a_model.endswith("expected one series. Give the rows of one series, as in the training set")


@pytest.mark.parametrize(("header", "rows"), SEVERAL)
def test_several_series_of_python_without_dates_are_refused(header: str, rows: Rows) -> None:
    table = {name: [row[k] for row in rows] for k, name in enumerate(header.split(","))}
    source = open_source(MemorySeries(table), ForecasterReaderConfig(targets=("price",)), lambda message: None)
    with pytest.raises(DataError, match="in '" + header.partition(",")[0]):
        list(source.examples())


def test_a_counter_that_begins_again_is_refused_without_a_column_of_names(tmp_path: Path) -> None:
    rows = [(n, value(k, n)) for k in range(2) for n in range(ROWS)]
    assert error_of(tmp_path, csv_of("t,y", rows), targets=["y"]) == (
        "FILE:32: 't' begins again at 0, so that the rows seem to be several series; expected one. Name the column "
        "that tells the series apart with --series, or leave out the counter"
    )
    uneven = [(k, n, value(k, n)) for k, count in ((1, 20), (2, 35)) for n in range(count)]
    assert "Use --series unit if" in error_of(tmp_path, csv_of("unit,cycle,y", uneven), targets=["y"])


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("weather,y", [(("sun", "rain", "sun", "snow", "sun")[n * n % 5], value(0, n)) for n in range(ROWS)]),
        ("day,y", [(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[n % 7], value(0, n)) for n in range(ROWS)]),
        ("m,y", [(("Jan", "Feb", "Mar", "Apr")[n % 4], value(0, n)) for n in range(ROWS)]),
        ("hour,y", [(n % 24, value(0, n)) for n in range(72)]),
        ("time,y", [(f"{n % 24}:00", value(0, n)) for n in range(72)]),
        ("name,y", [(f"row {n}", value(0, n)) for n in range(ROWS)]),
        ("unit,y", [("kWh", value(0, n)) for n in range(ROWS)]),
        ("note,y", [("holiday" if n == 9 else "", value(0, n)) for n in range(ROWS)]),
        ("temperature,y", [(n * n % 13, value(0, n)) for n in range(ROWS)]),
        ("load,y", [(n // 7, value(0, n)) for n in range(ROWS)]),
        ("index,y", [(n, value(0, n)) for n in range(ROWS)]),
    ],
)
def test_other_columns_are_those_of_one_series(header: str, rows: Rows, tmp_path: Path) -> None:
    (series,) = read_all(tmp_path, csv_of(header, rows), targets=["y"])
    assert len(series) == len(rows)

"""Series: what a table says, where rows are missing, and what is wrong told with its place."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers import TextSource
from elman.errors import DataError
from elman.tasks.forecaster.readers import Columns, MemorySeries, Series, read_series

TABLE = 'Month,Sales,Rain\n"1949-01",112,1.5\n1949-02,,2\n1949-03, 132 ,NA\n'


def read(path: Path, content: str, columns: Columns | None = None, said: list[str] | None = None) -> Series:
    path.write_text(content, "utf-8")
    return read_series(TextSource(path), columns, (said if said is not None else []).append)


def told(path: Path, content: str, columns: Columns | None = None) -> str:
    with pytest.raises(DataError) as raised:
        read(path, content, columns)
    return str(raised.value).replace(str(path), "FILE")


def test_targets_and_inputs_are_columns_and_gaps_are_told_apart(tmp_path: Path) -> None:
    series = read(tmp_path / "data", TABLE, Columns(("Sales",), ("Rain",)))
    np.testing.assert_array_equal(series.values, [[112, 1.5], [np.nan, 2], [132, np.nan]])
    assert (series.targets, series.inputs) == (("Sales",), ("Rain",))
    assert series.dates is not None
    assert (series.dates.name, str(series.dates.step)) == ("Month", "month")
    assert series.dates.following(2) == ["1949-04", "1949-05"]
    assert read(tmp_path / "data", TABLE, Columns(("Rain",))).values[:, 0].tolist()[:2] == [1.5, 2.0]
    assert len(series.rows(1, 3)) == 2
    assert series.rows(1, 3).dates.text(0) == "1949-02"  # type: ignore[union-attr]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_the_only_column_of_numbers_is_the_target(separator: str, tmp_path: Path) -> None:
    rows = ["when,name,value", "2020-01-01,x,1", "2020-01-02,y,2.5"]
    content = "\n".join(rows).replace(",", separator) + "\n\n"
    series = read(tmp_path / "data", content)
    assert (series.targets, series.values.tolist()) == (("value",), [[1.0], [2.5]])
    assert read(tmp_path / "bare", "value\n1\n2\n3\n").dates is None


def test_rows_that_are_missing_by_the_dates_are_put_in_as_gaps(tmp_path: Path) -> None:
    said: list[str] = []
    rows = [f"2020-{month:02d},{month}" for month in range(1, 13) if month not in (4, 9)]
    series = read(tmp_path / "data", "month,y\n" + "\n".join(rows), said=said)
    assert len(series) == 12
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [3, 8]
    assert said == [f"{tmp_path / 'data'}: 2 rows are missing by the dates, the first at 2020-04: put in as gaps"]
    assert [date.month for date in series.dates.each] == list(range(1, 13))  # type: ignore[union-attr]


def test_rows_without_a_common_step_are_taken_as_they_come(tmp_path: Path) -> None:
    said: list[str] = []
    days = [1, 2, 3, 7, 12, 13, 22]
    series = read(tmp_path / "data", "day,y\n" + "".join(f"2020-01-{day:02d},{day}\n" for day in days), said=said)
    assert len(series) == len(days)
    assert series.dates is not None
    assert series.dates.step is None
    assert series.dates.following(2) == ["+1", "+2"]
    assert said == [f"{tmp_path / 'data'}: dates have no common step: rows are taken as they come"]


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("", None, "FILE: is empty, expected a header and rows"),
        ("a,b\n", None, "FILE:1: holds no rows under its header"),
        ("1,2\n3,4\n", None, "FILE:1: has numbers in the place of a header; name the columns"),
        ("a,b\n1,2\n3\n", None, "FILE:3: has one cell, expected 2 as in the header"),
        ("a,b\n1,2\n", None, "FILE:1: has 2 columns of numbers; --target names what to forecast, of a, b"),
        ("a,b\nx,y\n", None, "FILE:1: has no column of numbers; --target names what to forecast, of a, b"),
        ("a,b\n1,2\n", Columns(("c",)), "FILE:1: has no column 'c' in its header; --target: choose of a, b"),
        ("a,b\n1,2\n", Columns(("a",), ("c",)), "FILE:1: has no column 'c' in its header; --inputs: choose of a, b"),
        ("a,b\n1,2\n", Columns(("a",), ("a",)), "FILE:1: the column 'a' is named twice"),
        ("a,b\n1,2\n", Columns(("a",), date="d"), "FILE:1: has no column 'd' in its header; --date: choose of a, b"),
        ("a,b\n1,2\n2,high\n", Columns(("b",)), "FILE:3: 'b' is 'high', expected a number; a gap is an empty cell"),
        ("a,b,a\n1,2,3\n", Columns(("a",)), "FILE:1: has two columns 'a' in its header; rename one"),
        ("a\n1\ninf\n", None, "FILE:3: 'a' is 'inf', expected a number"),
        ("d,a\n2020-01,1\nsoon,2\n", None, "FILE:3: 'd' is 'soon', expected a date; expected 1949-01"),
        ("d,a\n2020-02,1\n2020-01,2\n", None, "FILE:3: the date 2020-01 comes after 2020-02; rows rise in time"),
        ("d,a\n2020-01,1\n2020-01,2\n", None, "FILE:3: the date 2020-01 comes a second time; rows rise in time"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    content: str, columns: Columns | None, expected: str, tmp_path: Path
) -> None:
    assert told(tmp_path / "data", content, columns).startswith(expected)


def test_numbers_are_no_dates_and_text_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert read(path, "price\n1234.5\n1240.25\n").targets == ("price",)
    assert "has 2 columns of numbers" in told(path, "load,temp\n1500.10,20.1\n1600.11,19.5\n")
    assert read(path, "d,note,y\n2020-01-01,,1\n2020-01-02,sold out,2\n").targets == ("y",)
    late = read(path, "d,y\n,1\n", Columns(("y",)))
    assert late.dates is None
    with_gap = read(path, "y,d\n1,2020-01-01\n2,2020-01-02\n")
    assert with_gap.dates is not None


def test_rows_of_empty_cells_are_gaps_and_blank_lines_are_none(tmp_path: Path) -> None:
    path = tmp_path / "data"
    np.testing.assert_array_equal(read(path, "y\n1\n\n3\n\n\n").values[:, 0], [1, np.nan, 3])
    wide = read(path, "a,b\n1,2\n\n,\n3,4\n", Columns(("a",)))
    np.testing.assert_array_equal(wide.values[:, 0], [1, np.nan, 3])


def test_the_usual_column_of_dates_is_taken_where_it_is(tmp_path: Path) -> None:
    content = "created,when,y\n2020-01-05,2020-01-01,1\n2020-01-05,2020-01-02,2\n"
    usual = Columns(("y",), usual_date="when")
    other = content.replace("when", "then").replace("2020-01-05", "-")
    for table, expected in ((content, "when"), (other, "then")):
        dates = read(tmp_path / "data", table, usual).dates
        assert dates is not None
        assert dates.name == expected


class Frame:
    """What a DataFrame answers to, with dates in its index."""

    def __init__(self, index: list[Any], columns: dict[str, list[Any]]) -> None:
        self.index, self.columns, self._columns = Index(index), list(columns), columns

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]

    def itertuples(self) -> None:
        """It has rows."""


class Index(list[Any]):
    name = None


def test_a_series_in_memory_is_an_array_columns_or_a_frame(tmp_path: Path) -> None:
    values, rain = [1.0, float("nan"), 3.0], [4, 5, None]
    days = [date(2020, 1, day) for day in (1, 2, 3)]
    forms: list[Any] = [
        {"day": days, "y": values, "rain": rain},
        Frame(days, {"y": values, "rain": rain}),
        Frame(
            [0, 1, 2],
            {"day": [datetime(2020, 1, 1), np.datetime64("2020-01-02"), "2020-01-03"], "y": values, "rain": rain},
        ),
    ]
    for held in forms:
        series = read_series(MemorySeries(held), Columns(("y",), ("rain",)))
        np.testing.assert_array_equal(series.values, [[1, 4], [np.nan, 5], [3, np.nan]])
        assert series.dates is not None
        assert str(series.dates.step) == "day"
    one = read_series(MemorySeries(values))
    assert (one.targets, one.dates) == (("value",), None)
    np.testing.assert_array_equal(one.values[:, 0], values)
    two = read_series(MemorySeries(np.ones((4, 2))), Columns(("value1",)))
    assert two.values.shape == (4, 1)
    assert MemorySeries(values).record != MemorySeries([1.0, 2.0, 3.0]).record
    with pytest.raises(DataError, match=r"columns of different lengths \(a: 1, b: 2\)"):
        read_series(MemorySeries({"a": [1], "b": [1, 2]}), Columns(("a",)))
    with pytest.raises(DataError, match="an array of 3 dimensions"):
        read_series(MemorySeries(np.ones((1, 1, 1))))
    with pytest.raises(DataError, match="row 1: 'a' is 'x', expected a number"):
        read_series(MemorySeries({"a": [1, "x"]}))

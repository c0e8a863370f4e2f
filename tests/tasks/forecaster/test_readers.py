"""Readers of series: columns, missing rows, and errors with their place."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import MemorySeries, open_source
from elman.tasks.forecaster.series import Series

TABLE = 'Month,Sales,Rain\n"1949-01",112,1.5\n1949-02,,2\n1949-03, 132 ,NA\n'


def columns(
    targets: tuple[str, ...] | None = None, inputs: tuple[str, ...] = (), date: str | None = None, **more: Any
) -> ForecasterReaderConfig:
    return ForecasterReaderConfig(targets=targets, inputs=inputs, date=date, **more)


def read(
    path: Path, content: str, reader: ForecasterReaderConfig | None = None, messages: list[str] | None = None
) -> Series:
    path.write_text(content, "utf-8")
    notify = (messages if messages is not None else []).append
    (series,) = open_source(path, reader or columns(), notify).examples()
    return series


def read_memory(items: Any, reader: ForecasterReaderConfig | None = None) -> Series:
    (series,) = open_source(MemorySeries(items), reader or columns(), print).examples()
    return series


def error(path: Path, content: str, reader: ForecasterReaderConfig | None = None) -> str:
    with pytest.raises(DataError) as raised:
        read(path, content, reader)
    return str(raised.value).replace(str(path), "FILE")


def test_targets_and_inputs_are_columns_with_missing_values(tmp_path: Path) -> None:
    series = read(tmp_path / "data", TABLE, columns(("Sales",), ("Rain",)))
    np.testing.assert_array_equal(series.values, [[112, 1.5], [np.nan, 2], [132, np.nan]])
    assert (series.targets, series.inputs) == (("Sales",), ("Rain",))
    assert series.dates is not None
    assert (series.dates.name, str(series.dates.step)) == ("Month", "month")
    assert series.dates.following(2) == ["1949-04", "1949-05"]
    assert read(tmp_path / "data", TABLE, columns(("Rain",))).values[:, 0].tolist()[:2] == [1.5, 2.0]
    assert len(series.rows(1, 3)) == 2
    dates = series.rows(1, 3).dates
    assert dates is not None
    assert dates.text(0) == "1949-02"


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_the_only_column_of_numbers_is_the_target(separator: str, tmp_path: Path) -> None:
    rows = ["when,name,value", "2020-01-01,x,1", "2020-01-02,y,2.5"]
    content = "\n".join(rows).replace(",", separator) + "\n\n"
    series = read(tmp_path / "data", content)
    assert (series.targets, series.values.tolist()) == (("value",), [[1.0], [2.5]])
    assert read(tmp_path / "bare", "value\n1\n2\n3\n").dates is None


def test_rows_that_are_missing_according_to_the_dates_are_inserted(tmp_path: Path) -> None:
    messages: list[str] = []
    rows = [f"2020-{month:02d},{month}" for month in range(1, 13) if month not in (4, 9)]
    series = read(tmp_path / "data", "month,y\n" + "\n".join(rows), messages=messages)
    assert len(series) == 12
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [3, 8]
    expected = "2 rows are missing according to the dates, the first at 2020-04; inserted"
    assert messages == [f"{tmp_path / 'data'}: {expected}"]
    assert series.dates is not None
    assert [date.month for date in series.dates.dates] == list(range(1, 13))


def test_rows_without_a_common_step_are_used_in_their_order(tmp_path: Path) -> None:
    messages: list[str] = []
    days = [1, 2, 3, 7, 12, 13, 22]
    series = read(
        tmp_path / "data", "day,y\n" + "".join(f"2020-01-{day:02d},{day}\n" for day in days), messages=messages
    )
    assert len(series) == len(days)
    assert series.dates is not None
    assert series.dates.step is None
    assert series.dates.following(2) == ["+1", "+2"]
    assert messages == [f"{tmp_path / 'data'}: the dates have no common step; the rows are used in their order"]


@pytest.mark.parametrize(
    ("content", "reader", "expected"),
    [
        ("", None, "FILE: is empty; expected a header and rows"),
        ("a,b\n", None, "FILE:1: has no rows under its header"),
        ("1,2\n3,4\n", None, "FILE:1: has data instead of a header. Name the columns"),
        ("a,b\n1,2\n3\n", None, "FILE:3: has one cell; expected 2 as in the header"),
        (
            "Sales\na,b\n1,2\n",
            None,
            "FILE:2: has 2 cells; expected 1 as in the header. Is line 1 a title above the table? Remove it",
        ),
        ("a,b\n1,2\n", None, "FILE:1: has 2 columns of numbers. Name what to forecast with --target, from a, b"),
        ("a,b\nx,y\n", None, "FILE:1: has no column of numbers. Name what to forecast with --target, from a, b"),
        ("a,b\n1,2\n", columns(("c",)), "FILE:1: has no column 'c' in its header. Its columns are a, b"),
        ("a,b\n1,2\n", columns(("a",), ("c",)), "FILE:1: has no column 'c' in its header. Its columns are a, b"),
        ("a,b\n1,2\n", columns(("a",), ("a",)), "FILE:1: the column 'a' is named twice"),
        ("a,b\n1,2\n", columns(("a",), date="d"), "FILE:1: has no column 'd' in its header. Its columns are a, b"),
        (
            "a,b\n1,2\n2,high\n",
            columns(("b",)),
            "FILE:3: 'b' is 'high'; expected a number. A missing",
        ),
        ("a,b,a\n1,2,3\n", columns(("a",)), "FILE:1: has two columns 'a' in its header. Rename one"),
        ("a\n1\ninf\n", None, "FILE:3: 'a' is 'inf'; expected a number"),
        ("d,a\n2020-01,1\nsoon,2\n", None, "FILE:3: 'd' is 'soon'; expected a date. Write dates as 1949-01"),
        ("d,a\n2020-02,1\n2020-01,2\n2020-03,2\n", None, "FILE:3: the date 2020-01 comes after 2020-02. Sort the rows"),
        ("d,a\n2020-01,1\n2020-01,2\n", None, "FILE:3: the date 2020-01 comes a second time. Sort the rows by time"),
    ],
)
def test_errors_have_their_place(
    content: str, reader: ForecasterReaderConfig | None, expected: str, tmp_path: Path
) -> None:
    assert error(tmp_path / "data", content, reader).startswith(expected)


def test_a_count_of_the_rows_is_not_what_to_forecast(tmp_path: Path) -> None:
    assert read(tmp_path / "data", "step,y\n0,5\n1,7\n2,6\n").targets == ("y",)
    assert "has 2 columns of numbers" in error(tmp_path / "data", "step,y\n0,5\n1,7\n3,6\n"), "no count: one is missing"
    assert "has 2 columns of numbers" in error(tmp_path / "data", "step,y\n0,5\n1,6\n2,7\n"), "both count"


def test_numbers_are_not_dates_and_text_is_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert read(path, "price\n1234.5\n1240.25\n").targets == ("price",)
    assert "has 2 columns of numbers" in error(path, "load,temp\n1500.10,20.1\n1600.11,19.5\n")
    assert read(path, "d,note,y\n2020-01-01,,1\n2020-01-02,sold out,2\n").targets == ("y",)
    late = read(path, "d,y\n,1\n", columns(("y",)))
    assert late.dates is None
    dated = read(path, "y,d\n1,2020-01-01\n2,2020-01-02\n")
    assert dated.dates is not None


def test_empty_cells_are_missing_values_and_blank_lines_of_wide_tables_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "data"
    np.testing.assert_array_equal(read(path, "y\n1\n\n3\n\n\n").values[:, 0], [1, np.nan, 3])
    wide = read(path, "a,b\n1,2\n\n,\n3,4\n", columns(("a",)))
    np.testing.assert_array_equal(wide.values[:, 0], [1, np.nan, 3])


def test_a_date_column_that_is_not_required_is_used_if_it_is_there(tmp_path: Path) -> None:
    content = "created,when,y\n2020-01-05,2020-01-01,1\n2020-01-05,2020-01-02,2\n"
    reader = columns(("y",), date="when", columns_required=False)
    other = content.replace("when", "then").replace("2020-01-05", "-")
    for table, expected in ((content, "when"), (other, "then")):
        dates = read(tmp_path / "data", table, reader).dates
        assert dates is not None
        assert dates.name == expected


@pytest.mark.parametrize("rows", ["2020-01-01,5,,\n2020-01-02,7,,\n", "2020-01-01,5\n2020-01-02,7,,,\n"])
def test_empty_cells_at_the_end_of_a_row_do_not_count(rows: str, tmp_path: Path) -> None:
    assert read(tmp_path / "data", f"date,y\n{rows}").values.tolist() == [[5.0], [7.0]]
    assert "has 4 cells; expected 2 as in the header" in error(tmp_path / "data", "date,y\n2020-01-01,5,,x\n")


@pytest.mark.parametrize(
    "row", ["2024-01-01 10:1{}:00,5", "2024-01-0{},5", "2024-01-0{},A,5", "A,2024-01-0{},5", "5.5,{}", "1.1.202{};4,5"]
)
def test_a_row_of_data_is_no_header(row: str, tmp_path: Path) -> None:
    content = "".join(row.format(n) + "\n" for n in range(1, 9))
    assert (
        error(tmp_path / "data", content) == "FILE:1: has data instead of a header. Name the columns in the first line"
    )


def test_dates_and_numbers_may_be_names_of_columns(tmp_path: Path) -> None:
    wide = error(tmp_path / "data", "shop,2020-01,2020-02\nA,1,2\nB,3,4\n")
    assert "has 2 columns of numbers. Name what to forecast with --target, from 2020-01, 2020-02" in wide


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
    for items in forms:
        series = read_memory(items, columns(("y",), ("rain",)))
        np.testing.assert_array_equal(series.values, [[1, 4], [np.nan, 5], [3, np.nan]])
        assert series.dates is not None
        assert str(series.dates.step) == "day"
    one = read_memory(values)
    assert (one.targets, one.dates) == (("value",), None)
    np.testing.assert_array_equal(one.values[:, 0], values)
    two = read_memory(np.ones((4, 2)), columns(("value1",)))
    assert two.values.shape == (4, 1)
    assert MemorySeries(values).record != MemorySeries([1.0, 2.0, 3.0]).record
    with pytest.raises(DataError, match=r"columns of different lengths \(a: 1, b: 2\)"):
        read_memory({"a": [1], "b": [1, 2]}, columns(("a",)))
    with pytest.raises(DataError, match="an array of 3 dimensions"):
        read_memory(np.ones((1, 1, 1)))
    with pytest.raises(DataError, match="row 1: 'a' is 'x'; expected a number"):
        read_memory({"a": [1, "x"]})

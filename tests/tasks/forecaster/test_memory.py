"""What a Python caller holds: pandas' objects, masked arrays, and values that are too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.data.readers.date_patterns import MONTHS
from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import MemorySeries, open_source
from elman.tasks.forecaster.series import Series

T = np.arange(80)
VALUES = 100 + 10 * np.sin(2 * np.pi * T / 7) + T / 10
DAYS = pd.date_range("2020-01-01", periods=80)
TINY: dict[str, Any] = {
    "horizon": 7,
    "hidden_size": 8,
    "delays": 7,
    "steps": 2,
    "verbose": False,
    "config": {"training": {"batch_size": 4, "learning_rate": 0.01, "threads": 1}},
}


def read(items: Any, **options: Any) -> list[Series]:
    return list(open_source(MemorySeries(items), ForecasterReaderConfig(**options), print).examples())


@pytest.mark.parametrize(
    ("items", "target", "step"),
    [
        (pd.Series(VALUES), "value", None),
        (pd.Series(VALUES, name="sales"), "sales", None),
        (pd.Series(VALUES, index=DAYS), "value", "day"),
        (pd.Series(VALUES, index=DAYS.rename("when")), "value", "day"),
        (pd.DataFrame(VALUES), "value", None),
        (pd.DataFrame({2019: VALUES}), "2019", None),
        (pd.DataFrame({"y": VALUES}, index=DAYS.tz_localize("Europe/Berlin")), "y", "day"),
        (
            pd.DataFrame({"y": VALUES}, index=pd.date_range("2020-03-28", periods=80, freq="h", tz="Europe/Paris")),
            "y",
            "hour",
        ),
        (pd.DataFrame({"y": VALUES}, index=pd.period_range("1990Q1", periods=80, freq="Q")), "y", "3 months"),
        (pd.DataFrame({"y": VALUES}, index=pd.period_range("1990-01", periods=80, freq="M")), "y", "month"),
        (pd.DataFrame({"y": VALUES}, index=pd.period_range("1990-01-01", periods=80, freq="W")), "y", "week"),
        (pd.DataFrame({"y": VALUES}, index=pd.bdate_range("2020-01-01", periods=80)), "y", "working day"),
        (pd.DataFrame({"y": VALUES}, index=DAYS.strftime("%d.%m.%Y")), "y", "day"),
        (pd.DataFrame({"y": VALUES}, index=pd.Index(range(1900, 1980), name="year")), "y", "year"),
        (pd.DataFrame({"day": DAYS, "y": VALUES}), "y", "day"),
        (pd.DataFrame({"day": DAYS, "y": VALUES}, index=np.arange(500, 580)), "y", "day"),
        (np.ma.masked_array(VALUES, mask=T == 5), "value", None),
    ],
)
def test_objects_of_pandas_and_masked_arrays_are_read(items: Any, target: str, step: str | None) -> None:
    (series,) = read(items)
    assert series.targets == (target,)
    expected = VALUES.copy()
    if isinstance(items, np.ma.MaskedArray):
        expected[5] = np.nan
    np.testing.assert_array_equal(series.values[:, 0], expected)
    assert (None if series.step is None else str(series.step)) == step


def test_missing_values_of_pandas_are_missing() -> None:
    frame = pd.DataFrame(
        {"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.5, None, np.nan], "c": [None, pd.NA, 2.0]}
    )
    (series,) = read(frame, targets=["a", "b", "c"])
    nan = np.nan
    np.testing.assert_array_equal(series.values, [[1, 1.5, nan], [nan, nan, nan], [3, nan, 2]])
    columns = {"y": np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])}
    np.testing.assert_array_equal(read(columns)[0].values[:, 0], [1, nan, 3])


def test_numbered_columns_are_named_by_their_numbers() -> None:
    frame = pd.DataFrame(np.stack([VALUES, -VALUES], 1))
    assert read(frame, targets=[1])[0].targets == ("1",)
    with pytest.raises(DataError, match="has 2 columns of numbers"):
        read(frame)
    with pytest.raises(DataError, match="has two columns 'y' in its header"):
        read(pd.DataFrame(np.ones((3, 2)), columns=["y", "y"]))


@pytest.mark.parametrize("last", [DAYS, pd.period_range("2020-01-01", periods=80, freq="D"), range(80)])
def test_a_multi_index_names_several_series(last: Any) -> None:
    index = pd.MultiIndex.from_product([["a", "b"], list(last)], names=["shop", "day"])
    frame = pd.DataFrame({"y": np.r_[VALUES, -VALUES]}, index=index)
    one, other = read(frame)
    assert (one.id_columns, one.ids, other.ids) == (("shop",), ("a",), ("b",))
    np.testing.assert_array_equal(one.values[:, 0], VALUES)
    np.testing.assert_array_equal(other.values[:, 0], -VALUES)
    turned = frame.swaplevel().sort_index()
    if not isinstance(last, range):
        assert str(one.step) == "day"
        np.testing.assert_array_equal(read(turned)[1].values[:, 0], -VALUES)


@pytest.mark.parametrize("value", [1e300, -1e300, np.inf, -np.inf, 1e101])
@pytest.mark.parametrize("form", [np.asarray, list, pd.Series, lambda values: {"y": values}])
def test_values_that_are_too_large_are_an_error(value: float, form: Any) -> None:
    values = VALUES.copy()
    values[3] = value
    with pytest.raises(DataError, match=r"row 3: '(value|y)' is .*; expected a number between -1e\+100 and 1e\+100"):
        read(form(values))


def test_large_and_small_values_are_trained_on() -> None:
    for size in (1e90, 1e-6):
        forecast = elman.Forecaster(**TINY)
        forecast.fit(size * VALUES)
        assert np.isfinite(forecast.predict(size * VALUES).quantiles).all()


def test_an_estimator_takes_the_same_things_to_fit_and_to_predict() -> None:
    model = elman.Forecaster(**TINY)
    model.fit(pd.Series(VALUES))
    expected = model.predict(VALUES).quantiles
    masked = np.ma.masked_array(np.r_[VALUES, 7.0], mask=[*[False] * 80, True])
    for form in (pd.Series(VALUES), pd.DataFrame(VALUES), pd.DataFrame({"value": VALUES}), VALUES.tolist()):
        np.testing.assert_array_equal(model.predict(form).quantiles, expected)
    assert np.isfinite(model.predict(masked).quantiles).all()
    assert (model.predict(masked).quantiles == model.predict(np.r_[VALUES, np.nan]).quantiles).all()
    dated = model.predict(pd.Series(VALUES, index=DAYS))
    np.testing.assert_array_equal(dated.quantiles, expected)
    assert dated.dates[0] == "2020-03-21"
    with pytest.raises(DataError, match=r"row 3 has .*; expected numbers between"):
        model.predict(np.r_[VALUES[:3], 1e300])


def test_a_multi_index_trains_one_model_for_all_series() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], DAYS], names=["id", "date"])
    frame = pd.DataFrame({"y": np.r_[VALUES, 1000 * VALUES]}, index=index)
    model = elman.Forecaster(**TINY)
    model.fit(frame)
    assert set(model.evaluate(frame)["series"]) == {"a", "b"}
    forecasts = model.predict(frame)
    assert list(forecasts) == ["a", "b"]
    np.testing.assert_allclose(forecasts["b"].median, 1000 * forecasts["a"].median, rtol=1e-4)
    long = frame.reset_index()
    again = elman.Forecaster(**{**TINY, "series": "id"})
    again.fit(long)
    np.testing.assert_array_equal(again.predict(long)["b"].quantiles, forecasts["b"].quantiles)
    assert model.evaluate(frame)["forecasts"] == again.evaluate(long)["forecasts"]
    assert model.score(frame) == pytest.approx(again.score(long))


@pytest.mark.parametrize(
    "levels",
    [
        {"year": T // 12 + 1990, "month": T % 12 + 1},
        {"year": T // 12 + 1990, "month": [MONTHS[n % 12] for n in T]},
        {"month": T % 12 + 1, "year": T // 12 + 1990},
        {"shop": ["A"] * 80, "year": T // 12 + 1990, "month": T % 12 + 1},
    ],
)
def test_levels_that_are_dates_together_name_no_series(levels: dict[str, Any]) -> None:
    index = pd.MultiIndex.from_arrays([np.asarray(values) for values in levels.values()], names=list(levels))
    (series,) = read(pd.DataFrame({"y": VALUES}, index=index))
    assert (str(series.step), series.ids) == ("month", ("A",) if "shop" in levels else ())
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


COMPLEX = VALUES + 1j


@pytest.mark.parametrize(
    "items",
    [
        COMPLEX,
        COMPLEX.tolist(),
        COMPLEX[:, None],
        {"value": COMPLEX},
        {"value": [*VALUES[1:], 1j]},
        pd.Series(COMPLEX),
        pd.DataFrame({"value": COMPLEX}, index=DAYS),
        np.ma.masked_array(COMPLEX, mask=T == 5),
    ],
)
def test_complex_numbers_are_refused(items: Any, fitted: elman.Forecaster) -> None:
    with pytest.raises(DataError, match="complex numbers; expected real numbers"):
        read(items)
    with pytest.raises(DataError, match="complex numbers; expected real numbers"):
        fitted.predict(items)


def test_lists_of_different_lengths_are_an_error_of_the_data() -> None:
    with pytest.raises(DataError, match="a list or an array of other things"):
        read([[1.0, 2.0], [3.0]])


@pytest.fixture(scope="module")
def fitted() -> elman.Forecaster:
    return elman.Forecaster(**TINY).fit(VALUES)


def test_dates_that_are_not_used_and_orders_that_are_not_certain_are_warnings_without_messages() -> None:
    unread = pd.DataFrame({"date": [f"{n % 28 + 1} mai {1900 + n}" for n in T], "y": VALUES})
    model = elman.Forecaster(**TINY)
    expected = (
        "'date' looks like dates, but 1 mai 1900 cannot be read; .* without dates. Use data.date_format to read it"
    )
    with pytest.warns(UserWarning, match=expected):
        model.fit(unread)
    with pytest.warns(UserWarning, match=expected):
        model.predict(unread)
    unsure = pd.DataFrame({"date": [f"{n % 12 + 1:02d}/01/{1990 + n // 12}" for n in T], "y": VALUES})
    with pytest.warns(UserWarning, match="is not certain; .* Use data.day_first for the other order"):
        elman.Forecaster(**TINY).fit(unsure)

"""Predictions of a forecaster: they depend only on earlier rows, and are the same row by row and from a folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elman.errors import DataError, ModelError
from elman.tasks.forecaster.batches import without_missing
from elman.tasks.forecaster.calendar import Step
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.history_encoders import Recurrent, monotone
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.forecaster.scales import modelled
from elman.tasks.forecaster.series import Dates, Series
from elman.tasks.loading import load

from .models import ARCHITECTURES, INPUTS, ROWS, TARGETS, scales_of, series_of, tiny_config, tiny_predictor

Array = npt.NDArray[Any]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@every_architecture
def test_quantiles_do_not_cross(architecture: str) -> None:
    found = tiny_predictor(architecture).backtest(series_of(), 20)
    config = tiny_config(architecture)
    assert found.shape == (ROWS - 20 - 4 + 1, 4, 2, len(config.quantiles))
    assert (np.diff(found, axis=-1) > 0.0).all()


def test_quantiles_are_steps_away_from_the_median() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 4))
    steps = np.log1p(np.exp(a))
    for median in range(4):
        expected = np.empty_like(a)
        for q in range(4):
            between = steps[:, median + 1 : q + 1].sum(1) if q >= median else -steps[:, q:median].sum(1)
            expected[:, q] = a[:, median] + between
        np.testing.assert_allclose(monotone(a.copy(), median), expected, rtol=1e-12)


@every_architecture
def test_later_rows_do_not_change_a_forecast(architecture: str) -> None:
    predictor, series = tiny_predictor(architecture), series_of()
    later = series_of(seed=1).values[40:]
    other = Series(TARGETS, INPUTS, np.concatenate([series.values[:40], np.abs(later) + 1.0]))
    made = slice(0, 40 - 20 + 1)
    np.testing.assert_array_equal(predictor.backtest(series, 20)[made], predictor.backtest(other, 20)[made])
    np.testing.assert_allclose(
        predictor.predict(series.rows(0, 40)).quantiles, predictor.backtest(series, 20)[20], rtol=1e-5
    )


@every_architecture
def test_row_by_row_is_the_same_as_all_at_once(architecture: str) -> None:
    predictor, series = tiny_predictor(architecture), series_of(30)
    state = predictor.initial_state(2)
    halves = [series.values, series.values[::-1]]
    others = [Series(TARGETS, INPUTS, values) for values in halves]
    for row in range(30):
        found, state = predictor.step(np.stack([values[row] for values in halves]), state)
        state = predictor.state_from_bytes(predictor.state_to_bytes(state))
        if row >= 10:
            expected = [predictor.predict(each.rows(0, row + 1)).quantiles for each in others]
            np.testing.assert_allclose(found, expected, rtol=2e-4)


def features_by_hand(predictor: ForecasterPredictor, z: Array, t: int) -> Array:
    """x_t from its definition; rows before the first one equal it."""
    scales, season = predictor.scales, predictor.config.season
    K = len(TARGETS)

    def row(n: int) -> Array:
        return np.asarray(z[max(n, 0)])

    first = 0 if predictor.config.levels else K
    parts = [((row(t) - scales.mean) / scales.scale)[first:], (row(t) - row(t - 1))[:K] / scales.differences]
    if season > 1:
        parts.append((row(t) - row(t - season))[:K] / scales.seasonal)
    return np.concatenate(parts)


@pytest.mark.parametrize("architecture", [name for name, sizes in ARCHITECTURES.items() if "cell" not in sizes])
def test_delays_by_hand(architecture: str) -> None:
    """The last rows through the layers; a closed loop appends its own forecasts."""
    predictor, t = tiny_predictor(architecture), 11
    config, weights, scales = predictor.config, predictor.tensors, predictor.scales
    K, H, Q, D = 2, config.horizon, len(config.quantiles), config.delays
    z = without_missing(modelled(series_of().values, K, logarithm=config.logarithm), scales.mean)[: t + 1]
    spread, lag = np.array(scales.spread), config.season if config.reference == "season" else 1

    def hidden(rows: Array, now: int) -> Array:
        h = np.concatenate([features_by_hand(predictor, rows, now - d) for d in range(D - 1, -1, -1)])
        for number in range(config.num_layers):
            a = weights[f"hidden.{number}.weight"] @ h + weights[f"hidden.{number}.bias"]
            h = np.tanh(a) if config.activation == "tanh" else np.maximum(a, 0.0)
        return h

    def said(h: Array, rows: int) -> Array:
        return (weights["readout.weight"] @ h + weights["readout.bias"]).reshape(rows, K, Q)

    reference = np.array([z[t + h - lag * -(-h // lag)][:K] for h in range(1, H + 1)])
    if config.memory == "tdnn":
        o = monotone(said(hidden(z, t), H).astype(np.float64), config.median)
    else:
        rows, parts = z, []
        for h in range(H):
            a = said(hidden(rows, t + h), 1)[0].astype(np.float64)
            following = rows[t + h + 1 - lag][:K] + spread[0] * a[:, config.median]
            a = a + weights["later"][h]
            a[:, config.median] = (following - reference[h]) / spread[h]
            parts.append(a)
            rows = np.concatenate([rows, np.concatenate([following, rows[-1][K:]])[None]])
        o = monotone(np.array(parts), config.median)
    expected = reference[:, :, None] + spread[:, :, None] * o
    found = predictor.predict(series_of().rows(0, t + 1)).quantiles
    np.testing.assert_allclose(found, np.exp(expected) if config.logarithm else expected, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["elman", "lstm"])
def test_the_recurrent_encoder_by_hand(architecture: str) -> None:
    predictor, t = tiny_predictor(architecture), 11
    config = predictor.config
    z = without_missing(series_of().values[: t + 1], predictor.scales.mean)
    x = np.array([features_by_hand(predictor, z, n) for n in range(t + 1)], np.float32)
    assert isinstance(predictor._encoder, Recurrent)
    stack = predictor._encoder.stack
    h, _ = stack.run(x[None], stack.initial_state(1))
    a = predictor.tensors["readout.weight"] @ h[0, -1] + predictor.tensors["readout.bias"]
    o = monotone(a.reshape(config.horizon, 2, -1).astype(np.float64), config.median)
    lag = config.season if config.reference == "season" else 1
    reference = np.array([z[t + n - lag * -(-n // lag)][:2] for n in range(1, config.horizon + 1)])
    expected = reference[:, :, None] + np.array(predictor.scales.spread)[:, :, None] * o
    np.testing.assert_allclose(predictor.predict(series_of().rows(0, t + 1)).quantiles, expected, rtol=1e-5)


@every_architecture
def test_errors_are_those_of_the_definitions(architecture: str) -> None:
    predictor, series, begin = tiny_predictor(architecture), series_of(), 25
    told = predictor.evaluate(series, begin)
    made = predictor.backtest(series, begin)
    season = predictor.config.season
    filled = without_missing(series.values, np.full(3, np.nan))  # rows before the first value are not scored
    each: dict[str, dict[str, list[float]]] = {name: {} for name in TARGETS}
    for n, quantiles in enumerate(made):
        for h in range(4):
            row = begin + n + h
            for k, name in enumerate(TARGETS):
                y, said = series.values[row, k], quantiles[h, k]
                if np.isnan(y):
                    continue
                f = said[predictor.config.median]
                columns = {
                    "mae": abs(y - f),
                    "squared": (y - f) ** 2,
                    "smape": 2 * abs(y - f) / (abs(y) + abs(f)),
                    "coverage": float(said[0] <= y <= said[-1]),
                    "last": abs(y - filled[begin + n - 1, k]),
                    "seasonal": abs(y - filled[row - season * -(-(h + 1) // season), k]),
                }
                for key, value in columns.items():
                    each[name].setdefault(key, []).append(value)
    assert told["forecasts"] == len(made)
    assert told["count"] == sum(len(columns["mae"]) for columns in each.values())
    for k, (name, columns) in enumerate(each.items()):
        mean = {key: float(np.mean(values)) for key, values in columns.items()}
        found = told["targets"][name]
        assert found["mae"] == pytest.approx(mean["mae"])
        assert found["rmse"] == pytest.approx(mean["squared"] ** 0.5)
        assert found["smape"] == pytest.approx(mean["smape"])
        assert found["coverage"] == pytest.approx(mean["coverage"])
        assert found["mase"] == pytest.approx(mean["mae"] / predictor.scales.naive_mae[k])
        assert found["relative_mae"] == pytest.approx(mean["mae"] / min(mean["last"], mean["seasonal"]))
        assert (found["mae_last_value"], found["mae_seasonal_naive"]) == pytest.approx((mean["last"], mean["seasonal"]))
    for key in ("mae", "relative_mae", "mase", "coverage"):
        assert told[key] == pytest.approx(np.mean([told["targets"][name][key] for name in TARGETS]))


def test_scales_are_those_of_the_training_set() -> None:
    config, series = tiny_config("narx"), series_of().rows(0, 40)
    scales, values = scales_of(config), series.values
    np.testing.assert_allclose(scales.mean, np.nanmean(values, 0))
    np.testing.assert_allclose(scales.scale, np.nanstd(values, 0))
    steps = values[1:, :2] - values[:-1, :2]
    np.testing.assert_allclose(scales.differences, np.sqrt(np.nanmean(steps**2, 0)))
    seasonal = values[3:, :2] - values[:-3, :2]
    np.testing.assert_allclose(scales.seasonal, np.sqrt(np.nanmean(seasonal**2, 0)))
    np.testing.assert_allclose(scales.naive_mae, np.nanmean(np.abs(seasonal), 0))
    filled = without_missing(values, scales.mean)
    errors = [values[t + 4, :2] - filled[t + 4 - 6, :2] for t in range(2, 36)]
    errors += [values[t + 4, :2] - filled[0, :2] for t in range(2)]
    np.testing.assert_allclose(scales.spread[3], np.sqrt(np.nanmean(np.square(errors), 0)))


@every_architecture
def test_a_saved_model_gives_the_same_forecasts(architecture: str, tmp_path: Path) -> None:
    predictor = tiny_predictor(architecture)
    predictor.save(tmp_path / "model", card="# Mine\n")
    loaded = load(tmp_path / "model")
    assert (loaded.config, loaded.scales, loaded.card) == (predictor.config, predictor.scales, "# Mine\n")
    np.testing.assert_array_equal(loaded.predict(series_of()).quantiles, predictor.predict(series_of()).quantiles)
    assert not (tmp_path / "model" / "vocabulary.json").exists()


def test_a_history_is_a_series_an_array_or_columns() -> None:
    predictor, series = tiny_predictor(), series_of()
    expected = predictor.predict(series).quantiles
    columns = {
        "c": series.values[:, 2],
        "more": ["x"] * ROWS,
        **{n: series.values[:, k] for k, n in enumerate(TARGETS)},
    }
    for given in (series.values, series.values.tolist(), columns):
        np.testing.assert_array_equal(predictor.predict(given).quantiles, expected)
    dates = Dates("day", tuple(datetime(2020, 1, 1 + n) for n in range(20)), "%Y-%m-%d", Step("seconds", 86400))
    found = predictor.predict(Series(TARGETS, INPUTS, series.values[:20], dates))
    assert found.dates == ("2020-01-21", "2020-01-22", "2020-01-23", "2020-01-24")
    assert predictor.predict(series).dates == ("+1", "+2", "+3", "+4")
    np.testing.assert_array_equal(found.median, found.quantiles[..., 1])


def test_a_history_that_is_too_short_or_lacks_a_column_is_refused() -> None:
    predictor, series = tiny_predictor(), series_of()
    with pytest.raises(DataError, match="a history of 2 rows; expected at least 3"):
        predictor.predict(series.rows(0, 2))
    with pytest.raises(DataError, match="has 60 rows; expected 58 of history and 4 to forecast"):
        predictor.evaluate(series, 58)
    with pytest.raises(DataError, match="a history of 1 rows; expected at least 3"):
        predictor.backtest(series, 1)
    with pytest.raises(DataError, match="an array of 2 columns; expected 3: a, b, c"):
        predictor.predict(series.values[:, :2])
    with pytest.raises(DataError, match="has no column 'b' in its header"):
        predictor.predict({"a": [1.0] * 9, "c": [1.0] * 9})
    with pytest.raises(DataError, match="a series of b, a, c; expected a, b, c"):
        predictor.predict(Series(("b", "a"), INPUTS, series.values))
    empty = series_of()
    empty.values[:30, 1] = np.nan
    with pytest.raises(DataError, match="'b' has no number among its first 20 rows"):
        predictor.evaluate(empty, 20)
    below = series_of()
    below.values[5, 0] = 0.0
    with pytest.raises(DataError, match=r"'a' is 0 in row 5; expected numbers above 0. The model uses logarithms"):
        tiny_predictor("gru").predict(below)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    tensors = tiny_predictor().tensors
    with pytest.raises(ModelError, match=r"lacks the weights 'hidden\.0\.weight'"):
        ForecasterPredictor(tiny_config("tdnn"), scales_of(tiny_config("tdnn")), tensors)
    longer = tiny_config(horizon=5)
    with pytest.raises(ModelError, match=r"'readout\.weight' has shape"):
        ForecasterPredictor(longer, scales_of(longer), tensors)
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"quantiles": (0.9, 0.5)}, "expected rising numbers between 0 and 1, including 0.5"),
        ({"quantiles": (0.1, 0.9)}, "expected rising numbers between 0 and 1, including 0.5"),
        ({"quantiles": (0.0, 0.5)}, "expected rising numbers between 0 and 1, including 0.5"),
        ({"reference": "season", "season": 1}, "given season; expected last where season is 1"),
    ]
    for wrong, expected in mistakes:
        with pytest.raises(ValueError, match=expected):
            ForecasterConfig(**{"delays": 1, "hidden_size": 1, "horizon": 1, **wrong})
    scales = scales_of(tiny_config())
    for change in ({"mean": (1.0,)}, {"spread": scales.spread[:3]}, {"naive_mae": (1.0,)}, {"targets": ("a",)}):
        with pytest.raises(ModelError, match="has scales that do not fit"):
            ForecasterPredictor(tiny_config(), scales.model_copy(update=change), tensors)


def test_a_column_that_begins_with_missing_values_is_scored_from_its_first_value_on() -> None:
    predictor, series = tiny_predictor(), series_of()
    series.values[:30, 2] = np.nan
    assert np.isfinite(predictor.predict(series).quantiles).all()
    told = predictor.evaluate(series)
    assert told["forecasts"] == ROWS - 31 - 4 + 1
    with pytest.raises(DataError, match="'c' has no number among its first 20 rows"):
        predictor.evaluate(series, 20)


def test_a_target_without_values_is_left_out_of_the_means_and_no_value_is_an_error() -> None:
    predictor, series = tiny_predictor(), series_of()
    series.values[30:, 1] = np.nan
    told = predictor.evaluate(series, 30)
    assert list(told["targets"]) == ["a"]
    assert told["mae"] == told["targets"]["a"]["mae"]
    series.values[30:, 0] = np.nan
    with pytest.raises(DataError, match="has no value to score; all are missing"):
        predictor.evaluate(series, 30)


def test_infinite_values_and_values_without_a_logarithm_are_refused_also_in_a_stream() -> None:
    predictor = tiny_predictor("gru")
    for row in ([[np.inf, 1.0, 0.0]], [[0.0, 1.0, 0.0]], [[1.0, -2.0, 0.0]]):
        with pytest.raises(DataError, match=r"a row .*; expected numbers above 0, or NaN for a missing value"):
            predictor.step(np.array(row), predictor.initial_state())
    values = series_of().values
    values[7, 1] = np.inf
    with pytest.raises(DataError, match=r"row 7 has .*; expected numbers between -1e\+100 and 1e\+100"):
        tiny_predictor().predict(values)
    with pytest.raises(DataError, match="a history of 0 rows"):
        tiny_predictor().predict([])


def test_a_series_that_the_naive_forecast_knows_has_finite_errors() -> None:
    predictor, series = tiny_predictor(), series_of(missing=False)
    series.values[20:, 0] = series.values[19, 0]
    told = predictor.evaluate(series, 25)
    assert told["targets"]["a"]["mae_last_value"] == 0.0
    assert np.isfinite(told["relative_mae"])


def test_a_season_of_too_many_numbers_is_refused_before_it_is_kept() -> None:
    with pytest.raises(ModelError, match=r"has a season of 1,000,000 rows; expected at most 1,048,576 numbers"):
        tiny_predictor("elman", season=1_000_000)

"""Calibration: intervals contain their share, the median is unchanged, and quantiles never cross."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.tasks.forecaster.calibration import MAX_FACTOR, MIN_FACTOR, calibrate, calibration_factors
from elman.tasks.loading import load

from .models import ARCHITECTURES, series_of, tiny_config, tiny_predictor

LEVELS = (0.05, 0.25, 0.5, 0.9)
CONFIG = tiny_config("elman", quantiles=LEVELS)


def outputs(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return outputs (N, 2, 2, 4): random medians, the others at distances that are no quantiles of anything."""
    middle = rng.normal(size=(count, 2, 2, 1))
    o: np.ndarray = middle + np.array([-0.9, -0.8, 0.0, 0.1])
    return o


def test_a_calibrated_quantile_bounds_its_share() -> None:
    rng = np.random.default_rng(0)
    o, later = outputs(5000, rng), outputs(5000, rng)
    noise = np.array([1.0, 3.0]) * rng.standard_normal((10_000, 2, 2))  # of two targets
    factors = calibration_factors(o, o[..., 2] + noise[:5000], CONFIG)
    found = calibrate(later, factors, CONFIG.median)
    actual = later[..., 2] + noise[5000:]
    shares = (actual[..., None] <= found).mean((0, 1))
    np.testing.assert_allclose(shares, [LEVELS, LEVELS], atol=0.02)  # about three standard errors of both halves
    np.testing.assert_array_equal(found[..., 2], later[..., 2])
    assert (np.diff(found, axis=-1) > 0.0).all()


def test_missing_values_do_not_count_and_few_rows_need_more_than_their_share() -> None:
    rng = np.random.default_rng(0)
    o, noise = outputs(9, rng), rng.standard_normal((9, 2, 2))
    actual = o[..., 2] + noise
    factors = calibration_factors(o, actual, CONFIG)
    inside = actual <= calibrate(o, factors, CONFIG.median)[..., 3] + 1e-9
    assert (inside.mean((0, 1)) >= 0.9 * 10 / 9 - 1e-9).all()  # nine forecasts: all actual values
    actual[:, :, 1] = np.nan
    known = calibration_factors(o, actual, CONFIG)
    np.testing.assert_array_equal(known[0], factors[0])
    np.testing.assert_array_equal(known[1], 1.0)


def test_factors_rise_with_the_distance_from_the_median_and_are_bounded() -> None:
    rng = np.random.default_rng(0)
    o = outputs(50, rng)
    exact = calibration_factors(o, o[..., 2], CONFIG)
    np.testing.assert_array_equal(exact, [[MIN_FACTOR, MIN_FACTOR, 1.0, MIN_FACTOR]] * 2)
    far = calibration_factors(o, o[..., 2] + 1e4 * rng.standard_normal((50, 2, 2)), CONFIG)
    np.testing.assert_array_equal(far, [[MAX_FACTOR, MAX_FACTOR, 1.0, MAX_FACTOR]] * 2)
    five = tiny_config("elman", quantiles=(0.1, 0.3, 0.5, 0.7, 0.9))
    o = rng.normal(size=(50, 2, 2, 1)) + np.array([-0.9, -0.02, 0.0, 0.02, 0.9])  # of near ones 2.5, of far ones less
    for off in (-0.05, 0.05):
        factors = calibration_factors(o, o[..., 2] + off, five)
        np.testing.assert_allclose(factors[0][:2] if off < 0 else factors[0][3:], 2.5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_calibrated_forecaster_has_the_same_median_also_from_a_folder_and_in_a_stream(
    architecture: str, tmp_path: Path
) -> None:
    plain, series = tiny_predictor(architecture), series_of(120)
    calibrated = plain.calibrated([(series, 40)])
    config = plain.config
    before, after = plain.backtest(series, 40), calibrated.backtest(series, 40)
    np.testing.assert_array_equal(after[..., config.median], before[..., config.median])
    assert (np.diff(after, axis=-1) >= 0.0).all()
    metrics = calibrated.evaluate(series, 40)
    if len(config.quantiles) > 1:
        assert metrics["coverage"] >= metrics["coverage_expected"] - 0.02
        assert np.abs(after - before).max() > 1e-3
    wrong = calibrated.scales.model_copy(
        update={"calibration": tuple(factors[1:] for factors in calibrated.scales.calibration)}
    )
    assert calibrated.scales.fits(config) > wrong.fits(config)
    calibrated.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").backtest(series, 40), after)
    state = calibrated.initial_state()
    for row in series.values[:41]:
        quantiles, state = calibrated.step(row[None], state)
    np.testing.assert_allclose(quantiles[0], calibrated.backtest(series, 41)[0], rtol=2e-4)
    np.testing.assert_array_equal(calibrated.calibrated([(series, 40)]).backtest(series, 40), after)

"""Schedules: known values, monotone, continuous, and dependent only on progress and plateaus."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elman.training.schedules import SCHEDULES, learning_rate

from .fakes import config

PROGRESS = np.linspace(0.0, 1.0, 2001)


def rates(**settings: Any) -> npt.NDArray[np.float64]:
    training = config(learning_rate=2.0, **settings)
    return np.array([learning_rate(float(p), training) for p in PROGRESS])


def test_cosine_has_the_values_of_the_definition() -> None:
    training = config(learning_rate=2.0, schedule="cosine", warmup_fraction=0.0, final_fraction=0.1)
    assert learning_rate(0.0, training) == pytest.approx(2.0)
    assert learning_rate(0.5, training) == pytest.approx(2.0 * 0.55)  # half-way between 1 and 0.1
    assert learning_rate(1 / 3, training) == pytest.approx(2.0 * (0.1 + 0.9 * 0.75))  # cos 60 degrees
    assert learning_rate(1.0, training) == pytest.approx(2.0 * 0.1)


def test_constant_does_not_change() -> None:
    assert set(rates(schedule="constant", warmup_fraction=0.0)) == {2.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_rises_linearly_from_nearly_zero_to_the_schedule(schedule: str) -> None:
    without = rates(schedule=schedule, warmup_fraction=0.0)
    with_warmup = rates(schedule=schedule, warmup_fraction=0.2)
    share = with_warmup / without
    assert 0.0 < share[0] < 0.01, "the first step changes the weights a little"
    is_after = PROGRESS >= 0.2
    np.testing.assert_allclose(share[is_after], 1.0, rtol=1e-12)
    rising = share[PROGRESS < 0.19]
    np.testing.assert_allclose(np.diff(rising, 2), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.diff(rising), (PROGRESS[1] - PROGRESS[0]) / 0.2, rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.0001, 0.02, 0.5])
def test_rates_are_positive_continuous_and_at_most_the_maximum(schedule: str, warmup: float) -> None:
    values = rates(schedule=schedule, warmup_fraction=warmup)
    assert (values > 0.0).all()
    assert values.max() <= 2.0
    steepest = 2.0 * (np.pi / 2 + 1.0 / max(warmup, 0.02)) * (PROGRESS[1] - PROGRESS[0])
    assert np.abs(np.diff(values)).max() <= steepest


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_after_the_warm_up_rates_never_rise(schedule: str) -> None:
    values = rates(schedule=schedule, warmup_fraction=0.1)
    assert (np.diff(values[PROGRESS >= 0.1]) <= 1e-15).all()
    assert (np.diff(rates(schedule=schedule, warmup_fraction=0.0)) <= 1e-15).all()


def test_plateau_is_multiplied_by_its_factor_down_to_the_final_fraction() -> None:
    training = config(
        learning_rate=2.0, schedule="plateau", warmup_fraction=0.0, plateau_factor=0.5, final_fraction=0.2
    )
    assert [learning_rate(0.7, training, plateaus) for plateaus in range(5)] == pytest.approx([2.0, 1.0, 0.5, 0.4, 0.4])


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_other_schedules_ignore_plateaus(schedule: str) -> None:
    training = config(schedule=schedule)
    assert learning_rate(0.4, training, 5) == learning_rate(0.4, training, 0)


def test_progress_outside_0_to_1_is_clipped() -> None:
    training = config(schedule="cosine")
    assert learning_rate(1.5, training) == learning_rate(1.0, training)
    assert learning_rate(-1.0, training) == learning_rate(0.0, training)

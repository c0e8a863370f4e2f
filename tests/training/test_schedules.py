"""Schedules: values where they are known, monotone, continuous, and bent by nothing but progress and plateaus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.training.schedules import SCHEDULES, learning_rate

from .fakes import config

PROGRESS = np.linspace(0.0, 1.0, 2001)


def rates(**given: Any) -> np.ndarray:
    settled = config(learning_rate=2.0, **given)
    return np.array([learning_rate(float(p), settled) for p in PROGRESS])


def test_cosine_is_the_textbook_s() -> None:
    settled = config(learning_rate=2.0, schedule="cosine", warmup_fraction=0.0, final_fraction=0.1)
    assert learning_rate(0.0, settled) == pytest.approx(2.0)
    assert learning_rate(0.5, settled) == pytest.approx(2.0 * 0.55)  # half-way between 1 and 0.1
    assert learning_rate(1 / 3, settled) == pytest.approx(2.0 * (0.1 + 0.9 * 0.75))  # cos 60 degrees
    assert learning_rate(1.0, settled) == pytest.approx(2.0 * 0.1)


def test_constant_stays() -> None:
    assert set(rates(schedule="constant", warmup_fraction=0.0)) == {2.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_rises_in_a_straight_line_from_almost_nothing_to_the_schedule(schedule: str) -> None:
    bare = rates(schedule=schedule, warmup_fraction=0.0)
    warmed = rates(schedule=schedule, warmup_fraction=0.2)
    share = warmed / bare
    assert 0.0 < share[0] < 0.01, "the first step moves the weights, a little"
    after = PROGRESS >= 0.2
    np.testing.assert_allclose(share[after], 1.0, rtol=1e-12)
    rising = share[PROGRESS < 0.19]
    np.testing.assert_allclose(np.diff(rising, 2), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.diff(rising), (PROGRESS[1] - PROGRESS[0]) / 0.2, rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.0001, 0.02, 0.5])
def test_rates_are_positive_continuous_and_never_above_the_highest(schedule: str, warmup: float) -> None:
    found = rates(schedule=schedule, warmup_fraction=warmup)
    assert (found > 0.0).all()
    assert found.max() <= 2.0
    steepest = 2.0 * (np.pi / 2 + 1.0 / max(warmup, 0.02)) * (PROGRESS[1] - PROGRESS[0])
    assert np.abs(np.diff(found)).max() <= steepest


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_after_the_warm_up_rates_never_rise(schedule: str) -> None:
    found = rates(schedule=schedule, warmup_fraction=0.1)
    assert (np.diff(found[PROGRESS >= 0.1]) <= 1e-15).all()
    assert (np.diff(rates(schedule=schedule, warmup_fraction=0.0)) <= 1e-15).all()


def test_plateau_shrinks_by_its_factor_and_stops_at_the_final_fraction() -> None:
    settled = config(learning_rate=2.0, schedule="plateau", warmup_fraction=0.0, plateau_factor=0.5, final_fraction=0.2)
    assert [learning_rate(0.7, settled, plateaus) for plateaus in range(5)] == pytest.approx([2.0, 1.0, 0.5, 0.4, 0.4])


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_other_schedules_do_not_know_plateaus(schedule: str) -> None:
    settled = config(schedule=schedule)
    assert learning_rate(0.4, settled, 5) == learning_rate(0.4, settled, 0)


def test_progress_beyond_its_ends_is_the_end() -> None:
    settled = config(schedule="cosine")
    assert learning_rate(1.5, settled) == learning_rate(1.0, settled)
    assert learning_rate(-1.0, settled) == learning_rate(0.0, settled)

"""Alternating rounds, medians, and the check that results agree. The tests replace the clock by one of their own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest

from elman.bench import timing
from elman.bench.timing import Implementation, check_agreement, geometric_mean, median_seconds, relative_difference
from elman.errors import ElmanError


class Clock:
    """A clock that advances only when a worker is called. Pauses are recorded and take no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.pauses.append)

    def worker(self, name: str, seconds: Callable[[int], float], turns: list[str]) -> Callable[[], None]:
        calls = iter(range(10_000_000))

        def work() -> None:
            self.now += seconds(next(calls))
            if not turns or turns[-1] != name:
                turns.append(name)

        return work


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_implementations_alternate_and_their_medians_are_returned(clock: Clock) -> None:
    turns: list[str] = []
    runs = {
        "elman": clock.worker("elman", lambda _: 0.01, turns),
        "torch": clock.worker("torch", lambda _: 0.03, turns),
    }
    assert median_seconds(runs, 3.0) == pytest.approx({"elman": 0.01, "torch": 0.03})
    assert turns == ["elman", "torch"] * (len(turns) // 2)
    assert len(turns) // 2 == 1 + timing.MAX_ROUNDS  # the first round measures how long a call takes


def test_a_few_disturbed_rounds_change_nothing(clock: Clock) -> None:
    runs = {"elman": clock.worker("elman", lambda call: 5.0 if call in (3, 9) else 1.0, [])}
    assert median_seconds(runs, 20.0) == pytest.approx({"elman": 1.0})


def test_the_first_call_of_a_turn_is_not_measured(clock: Clock) -> None:
    # Two calls measure how long a call takes; then every turn is one call that is not measured and one that is.
    runs = {"elman": clock.worker("elman", lambda call: 1.0 if call % 2 else 100.0, [])}
    assert median_seconds(runs, 0.001) == pytest.approx({"elman": 1.0})


def test_long_calls_are_all_measured_but_the_first_two(clock: Clock) -> None:
    long = timing.LONG_CALL_SECONDS
    runs = {"elman": clock.worker("elman", lambda call: 3 * long if call == 0 else long, [])}
    assert median_seconds(runs, 0.001) == pytest.approx({"elman": long})
    assert clock.now == pytest.approx((3 + 1 + timing.MIN_ROUNDS) * long)


def test_a_tiny_budget_still_allows_the_minimum_of_rounds(clock: Clock) -> None:
    turns: list[str] = []
    runs = {name: clock.worker(name, lambda _: 1.0, turns) for name in ("a", "b")}
    median_seconds(runs, 0.001)
    assert len(turns) // 2 == 1 + timing.MIN_ROUNDS
    assert sum(clock.pauses) <= 0.001 + 1e-9  # pauses are part of the budget


def test_the_measurement_takes_about_the_budget(clock: Clock) -> None:
    runs = {name: clock.worker(name, lambda _: 0.01, []) for name in ("a", "b")}
    median_seconds(runs, 3.0)
    assert clock.now + sum(clock.pauses) == pytest.approx(3.0, rel=0.2)  # without the calls that are not measured


def implementation(value: float, shape: tuple[int, ...] = (2,)) -> Implementation:
    return Implementation(lambda: value, lambda result: {"outputs": np.full(shape, result)})


def test_results_that_agree_raise_no_error() -> None:
    check_agreement({"elman": implementation(1.0), "torch": implementation(1.00001)}, "lstm 8")


@pytest.mark.parametrize("torch", [implementation(1.1), implementation(math.nan), implementation(1.0, (3,))])
def test_results_that_differ_raise_an_error(torch: Implementation) -> None:
    with pytest.raises(ElmanError, match="lstm 8: outputs of torch and of elman differ by"):
        check_agreement({"elman": implementation(1.0), "torch": torch}, "lstm 8")


def test_the_results_of_later_calls_are_compared_too() -> None:
    values = iter([1.0, 2.0])
    changing = Implementation(lambda: next(values), lambda result: {"outputs": np.array([result])})
    with pytest.raises(ElmanError, match="differ by 1 of the largest entry"):
        check_agreement({"elman": implementation(1.0, (1,)), "torch": changing}, "lstm 8", num_calls=2)


def test_a_difference_is_relative_to_the_largest_entry() -> None:
    assert relative_difference(np.array([10.0, 1.5]), np.array([10.0, 1.0])) == pytest.approx(0.05)
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0.0


def test_twice_and_half_cancel_in_the_geometric_mean() -> None:
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert geometric_mean([4.0, 1.0, 2.0]) == pytest.approx(2.0)

"""Turns, medians, and the refusal of what does not agree. No clock is trusted: the tests bring their own."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from elman.bench import timing
from elman.bench.timing import Contender, check_agreement, geometric_mean, interleaved, relative_difference
from elman.errors import ElmanError


class Clock:
    """Time that only passes while somebody works, or sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(timing.time, "sleep", self.slept.append)

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


def test_contenders_take_turns_and_their_medians_count(clock: Clock) -> None:
    turns: list[str] = []
    runs = {
        "ours": clock.worker("ours", lambda _: 0.01, turns),
        "theirs": clock.worker("theirs", lambda _: 0.03, turns),
    }
    assert interleaved(runs, 3.0) == pytest.approx({"ours": 0.01, "theirs": 0.03})
    assert turns == ["ours", "theirs"] * (len(turns) // 2)
    assert len(turns) // 2 == 1 + timing.MOST_ROUNDS  # one before, to see how long a call takes


def test_a_disturbed_minority_of_rounds_changes_nothing(clock: Clock) -> None:
    runs = {"ours": clock.worker("ours", lambda call: 5.0 if call in (3, 9) else 1.0, [])}
    assert interleaved(runs, 20.0) == pytest.approx({"ours": 1.0})


def test_the_first_call_of_a_turn_does_not_count(clock: Clock) -> None:
    # Two calls to see how long one takes; then each turn is one that does not count and one that does.
    runs = {"ours": clock.worker("ours", lambda call: 1.0 if call % 2 else 100.0, [])}
    assert interleaved(runs, 0.001) == pytest.approx({"ours": 1.0})


def test_of_long_calls_none_is_lost_but_the_two_before(clock: Clock) -> None:
    long = timing.LONG_SECONDS
    runs = {"ours": clock.worker("ours", lambda call: 3 * long if call == 0 else long, [])}
    assert interleaved(runs, 0.001) == pytest.approx({"ours": long})
    assert clock.now == pytest.approx((3 + 1 + timing.FEWEST_ROUNDS) * long)


def test_a_tiny_budget_still_measures_a_few_rounds(clock: Clock) -> None:
    turns: list[str] = []
    runs = {name: clock.worker(name, lambda _: 1.0, turns) for name in ("a", "b")}
    interleaved(runs, 0.001)
    assert len(turns) // 2 == 1 + timing.FEWEST_ROUNDS
    assert sum(clock.slept) <= 0.001 + 1e-9  # rests are part of the budget


def test_the_budget_is_kept(clock: Clock) -> None:
    runs = {name: clock.worker(name, lambda _: 0.01, []) for name in ("a", "b")}
    interleaved(runs, 3.0)
    assert clock.now + sum(clock.slept) == pytest.approx(3.0, rel=0.2)  # and the calls that are not counted


def contender(value: float, shape: tuple[int, ...] = (2,)) -> Contender:
    return Contender(lambda: value, lambda result: {"outputs": np.full(shape, result)})


def test_what_agrees_may_be_timed() -> None:
    check_agreement({"elman": contender(1.0), "torch": contender(1.00001)}, "lstm 8")


@pytest.mark.parametrize("wrong", [contender(1.1), contender(math.nan), contender(1.0, (3,))])
def test_what_computes_something_else_is_refused(wrong: Contender) -> None:
    with pytest.raises(ElmanError, match="lstm 8: outputs of torch and of elman differ by"):
        check_agreement({"elman": contender(1.0), "torch": wrong}, "lstm 8")


def test_later_calls_are_held_against_each_other_too() -> None:
    values = iter([1.0, 2.0])
    moving = Contender(lambda: next(values), lambda result: {"outputs": np.array([result])})
    with pytest.raises(ElmanError, match="differ by 1 of the largest entry"):
        check_agreement({"elman": contender(1.0, (1,)), "torch": moving}, "lstm 8", calls=2)


def test_a_difference_is_relative_to_the_largest_entry() -> None:
    assert relative_difference(np.array([10.0, 1.5]), np.array([10.0, 1.0])) == pytest.approx(0.05)
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0.0


def test_twice_and_half_cancel_in_the_geometric_mean() -> None:
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert geometric_mean([4.0, 1.0, 2.0]) == pytest.approx(2.0)

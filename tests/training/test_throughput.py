"""The number of threads is measured, and all of them are used only if that is clearly faster."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import torch

from elman.training import throughput
from elman.training.throughput import (
    available_threads,
    fastest_thread_count,
    let_idle_threads_sleep,
    peak_rate,
    step_seconds,
)


class TimedStep:
    """A step with its own clock, whose time depends on the number of threads of torch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> None:
        self.now, self.seconds = 0.0, seconds
        self.steps: list[int] = []
        self.threads = 3
        monkeypatch.setattr(torch, "set_num_threads", self._set)
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.threads)
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def _set(self, threads: int) -> None:
        self.threads = threads

    def __call__(self) -> None:
        is_first = self.threads not in self.steps
        self.steps.append(self.threads)
        self.now += 100.0 if is_first else self.seconds[self.threads]


def test_available_threads_are_those_of_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert available_threads() == 3


def test_without_affinity_the_processors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_threads() == 1


def test_the_time_is_the_median_without_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step = TimedStep(monkeypatch, {2: 1.0})
    times = iter([100.0, 1.0, 50.0, 2.0])

    def uneven() -> None:
        step.now += next(times)

    step.threads = 3
    assert step_seconds(uneven, 2) == 2.0
    assert step.threads == 3  # restored


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 1.0, 4: 0.5}, (4, 0.5)), ({1: 1.0, 4: 0.97}, (1, 1.0)), ({1: 1.0, 4: 3.0}, (1, 1.0))],
    ids=["faster", "hardly", "slower"],
)
def test_all_threads_are_used_only_if_they_are_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], expected: Any
) -> None:
    monkeypatch.setattr(throughput, "available_threads", lambda: 4)
    step = TimedStep(monkeypatch, seconds)
    assert fastest_thread_count(step) == expected
    assert set(step.steps) == {1, 4}
    assert step.threads == 3, "the number of threads is restored"


def test_a_single_processor_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "available_threads", lambda: 1)
    step = TimedStep(monkeypatch, {1: 0.25})
    assert fastest_thread_count(step) == (1, 0.25)
    assert set(step.steps) == {1}


def test_the_number_of_threads_is_restored_if_a_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    step = TimedStep(monkeypatch, {})

    def fail() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        fastest_thread_count(fail)
    assert step.threads == 3


def test_the_number_of_threads_is_restored_after_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    step = TimedStep(monkeypatch, {2: 0.25})
    original = step.threads
    step_seconds(step, 2)
    assert set(step.steps) == {2}
    assert step.threads == original != 2


def test_the_number_of_threads_is_restored_after_a_failed_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    step = TimedStep(monkeypatch, {})

    def fail() -> None:
        raise MemoryError

    original = step.threads
    with pytest.raises(MemoryError):
        step_seconds(fail, 2)
    assert step.threads == original != 2


def test_the_peak_rate_is_that_of_the_shortest_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, times = [0.0], iter([0.04, 0.02, 0.05, 99.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work() -> int:
        clock[0] += next(times)
        return 10

    assert peak_rate(work, seconds=0.1) == pytest.approx(10 / 0.02)
    assert list(times) == [99.0]  # the other calls took 0.11 seconds


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "20000"), ({"OMP_WAIT_POLICY": "active"}, None), ({"GOMP_SPINCOUNT": "7"}, "7")],
)
def test_idle_threads_sleep_unless_the_user_has_decided(
    given: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    let_idle_threads_sleep()
    assert os.environ.get("GOMP_SPINCOUNT") == expected

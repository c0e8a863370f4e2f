"""Threads are measured, and all of them are used only where that is clearly faster."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from elman.training import machine
from elman.training.machine import available_threads, fastest, most_per_second, step_seconds


class Slow:
    """A step that takes, on a clock of its own, the seconds of the number of threads that torch is set to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> None:
        self.now, self.seconds, self.steps = 0.0, seconds, []
        self.threads = 3
        monkeypatch.setattr(torch, "set_num_threads", self._set)
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.threads)
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def _set(self, threads: int) -> None:
        self.threads = threads

    def __call__(self) -> None:
        first = self.threads not in self.steps
        self.steps.append(self.threads)
        self.now += 100.0 if first else self.seconds[self.threads]


def test_available_threads_are_those_of_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert available_threads() == 3


def test_without_affinity_the_processors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 7)
    assert available_threads() == 7
    monkeypatch.setattr(machine.os, "cpu_count", lambda: None)
    assert available_threads() == 1


def test_the_first_step_is_not_counted_and_the_median_is(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Slow(monkeypatch, {2: 1.0})
    times = iter([100.0, 1.0, 50.0, 2.0])

    def uneven() -> None:
        step.now += next(times)

    step.threads = 3
    assert step_seconds(uneven, 2) == 2.0
    assert step.threads == 3  # put back


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 1.0, 4: 0.5}, (4, 0.5)), ({1: 1.0, 4: 0.97}, (1, 1.0)), ({1: 1.0, 4: 3.0}, (1, 1.0))],
    ids=["faster", "hardly", "slower"],
)
def test_all_threads_are_used_only_where_they_are_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], expected: Any
) -> None:
    monkeypatch.setattr(machine, "available_threads", lambda: 4)
    step = Slow(monkeypatch, seconds)
    assert fastest(step) == expected
    assert set(step.steps) == {1, 4}
    assert step.threads == 3, "torch is left as it was found"


def test_a_single_processor_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_threads", lambda: 1)
    step = Slow(monkeypatch, {1: 0.25})
    assert fastest(step) == (1, 0.25)
    assert set(step.steps) == {1}


def test_torch_is_left_as_it_was_found_when_the_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Slow(monkeypatch, {})

    def fails() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        fastest(fails)
    assert step.threads == 3


def test_torch_s_threads_are_put_back_after_a_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Slow(monkeypatch, {2: 0.25})
    before = step.threads
    step_seconds(step, 2)
    assert set(step.steps) == {2}
    assert step.threads == before != 2


def test_torch_s_threads_are_put_back_after_a_timing_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Slow(monkeypatch, {})

    def fails() -> None:
        raise MemoryError

    before = step.threads
    with pytest.raises(MemoryError):
        step_seconds(fails, 2)
    assert step.threads == before != 2


def test_the_rate_of_work_is_that_of_its_best_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, taken = [0.0], iter([0.04, 0.02, 0.05, 99.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work() -> int:
        clock[0] += next(taken)
        return 10

    assert most_per_second(work, seconds=0.1) == pytest.approx(10 / 0.02)
    assert list(taken) == [99.0]  # done for 0.11 seconds

"""Time several implementations in one process in alternating rounds, and compare the medians.

A load by other processes, a changing clock rate or a warm cache then affects all implementations alike, so their ratio
is stable even where their times are not. Before each turn there is a pause, in which the threads of the previous
implementation go to sleep. The first call of a turn is not measured, because it refills the caches; only calls of
several seconds are all measured, since the caches make no difference to them.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ElmanError

TOLERANCE = 1e-4  # float32 sums in different orders over a thousand tokens; a swapped gate differs by 0.1 or more
MIN_ROUNDS, MAX_ROUNDS = 3, 15
MIN_CALLS = 20  # of those whose latency is measured
LONG_CALL_SECONDS = 2.0  # a call of this length needs no warm-up call
PAUSE_SECONDS = 0.03  # idle threads of OpenMP keep spinning for a while, on the cores that the next turn needs

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Implementation:
    """A function to time, and the conversion of its result to named arrays, which are compared with the others."""

    run: Callable[[], Any]
    to_arrays: Callable[[Any], dict[str, Array]]


def median_seconds(
    runs: Mapping[str, Callable[[], object]], seconds: float, pause_seconds: float = PAUSE_SECONDS
) -> dict[str, float]:
    """Return the median duration of one call of each function; the measurement takes about `seconds` in total."""
    call_seconds = {name: _time_second_call(run) for name, run in runs.items()}
    pause = min(pause_seconds, seconds / MIN_ROUNDS / len(runs))
    rounds = int(seconds / (2 * sum(call_seconds.values()) + pause * len(runs)))
    rounds = min(MAX_ROUNDS, max(MIN_ROUNDS, rounds))
    turn_seconds = seconds / rounds / len(runs) - pause
    num_calls = {name: max(1, int(turn_seconds / duration)) for name, duration in call_seconds.items()}
    durations: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(pause)
            if call_seconds[name] < LONG_CALL_SECONDS:
                run()
            start = time.perf_counter()
            for _ in range(num_calls[name]):
                run()
            durations[name].append((time.perf_counter() - start) / num_calls[name])
    return {name: statistics.median(values) for name, values in durations.items()}


def check_agreement(implementations: Mapping[str, Implementation], problem: str, num_calls: int = 1) -> None:
    """Raise an error if the results of an implementation differ from those of the first one in any of the calls."""
    for _ in range(num_calls):
        results = {name: item.to_arrays(item.run()) for name, item in implementations.items()}
        reference = next(iter(results))
        for name, key, difference in _differences(results):
            if not difference <= TOLERANCE:  # true for nan, too
                raise ElmanError(
                    f"{problem}: {key} of {name} and of {reference} differ by {difference:.2g} of the largest entry; "
                    f"expected at most {TOLERANCE:g}",
                    hint="The two do not compute the same function, so their times cannot be compared",
                )


def _differences(results: Mapping[str, Mapping[str, Array]]) -> Iterator[tuple[str, str, float]]:
    """Yield name, key and relative difference from the first result for every array of the other results."""
    (_, expected), *others = results.items()
    for name, arrays in others:
        for key, array in arrays.items():
            yield name, key, relative_difference(array, expected[key])


def relative_difference(actual: Array, expected: Array) -> float:
    """Return the largest difference divided by the largest expected entry; infinity if the shapes differ."""
    if actual.shape != expected.shape:
        return math.inf
    return float(np.abs(actual - expected).max() / max(float(np.abs(expected).max()), 1e-30))


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean: the mean of ratios for which 2 and 1/2 cancel."""
    return statistics.geometric_mean(values)


def _time_second_call(run: Callable[[], object]) -> float:
    run()
    start = time.perf_counter()
    run()
    return max(time.perf_counter() - start, 1e-7)


def time_single(single: Callable[[int], object], seconds: float) -> list[float]:
    """Return the durations of single predictions, one after another for about `seconds`; the first is not measured."""
    single(0)
    durations: list[float] = []
    end = time.perf_counter() + seconds
    for number in itertools.count(1):
        start = time.perf_counter()
        single(number)
        now = time.perf_counter()
        durations.append(now - start)
        if now > end and len(durations) >= MIN_CALLS:
            return durations
    raise AssertionError


def time_many(many: Callable[[], int], seconds: float) -> tuple[int, float]:
    """Return how many predictions a call makes, and the median rate of calls for about `seconds`."""
    many()
    rates: list[float] = []
    end = time.perf_counter() + seconds
    while not rates or time.perf_counter() < end:
        start = time.perf_counter()
        count = many()
        rates.append(count / (time.perf_counter() - start))
    return count, float(np.median(rates))

"""Contenders side by side in one process: they take turns, round after round, and the median of each is what counts.

A neighbour's load, a changing clock or a warm cache then meets all of them alike, and their ratio holds where their
times do not. Before every turn the threads of the one before come to rest, and its first call is not counted, unless it
takes seconds: what such a call finds cold, it warms in no time to speak of.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ElmanError

TOLERANCE = 1e-4  # float32, summed in different orders over a thousand tokens; a swapped gate is off by 0.1 or more
FEWEST_ROUNDS, MOST_ROUNDS = 3, 15
LONG_SECONDS = 2.0  # of a call that needs none before it
REST_SECONDS = 0.03  # idle threads of OpenMP look for work for a while, on the cores of the next turn

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to time, and what it came to as arrays by name, so that it can be held against the others."""

    run: Callable[[], Any]
    arrays: Callable[[Any], dict[str, Array]]


def interleaved(
    runs: Mapping[str, Callable[[], object]], seconds: float, rest_seconds: float = REST_SECONDS
) -> dict[str, float]:
    """Return the median seconds of a call of each, measured for about so many seconds in all."""
    once = {name: _second_call(run) for name, run in runs.items()}
    rest = min(rest_seconds, seconds / FEWEST_ROUNDS / len(runs))
    rounds = int(seconds / (2 * sum(once.values()) + rest * len(runs)))
    rounds = min(MOST_ROUNDS, max(FEWEST_ROUNDS, rounds))
    turn = seconds / rounds / len(runs) - rest
    calls = {name: max(1, int(turn / each)) for name, each in once.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(rest)
            if once[name] < LONG_SECONDS:
                run()
            began = time.perf_counter()
            for _ in range(calls[name]):
                run()
            times[name].append((time.perf_counter() - began) / calls[name])
    return {name: statistics.median(each) for name, each in times.items()}


def check_agreement(contenders: Mapping[str, Contender], what: str, calls: int = 1) -> None:
    """Refuse contenders whose results differ from the first one's, in each of so many calls."""
    for _ in range(calls):
        found = {name: c.arrays(c.run()) for name, c in contenders.items()}
        (ours, expected), *others = found.items()
        for name, arrays in others:
            for key, given in arrays.items():
                difference = relative_difference(given, expected[key])
                if not difference <= TOLERANCE:  # nan is refused too
                    raise ElmanError(
                        f"{what}: {key} of {name} and of {ours} differ by {difference:.2g} of the largest entry, "
                        f"expected at most {TOLERANCE:g}",
                        hint="they do not compute the same thing, so their times are not compared",
                    )


def relative_difference(given: Array, expected: Array) -> float:
    """Return the largest difference of two arrays, as a share of the largest entry; infinity for other shapes."""
    if given.shape != expected.shape:
        return math.inf
    return float(np.abs(given - expected).max() / max(float(np.abs(expected).max()), 1e-30))


def geometric_mean(values: Iterable[float]) -> float:
    """Return the mean of ratios: the one for which twice and half cancel."""
    return statistics.geometric_mean(values)


def _second_call(run: Callable[[], object]) -> float:
    run()
    began = time.perf_counter()
    run()
    return max(time.perf_counter() - began, 1e-7)

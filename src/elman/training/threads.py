"""How many threads: measured, since torch's recurrent layers are slower on two threads than on one when H is small."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable


def available_threads() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def step_seconds(step: Callable[[], object], threads: int, repeats: int = 3) -> float:
    """Return the median seconds of a step on so many threads; the first step is not counted."""
    import torch

    torch.set_num_threads(threads)
    step()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def fastest_threads(step: Callable[[], object]) -> int:
    """Return 1 or all threads, whichever does the step faster; one thread unless all are clearly faster."""
    everything = available_threads()
    if everything == 1:
        return 1
    one, many = step_seconds(step, 1), step_seconds(step, everything)
    return everything if many < 0.95 * one else 1

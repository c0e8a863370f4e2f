"""What this machine can do: how many threads it has, and on how many of them a training step is faster, measured.

Threads are measured because more of them are not always faster: a small model gives them too little to do, torch's own
recurrent layers (a GPU aside, they run where no kernels are installed) let them meet at every time step, and somebody
else may be using a core.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

ASSUMED_FLOPS = 1e11  # of a processor, where nothing is measured
ASSUMED_GPU_FLOPS = 1e13


def available_threads() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def step_seconds(step: Callable[[], object], threads: int, repeats: int = 3) -> float:
    """Return the median seconds of a step on so many threads; the first step is not counted."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        step()
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    return statistics.median(times)


def most_per_second(work: Callable[[], int], seconds: float = 0.02) -> float:
    """Return the best rate of work that returns how much it did, done again and again for about so many seconds."""
    best, until = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < until:
        began = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - began))
    return best


def fastest(step: Callable[[], object]) -> tuple[int, float]:
    """Return (threads, seconds) of a step: on 1 thread, or on all where they are a quarter faster.

    Threads wait for each other, so they are fragile where somebody else uses a core.
    """
    everything = available_threads()
    one = step_seconds(step, 1)
    many = step_seconds(step, everything) if everything > 1 else one
    return (everything, many) if many < 0.8 * one else (1, one)

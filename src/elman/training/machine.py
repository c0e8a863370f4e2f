"""What this machine can do, measured: how many threads to use, and how fast a recurrent layer trains.

Threads are measured because torch's recurrent layers are slower on two threads than on one where H is small: its
threads meet at every time step.
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


def measure_flops() -> float:
    """Return the floating-point rate at which torch trains a middling LSTM here, on its better number of threads."""
    import torch

    T, B, inputs, hidden, gates = 32, 32, 64, 256, 4
    with torch.random.fork_rng(devices=[]):
        layer, x = torch.nn.LSTM(inputs, hidden), torch.zeros(T, B, inputs)
    before = torch.get_num_threads()
    try:
        seconds = min(
            step_seconds(lambda: layer(x)[0].sum().backward(), threads) for threads in {1, available_threads()}
        )
    finally:
        torch.set_num_threads(before)
    return T * B * 6.0 * gates * hidden * (hidden + inputs) / seconds

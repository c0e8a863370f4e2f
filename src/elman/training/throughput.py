"""Throughput of this machine: the number of threads, and how many of them make a training step faster, by measurement.

More threads are not always faster: a small model has too little work for them, torch's own recurrent layers (used on a
CPU without kernels) synchronize them at every time step, and another process may be using a core.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

ASSUMED_CPU_FLOPS = 1e11  # where nothing is measured
ASSUMED_GPU_FLOPS = 1e13
SPINS = "20000"  # turns of a loop in which an idle thread looks for work
MIN_SPEEDUP = 1.25  # of several threads over one


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def let_idle_threads_sleep() -> None:
    """Let idle threads of torch's OpenMP sleep after some microseconds; call it before torch is imported.

    Otherwise, they wait actively for milliseconds. Where nothing else runs, that changes little: two threads train an
    LSTM at 0.9 to 1.08 of the speed if idle threads sleep. Beside two other programs, they are 2.6 times as fast.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def processor_name() -> str:
    """Return the name of the processor, or of its architecture where the system does not tell more."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def step_seconds(step: Callable[[], object], threads: int, repeats: int = 3) -> float:
    """Return the median time of a step with this number of threads, after one step to warm up."""
    import torch

    original_threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        step()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(original_threads)
    return statistics.median(times)


def peak_rate(work: Callable[[], int], seconds: float = 0.02) -> float:
    """Return the best rate of repeated calls within about `seconds`; each call returns the amount of its work."""
    best, end = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        start = time.perf_counter()
        amount = work()
        best = max(best, amount / (time.perf_counter() - start))
    return best


def fastest_thread_count(step: Callable[[], object]) -> tuple[int, float]:
    """Return (threads, seconds) of a step: one thread, or all if they are at least a quarter faster.

    A small gain is not worth it: threads wait for each other, so a step is slow whenever another process uses a core.
    """
    all_threads = available_threads()
    seconds_on_one = step_seconds(step, 1)
    seconds_on_all = step_seconds(step, all_threads) if all_threads > 1 else seconds_on_one
    return (all_threads, seconds_on_all) if seconds_on_all * MIN_SPEEDUP < seconds_on_one else (1, seconds_on_one)

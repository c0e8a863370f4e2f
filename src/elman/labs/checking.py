"""Checking several labs at once: one process a core, each with one thread, the longest lab first.

Small networks gain little from a second thread, so two labs in two processes take about half the time of both in turn.
Labs that take some seconds together run in this process: to start others takes as long.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from elman.kernels import get_num_threads, set_num_threads

from .lab import Lab, Outcome, Report, Settings, run_lab

WORTH_PROCESSES = 30.0  # seconds of all labs
SMOKE_SECONDS = 1.0  # of a lab at smoke scale
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def check_labs(
    labs: Sequence[Lab],
    settings: Settings,
    processes: int | None = None,
    show: Callable[[Lab, Outcome], None] = lambda lab, outcome: None,
) -> dict[str, Outcome]:
    """Run labs without showing what they say; return their outcomes by name, in the order of the labs.

    processes None is one for each core, or this process alone if the labs are short. show receives each outcome as soon
    as it is known.
    """
    if processes is None:
        expected = sum(SMOKE_SECONDS if settings.smoke else lab.seconds for lab in labs)
        processes = min(get_num_threads(), len(labs)) if expected > WORTH_PROCESSES else 1
    if processes == 1:
        outcomes = {}
        for lab in labs:
            outcomes[lab.name] = run_lab(lab, Report(settings))
            show(lab, outcomes[lab.name])
        return outcomes
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(processes, context, _prepare_process) as pool:
        longest_first = sorted(labs, key=lambda lab: -lab.seconds)
        running = {pool.submit(_check, lab.name, settings): lab for lab in longest_first}
        for future in as_completed(running):
            show(running[future], future.result())
        by_name = {lab.name: future.result() for future, lab in running.items()}
        return {lab.name: by_name[lab.name] for lab in labs}


def _check(name: str, settings: Settings) -> Outcome:
    from elman.labs import load_lab

    return run_lab(load_lab(name), Report(settings))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start now compute matrix products with one thread, unless the user has decided."""
    added = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _prepare_process() -> None:
    _use_one_thread()
    end_with_parent()


def end_with_parent() -> None:
    """Let this process end as soon as its parent has ended, even one that was killed: a lab may run for minutes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(process: Any) -> None:
    process.join()
    os._exit(1)


def _use_one_thread() -> None:
    """Let the kernels and torch, where it is installed, use one thread in this process."""
    set_num_threads(1)
    try:
        import torch
    except ModuleNotFoundError:
        return
    torch.set_num_threads(1)

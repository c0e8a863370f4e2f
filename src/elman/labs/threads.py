"""One thread for a lab: its networks are so small that threads wait for each other, and on a busy machine for long."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from elman.kernels import get_num_threads, set_num_threads

VARIABLE = "OMP_NUM_THREADS"  # torch reads it when it is imported


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the kernels and torch use one thread, unless the user has set OMP_NUM_THREADS.

    Most labs import torch only when they run, and some do not need it.
    """
    if VARIABLE in os.environ:
        yield
        return
    before, torch = get_num_threads(), sys.modules.get("torch")
    torch_before = before if torch is None else torch.get_num_threads()
    os.environ[VARIABLE] = "1"
    set_num_threads(1)
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        set_num_threads(before)
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(torch_before)

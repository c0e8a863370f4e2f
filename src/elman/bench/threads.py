"""The number of threads of torch and of NumPy's matrix products: the same for all that are compared.

torch and OpenBLAS, which NumPy's own wheels bring, can be told while they run. Another BLAS under NumPy (Accelerate, a
distribution's) cannot, and keeps the threads it has.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class _Switch(NamedTuple):
    get: Callable[[], int]
    set: Callable[[int], object]


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Set the threads of what is loaded, and set them back afterwards."""
    switches = [switch for switch in (_of_torch(), _of_numpy()) if switch is not None]
    before = [switch.get() for switch in switches]
    for switch in switches:
        switch.set(count)
    try:
        yield
    finally:
        for switch, earlier in zip(switches, before, strict=True):
            switch.set(earlier)


def numpy_can_be_told() -> bool:
    """Return whether the threads of NumPy's matrix products can be set."""
    return _of_numpy() is not None


def _of_torch() -> _Switch | None:
    torch = sys.modules.get("torch")  # what is not loaded computes nothing
    return None if torch is None else _Switch(torch.get_num_threads, torch.set_num_threads)


@cache
def _of_numpy() -> _Switch | None:
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in folder.glob("*openblas*"):
            library = ctypes.CDLL(str(path))
            for suffix in ("64_", ""):
                name = f"scipy_openblas_%s_num_threads{suffix}"
                if hasattr(library, name % "set"):
                    return _Switch(getattr(library, name % "get"), getattr(library, name % "set"))
    return None

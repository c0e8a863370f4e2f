"""The number of threads of torch and of NumPy's matrix products, the same for all implementations in a comparison.

The threads of torch and of OpenBLAS, which comes with NumPy's own wheels, can be set at run time. If NumPy uses another
BLAS (Accelerate, or that of a Linux distribution), its number of threads cannot be changed.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class _ThreadSetting(NamedTuple):
    get: Callable[[], int]
    set: Callable[[int], object]


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Set the number of threads of the libraries that are loaded, and restore it afterwards."""
    settings = [setting for setting in (_torch_setting(), _numpy_setting()) if setting is not None]
    previous_counts = [setting.get() for setting in settings]
    for setting in settings:
        setting.set(count)
    try:
        yield
    finally:
        for setting, previous_count in zip(settings, previous_counts, strict=True):
            setting.set(previous_count)


def numpy_threads_can_be_set() -> bool:
    """Return whether the number of threads of NumPy's matrix products can be set."""
    return _numpy_setting() is not None


def _torch_setting() -> _ThreadSetting | None:
    torch = sys.modules.get("torch")  # do not load torch only to set its threads
    return None if torch is None else _ThreadSetting(torch.get_num_threads, torch.set_num_threads)


@cache
def _numpy_setting() -> _ThreadSetting | None:
    package = Path(np.__file__).parent
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    libraries = [ctypes.CDLL(str(path)) for folder in folders for path in folder.glob("*openblas*")]
    for library, suffix in itertools.product(libraries, ("64_", "")):
        name = f"scipy_openblas_%s_num_threads{suffix}"
        if hasattr(library, name % "set"):
            return _ThreadSetting(getattr(library, name % "get"), getattr(library, name % "set"))
    return None

"""The kernels and this machine: whether they are here, the instruction set in use, the number of threads.

ELMAN_KERNELS=off in the environment turns them off, for a comparison; ELMAN_KERNELS=avx2 (avx512, neon, plain) picks
an instruction set.
"""

from __future__ import annotations

import os
from types import ModuleType

import numpy as np
import numpy.typing as npt

_SWITCH = os.environ.get("ELMAN_KERNELS", "")
_OFF = ("off", "0", "no")


def _load() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or why there is none."""
    if _SWITCH.lower() in _OFF:
        return None, "turned off by ELMAN_KERNELS"
    try:
        from . import _native
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        return None, "not compiled in this installation" if missing else f"cannot be loaded: {error}"
    if _SWITCH:
        try:
            _native.use_instruction_set(_SWITCH)
        except ValueError:
            return None, f"ELMAN_KERNELS is {_SWITCH!r}, expected off or one of {', '.join(_native.instruction_sets())}"
    return _native, ""


native, _reason = _load()
_instruction_set = _SWITCH
_num_threads: int | None = None


def available() -> bool:
    """Return whether the compiled kernels can be used."""
    return native is not None


def why_not() -> str:
    """Return why they cannot, in a few words; empty where they can."""
    return _reason


def cells() -> dict[str, int]:
    """Return the names of the compiled cells, with their numbers of gates; an empty dict without kernels."""
    return dict(native.cells()) if native else {}


def instruction_sets() -> list[str]:
    """Return the names of the instruction sets that are compiled in and run here, best first."""
    return list(native.instruction_sets()) if native else []


def instruction_set() -> str | None:
    """Return the one in use: the best, unless another was asked for."""
    return (_instruction_set or instruction_sets()[0]) if native else None


def use_instruction_set(name: str) -> None:
    """Use another of instruction_sets() for what is packed from now on; what was packed before goes on with its own."""
    global _instruction_set
    if native is None:
        raise ValueError(f"no kernels: {_reason}")
    native.use_instruction_set(name)
    _instruction_set = name


def get_num_threads() -> int:
    """Return how many threads predictions use: set_num_threads's, OMP_NUM_THREADS, or one a core."""
    if _num_threads is not None:
        return _num_threads
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Set how many threads predictions use from now on."""
    global _num_threads
    if count < 1:
        raise ValueError(f"threads: given {count}, expected 1 or more")
    _num_threads = count


def borrow_threads(library: str) -> bool:
    """Run on the OpenMP threads of a loaded library (torch's) from now on; False where it has none."""
    return native is not None and bool(native.borrow_threads(library))


def read_through_exchange(kind: type) -> bool:
    """Take arrays of this type (torch's tensors) as they are from now on; False where it has no table of DLPack's."""
    return native is not None and bool(native.read_through_exchange(kind))


def keep_freed_memory() -> None:
    """Have malloc keep what training frees at every step: glibc's may give it back to the system each time."""
    if native is not None:
        native.keep_freed_memory()


def read(data: npt.NDArray[np.float32]) -> float:
    """Return the sum of a vector, read as fast as this machine can: what elman bench limit times."""
    if native is None:
        raise ValueError(f"no kernels: {_reason}")
    return float(native.read(data))

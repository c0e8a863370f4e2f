"""The compiled module on this machine: whether it is available, its instruction set, and its number of threads.

Environment variables: ELMAN_KERNELS=off disables the kernels, for comparisons; ELMAN_KERNELS=avx2 (avx512, neon, plain)
selects an instruction set.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

import numpy as np
import numpy.typing as npt

_SETTING = os.environ.get("ELMAN_KERNELS", "")
_OFF = ("off", "0", "no")


def _load() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or None and the reason."""
    if _SETTING.lower() in _OFF:
        return None, "turned off by ELMAN_KERNELS"
    try:
        _native = import_module(f"{__package__}._native")  # `from . import` does not say whether it is missing
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        return None, "not compiled in this installation" if missing else f"cannot be loaded: {error}"
    if _SETTING:
        try:
            _native.use_instruction_set(_SETTING)
        except ValueError:
            return (
                None,
                f"ELMAN_KERNELS is {_SETTING!r}; expected off or one of {', '.join(_native.instruction_sets())}",
            )
    return _native, ""


native, _reason = _load()
_instruction_set = _SETTING
_num_threads: int | None = None


def available() -> bool:
    """Return whether the compiled kernels can be used."""
    return native is not None


def unavailable_reason() -> str:
    """Return why the kernels cannot be used, in a few words; empty if they can."""
    return _reason


def cells() -> dict[str, int]:
    """Return the names of the compiled cells, with their numbers of gates; an empty dict without kernels."""
    return dict(native.cells()) if native else {}


def instruction_sets() -> list[str]:
    """Return the names of the compiled instruction sets that this processor has, best first."""
    return list(native.instruction_sets()) if native else []


def instruction_set() -> str | None:
    """Return the instruction set in use; None without kernels."""
    return (_instruction_set or instruction_sets()[0]) if native else None


def use_instruction_set(name: str) -> None:
    """Use another of instruction_sets() from now on. Weights that are already packed keep theirs."""
    global _instruction_set
    if native is None:
        raise ValueError(f"no kernels: {_reason}")
    native.use_instruction_set(name)
    _instruction_set = name


def quantized_instruction_sets() -> list[str]:
    """Return the names of the instruction sets of int8 weights that this processor has, best first.

    All of them give the same bits.
    """
    return list(native.quantized_instruction_sets()) if native else []


def use_quantized_instruction_set(name: str) -> None:
    """Use another of quantized_instruction_sets() from now on; use_instruction_set changes both."""
    if native is None:
        raise ValueError(f"no kernels: {_reason}")
    native.use_quantized_instruction_set(name)


def get_num_threads() -> int:
    """Return how many threads predictions use: that of set_num_threads, OMP_NUM_THREADS, or one per core."""
    if _num_threads is not None:
        return _num_threads
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdigit() and int(setting) > 0:
        return int(setting)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Set how many threads predictions use from now on."""
    global _num_threads
    if count < 1:
        raise ValueError(f"threads: given {count}; expected 1 or more")
    _num_threads = count


def borrow_threads(library: str) -> bool:
    """Use the OpenMP threads of a loaded library (torch) from now on; return False if it has none."""
    return native is not None and bool(native.borrow_threads(library))


def register_array_type(array_type: type) -> bool:
    """Read arrays of this type (torch's tensors) without a copy from now on; return False if it lacks DLPack."""
    return native is not None and bool(native.register_array_type(array_type))


def keep_freed_memory() -> None:
    """Make malloc keep what every training step frees. By default, glibc may return it to the system each time."""
    if native is not None:
        native.keep_freed_memory()


def sum_vector(data: npt.NDArray[np.float32]) -> float:
    """Return the sum of a vector. `elman bench limit` measures by it how fast memory can be read."""
    if native is None:
        raise ValueError(f"no kernels: {_reason}")
    return float(native.sum(data))

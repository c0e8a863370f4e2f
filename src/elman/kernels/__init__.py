"""The cells compiled: what cells/unroll.py computes, in C++, a whole sequence in one call.

    machine.py       are they here, for which instruction set, on how many threads
    sequence.py      forward, backward and run, with the arguments and results of cells/unroll.py
    native/          the sources

The cells that the module was compiled with (`_native.cells()`; other cells run by NumPy), float32 and float64, layers,
both directions, lengths and resets. Every result of a row depends on that row alone, to the last bit: not on the other
rows of the batch, nor on the number of threads. An installation without a compiler has no kernels
(ELMAN_WITHOUT_KERNELS=1): everything works by NumPy and torch then, slower.
"""

from __future__ import annotations

from .machine import (
    available,
    borrow_threads,
    cells,
    get_num_threads,
    instruction_set,
    instruction_sets,
    keep_freed_memory,
    read,
    read_through_exchange,
    set_num_threads,
    use_instruction_set,
    why_not,
)
from .sequence import HANDFUL, TABLE_ROWS, Stack, Tape, backward, cross_entropy, forward, pack, supports

__all__ = [
    "HANDFUL",
    "TABLE_ROWS",
    "Stack",
    "Tape",
    "available",
    "backward",
    "borrow_threads",
    "cells",
    "cross_entropy",
    "forward",
    "get_num_threads",
    "instruction_set",
    "instruction_sets",
    "keep_freed_memory",
    "pack",
    "read",
    "read_through_exchange",
    "set_num_threads",
    "supports",
    "use_instruction_set",
    "why_not",
]

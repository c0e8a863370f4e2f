"""The cells compiled: what cells/unroll.py computes, in C++, with one call for a whole sequence.

    backend.py       whether the kernels are available, the instruction set, the number of threads
    adam.py          Adam, with the bits of cells/adam.py
    sequence.py      forward, backward and run, with the arguments and results of cells/unroll.py
    quantized.py     layers and matrices with int8 weights, with the bits of cells/quantized.py
    native/          the sources: docs/en/kernels.md explains them

The kernels have the cells that `cells()` names (other cells use NumPy), float32 and float64, layers, both directions,
lengths and resets. Every result of a row depends only on that row, to the last bit: neither on the other rows of the
batch nor on the number of threads. An installation without a compiler has no kernels (ELMAN_WITHOUT_KERNELS=1) and uses
NumPy and torch, which are slower.
"""

from __future__ import annotations

from .adam import Adam
from .backend import (
    available,
    borrow_threads,
    cells,
    get_num_threads,
    instruction_set,
    instruction_sets,
    keep_freed_memory,
    quantized_instruction_sets,
    register_array_type,
    set_num_threads,
    sum_vector,
    unavailable_reason,
    use_instruction_set,
    use_quantized_instruction_set,
)
from .quantized import QuantizedReadout, QuantizedStack
from .sequence import MAX_TABLE_ROWS, MAX_UNPACKED_STEPS, Stack, Tape, backward, cross_entropy, forward, pack, supports

__all__ = [
    "MAX_TABLE_ROWS",
    "MAX_UNPACKED_STEPS",
    "Adam",
    "QuantizedReadout",
    "QuantizedStack",
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
    "quantized_instruction_sets",
    "register_array_type",
    "set_num_threads",
    "sum_vector",
    "supports",
    "unavailable_reason",
    "use_instruction_set",
    "use_quantized_instruction_set",
]

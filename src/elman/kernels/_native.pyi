"""The compiled module. Arrays are C-contiguous NumPy arrays of one dtype; results are written into arrays given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Four = tuple[Array | None, ...]  # W, U, b_ih, b_hh

class _Tape:
    def run_back(
        self,
        parameters: Sequence[Four],
        d_outputs: Array,
        d_final: Sequence[tuple[Array | None, ...]] | None,
        d_x: Array | None,
        d_state: Sequence[tuple[Array | None, ...]] | None,
        gradients: Sequence[Four],
        threads: int,
    ) -> None: ...

class _Weights:
    @staticmethod
    def pack(
        cell: str,
        activation: str,
        directions: int,
        parameters: Sequence[Four],
        table: bool,
        loose: bool,
        threads: int,
    ) -> _Weights: ...
    def step(
        self,
        inputs: Array,
        outputs: Array,
        state: Sequence[tuple[Array, ...]],
        final: Sequence[tuple[Array, ...]],
    ) -> None: ...
    def run(
        self,
        inputs: Array,
        outputs: Array,
        state: Sequence[tuple[Array, ...]] | None,
        final: Sequence[tuple[Array, ...]],
        lengths: npt.NDArray[np.int64] | None,
        reset: npt.NDArray[np.bool_] | None,
        keep: bool,
        threads: int,
    ) -> _Tape | None: ...

class Weights32(_Weights): ...
class Weights64(_Weights): ...

def cross_entropy(
    V: Array,
    b: Array | None,
    x: Array,
    targets: npt.NDArray[np.int64],
    losses: npt.NDArray[np.float64],
    d_x: Array | None,
    d_V: Array | None,
    d_b: Array | None,
    threads: int,
) -> None: ...
def read(data: npt.NDArray[np.float32]) -> float: ...
def instruction_sets() -> list[str]: ...
def use_instruction_set(name: str) -> None: ...
def borrow_threads(library: str) -> bool: ...
def release_idle_memory() -> None: ...

"""The compiled module. Functions write their results into the caller's arrays.

Arrays are NumPy's, or of a type that was registered by register_array_type. All arrays of a call have one dtype and
are C-contiguous; inputs and outputs need only a contiguous last axis. States are a list of tuples of arrays (B, H) by
layer and direction, or a tuple of arrays (layers * directions, B, H). With time_first, inputs and outputs are
(T, B, ...).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = Any
WeightGroup = tuple[Array | None, ...]  # W, U, b_ih, b_hh
_States = Sequence[tuple[Array | None, ...]] | tuple[Array | None, ...]

class _Tape:
    def backward(
        self,
        parameters: Sequence[WeightGroup],
        d_outputs: Array,
        d_final: _States | None,
        d_x: Array | None,
        d_state: _States | None,
        gradients: Sequence[WeightGroup],
        keep_tape: bool,
        threads: int,
    ) -> None: ...

class _Weights:
    @staticmethod
    def pack(
        cell: str,
        activation: str,
        directions: int,
        parameters: Sequence[WeightGroup],
        table: bool,
        unpacked: bool,
        threads: int,
    ) -> _Weights: ...
    def step(
        self,
        inputs: Array,
        outputs: Array,
        state: _States,
        final: _States,
    ) -> None: ...
    def run(
        self,
        inputs: Array,
        outputs: Array,
        state: _States | None,
        final: _States,
        lengths: npt.NDArray[np.int64] | None,
        reset: npt.NDArray[np.bool_] | None,
        time_first: bool,
        keep_tape: bool,
        threads: int,
    ) -> _Tape | None: ...

class Weights32(_Weights): ...
class Weights64(_Weights): ...

class QuantizedStack:
    @staticmethod
    def pack(
        cell: str,
        activation: str,
        directions: int,
        layers: Sequence[tuple[Array | None, ...]],  # W, its scale, U, its scale, b_ih, b_hh
        embedding: tuple[Array, Array] | None,
        table: bool,
    ) -> QuantizedStack: ...
    def run(
        self,
        inputs: Array,
        outputs: Array,
        state: _States,
        final: _States,
        lengths: npt.NDArray[np.int64] | None,
        threads: int,
    ) -> None: ...

class QuantizedReadout:
    @staticmethod
    def pack(values: Array, scale: Array, bias: Array | None) -> QuantizedReadout: ...
    def multiply(self, x: Array, out: Array, threads: int) -> None: ...

def cells() -> dict[str, int]: ...
def quantized_instruction_sets() -> list[str]: ...
def use_quantized_instruction_set(name: str) -> None: ...
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
def update_by_adam(
    parameters: Array,
    gradient: Array,
    m: Array,
    v: Array,
    mean_share: float,
    square_share: float,
    rate: float,
    square_correction: float,
    epsilon: float,
) -> None: ...
def sum(data: npt.NDArray[np.float32]) -> float: ...  # noqa: A001
def instruction_sets() -> list[str]: ...
def use_instruction_set(name: str) -> None: ...
def register_array_type(type: type) -> bool: ...  # noqa: A002
def borrow_threads(library: str) -> bool: ...
def release_idle_memory() -> None: ...
def keep_freed_memory() -> None: ...

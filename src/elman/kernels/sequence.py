"""Stacks of cells over whole sequences by the compiled kernels: the functions of cells/unroll.py.

    forward    outputs, final state and tape        backward    all gradients from the tape
    Stack      packed weights, to run many sequences with the same weights

Symbols and rules are those of cells/unroll.py. Two forms of inputs are added:
- packed x (N, I) with lengths: the steps of all rows without padding, as torch packs them, longest row first;
- with a table (rows, G*H) instead of the bottom W, x holds integers (B, T), the rows of the table. The table contains
  the input products W x + b_ih, so they are looked up and not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS, Cell, Elman, LayerParameters
from elman.cells.unroll import Gradients, StackParameters, StackState, State

from . import backend

if TYPE_CHECKING:
    from . import _native

Array = npt.NDArray[Any]
MAX_TABLE_ROWS = 1024  # a larger table costs too much time. The limit is fixed: results must not depend on the batch
MAX_UNPACKED_STEPS = 4  # B * T: for so few steps, packing the weights costs more time than it saves
_NAMES = {CELLS[name]: name for name in backend.cells()}
_WEIGHTS_TYPES = {np.dtype(np.float32): "Weights32", np.dtype(np.float64): "Weights64"}


def supports(cell: Cell, dtype: npt.DTypeLike) -> bool:
    """Return whether the kernels are available and have this cell in this precision."""
    return backend.available() and type(cell) in _NAMES and np.dtype(dtype) in _WEIGHTS_TYPES


def pack(
    dtype: np.dtype[Any],
    cell: str,
    activation: str,
    num_directions: int,
    parameters: Sequence[_native.WeightGroup],
    *,
    table: bool,
    threads: int,
    unpacked: bool = False,
) -> _native._Weights:
    """Return weights of the compiled module, for callers that allocate the results themselves (nn/kernel_function.py).

    unpacked: do not copy the weights but read the arrays, which is faster for up to MAX_UNPACKED_STEPS steps.
    """
    weights_type: type[_native._Weights] = getattr(backend.native, _WEIGHTS_TYPES[dtype])
    return weights_type.pack(cell, activation, num_directions, parameters, table, unpacked, threads)


class Stack:
    """The weights of a stack, packed for the kernels. They are a copy: later changes of the arrays have no effect."""

    def __init__(self, cell: Cell, params: StackParameters, *, table: bool = False, threads: int | None = None) -> None:
        """Pack the weights of [layer][direction]. With table, every bottom W is a table of input products."""
        dtype = params[0][0].U.dtype
        if not supports(cell, dtype):
            reason = backend.unavailable_reason() or "not compiled"
            raise ValueError(f"no kernels for {type(cell).__name__} in {dtype}: {reason}")
        self.cell, self.dtype, self.table = cell, dtype, table
        self.num_directions = len(params[0])
        self.hidden_sizes = [[p.hidden_size for p in layer] for layer in params]
        self._output_size = sum(self.hidden_sizes[-1])
        self._groups = [_weight_group(p, dtype) for layer in params for p in layer]
        self._weights = self._packed(_threads(threads))

    def _packed(self, threads: int) -> _native._Weights:
        activation = self.cell.activation if isinstance(self.cell, Elman) else "tanh"
        name, directions = _NAMES[type(self.cell)], self.num_directions
        return pack(self.dtype, name, activation, directions, self._groups, table=self.table, threads=threads)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_weights"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._weights = self._packed(_threads(None))

    def zero_state(self, batch_size: int) -> StackState:
        """Return a state of zeros."""
        return tuple(
            tuple(tuple(np.zeros((batch_size, H), self.dtype) for _ in self.cell.states) for H in layer)
            for layer in self.hidden_sizes
        )

    def step(self, x: Array, state: StackState) -> tuple[Array, StackState]:
        """Return the outputs (B, D*H) and the next state of one step, x (B, I) or rows (B,) of the table.

        The fastest way to compute one step after another: one thread, and the interpreter is not released.
        """
        self._check_ids(x)
        x = np.ascontiguousarray(x, np.int64 if self.table else self.dtype)
        outputs = np.empty((len(x), self._output_size), self.dtype)
        initial = [tuple([_contiguous(s, self.dtype) for s in states]) for layer in state for states in layer]
        final = [tuple([np.empty_like(s) for s in states]) for states in initial]
        self._weights.step(x, outputs, initial, final)
        D = self.num_directions
        return outputs, tuple(tuple(final[i : i + D]) for i in range(0, len(final), D))

    def run(
        self,
        x: Array,
        state: StackState | None = None,
        lengths: npt.ArrayLike | None = None,
        reset: npt.ArrayLike | None = None,
        *,
        threads: int | None = None,
    ) -> tuple[Array, StackState]:
        """Return the outputs (B, T, D*H), or (N, D*H) of packed x, and the final state."""
        outputs, final, _ = self._run(x, state, lengths, reset, keep=False, threads=threads)
        return outputs, final

    def forward(
        self,
        x: Array,
        state: StackState | None = None,
        lengths: npt.ArrayLike | None = None,
        reset: npt.ArrayLike | None = None,
        *,
        outputs: Array | None = None,
        threads: int | None = None,
    ) -> tuple[Array, StackState, Tape]:
        """Return the same, and the tape.

        The outputs are written to `outputs` if it is given; then the caller must set those after the lengths to zero.
        The tape refers to x, outputs and state: do not change them before backward.
        """
        y, final, native = self._run(x, state, lengths, reset, keep=True, threads=threads, outputs=outputs)
        assert native is not None
        return y, final, Tape(self.cell, self._groups, self.num_directions, self.table, x, final, native)

    def _run(
        self,
        x: Array,
        state: StackState | None,
        lengths: npt.ArrayLike | None,
        reset: npt.ArrayLike | None,
        *,
        keep: bool,
        threads: int | None,
        outputs: Array | None = None,
    ) -> tuple[Array, StackState, _native._Tape | None]:
        self._check_ids(x)
        steps, packed = self._steps(x, lengths)
        x = x.astype(np.int64, copy=False) if self.table else _last_axis_contiguous(x, self.dtype)
        lengths = None if lengths is None else _integers(lengths, steps)
        if reset is not None and packed:
            raise ValueError("reset: given with packed inputs; expected padded inputs")
        if reset is not None and np.shape(reset) != steps:
            raise ValueError(f"reset: given shape {np.shape(reset)}; expected {steps}")
        batch_size = len(lengths) if packed and lengths is not None else steps[0]
        state = self.zero_state(batch_size) if state is None else state
        self._check_directions(state)
        if outputs is None:
            outputs = (np.empty if lengths is None or packed else np.zeros)((*steps, self._output_size), self.dtype)
        final = _map_state(lambda s: np.empty(s.shape, self.dtype), state)
        resets = None if reset is None else np.ascontiguousarray(reset, dtype=np.bool_)
        initial = _flat(_map_state(lambda s: np.ascontiguousarray(s, self.dtype), state))
        tape = self._weights.run(x, outputs, initial, _flat(final), lengths, resets, False, keep, _threads(threads))
        return outputs, final, tape

    def _check_ids(self, x: Array) -> None:
        if self.table and x.dtype.kind not in "iu":
            raise ValueError(f"ids: given {x.dtype}; expected integers")

    def _steps(self, x: Array, lengths: npt.ArrayLike | None) -> tuple[tuple[int, ...], bool]:
        """Return (B, T), or (N,) of packed inputs, and whether the inputs are packed."""
        padded_axes = 2 if self.table else 3
        packed = x.ndim == padded_axes - 1
        if x.ndim != padded_axes and (not packed or lengths is None):
            shape = f"{x.shape} without lengths" if packed else f"{x.shape}"
            expected = (
                "(B, T), or packed (N,) with lengths" if self.table else "(B, T, I), or packed (N, I) with lengths"
            )
            raise ValueError(f"inputs: given shape {shape}; expected {expected}")
        return (x.shape if self.table else x.shape[:-1]), packed

    def _check_directions(self, state: StackState) -> None:
        actual = [len(layer) for layer in state]
        expected = [self.num_directions] * len(self.hidden_sizes)
        if actual != expected and sum(actual) == sum(expected):
            raise ValueError(f"state: given {actual} directions by layer; expected {expected}")


@dataclass(frozen=True, slots=True)
class Tape:
    """What forward stores for backward."""

    cell: Cell
    parameters: list[_native.WeightGroup]
    num_directions: int
    table: bool
    x: Array
    final: StackState
    native: _native._Tape


def forward(
    cell: Cell,
    params: StackParameters,
    x: Array,
    state: StackState | None = None,
    lengths: npt.ArrayLike | None = None,
    reset: npt.ArrayLike | None = None,
    *,
    threads: int | None = None,
) -> tuple[Array, StackState, Tape]:
    """Return outputs, final state and tape: unroll.forward."""
    return Stack(cell, params, threads=threads).forward(x, state, lengths, reset, threads=threads)


def backward(
    tape: Tape,
    d_outputs: Array,
    d_state: StackState | None = None,
    *,
    keep: bool = True,
    threads: int | None = None,
) -> Gradients:
    """Return the gradients with respect to parameters, inputs (empty with a table) and initial state.

    Without `keep`, the tape cannot be used again: intermediate results overwrite it, which is faster.
    """
    dtype = d_outputs.dtype
    d_x = None if tape.table else np.zeros(tape.x.shape, dtype)
    d_initial = _map_state(lambda s: np.empty(s.shape, dtype), tape.final)
    gradients = [tuple(None if w is None else np.empty_like(w) for w in group) for group in tape.parameters]
    d_final = None if d_state is None else _flat(_map_state(lambda s: np.ascontiguousarray(s, dtype), d_state))
    d_y = _last_axis_contiguous(d_outputs, dtype)
    tape.native.backward(tape.parameters, d_y, d_final, d_x, _flat(d_initial), gradients, keep, _threads(threads))
    layers = [LayerParameters(*group) for group in gradients]  # type: ignore[arg-type]
    D = tape.num_directions
    nested = [layers[i : i + D] for i in range(0, len(layers), D)]
    return Gradients(nested, np.zeros(0, dtype) if d_x is None else d_x, d_initial)


def _threads(count: int | None) -> int:
    return backend.get_num_threads() if count is None else count


def _weight_group(p: LayerParameters, dtype: np.dtype[Any]) -> Any:
    return tuple(None if w is None else np.ascontiguousarray(w, dtype) for w in (p.W, p.U, p.b_ih, p.b_hh))


def _contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous array. The test first: np.ascontiguousarray takes longer."""
    return array if array.flags.c_contiguous and array.dtype == dtype else np.ascontiguousarray(array, dtype)


def _last_axis_contiguous(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return x with a contiguous last axis. The kernels accept any strides of the other axes."""
    x = x.astype(dtype, copy=False)
    return x if x.strides[-1] == x.itemsize or x.shape[-1] <= 1 else np.ascontiguousarray(x)


def _integers(lengths: npt.ArrayLike, steps: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the lengths of (B, T) steps or of (N,) packed steps as int64."""
    array = np.asarray(lengths)
    is_integer = array.dtype.kind in "iu" or not array.size  # NumPy makes floats of an empty list
    fits = array.ndim == 1 and (len(steps) == 1 or len(array) == steps[0])
    if not is_integer or not fits or (array.size and (array.min() < 0 or array.max() > steps[-1])):
        rows = f"{steps[0]} " if len(steps) == 2 else ""
        raise ValueError(f"lengths: given {array.tolist()}; expected {rows}integers between 0 and {steps[-1]}")
    return np.ascontiguousarray(array, np.int64)


def _map_state(function: Any, state: StackState) -> StackState:
    return tuple(tuple(tuple(function(s) for s in states) for states in layer) for layer in state)


def _flat(state: StackState) -> list[State]:
    return [states for layer in state for states in layer]


def cross_entropy(
    x: Any,
    V: Any,
    b: Any,
    targets: Any,
    d_x: Any = None,
    d_V: Any = None,
    d_b: Any = None,
    *,
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Return the losses (N,) in nats of targets (N,) for the readout V (O, H), b (O,) of hidden states x (N, H).

    Computes the same as cells/readout.py, but never stores all logits at once. Negative targets do not count. The
    derivatives of the sum of the losses are written to d_x, d_V and d_b if they are given. All arrays are C-contiguous
    and of one dtype, NumPy arrays or torch tensors; targets are int64.
    """
    if backend.native is None:
        raise ValueError(f"no kernels: {backend.unavailable_reason()}")
    losses = np.empty(len(targets))
    backend.native.cross_entropy(V, b, x, targets, losses, d_x, d_V, d_b, _threads(threads))
    return losses

"""Stacks of cells over whole sequences, by the compiled kernels: the functions of cells/unroll.py.

    forward    outputs, final state and tape        backward    every gradient from the tape
    Stack      packed weights, for running many sequences through the same ones

Symbols and rules are those of cells/unroll.py. Two things are more than there: x may be packed, (N, I), row by row of
falling length, step by step (as torch packs it); and with a table (rows, G*H) in the place of the bottom W, x holds
rows of the table, integers (B, T): their products W x + b_ih are there already, and are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.cells import CELLS, Cell, Elman, LayerParameters
from elman.cells.unroll import Gradients, StackParameters, StackState, State

from . import machine

if TYPE_CHECKING:
    from . import _native

Array = npt.NDArray[Any]
TABLE_ROWS = 1024  # a table of up to so many rows is worth making; the choice must not depend on what is in a batch
HANDFUL = 4  # B * T of so few steps cost less than packing the weights for them
_NAMES = {CELLS[name]: name for name in machine.cells()}  # of the compiled cells
_DTYPES = {np.dtype(np.float32): "Weights32", np.dtype(np.float64): "Weights64"}


def supports(cell: Cell, dtype: npt.DTypeLike) -> bool:
    """Return whether the kernels are here, and have this cell in this precision."""
    return machine.available() and type(cell) in _NAMES and np.dtype(dtype) in _DTYPES


def pack(
    dtype: np.dtype[Any],
    cell: str,
    activation: str,
    num_directions: int,
    parameters: Sequence[_native.Four],
    *,
    table: bool,
    threads: int,
    loose: bool = False,
) -> _native._Weights:
    """Return the compiled module's own packed weights: for callers that have their own memory (nn/kernel_function.py).

    loose: do not pack them but read the arrays themselves, which pays for up to HANDFUL steps of a row.
    """
    kind: type[_native._Weights] = getattr(machine.native, _DTYPES[dtype])
    return kind.pack(cell, activation, num_directions, parameters, table, loose, threads)


class Stack:
    """The weights of a stack, packed for the kernels: a copy, so that later changes of the arrays do not count."""

    def __init__(self, cell: Cell, params: StackParameters, *, table: bool = False, threads: int | None = None) -> None:
        """Pack the weights of [layer][direction]; with table the bottom W holds a table's products (see above)."""
        dtype = params[0][0].U.dtype
        if not supports(cell, dtype):
            raise ValueError(f"no kernels for {type(cell).__name__} in {dtype}: {machine.why_not() or 'not compiled'}")
        self.cell, self.dtype, self.table = cell, dtype, table
        self.num_directions = len(params[0])
        self.hidden_sizes = [[p.hidden_size for p in layer] for layer in params]
        self._output_size = sum(self.hidden_sizes[-1])
        self._flat = [_four(p, dtype) for layer in params for p in layer]
        activation = cell.activation if isinstance(cell, Elman) else "tanh"
        name = _NAMES[type(cell)]
        self._weights = pack(
            dtype, name, activation, self.num_directions, self._flat, table=table, threads=_threads(threads)
        )

    def zero_state(self, batch_size: int) -> StackState:
        """Return the state of zeros."""
        return tuple(
            tuple(tuple(np.zeros((batch_size, H), self.dtype) for _ in self.cell.states) for H in layer)
            for layer in self.hidden_sizes
        )

    def step(self, x: Array, state: StackState) -> tuple[Array, StackState]:
        """Return the outputs (B, D*H) and the next state of one step, x (B, I) or rows (B,) of the table.

        The quickest way from token to token: one thread, and the interpreter is not released.
        """
        self._check_ids(x)
        x = np.ascontiguousarray(x, np.int64 if self.table else self.dtype)
        outputs = np.empty((len(x), self._output_size), self.dtype)
        flat = [
            tuple(
                [
                    s if s.flags.c_contiguous and s.dtype == self.dtype else np.ascontiguousarray(s, self.dtype)
                    for s in t
                ]
            )
            for layer in state
            for t in layer
        ]
        final = [tuple([np.empty_like(s) for s in states]) for states in flat]
        self._weights.step(x, outputs, flat, final)
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

        outputs is written into where given (zeros past the lengths are the caller's then). The tape points to x,
        outputs and state: backward needs them unchanged.
        """
        y, final, kept = self._run(x, state, lengths, reset, keep=True, threads=threads, outputs=outputs)
        assert kept is not None
        return y, final, Tape(self.cell, self._flat, self.num_directions, self.table, x, final, kept)

    def _check_ids(self, x: Array) -> None:
        if self.table and x.dtype.kind not in "iu":
            raise ValueError(f"ids: given {x.dtype}, expected integers")

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
        axes = 2 if self.table else 3
        self._check_ids(x)
        if x.ndim != axes and (x.ndim != axes - 1 or lengths is None):
            raise ValueError("inputs: expected (B, T) vectors, or packed ones with their lengths")
        x = x.astype(np.int64, copy=False) if self.table else _strided(x, self.dtype)
        packed = x.ndim == axes - 1
        steps = x.shape if self.table else x.shape[:-1]
        lengths = None if lengths is None else _integers(lengths, (len(x),) if packed else steps)
        if reset is not None and packed:
            raise ValueError("reset: not with packed inputs")
        if reset is not None and np.shape(reset) != steps:
            raise ValueError(f"reset: given shape {np.shape(reset)}, expected {steps}")
        given = None if state is None else [len(layer) for layer in state]
        layers = [self.num_directions] * len(self.hidden_sizes)
        if given is not None and given != layers and sum(given) == sum(layers):
            raise ValueError(f"state: given {given} directions, layer by layer, expected {layers}")
        batch_size = len(lengths) if packed and lengths is not None else steps[0]
        state = self.zero_state(batch_size) if state is None else state
        if outputs is None:
            outputs = (np.empty if lengths is None or packed else np.zeros)((*steps, self._output_size), self.dtype)
        final = _map_state(lambda s: np.empty(s.shape, self.dtype), state)
        starts = None if reset is None else np.ascontiguousarray(reset, dtype=np.bool_)
        flat_state = _flat(_map_state(lambda s: np.ascontiguousarray(s, self.dtype), state))
        kept = self._weights.run(x, outputs, flat_state, _flat(final), lengths, starts, False, keep, _threads(threads))
        return outputs, final, kept


@dataclass(frozen=True, slots=True)
class Tape:
    """What forward leaves for backward."""

    cell: Cell
    parameters: list[_native.Four]
    num_directions: int
    table: bool
    x: Array
    final: StackState
    kept: _native._Tape


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
    """Return the gradients by parameters (a table among them), inputs (empty where there is one) and initial state.

    Unless it is kept, the tape is used up: its memory holds what is computed on the way, which is quicker.
    """
    dtype = d_outputs.dtype
    d_x = None if tape.table else np.zeros(tape.x.shape, dtype)
    d_first = _map_state(lambda s: np.empty(s.shape, dtype), tape.final)
    gradients = [tuple(None if w is None else np.empty_like(w) for w in four) for four in tape.parameters]
    last = None if d_state is None else _flat(_map_state(lambda s: np.ascontiguousarray(s, dtype), d_state))
    tape.kept.run_back(
        tape.parameters, _strided(d_outputs, dtype), last, d_x, _flat(d_first), gradients, keep, _threads(threads)
    )
    layers = [LayerParameters(*four) for four in gradients]  # type: ignore[arg-type]
    D = tape.num_directions
    nested = [layers[i : i + D] for i in range(0, len(layers), D)]
    return Gradients(nested, np.zeros(0, dtype) if d_x is None else d_x, d_first)


def _threads(count: int | None) -> int:
    return machine.get_num_threads() if count is None else count


def _four(p: LayerParameters, dtype: np.dtype[Any]) -> Any:
    return tuple(None if w is None else np.ascontiguousarray(w, dtype) for w in (p.W, p.U, p.b_ih, p.b_hh))


def _strided(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return x with its last axis contiguous: the kernels take any strides in the others."""
    x = x.astype(dtype, copy=False)
    return x if x.strides[-1] == x.itemsize or x.shape[-1] <= 1 else np.ascontiguousarray(x)


def _integers(lengths: npt.ArrayLike, steps: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the lengths of (B, T) steps, or of packed ones, (N,)."""
    given = np.asarray(lengths)
    good = given.ndim == 1 and (given.dtype.kind in "iu" or not given.size)  # an empty list is an array of floats
    good = good and (len(steps) == 1 or len(given) == steps[0])
    if not good or (given.size and (given.min() < 0 or given.max() > steps[-1])):
        rows = f"{steps[0]} " if len(steps) == 2 else ""
        raise ValueError(f"lengths: given {given.tolist()}, expected {rows}integers between 0 and {steps[-1]}")
    return np.ascontiguousarray(given, np.int64)


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
    """Return the losses (N,) in nats of targets (N,) after outputs x (N, H), by the readout V (O, H), b (O,).

    Negative targets do not count. The derivatives of the losses' sum are written into d_x, d_V and d_b where given. All
    are C-contiguous and of one dtype, NumPy's arrays or torch's tensors; targets are int64. What cells/readout.py
    computes, without all logits at once.
    """
    if machine.native is None:
        raise ValueError(f"no kernels: {machine.why_not()}")
    losses = np.empty(len(targets))
    machine.native.cross_entropy(V, b, x, targets, losses, d_x, d_V, d_b, _threads(threads))
    return losses

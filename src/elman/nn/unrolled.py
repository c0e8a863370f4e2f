"""A stack of cells over a sequence as one function that torch can differentiate: kernels/ in torch's clothes.

    unrolled     by the kernels: one node of the graph, whatever the length
    by_torch     the same by torch.nn's own code: other devices, and derivatives of derivatives

Time first: x (T, B, I), or packed (N, I) with lengths; states (layers * D, B, H) as torch.nn has them; weights in the
order of torch.nn: layer by layer, direction by direction, W, U and, with biases, b_ih, b_hh. With a table, x holds ids
(T, B), and every bottom W is a table (V, G*H) of products W e + b_ih.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd import forward_ad

from elman import kernels

_CELLS = {
    "RNN_TANH": ("elman", "tanh"),
    "RNN_RELU": ("elman", "relu"),
    "GRU": ("gru", "tanh"),
    "LSTM": ("lstm", "tanh"),
}
_BY_TORCH: dict[str, Any] = {
    "RNN_TANH": torch._VF.rnn_tanh,  # what torch.nn's own modules call
    "RNN_RELU": torch._VF.rnn_relu,
    "GRU": torch._VF.gru,
    "LSTM": torch._VF.lstm,
}
_DTYPES: dict[Any, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
_KINDS = (Tensor, torch.nn.Parameter)


@cache
def _prepare_kernels() -> bool:
    """Let the kernels read tensors, use torch's threads and keep freed memory. Return False if they cannot be used.

    Called by the first layer that runs, because an import must not change the process.
    """
    if not kernels.available() or not all(kernels.register_array_type(kind) for kind in _KINDS):
        return False
    kernels.borrow_threads(torch._C.__file__)
    kernels.keep_freed_memory()
    return True


@dataclass(frozen=True, slots=True)
class Call:
    """What a call computes, beside its tensors."""

    mode: str  # torch.nn's name of the cell
    num_directions: int
    bias: bool
    batch_sizes: Tensor | None = None  # (T,) of packed x
    reset: Tensor | None = None  # (T, B) booleans
    table: bool = False

    @property
    def num_states(self) -> int:
        """h, or h and c."""
        return 2 if self.mode == "LSTM" else 1

    @property
    def lengths(self) -> npt.NDArray[np.int64] | None:
        """(B,) of packed x, falling."""
        if self.batch_sizes is None:
            return None
        sizes = self.batch_sizes.numpy()
        rows = int(sizes[0]) if len(sizes) else 0
        return np.searchsorted(-sizes, -np.arange(rows), side="left").astype(np.int64)

    def fours(self, weights: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return W, U, b_ih, b_hh of every layer and direction, None where there is none."""
        n = 4 if self.bias else 2
        fours = [(*weights[i : i + n], *([None] * (4 - n))) for i in range(0, len(weights), n)]
        if self.table:  # the table has b_ih in it
            D = self.num_directions
            fours[:D] = [(W, U, None, b_hh) for W, U, _, b_hh in fours[:D]]
        return fours


def by_kernels(tensors: Sequence[Tensor]) -> bool:
    """Return whether the kernels can compute with these: on the CPU, of one precision, outside of torch's tracing.

    Outside of its transforms and of forward-mode differentiation, too.
    """
    if torch.compiler.is_compiling() or not _prepare_kernels():
        return False
    dtype = tensors[0].dtype
    if dtype not in _DTYPES:
        return False
    for t in tensors:
        if type(t) not in _KINDS or t.dtype != dtype or not t.is_cpu or t.layout != torch.strided or t.is_neg():
            return False
    return (
        not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._len_torch_dispatch_stack()  # fake tensors, make_fx: somebody watches every operation
        and forward_ad._current_level < 0
    )


def unrolled(call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return outputs (T, B, D*H), or (N, D*H), and the final states, by the kernels; no states are zeros."""
    tensors = (*states, *weights)
    if torch.is_grad_enabled() and (x.requires_grad or any(t.requires_grad for t in tensors)):
        return tuple(_Unrolled.apply(call, len(states), x, *tensors))  # type: ignore[no-untyped-call]
    return _run(call, x, states, weights, keep=False)[0]


def _run(
    call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor], *, keep: bool
) -> tuple[tuple[Tensor, ...], Any]:
    """Return the results, and the tape if it is to be kept: it points to x, the outputs and the states."""
    threads = torch.get_num_threads()
    parameters = call.fours([contiguous(w) for w in weights])
    U = weights[1]
    H, dtype = U.shape[1], U.dtype
    steps = x.shape if call.table else x.shape[:-1]
    made = kernels.pack(
        _DTYPES[dtype],
        *_CELLS[call.mode],
        call.num_directions,
        parameters,
        table=call.table,
        unpacked=steps.numel() <= kernels.MAX_UNPACKED_STEPS,
        threads=threads,
    )
    batch_size = steps[1] if call.batch_sizes is None else int(call.batch_sizes[0])
    y = U.new_empty((*steps, call.num_directions * H))
    shape = (len(parameters), batch_size, H)
    final = tuple([U.new_empty(shape) for _ in range(call.num_states)])
    tape = made.run(
        x if call.table else _last_contiguous(x),
        y.detach() if keep else y,  # y itself is to have the tape in its history
        tuple([contiguous(s) for s in states]) or None,
        final,
        call.lengths,
        None if call.reset is None else np.ascontiguousarray(call.reset.T.numpy()),
        True,
        keep,
        threads,
    )
    return (y, *final), tape


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, num_states: int, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        results, ctx.tape = _run(call, x, tensors[:num_states], tensors[num_states:], keep=True)
        ctx.call, ctx.num_states = call, num_states
        # y too: the tape reads it, and torch notices if someone changes it in place
        ctx.save_for_backward(x, *tensors, results[0])
        return results

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        x, *tensors, y = ctx.saved_tensors
        n, needs = ctx.num_states, ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            return None, None, *_differentiable(ctx.call, n, needs, (x, *tensors), d_results)
        call, tape = ctx.call, ctx.tape
        keep = torch._C._autograd._get_current_graph_task_keep_graph()
        if not keep:
            ctx.tape = None
        d_y, *d_final = [None if d is None else d.resolve_neg() for d in d_results]
        d_x = _empty(x, needs[0])
        d_states = tuple([_empty(t, need) for t, need in zip(tensors[:n], needs[1 : n + 1], strict=True)])
        d_weights = [_empty(t, need) for t, need in zip(tensors[n:], needs[n + 1 :], strict=True)]
        tape.backward(
            call.fours([contiguous(w) for w in tensors[n:]]),
            torch.zeros_like(y) if d_y is None else _last_contiguous(d_y),
            tuple([None if d is None else contiguous(d) for d in d_final]),
            d_x,
            d_states or None,
            call.fours(d_weights),
            keep,
            torch.get_num_threads(),
        )
        if call.table and call.bias:  # b_ih is in the tables, so its tensor is not read
            for i in range(call.num_directions):
                d_weights[4 * i + 2] = None
        return None, None, d_x, *d_states, *d_weights


def _differentiable(
    call: Call, num_states: int, needs: Sequence[bool], tensors: Sequence[Tensor], d_results: Sequence[Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Return the gradients as something that can be differentiated again: through torch's own code, run once more."""
    tensors = aliases(tensors)
    x, states, weights = tensors[0], tensors[1 : num_states + 1], tensors[num_states + 1 :]
    inputs = [t for t, need in zip(tensors, needs, strict=True) if need]
    with _without_onednn():  # whose LSTM has no second derivative
        results = by_torch(call, x, states, weights)
        given = [(r, d) for r, d in zip(results, d_results, strict=True) if d is not None]
        found = iter(
            torch.autograd.grad(
                [r for r, _ in given], inputs, [d for _, d in given], create_graph=True, allow_unused=True
            )
        )
    return tuple(next(found) if need else None for need in needs)


def aliases(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors under new names in the graph: one may depend on another, and each has its own derivative."""
    return [t.view_as(t) for t in tensors]


@contextmanager
def _without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


# By torch


def by_torch(call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return what `unrolled` returns, by torch.nn's code: layer by layer, cut where a document begins."""
    finals: list[tuple[Tensor, ...]] = []
    D = call.num_directions
    if not states:
        rows = x.shape[1] if call.batch_sizes is None else int(call.batch_sizes[0])
        zeros = weights[1].new_zeros(len(weights) // (4 if call.bias else 2), rows, weights[1].shape[1])
        states = [zeros] * call.num_states
    fours = call.fours(weights)
    for layer in range(0, len(fours), D):
        outputs = []
        for d in range(D):
            i = layer + d
            W, U, b_ih, b_hh = fours[i]
            inputs = x
            if call.table and layer == 0:  # a table's rows are the products: W is the identity
                inputs, W = torch.nn.functional.embedding(x, W), torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
                b_ih = torch.zeros_like(b_hh) if b_hh is not None else None
            four = [W, U] if b_ih is None else [W, U, b_ih, b_hh]
            y, final = _one_direction(call, inputs, [s[i : i + 1] for s in states], four, reverse=d == 1)
            outputs.append(y)
            finals.append(final)
        x = outputs[0] if D == 1 else torch.cat(outputs, dim=-1)
    return (x, *(torch.cat(parts) for parts in zip(*finals, strict=True)))


def _one_direction(
    call: Call, x: Tensor, state: Sequence[Tensor], four: list[Tensor], *, reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if call.batch_sizes is not None:
        order = _reversed_places(call.batch_sizes).to(x.device) if reverse else None
        y, state = _torch_run(call, x if order is None else x[order], state, four, call.batch_sizes)
        return (y if order is None else y[order]), tuple(state)
    if reverse:
        x = x.flip(0)
    outputs = []
    for start, end, kept in _documents(call.reset, len(x), reverse=reverse):
        if kept is not None:
            state = [torch.where(kept[None, :, None], s, torch.zeros_like(s)) for s in state]
        if start < end:
            y, state = _torch_run(call, x[start:end], state, four, None)
            outputs.append(y)
    y = torch.cat(outputs) if outputs else x.new_zeros((0, x.shape[1], four[1].shape[1]))
    return (y.flip(0) if reverse else y), tuple(state)


def _documents(reset: Tensor | None, T: int, *, reverse: bool) -> Iterator[tuple[int, int, Tensor | None]]:
    """Yield stretches of steps as (start, end, the rows (B,) that keep their state at the start), in reading order.

    Backwards the state is zeroed after the step that is marked, in the end too: an empty stretch tells of that.
    """
    if reset is None:
        yield 0, T, None
        return
    zeroed = torch.cat([torch.zeros_like(reset[:1]), reset.flip(0)]) if reverse else reset
    starts = [0, *(t for t in range(1, len(zeroed)) if bool(zeroed[t].any()))]
    for start, end in zip(starts, [*starts[1:], T], strict=True):
        yield start, end, ~zeroed[start] if len(zeroed) else None


def _reversed_places(batch_sizes: Tensor) -> Tensor:
    """Return, for each place of packed rows, the place of the same row's mirrored step."""
    sizes = batch_sizes.numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    lengths = (sizes[:, None] > np.arange(sizes[0] if len(sizes) else 0)).sum(0)
    places = [offsets[lengths[j] - 1 - t] + j for t in range(len(sizes)) for j in range(sizes[t])]
    return torch.tensor(places, dtype=torch.long)


def _torch_run(
    call: Call, x: Tensor, state: Sequence[Tensor], four: list[Tensor], batch_sizes: Tensor | None
) -> tuple[Tensor, Sequence[Tensor]]:
    function, has_biases = _BY_TORCH[call.mode], len(four) == 4
    hx = tuple(s.contiguous() for s in state) if call.mode == "LSTM" else state[0].contiguous()
    if batch_sizes is None:
        y, *final = function(x, hx, four, has_biases, 1, 0.0, False, False, False)
    else:
        y, *final = function(x, batch_sizes, hx, four, has_biases, 1, 0.0, False, False)
    return y, final


# Memory


def contiguous(t: Tensor) -> Tensor:
    """Return the numbers in C's order: the tensor itself where they are."""
    return t if t.is_contiguous() else t.detach().contiguous()


def _last_contiguous(t: Tensor) -> Tensor:
    return t if t.stride(-1) == 1 or t.shape[-1] <= 1 else t.detach().contiguous()


def _empty(t: Tensor, needed: bool) -> Tensor | None:
    return torch.empty_like(t, memory_format=torch.contiguous_format) if needed else None

"""A stack of cells over a sequence by the compiled kernels, as one function that torch can differentiate.

run_by_kernels is one node of torch's graph, whatever the length of the sequence; call.py says how the tensors lie.
Derivatives of derivatives, and the gradients of many vectors at once (is_grads_batched), go through torch.nn's own
code (torch_function.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman import kernels

from .call import Call, contiguous
from .torch_function import gradients_by_torch
from .torch_internals import LIBRARY, backward_keeps_graph, is_batched, operations_are_observed

_CELLS = {
    "RNN_TANH": ("elman", "tanh"),
    "RNN_RELU": ("elman", "relu"),
    "GRU": ("gru", "tanh"),
    "LSTM": ("lstm", "tanh"),
}
_DTYPES: dict[Any, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
_TENSOR_TYPES = (Tensor, torch.nn.Parameter)

_ready: bool | None = None  # whether the kernels can be used; None until the first call


def _prepare() -> bool:
    """At the first call, let the kernels read torch's tensors, run on torch's threads and keep freed memory."""
    global _ready
    compiled = {name for name, _ in _CELLS.values()} <= kernels.cells().keys()
    _ready = compiled and all(kernels.register_array_type(kind) for kind in _TENSOR_TYPES)
    if _ready:
        kernels.borrow_threads(LIBRARY)
        kernels.keep_freed_memory()
    return _ready


def can_use_kernels(tensors: Sequence[Tensor]) -> bool:
    """Return whether the kernels can compute with these: on the CPU, of one precision, outside of torch's tracing.

    Outside of its transforms and of forward-mode differentiation, too.
    """
    if torch.compiler.is_compiling() or (not _ready and (_ready is False or not _prepare())):
        return False
    dtype = tensors[0].dtype
    if dtype not in _DTYPES:
        return False
    for t in tensors:
        if type(t) not in _TENSOR_TYPES or t.dtype != dtype or not t.is_cpu or t.layout != torch.strided or t.is_neg():
            return False
    return (
        not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not operations_are_observed()
    )


def run_by_kernels(call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return outputs (T, B, D*H), or (N, D*H), and the final states, by the kernels; no states are zeros."""
    tensors = (*states, *weights)
    if torch.is_grad_enabled() and (x.requires_grad or any(t.requires_grad for t in tensors)):
        return tuple(_KernelFunction.apply(call, len(states), x, *tensors))  # type: ignore[no-untyped-call]
    return _run(call, x, states, weights, keep=False)[0]


def _run(
    call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor], *, keep: bool
) -> tuple[tuple[Tensor, ...], Any]:
    """Return the results, and the tape if `keep`: it points to x, the outputs and the states."""
    threads = torch.get_num_threads()
    parameters = call.layer_weights([contiguous(w) for w in weights])
    U = weights[1]
    H, dtype = U.shape[1], U.dtype
    steps = x.shape if call.table else x.shape[:-1]
    packed_weights = kernels.pack(
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
    tape = packed_weights.run(
        x if call.table else _last_axis_contiguous(x),
        y.detach() if keep else y,  # the history of y itself will include the tape
        tuple([contiguous(s) for s in states]) or None,
        final,
        call.lengths,
        None if call.reset is None else np.ascontiguousarray(call.reset.T.numpy()),
        True,
        keep,
        threads,
    )
    return (y, *final), tape


class _KernelFunction(torch.autograd.Function):
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
        create_graph = torch.is_grad_enabled()
        if create_graph or any(d is not None and is_batched(d) for d in d_results):
            inputs = (x, *tensors)
            return None, None, *gradients_by_torch(ctx.call, n, needs, inputs, d_results, create_graph=create_graph)
        call, tape = ctx.call, ctx.tape
        keep = backward_keeps_graph()
        if not keep:
            ctx.tape = None
        d_y, *d_final = [None if d is None else d.resolve_neg() for d in d_results]
        d_x = _empty(x, needs[0])
        d_states = tuple([_empty(t, need) for t, need in zip(tensors[:n], needs[1 : n + 1], strict=True)])
        d_weights = [_empty(t, need) for t, need in zip(tensors[n:], needs[n + 1 :], strict=True)]
        tape.backward(
            call.layer_weights([contiguous(w) for w in tensors[n:]]),
            torch.zeros_like(y) if d_y is None else _last_axis_contiguous(d_y),
            tuple([None if d is None else contiguous(d) for d in d_final]),
            d_x,
            d_states or None,
            call.layer_weights(d_weights),
            keep,
            torch.get_num_threads(),
        )
        if call.table and call.bias:  # b_ih is part of the tables, so its tensor is not read
            for i in range(call.num_directions):
                d_weights[4 * i + 2] = None
        return None, None, d_x, *d_states, *d_weights


def _last_axis_contiguous(t: Tensor) -> Tensor:
    return t if t.stride(-1) == 1 or t.shape[-1] <= 1 else t.detach().contiguous()


def _empty(t: Tensor, needed: bool) -> Tensor | None:
    return torch.empty_like(t, memory_format=torch.contiguous_format) if needed else None

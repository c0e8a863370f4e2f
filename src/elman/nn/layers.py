"""Recurrent layers over whole sequences: drop-in for torch.nn's, weights and results alike, by the kernels on a CPU.

    RNN    h' = tanh(W x + b + U h + c), or relu          cells/elman.py
    GRU    reset after the product                        cells/gru.py
    LSTM   gates i, f, g, o                               cells/lstm.py

Inputs (T, B, I), or (B, T, I) with batch_first, or a packed sequence; outputs and states as in torch.nn. Two things are
more than torch.nn has. `reset`, booleans (T, B) (or (B, T), or (T,) unbatched), marks the first step of each document:
the state is zeroed before that step; in the backward direction, after it. `from_ids` reads rows of an embedding and
computes the product of each row only once.

The kernels (kernels/) compute float32 and float64 on the CPU, in training and evaluation alike. torch.nn's own code
runs instead: on other devices, in half precision and under autocast, with proj_size, while torch.compile, torch.export
or torch.jit traces, under torch.func's transforms, and where no kernels are installed. Second derivatives
(create_graph=True) and gradients of many vectors at once (is_grads_batched) go through torch.nn's code too, which then
runs forward once more. torch.fx takes the layers as leaves; torch.jit.script replaces them by torch.nn's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from elman import kernels

from .call import Call
from .kernel_function import can_use_kernels, run_by_kernels
from .layout import reset_time_first, results_in_layout
from .symbolic import is_symbolic, record_call
from .torch_function import run_by_torch
from .torch_internals import layer_weights


class RNN(torch.nn.RNN):
    """The simple recurrent network of Elman (1990) with torch.nn.RNN's interface."""

    def forward(self, input: Any, hx: Any = None, reset: Tensor | None = None) -> Any:  # noqa: A002
        return _forward(self, super().forward, input, hx, reset)

    def from_ids(self, ids: Tensor, embedding: Tensor, hx: Any = None, reset: Tensor | None = None) -> Any:
        """Return forward's results for the rows `ids` (T, B), (B, T) or (T,) of an embedding (V, I)."""
        return _from_ids(self, ids, embedding, hx, reset)

    def __prepare_scriptable__(self) -> Any:
        return _scriptable(self, RNN, torch.nn.RNN)


class GRU(torch.nn.GRU):
    """The gated recurrent unit of Cho et al. (2014), reset after the product, with torch.nn.GRU's interface."""

    def forward(self, input: Any, hx: Any = None, reset: Tensor | None = None) -> Any:  # noqa: A002
        return _forward(self, super().forward, input, hx, reset)

    def from_ids(self, ids: Tensor, embedding: Tensor, hx: Any = None, reset: Tensor | None = None) -> Any:
        """Return forward's results for the rows `ids` (T, B), (B, T) or (T,) of an embedding (V, I)."""
        return _from_ids(self, ids, embedding, hx, reset)

    def __prepare_scriptable__(self) -> Any:
        return _scriptable(self, GRU, torch.nn.GRU)


class LSTM(torch.nn.LSTM):
    """The long short-term memory of Hochreiter and Schmidhuber (1997) with torch.nn.LSTM's interface."""

    def forward(self, input: Any, hx: Any = None, reset: Tensor | None = None) -> Any:  # noqa: A002
        return _forward(self, super().forward, input, hx, reset)

    def from_ids(self, ids: Tensor, embedding: Tensor, hx: Any = None, reset: Tensor | None = None) -> Any:
        """Return forward's results for the rows `ids` (T, B), (B, T) or (T,) of an embedding (V, I)."""
        return _from_ids(self, ids, embedding, hx, reset)

    def __prepare_scriptable__(self) -> Any:
        return _scriptable(self, LSTM, torch.nn.LSTM)


def _forward(layer: Any, forward_of_torch: Callable[..., Any], inputs: Any, hx: Any, reset: Tensor | None) -> Any:
    packed = isinstance(inputs, PackedSequence)
    x = inputs.data if packed else inputs
    states = _as_states(layer, hx)
    if states is None or not _well_formed(layer, x, states, packed=packed):
        arguments = inputs, hx, reset
        if is_symbolic(arguments):
            return record_call(layer, arguments)
        return forward_of_torch(inputs, hx)  # which raises the error
    weights = layer_weights(layer)
    use_kernels = not layer.proj_size and can_use_kernels((x, *states, *weights))
    if reset is None and not use_kernels:
        return forward_of_torch(inputs, hx)
    if reset is not None:
        _require_no_conflict(layer, packed=packed)
    run = run_by_kernels if use_kernels else run_by_torch
    if packed:
        return _forward_packed(layer, inputs, states, weights, run)
    unbatched = x.dim() == 2
    if unbatched:
        x, states = x.unsqueeze(0 if layer.batch_first else 1), [s.unsqueeze(1) for s in states]
    _require_sizes(layer, x, states, None)
    if layer.batch_first:
        x = x.transpose(0, 1)
    call = _call(layer, reset=reset_time_first(layer, reset, x.shape[:2], unbatched=unbatched))
    y, *final = _layer_by_layer(layer, call, x, states, weights, run)
    return results_in_layout(layer, y, final, unbatched=unbatched)


def _scriptable(layer: Any, kind: type, kind_of_torch: Any) -> Any:
    """Return what torch.jit.script compiles in the place of a layer: torch.nn's, with the same weights."""
    if type(layer) is not kind:
        return layer
    twin = kind_of_torch.__new__(kind_of_torch)
    twin.__dict__.update(layer.__dict__)
    return twin


def _forward_packed(
    layer: Any, inputs: PackedSequence, states: list[Tensor], weights: list[Tensor], run: Callable[..., Any]
) -> tuple[PackedSequence, Any]:
    data, batch_sizes, sorted_indices, unsorted_indices = inputs
    if sorted_indices is not None:
        states = [s.index_select(1, sorted_indices) for s in states]
    _require_sizes(layer, data, states, batch_sizes)
    y, *final = _layer_by_layer(layer, _call(layer, batch_sizes=batch_sizes), data, states, weights, run)
    if unsorted_indices is not None:
        final = [s.index_select(1, unsorted_indices) for s in final]
    outputs = PackedSequence(y, batch_sizes, sorted_indices, unsorted_indices)
    return outputs, final[0] if len(final) == 1 else tuple(final)


def _require_no_conflict(layer: Any, *, packed: bool) -> None:
    if packed:
        raise ValueError("reset: not with a packed sequence; pad its rows, or cut them into their documents")
    if layer.proj_size:
        raise ValueError("reset: not with proj_size")


def _require_sizes(layer: Any, x: Tensor, states: list[Tensor], batch_sizes: Tensor | None) -> None:
    """Raise torch.nn's own errors where the inputs or the states have a wrong size."""
    layer.check_input(x, batch_sizes)
    if states:
        layer.check_forward_args(x, states[0] if len(states) == 1 else tuple(states), batch_sizes)


def _well_formed(layer: Any, x: Any, states: list[Any], *, packed: bool) -> bool:
    """Return whether these are tensors, in the number and with the axes that a call takes; sizes are checked later."""
    if not isinstance(x, Tensor):
        return False
    axes = x.dim() + packed
    if axes != 3 and (axes != 2 or packed):
        return False
    for s in states:
        if not isinstance(s, Tensor) or s.dim() != axes:
            return False
    return x.shape[1 if layer.batch_first and axes == 3 and not packed else 0] > 0


def _from_ids(layer: Any, ids: Tensor, embedding: Tensor, hx: Any, reset: Tensor | None) -> Any:
    states, weights = _as_states(layer, hx), layer_weights(layer)
    if (
        states is None
        or not (isinstance(ids, Tensor) and isinstance(embedding, Tensor))
        or not _table_fits(layer, ids, embedding, states)
        or not can_use_kernels((embedding, *states, *weights))
    ):
        return layer(F.embedding(ids, embedding), hx, reset)
    unbatched = ids.dim() == 1
    ids = ids.long()
    if unbatched:
        ids, states = ids.unsqueeze(1), [s.unsqueeze(1) for s in states]
    elif layer.batch_first:
        ids = ids.t()
    call = _call(layer, reset=reset_time_first(layer, reset, ids.shape, unbatched=unbatched), table=True)
    n = 4 if layer.bias else 2
    for i in range(0, call.num_directions * n, n):
        weights[i] = F.linear(embedding, weights[i], weights[i + 2] if layer.bias else None)
    y, *final = _layer_by_layer(layer, call, ids, states, weights, run_by_kernels)
    return results_in_layout(layer, y, final, unbatched=unbatched)


def _table_fits(layer: Any, ids: Tensor, embedding: Tensor, states: list[Any]) -> bool:
    """Return whether to use a table of the embedding's products; without it, invalid arguments raise their errors."""
    if ids.dim() not in (1, 2) or ids.dtype not in (torch.int64, torch.int32) or not ids.is_cpu or not ids.numel():
        return False
    if embedding.dim() != 2 or embedding.shape[1] != layer.input_size or len(embedding) > kernels.MAX_TABLE_ROWS:
        return False
    rows = () if ids.dim() == 1 else (ids.shape[0 if layer.batch_first else 1],)
    shape = (layer.num_layers * (2 if layer.bidirectional else 1), *rows, layer.hidden_size)
    return not layer.proj_size and all(isinstance(s, Tensor) and s.shape == shape for s in states)


def _layer_by_layer(
    layer: Any,
    call: Call,
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    run: Callable[..., tuple[Tensor, ...]],
) -> tuple[Tensor, ...]:
    """Run all layers in one call, or one by one with dropout between them."""
    D, n = call.num_directions, 4 if call.bias else 2
    if not (layer.dropout and layer.training and layer.num_layers > 1):
        return run(call, x, states, weights)
    finals = []
    for index in range(layer.num_layers):
        of_layer = slice(index * D, (index + 1) * D)
        x, *final = run(call, x, [s[of_layer] for s in states], weights[index * D * n : (index + 1) * D * n])
        finals.append(final)
        call = _call(layer, batch_sizes=call.batch_sizes, reset=call.reset)  # only the bottom layer reads ids
        if index + 1 < layer.num_layers:
            x = F.dropout(x, layer.dropout)
    return (x, *(torch.cat(parts) for parts in zip(*finals, strict=True)))


def _call(layer: Any, *, batch_sizes: Tensor | None = None, reset: Tensor | None = None, table: bool = False) -> Call:
    if batch_sizes is None and reset is None:
        return _plain_call(layer.mode, layer.bidirectional, layer.bias, table)
    return Call(layer.mode, 2 if layer.bidirectional else 1, layer.bias, batch_sizes, reset, table)


@cache
def _plain_call(mode: str, bidirectional: bool, bias: bool, table: bool) -> Call:
    return Call(mode, 2 if bidirectional else 1, bias, table=table)


def _as_states(layer: Any, hx: Any) -> list[Any] | None:
    """Return hx as a list: h, or h and c, or nothing; None where hx is not what torch takes."""
    if hx is None:
        return []
    if layer.mode != "LSTM":
        return [hx] if isinstance(hx, Tensor) else None
    return list(hx) if isinstance(hx, tuple | list) and len(hx) == 2 else None

"""A stack of cells over a sequence by torch.nn's own code: other devices, tracing, and what backward lacks.

run_by_torch takes and returns what run_by_kernels does (kernel_function.py); call.py says how the tensors lie. It runs
layer by layer and, with resets, document by document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from .call import Call
from .torch_internals import LAYER_FUNCTIONS


def run_by_torch(call: Call, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return outputs (T, B, D*H), or (N, D*H), and the final states; no states are zeros."""
    finals: list[tuple[Tensor, ...]] = []
    D = call.num_directions
    if not states:
        rows = x.shape[1] if call.batch_sizes is None else int(call.batch_sizes[0])
        zeros = weights[1].new_zeros(len(weights) // (4 if call.bias else 2), rows, weights[1].shape[1])
        states = [zeros] * call.num_states
    layers = call.layer_weights(weights)
    for layer in range(0, len(layers), D):
        outputs = []
        for d in range(D):
            i = layer + d
            W, U, b_ih, b_hh = layers[i]
            inputs = x
            if call.table and layer == 0:  # the rows of a table are the products: W is the identity
                inputs, W = torch.nn.functional.embedding(x, W), torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
                b_ih = torch.zeros_like(b_hh) if b_hh is not None else None
            of_layer = [W, U] if b_ih is None else [W, U, b_ih, b_hh]
            y, final = _one_direction(call, inputs, [s[i : i + 1] for s in states], of_layer, reverse=d == 1)
            outputs.append(y)
            finals.append(final)
        x = outputs[0] if D == 1 else torch.cat(outputs, dim=-1)
    return (x, *(torch.cat(parts) for parts in zip(*finals, strict=True)))


def gradients_by_torch(
    call: Call,
    num_states: int,
    needs: Sequence[bool],
    tensors: Sequence[Tensor],
    d_results: Sequence[Tensor | None],
    *,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """Return the gradients by running forward once more in torch's own code, which torch can differentiate again.

    d_results may have an axis that vmap has added; then the gradients have it, too.
    """
    with torch.enable_grad(), _without_onednn():  # whose LSTM has no second derivative
        tensors = aliases(tensors)
        x, states, weights = tensors[0], tensors[1 : num_states + 1], tensors[num_states + 1 :]
        inputs = [t for t, need in zip(tensors, needs, strict=True) if need]
        results = run_by_torch(call, x, states, weights)
        pairs = [(r, d) for r, d in zip(results, d_results, strict=True) if d is not None]
        outputs, d_outputs = [r for r, _ in pairs], [d for _, d in pairs]
        gradients = iter(torch.autograd.grad(outputs, inputs, d_outputs, create_graph=create_graph, allow_unused=True))
    return tuple(next(gradients) if need else None for need in needs)


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


def _one_direction(
    call: Call, x: Tensor, state: Sequence[Tensor], weights: list[Tensor], *, reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if call.batch_sizes is not None:
        order = _mirrored_positions(call.batch_sizes).to(x.device) if reverse else None
        y, state = _one_document(call, x if order is None else x[order], state, weights, call.batch_sizes)
        return (y if order is None else y[order]), tuple(state)
    if reverse:
        x = x.flip(0)
    outputs = []
    for start, end, unchanged in _documents(call.reset, len(x), reverse=reverse):
        if unchanged is not None:
            state = [torch.where(unchanged[None, :, None], s, torch.zeros_like(s)) for s in state]
        if start < end:
            y, state = _one_document(call, x[start:end], state, weights, None)
            outputs.append(y)
    y = torch.cat(outputs) if outputs else x.new_zeros((0, x.shape[1], weights[1].shape[1]))
    return (y.flip(0) if reverse else y), tuple(state)


def _documents(reset: Tensor | None, T: int, *, reverse: bool) -> Iterator[tuple[int, int, Tensor | None]]:
    """Yield (start, end, rows (B,) whose state is not zeroed at the start) of runs of steps, in the order of reading.

    The backward direction zeroes after the marked step, also after the last one it reads: the last run may be empty.
    """
    if reset is None:
        yield 0, T, None
        return
    zeroed = torch.cat([torch.zeros_like(reset[:1]), reset.flip(0)]) if reverse else reset
    starts = [0, *(t for t in range(1, len(zeroed)) if bool(zeroed[t].any()))]
    for start, end in zip(starts, [*starts[1:], T], strict=True):
        yield start, end, ~zeroed[start] if len(zeroed) else None


def _mirrored_positions(batch_sizes: Tensor) -> Tensor:
    """Return, for each position of a packed sequence, the position of the same row's mirrored step."""
    sizes = batch_sizes.numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    lengths = (sizes[:, None] > np.arange(sizes[0] if len(sizes) else 0)).sum(0)
    positions = [offsets[lengths[j] - 1 - t] + j for t in range(len(sizes)) for j in range(sizes[t])]
    return torch.tensor(positions, dtype=torch.long)


def _one_document(
    call: Call, x: Tensor, state: Sequence[Tensor], weights: list[Tensor], batch_sizes: Tensor | None
) -> tuple[Tensor, Sequence[Tensor]]:
    function, has_biases = LAYER_FUNCTIONS[call.mode], len(weights) == 4
    hx = tuple(s.contiguous() for s in state) if call.mode == "LSTM" else state[0].contiguous()
    if batch_sizes is None:
        y, *final = function(x, hx, weights, has_biases, 1, 0.0, False, False, False)
    else:
        y, *final = function(x, batch_sizes, hx, weights, has_biases, 1, 0.0, False, False)
    return y, final

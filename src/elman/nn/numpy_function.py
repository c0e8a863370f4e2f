"""One layer of any cell over a batch of sequences by cells/unroll.py, as one function that torch can differentiate.

For cells that the kernels and torch.nn lack. Batch first: x (B, T, I), outputs (B, T, D*H), states (D, B, H). float32
and float64 on the CPU; first derivatives only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.cells import Cell, LayerParameters, unroll

from .torch_internals import backward_keeps_graph, is_batched

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class CellCall:
    """What a call computes, beside its tensors."""

    cell: Cell
    hidden_size: int
    num_directions: int
    names: tuple[str, ...]  # of the parameters of a direction, in the order in which they are passed
    lengths: npt.NDArray[np.int64] | None = None  # (B,)
    reset: npt.NDArray[np.bool_] | None = None  # (B, T)

    def parameters(self, weights: Sequence[Tensor]) -> list[list[LayerParameters]]:
        """Return the parameters of the layer as unroll takes them: [layer][direction]."""
        n = len(self.names)
        directions = [weights[i * n : (i + 1) * n] for i in range(self.num_directions)]
        arrays = [dict(zip(self.names, map(_array, tensors), strict=True)) for tensors in directions]
        return [[LayerParameters.from_arrays(by_name, self.hidden_size) for by_name in arrays]]


def run_by_numpy(call: CellCall, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return outputs (B, T, D*H) and the final states (D, B, H)."""
    tensors = (x, *states, *weights)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return tuple(_NumpyFunction.apply(call, len(states), *tensors))  # type: ignore[no-untyped-call]
    with np.errstate(all="ignore"):  # training detects a loss that is not finite
        outputs, final = unroll.run(
            call.cell, call.parameters(weights), _array(x), _unroll_state(states), call.lengths, call.reset
        )
    return torch.from_numpy(outputs), *_torch_states(final)


class _NumpyFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: CellCall, num_states: int, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        states, weights = tensors[:num_states], tensors[num_states:]
        with np.errstate(all="ignore"):
            outputs, final, ctx.tape = unroll.forward(
                call.cell, call.parameters(weights), _array(x), _unroll_state(states), call.lengths, call.reset
            )
        ctx.call = call
        ctx.save_for_backward(x, *tensors)  # the tape reads their memory: torch notices a change in place
        return torch.from_numpy(outputs), *_torch_states(final)

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor, *d_final: Tensor) -> tuple[Tensor | None, ...]:
        cell = type(ctx.call.cell).__name__
        if torch.is_grad_enabled():  # create_graph=True
            raise RuntimeError(f"create_graph=True: {cell} runs by NumPy; expected first derivatives only")
        if any(map(is_batched, (d_outputs, *d_final))):
            problem = f"is_grads_batched=True or vectorize=True: {cell} runs by NumPy; expected one gradient at a time"
            raise RuntimeError(f"{problem}. Leave the argument out, and call torch.autograd.grad in a loop")
        _ = ctx.saved_tensors  # raises an error if one of them was changed, or freed by an earlier backward
        call, tape = ctx.call, ctx.tape
        if not backward_keeps_graph():
            ctx.tape = None
        with np.errstate(all="ignore"):
            gradients = unroll.backward(tape, _array(d_outputs), _unroll_state(d_final))
        d_weights = [parameters.arrays()[name] for parameters in gradients.params[0] for name in call.names]
        return (
            None,
            None,
            torch.from_numpy(gradients.x),
            *_torch_states(gradients.state),
            *map(torch.from_numpy, d_weights),
        )


def _array(t: Tensor) -> Array:
    """Return the tensor's numbers; they share its memory."""
    array: Array = t.detach().resolve_neg().numpy()
    return array


def _unroll_state(states: Sequence[Tensor]) -> unroll.StackState:
    """Return states (D, B, H) as unroll takes the state of one layer: [layer][direction] of (B, H) arrays."""
    arrays = [_array(s) for s in states]
    return (tuple(tuple(s[d] for s in arrays) for d in range(len(arrays[0]))),)


def _torch_states(state: unroll.StackState) -> tuple[Tensor, ...]:
    """Return the state of one layer as tensors (D, B, H), one for each of the cell's states, in memory of their own."""
    return tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*state[0], strict=True))

"""A linear readout and its softmax cross-entropy in one: no array of all logits of a large vocabulary is needed.

    l = V x + b,  loss = log sum exp l - l[target]         cells/readout.py

The kernels compute it for float32 and float64 on a CPU, the derivatives along with the loss; otherwise torch does, in
the cases that nn/layers.py lists for the layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elman import kernels

from .call import contiguous
from .kernel_function import can_use_kernels
from .torch_function import aliases
from .torch_internals import backward_keeps_graph, is_batched

IGNORE_INDEX = -100  # a target that does not count, as in torch


def cross_entropy(x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    """Return the sum of the losses, in nats, of targets (N,) after outputs x (N, H); weight is (O, H), bias (O,).

    Targets are classes 0 .. O - 1 or IGNORE_INDEX. This is F.cross_entropy(F.linear(x, weight, bias), targets,
    reduction="sum").
    """
    tensors = (x, weight) if bias is None else (x, weight, bias)
    fits = x.dim() == 2 and x.shape[-1] == weight.shape[-1] and targets.dim() == 1 and not targets.is_floating_point()
    if not fits or not can_use_kernels(tensors):
        return _by_torch(x, weight, bias, targets)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return torch.as_tensor(_CrossEntropy.apply(x, weight, bias, targets))  # type: ignore[no-untyped-call]
    return _run(x, weight, bias, targets, [False] * 3)[0]


def _by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(x, weight, bias), targets, reduction="sum", ignore_index=IGNORE_INDEX)


def _run(
    x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, needs: list[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    gradients = [
        torch.empty_like(t, memory_format=torch.contiguous_format) if need and t is not None else None
        for t, need in zip((x, weight, bias), needs, strict=True)
    ]
    losses = kernels.cross_entropy(
        contiguous(x),
        contiguous(weight),
        None if bias is None else contiguous(bias),
        contiguous(targets.long()),
        *gradients,
        threads=torch.get_num_threads(),
    )
    return x.new_tensor(float(np.sum(losses))), gradients


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
        loss, ctx.gradients = _run(x, weight, bias, targets, ctx.needs_input_grad[:3])
        ctx.save_for_backward(x, weight, bias, targets)
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, targets = ctx.saved_tensors
        needs = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():  # create_graph=True: the derivative will be differentiated again
            x, weight = aliases((x, weight))
            bias = None if bias is None else aliases((bias,))[0]
            inputs = [t for t, need in zip((x, weight, bias), needs, strict=True) if need and t is not None]
            gradients = iter(
                torch.autograd.grad(_by_torch(x, weight, bias, targets), inputs, d_loss, create_graph=True)
            )
            return (*(next(gradients) if need else None for need in needs), None)
        gradients = ctx.gradients
        if backward_keeps_graph() or is_batched(d_loss):
            return (*(None if g is None else g * d_loss for g in gradients), None)
        ctx.gradients = None
        return (*(None if g is None else g.mul_(d_loss) for g in gradients), None)

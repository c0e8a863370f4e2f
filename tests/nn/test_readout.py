"""The readout with its cross-entropy, against torch's linear and cross_entropy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import elman.nn
from elman import kernels
from elman.nn import readout

needs_kernels = pytest.mark.skipif(not kernels.available(), reason=f"no kernels: {kernels.unavailable_reason()}")


def leaves(dtype: torch.dtype = torch.float64, *, bias: bool = True) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(2)
    x, weight, b = (
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in ((9, 4), (7, 4), (7,))
    )
    targets = torch.randint(7, (9,), generator=generator)
    targets[2] = readout.IGNORE_INDEX
    return x, weight, b if bias else None, targets


def by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(x, weight, bias), targets, reduction="sum")


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_the_loss_and_every_gradient_are_torchs(dtype: torch.dtype, tolerance: float, bias: bool) -> None:
    x, weight, b, targets = leaves(dtype, bias=bias)
    inputs = [t for t in (x, weight, b) if t is not None]
    ours = elman.nn.cross_entropy(x, weight, b, targets)
    theirs = by_torch(x, weight, b, targets)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    scale = 0.25  # the loop divides by the number of tokens
    torch.testing.assert_close(
        torch.autograd.grad(ours * scale, inputs),
        torch.autograd.grad(theirs * scale, inputs),
        rtol=tolerance,
        atol=tolerance,
    )


@needs_kernels
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_first_and_second_derivatives_pass_torchs_gradcheck(bias: bool) -> None:
    x, weight, b, targets = leaves(bias=bias)
    inputs = (x, weight) if b is None else (x, weight, b)

    def loss(x: Tensor, weight: Tensor, b: Tensor | None = None) -> Tensor:
        return elman.nn.cross_entropy(x, weight, b, targets)

    assert torch.autograd.gradcheck(loss, inputs)
    assert torch.autograd.gradgradcheck(loss, inputs)


@needs_kernels
def test_a_graph_that_is_kept_gives_the_same_gradients_twice() -> None:
    x, weight, b, targets = leaves()
    assert b is not None
    loss = elman.nn.cross_entropy(x, weight, b, targets) * 3.0
    first = torch.autograd.grad(loss, [x, weight, b], retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, [x, weight, b]), first, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_frozen_weights_get_no_gradient() -> None:
    x, weight, b, targets = leaves()
    elman.nn.cross_entropy(x, weight.detach(), None if b is None else b.detach(), targets).backward()
    assert x.grad is not None
    assert weight.grad is None


@needs_kernels
def test_the_kernels_compute_on_the_cpu_and_torch_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    original = readout._run

    def run(*arguments: Any) -> Any:
        calls.append("kernels")
        return original(*arguments)

    monkeypatch.setattr(readout, "_run", run)
    x, weight, b, targets = leaves(torch.float32)
    with torch.no_grad():
        elman.nn.cross_entropy(x, weight, b, targets)
        assert calls == ["kernels"]
        elman.nn.cross_entropy(x.bfloat16(), weight.bfloat16(), None if b is None else b.bfloat16(), targets)
        with torch.autocast("cpu", torch.bfloat16):
            elman.nn.cross_entropy(x, weight, b, targets)
    assert calls == ["kernels"]


def test_a_class_that_is_not_there_is_refused() -> None:
    x, weight, b, targets = leaves()
    with pytest.raises((ValueError, IndexError), match="7"):
        elman.nn.cross_entropy(x, weight, b, torch.full_like(targets, 7))


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("keep", [True, False], ids=["retain_graph", "freed"])
def test_gradients_for_many_scales_at_once_are_torchs(bias: bool, keep: bool) -> None:
    x, weight, b, targets = leaves(bias=bias)
    inputs = [t for t in (x, weight, b) if t is not None]
    scales = torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64)
    gradients = [
        torch.autograd.grad(f(x, weight, b, targets), inputs, scales, is_grads_batched=True, retain_graph=keep)
        for f in (elman.nn.cross_entropy, by_torch)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)

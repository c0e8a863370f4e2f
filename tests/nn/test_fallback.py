"""Where elman.nn's layers compute with the kernels, and where they leave it to torch.nn's own code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

import elman.nn.torch_function

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    SEQUENCES,
    B,
    T,
    as_hx,
    assert_equal,
    batch,
    layer_pair,
    needs_kernels,
    sequence,
    states,
    tensors,
)

# By the kernels

MODES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "training": lambda layer, x, hx: layer(x, hx),
    "evaluation": lambda layer, x, hx: layer.eval()(x, hx),
    "no_grad": torch.no_grad()(lambda layer, x, hx: layer(x, hx)),
    "inference_mode": torch.inference_mode()(lambda layer, x, hx: layer(x, hx)),
    "autocast_turned_off": torch.autocast("cpu", enabled=False)(lambda layer, x, hx: layer(x, hx)),
    "reset": lambda layer, x, hx: layer(x, hx, torch.zeros(T, B, dtype=torch.bool)),
    "from_ids": lambda layer, x, hx: layer.from_ids(torch.zeros(T, B, dtype=torch.long), x[:, 0], hx),
    "frozen": lambda layer, x, hx: layer.requires_grad_(False)(x, hx),
}


@needs_kernels
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", CELLS)
def test_the_kernels_compute(cell: str, mode: str, by_kernels: list[str], by_torch: Any) -> None:
    for dtype in (torch.float32, torch.float64):
        layer, _ = layer_pair(cell, dtype, num_layers=2, bidirectional=True)
        MODES[mode](layer, batch(layer), as_hx(states(layer)))
    assert by_kernels == ["run_by_kernels", "run_by_kernels"]
    assert not any(by_torch.values())


@needs_kernels
@pytest.mark.parametrize("form", SEQUENCES)
@pytest.mark.parametrize("cell", CELLS)
def test_the_kernels_compute_all_kinds_of_sequences(cell: str, form: str, by_kernels: list[str], by_torch: Any) -> None:
    layer, _ = layer_pair(cell, batch_first=True)
    layer(sequence(layer, form, batch(layer, shape=(T,) if form == "one" else (T, B))))
    assert by_kernels == ["run_by_kernels"]
    assert not any(by_torch.values())


@needs_kernels
def test_backward_is_the_kernels_too(by_kernels: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[str] = []
    original = elman.nn.torch_function.run_by_torch

    def run_by_torch(*arguments: Any) -> Any:
        again.append("by_torch")
        return original(*arguments)

    monkeypatch.setattr(elman.nn.torch_function, "run_by_torch", run_by_torch)
    layer, _ = layer_pair("lstm")
    layer(batch(layer))[0].sum().backward()
    assert again == []
    torch.autograd.grad(layer(batch(layer))[0].sum(), layer.weight_hh_l0, create_graph=True)
    assert again == ["by_torch"]


@needs_kernels
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_dropout_leaves_the_layers_to_the_kernels(training: bool, by_kernels: list[str], by_torch: Any) -> None:
    layer, _ = layer_pair("gru", num_layers=3, dropout=0.5)
    layer.train(training)(batch(layer))
    assert by_kernels == ["run_by_kernels"] * (3 if training else 1)
    assert not any(by_torch.values())


# By torch


def autocast(layer: Any, x: Tensor, hx: Any) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return layer(x, hx)


def gradient(layer: Any, x: Tensor, hx: Any) -> Any:
    def of(weights: dict[str, Tensor]) -> Tensor:
        return torch.stack([t.sin().sum() for t in tensors(functional_call(layer, weights, (x, hx)))]).sum()

    computed = torch.func.grad(of)({name: p.detach() * 1.5 for name, p in layer.named_parameters()})
    return list(computed.values())


def jvp(layer: Any, x: Tensor, hx: Any) -> Any:
    return torch.func.jvp(lambda x: tuple(tensors(layer(x, hx))), (x,), (x.sin(),))


def faked(layer: Any, x: Tensor, hx: Any) -> Any:
    """Return shapes alone: a tensor without numbers stands for every other one."""
    from torch._subclasses import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        fakes = [mode.from_tensor(t) for t in tensors([x, hx])]
        shapes = [t.shape for t in tensors(layer(fakes[0], as_hx(fakes[1:])))]
    return [torch.zeros(shape) for shape in shapes]


def graph(layer: Any, x: Tensor, hx: Any) -> Any:
    """Return what a graph of torch's operations computes for other inputs than it was drawn with."""
    from torch.fx.experimental.proxy_tensor import make_fx

    with torch.no_grad():
        drawn = make_fx(lambda x: tensors(layer(x, hx)))(x)
        return drawn(2 * x)


def jit_traced(layer: Any, x: Tensor, hx: Any) -> Any:
    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Any:
            return self.layer(x, hx)[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its torch.jit and of its layers' checks
        return torch.jit.trace(Outputs().eval(), (x,), check_trace=False)(2 * x)


BY_TORCH = {
    "autocast": autocast,
    "func_grad": gradient,
    "func_jvp": jvp,
    "fake_tensors": faked,
    "make_fx": graph,
    "jit_trace": jit_traced,
}


@pytest.mark.filterwarnings("ignore:.*jit.*:DeprecationWarning")  # torch's own, on the way to func.jvp
@pytest.mark.parametrize("way", BY_TORCH)
@pytest.mark.parametrize("cell", CELLS)
def test_torch_computes_what_it_traces_and_transforms(
    cell: str, way: str, by_kernels: list[str], by_torch: dict[str, list[str]]
) -> None:
    ours, theirs = layer_pair(cell, num_layers=2)
    arguments = as_hx(states(ours))
    mine = tensors(BY_TORCH[way](ours, batch(ours), arguments))
    assert by_kernels == []
    assert by_torch[CELLS[cell][0]]
    assert_equal(mine, tensors(BY_TORCH[way](theirs, batch(theirs), arguments)))


@pytest.mark.parametrize("cell", CELLS)
def test_vmap_says_what_torch_says(cell: str, by_kernels: list[str]) -> None:
    refusals = []
    for layer in layer_pair(cell):
        x = torch.stack([batch(layer), batch(layer)])
        with pytest.raises(RuntimeError, match="Batching rule not implemented") as refused:
            torch.func.vmap(lambda x, layer=layer: tuple(tensors(layer(x))))(x)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert by_kernels == []


@pytest.mark.parametrize(
    ("cell", "form", "dtype"), pairwise(CELL_NAMES, SEQUENCES, [torch.bfloat16, torch.float16]), ids=str
)
def test_half_precision_is_torchs(
    cell: str, form: str, dtype: torch.dtype, by_kernels: list[str], by_torch: dict[str, list[str]]
) -> None:
    results = []
    for layer in layer_pair(cell, dtype):
        x = batch(layer, shape=(T,) if form == "one" else (T, B)).requires_grad_()
        result = layer(sequence(layer, form, x))
        tensors(result)[0].float().sum().backward()
        results.append([*tensors(result), x.grad, *(p.grad for p in layer.parameters())])
    assert by_kernels == []
    assert len(by_torch[CELLS[cell][0]]) == 2
    assert_equal(*results)


@pytest.mark.parametrize("form", SEQUENCES)
def test_a_projection_is_torchs(form: str, by_kernels: list[str], by_torch: dict[str, list[str]]) -> None:
    results = []
    for layer in layer_pair("lstm", proj_size=2, num_layers=2, bidirectional=True):
        x = batch(layer, shape=(T,) if form == "one" else (T, B)).requires_grad_()
        result = layer(sequence(layer, form, x))
        tensors(result)[0].sum().backward()
        results.append([*tensors(result), x.grad, *(p.grad for p in layer.parameters())])
    assert by_kernels == []
    assert len(by_torch["LSTM"]) == 2
    assert_equal(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_the_meta_device_is_torchs(cell: str, by_kernels: list[str], by_torch: dict[str, list[str]]) -> None:
    shapes = []
    for layer in layer_pair(cell, batch_first=True):
        computed = tensors(layer.to("meta")(batch(layer).to("meta")))
        shapes.append([(t.shape, t.device) for t in computed])
    assert by_kernels == []
    assert len(by_torch[CELLS[cell][0]]) == 2
    assert shapes[0] == shapes[1]


class Marked(Tensor):
    """A kind of tensor of someone else's, who wants to see every operation."""

    seen: int = 0

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.seen += 1
        call: Any = super().__torch_function__  # torch does not annotate it
        return call(function, types, args, kwargs or {})


@pytest.mark.parametrize("cell", CELLS)
def test_other_kinds_of_tensors_are_torchs(cell: str, by_kernels: list[str]) -> None:
    ours, theirs = layer_pair(cell)
    x = batch(ours)
    result = tensors(ours(x.as_subclass(Marked)))
    assert by_kernels == []
    assert all(type(t) is Marked for t in result)
    assert_equal([t.as_subclass(Tensor) for t in result], tensors(theirs(x)))


@pytest.mark.parametrize("cell", CELLS)
def test_without_kernels_everything_is_torchs(
    cell: str, by_kernels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.nn.kernel_function._ready", False)
    results = [tensors(layer(batch(layer), as_hx(states(layer)))) for layer in layer_pair(cell, num_layers=2)]
    assert by_kernels == []
    assert_equal(*results)
    ours, _ = layer_pair(cell)
    ids, rows = torch.zeros(T, B, dtype=torch.long), batch(ours, shape=(3,))
    assert_equal(tensors(ours.from_ids(ids, rows)), tensors(ours(rows[ids])))
    assert by_kernels == []

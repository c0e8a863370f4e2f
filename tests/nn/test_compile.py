"""elman.nn's layers under torch.compile and torch.export: torch.nn's operations, never the kernels'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from .layer_pairs import CELLS, B, T, as_hx, assert_equal, assert_same, batch, layer_pair, seeded, states, tensors

# The warnings are torch's own, of its compiler's insides.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()  # what is compiled would slow down every call of the same code in other tests


@pytest.mark.parametrize("cell", CELLS)
def test_torch_compile_has_the_whole_layer_in_one_graph(cell: str, by_kernels: list[str]) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True):
        torch.compiler.reset()  # the two layers' code is partly the same
        x, hx = batch(layer).requires_grad_(), as_hx(states(layer))
        with torch._dynamo.config.patch(allow_rnn=True):  # without it torch compiles around such layers, its own too
            compiled: Any = torch.compile(layer, backend="eager", fullgraph=True)
            result = compiled(x, hx)
        tensors(result)[0].sum().backward()
        results.append([*tensors(result), x.grad, *(p.grad for p in layer.parameters())])
    assert by_kernels == []
    assert_equal(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_torch_compile_has_ids_in_one_graph_too(cell: str, by_kernels: list[str]) -> None:
    layer, _ = layer_pair(cell)
    ids, rows = torch.arange(T * B).view(T, B) % 5, batch(layer, shape=(5,))
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled: Any = torch.compile(layer.from_ids, backend="eager", fullgraph=True)
        result = compiled(ids, rows)
    assert by_kernels == []
    assert_same(tensors(result), tensors(layer(rows[ids])))


@pytest.mark.parametrize("cell", CELLS)
def test_torch_compile_as_it_comes_gives_the_same(cell: str) -> None:
    layer, _ = layer_pair(cell)
    reset = torch.rand(T, B, generator=seeded()) < 0.3
    compiled: Any = torch.compile(layer, backend="eager")
    x, hx = batch(layer), as_hx(states(layer))
    assert_same(tensors(compiled(x)), tensors(layer(x)))
    assert_same(tensors(compiled(x, hx, reset)), tensors(layer(x, hx, reset)))


def test_torch_export_takes_the_layer(by_kernels: list[str]) -> None:
    layer, theirs = layer_pair("lstm", num_layers=2)
    exported = torch.export.export(layer, (batch(layer),)).module()
    assert by_kernels == []
    x = batch(layer, seed=9)
    assert_same(tensors(exported(x)), tensors(theirs(x)))

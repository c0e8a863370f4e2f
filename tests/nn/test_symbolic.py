"""elman.nn's layers under torch.fx: leaves of the graph, as torch.nn's are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import elman.nn

from .layer_pairs import CELLS, UNITS, as_hx, assert_same, batch, layer_pair, seeded, states, tensors
from .recurrent_layers import RESET, inputs, recurrent


class Network(nn.Module):
    """A recurrent layer, called with the states that are given, and a linear layer over its outputs."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.recurrent = layer
        self.linear = nn.Linear(UNITS * (2 if layer.bidirectional else 1), 2, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(torch.randn(self.linear.weight.shape, generator=seeded(4)))
            self.linear.bias.zero_()

    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Any:
        if h is None:
            y, final = self.recurrent(x)
        else:
            y, final = self.recurrent(x, h if c is None else (h, c))
        return self.linear(y), final


def described_nodes(traced: torch.fx.GraphModule) -> list[Any]:
    return [(node.op, str(node.target), str(node.args), str(node.kwargs)) for node in traced.graph.nodes]


@pytest.mark.parametrize("with_states", [False, True], ids=["no_states", "states"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_graph_is_that_of_torchs_layer(cell: str, with_states: bool) -> None:
    graphs, results = [], []
    for layer in layer_pair(cell, bidirectional=True, num_layers=2):
        network = Network(layer)
        arguments = [batch(layer), *(states(layer) if with_states else [])]
        absent = dict.fromkeys(("h", "c")[len(arguments) - 1 :])
        traced = torch.fx.symbolic_trace(network, concrete_args=absent)
        graphs.append(described_nodes(traced))
        results.append(tensors(traced(*arguments, *absent.values())))
        assert_same(tensors(network(*arguments)), results[-1])
    assert graphs[0] == graphs[1]
    assert ("call_module", "recurrent") in [node[:2] for node in graphs[0]]
    assert_same(*results)


def test_the_leaf_is_the_very_layer_which_still_trains(by_kernels: list[str]) -> None:
    layer: Any = layer_pair("gru")[0]
    traced = torch.fx.symbolic_trace(Network(layer), concrete_args={"h": None, "c": None})
    assert id(traced.recurrent) == id(layer)
    assert by_kernels == []
    traced(batch(layer), None, None)[0].sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


class WithReset(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.recurrent = layer

    def forward(self, x: Tensor, reset: Tensor) -> Any:
        return self.recurrent(x, None, reset)[0]


def test_a_reset_is_an_argument_of_the_leaf() -> None:
    for layer in (layer_pair("lstm")[0], recurrent("min_gru")):
        traced = torch.fx.symbolic_trace(WithReset(layer))
        x = inputs(layer)
        assert_same([traced(x, RESET)], [layer(x, None, RESET)[0]])
        assert not torch.equal(traced(x, RESET), traced(x, torch.zeros_like(RESET)))


class FromIds(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.recurrent = layer
        self.embedding = nn.Embedding(5, layer.input_size, dtype=torch.float64)

    def forward(self, ids: Tensor) -> Any:
        return self.recurrent.from_ids(ids, self.embedding.weight)[0]


def test_ids_are_embedded_before_the_leaf() -> None:
    for layer in (layer_pair("gru")[0], recurrent("min_gru")):
        network = FromIds(layer)
        traced = torch.fx.symbolic_trace(network)
        ids = torch.arange(12).view(6, 2) % 5
        assert ("call_module", "recurrent") in [node[:2] for node in described_nodes(traced)]
        assert_same([traced(ids)], [network(ids)])


def test_a_layer_with_hooks_is_refused_because_they_would_run_twice() -> None:
    for layer in (layer_pair("gru")[0], recurrent("min_gru")):
        layer.register_forward_hook(lambda module, arguments, results: None)
        with pytest.raises(RuntimeError, match="has forward hooks; expected a layer without hooks"):
            torch.fx.symbolic_trace(Network(layer), concrete_args={"h": None, "c": None})


def test_proxies_in_a_pair_of_states_are_found() -> None:
    layer, _ = layer_pair("lstm")

    class OnlyStates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = layer

        def forward(self, h: Tensor) -> Any:
            return self.recurrent(batch(layer), (h, h))[0]

    traced = torch.fx.symbolic_trace(OnlyStates())
    h = states(layer)[0]
    assert_same([traced(h)], [layer(batch(layer), as_hx([h, h]))[0]])


def test_a_layer_that_is_the_root_is_refused_as_torchs_is() -> None:
    for kind in (torch.nn.GRU, elman.nn.GRU):
        with pytest.raises(torch.fx.proxy.TraceError):
            torch.fx.symbolic_trace(kind(2, 3))

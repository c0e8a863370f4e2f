"""What goes by the exact class of a layer: torch.jit.script, and torch.ao.quantization by elman.nn.to_torch."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import elman.nn

from .layer_pairs import CELLS, UNITS, assert_equal, assert_same, batch, layer_pair, tensors
from .recurrent_layers import NUMPY_CELLS, recurrent

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own: of torch.jit and quantization


class Network(nn.Module):
    """A recurrent layer and a linear layer over its outputs."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.recurrent, self.linear = layer, nn.Linear(UNITS, 2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.recurrent(x)
        result: Tensor = self.linear(y)
        return result


@pytest.mark.parametrize("cell", CELLS)
def test_torch_jit_scripts_a_network_with_its_weights(cell: str) -> None:
    layer, theirs = layer_pair(cell, num_layers=2)
    network = Network(layer)
    expected = network(batch(layer))
    weights = dict(network.named_parameters())
    scripted = torch.jit.script(network)
    stream = io.BytesIO()
    torch.jit.save(scripted, stream)
    stream.seek(0)
    assert_same([scripted(batch(layer)), torch.jit.load(stream)(batch(layer))], [expected] * 2)
    assert_same([network(batch(layer))], [expected])  # the module itself may still be used
    assert all(p is weights[name] for name, p in network.named_parameters())
    assert type(network.recurrent) is type(theirs)


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_torch_jit_script_of_a_cell_that_torch_lacks_is_refused_with_the_reason(cell: str) -> None:
    expected = f"cell '{cell}' runs by NumPy; expected a cell that torch.nn has. Use elman.nn.RNN, GRU or LSTM"
    with pytest.raises(RuntimeError, match=expected):
        torch.jit.script(Network(recurrent(cell)))


@pytest.mark.parametrize("cell", CELLS)
def test_to_torch_copies_a_network_with_torchs_layers_and_the_same_results(cell: str, by_kernels: list[str]) -> None:
    layer, theirs = layer_pair(cell, bidirectional=True, dropout=0.5, num_layers=2)
    network: Any = nn.ModuleDict({"a": layer.eval(), "b": nn.ModuleList([copy.deepcopy(layer).train()])})
    converted = elman.nn.to_torch(network)
    for own, other in ((network["a"], converted["a"]), (network["b"][0], converted["b"][0])):
        assert type(own).__module__ == "elman.nn.layers"
        assert type(other) is type(theirs)
        assert own.training == other.training
        assert all(p is not q for p, q in zip(own.parameters(), other.parameters(), strict=True))
    assert repr(converted) == repr(network)
    calls = len(by_kernels)
    assert_equal(tensors(converted["a"](batch(layer))), tensors(theirs.eval()(batch(layer))))
    assert len(by_kernels) == calls
    assert type(elman.nn.to_torch(layer)) is type(theirs)


def test_to_torch_names_the_layer_that_torch_lacks() -> None:
    network = nn.Sequential(nn.Linear(3, 3), recurrent("min_gru"))
    with pytest.raises(
        ValueError, match=r"1: min_gru; expected one of the cells that torch\.nn has, elman, gru or lstm"
    ):
        elman.nn.to_torch(network)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_converted_network_is_quantized_as_torchs_own(kind: str) -> None:
    torch.manual_seed(0)
    theirs = nn.Sequential(getattr(nn, kind)(8, 8))
    ours = nn.Sequential(getattr(elman.nn, kind)(8, 8))
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 2, 8)
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for network in (elman.nn.to_torch(ours), theirs):
            quantized = torch.ao.quantization.quantize_dynamic(network, {getattr(nn, kind)}, dtype=torch.qint8)
            assert "quantized" in type(quantized[0]).__module__
            results.append(tensors(quantized(x)))
    assert_equal(*results)
    torch.testing.assert_close(results[0][0], ours(x)[0], rtol=0, atol=0.05)  # eight bits

"""elman.nn's cells against torch.nn's: one interface, one set of weights, one result."""

import inspect

import pytest
import torch
from torch import nn

import elman.nn

PAIRS = {
    "RNNCell": (elman.nn.RNNCell, nn.RNNCell, {}),
    "RNNCell, relu": (elman.nn.RNNCell, nn.RNNCell, {"nonlinearity": "relu"}),
    "RNNCell, no biases": (elman.nn.RNNCell, nn.RNNCell, {"bias": False}),
    "GRUCell": (elman.nn.GRUCell, nn.GRUCell, {}),
    "GRUCell, no biases": (elman.nn.GRUCell, nn.GRUCell, {"bias": False}),
    "LSTMCell": (elman.nn.LSTMCell, nn.LSTMCell, {}),
    "LSTMCell, no biases": (elman.nn.LSTMCell, nn.LSTMCell, {"bias": False}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_interface_is_torchs(name: str) -> None:
    ours, theirs, options = PAIRS[name]
    for method in ("__init__", "forward"):
        assert inspect.signature(getattr(ours, method)) == inspect.signature(getattr(theirs, method))
    assert isinstance(ours(3, 4, **options), theirs)
    assert ours.__name__ == theirs.__name__


@pytest.mark.parametrize("name", PAIRS)
def test_weights_go_both_ways_by_name(name: str) -> None:
    kinds = PAIRS[name]
    ours, theirs = (kind(3, 4, **kinds[2]) for kind in kinds[:2])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    for key, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[key])


@pytest.mark.parametrize("shape", [(2,), ()], ids=["batched", "unbatched"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_weights_give_the_same_step_with_and_without_a_state(name: str, shape: tuple[int, ...]) -> None:
    kinds = PAIRS[name]
    ours, theirs = (kind(3, 4, **kinds[2]) for kind in kinds[:2])
    ours.load_state_dict(theirs.state_dict())
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, 3, generator=generator)
    h, c = torch.randn(2, *shape, 4, generator=generator)
    for state in (None, (h, c) if name.startswith("LSTM") else h):
        results = [cell(x, state) for cell in (ours, theirs)]
        mine, torchs = (result if isinstance(result, tuple) else (result,) for result in results)
        assert len(mine) == len(torchs) == (2 if name.startswith("LSTM") else 1)
        # torch's own arithmetic: not a bit may differ
        assert all(torch.equal(a, b) for a, b in zip(mine, torchs, strict=True))

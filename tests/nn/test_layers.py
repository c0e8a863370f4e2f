"""elman.nn's layers against torch.nn's: one interface, one set of weights, one result."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import elman.nn

Kind = type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]

PAIRS: dict[str, tuple[Kind, Kind]] = {
    "RNN": (elman.nn.RNN, nn.RNN),
    "GRU": (elman.nn.GRU, nn.GRU),
    "LSTM": (elman.nn.LSTM, nn.LSTM),
}
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "relu": {"nonlinearity": "relu"},
    "two_layers": {"num_layers": 2},
    "both_directions": {"bidirectional": True},
    "batch_first": {"batch_first": True},
    "no_biases": {"bias": False},
    "everything": {"num_layers": 2, "bidirectional": True, "batch_first": True},
}
CASES = [(name, form) for name in PAIRS for form in FORMS if form != "relu" or name == "RNN"]


def layer_pair(name: str, form: str) -> tuple[nn.RNNBase, nn.RNNBase]:
    """Ours and torch's, with torch's weights in both."""
    ours, theirs = (kind(3, 4, **FORMS[form]) for kind in PAIRS[name])
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def tensors(result: Any) -> list[Tensor]:
    """Every tensor of what a layer returns."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, PackedSequence):
        return [result.data, result.batch_sizes]
    return [tensor for part in result for tensor in tensors(part)]


def assert_equal(ours: object, theirs: object) -> None:
    pairs = list(zip(tensors(ours), tensors(theirs), strict=True))
    assert pairs
    for a, b in pairs:
        # the same numbers up to the order of sums, in float32
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_the_constructor_and_forward_are_torchs(name: str) -> None:
    ours, theirs = PAIRS[name]
    constructors = [inspect.getattr_static(kind, "__init__") for kind in (ours, theirs)]
    assert inspect.signature(constructors[0]) == inspect.signature(constructors[1])
    names = list(inspect.signature(ours.forward).parameters)
    assert names == [*inspect.signature(theirs.forward).parameters, "reset"]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_it_passes_for_torchs_and_says_what_it_is(name: str, form: str) -> None:
    ours, theirs = layer_pair(name, form)
    assert isinstance(ours, type(theirs))
    assert ours.extra_repr() == theirs.extra_repr()
    assert type(ours).__name__ == name


@pytest.mark.parametrize(("name", "form"), CASES)
def test_weights_go_both_ways_by_name(name: str, form: str) -> None:
    ours, theirs = (kind(3, 4, **FORMS[form]) for kind in PAIRS[name])
    theirs.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_equal(list(ours.state_dict().values()), list(theirs.state_dict().values()))


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_same_seed_gives_torchs_starting_weights(name: str, form: str) -> None:
    weights = []
    for kind in PAIRS[name]:
        torch.manual_seed(3)
        weights.append(list(kind(3, 4, **FORMS[form]).state_dict().values()))
    assert_equal(*weights)


@pytest.mark.parametrize("unbatched", [False, True], ids=["batched", "unbatched"])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_same_weights_give_the_same_outputs_states_and_gradients(name: str, form: str, unbatched: bool) -> None:
    x = torch.randn((5, 3) if unbatched else (2, 5, 3), generator=torch.Generator().manual_seed(0))
    results = []
    for layer in layer_pair(name, form):
        leaf = x.clone().requires_grad_()
        result = layer(leaf)
        torch.stack([(tensor * (index + 1)).sum() for index, tensor in enumerate(tensors(result))]).sum().backward()
        results.append([result, leaf.grad, [p.grad for p in layer.parameters()]])
    assert_equal(*results)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_packed_sequence_and_a_given_state_give_torchs_result(name: str, form: str) -> None:
    ours, theirs = layer_pair(name, form)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 5, 3, generator=generator)
    packed = pack_padded_sequence(x, torch.tensor([2, 5, 1]), batch_first=True, enforce_sorted=False)
    rows = ours.num_layers * (2 if ours.bidirectional else 1)
    h, c = torch.randn(2, rows, 3, 4, generator=generator)
    state = (h, c) if name == "LSTM" else h
    assert_equal(ours(packed, state), theirs(packed, state))
    assert not torch.equal(tensors(ours(packed, state))[0], tensors(ours(packed))[0])  # the state is not ignored

"""elman.nn's layers in use: dropout, weights that change, are stored or computed, and training as with torch.nn's."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize

import elman.nn

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    INPUTS,
    SEQUENCES,
    B,
    T,
    as_hx,
    assert_equal,
    assert_same,
    batch,
    layer_pair,
    loss,
    outcome,
    seeded,
    states,
    tensors,
)

# Dropout


@pytest.mark.parametrize(
    ("cell", "form", "dtype"), pairwise(CELL_NAMES, SEQUENCES, [torch.float64, torch.float32]), ids=str
)
def test_the_same_seed_drops_what_torch_drops(cell: str, form: str, dtype: torch.dtype) -> None:
    results = []
    for layer in layer_pair(cell, dtype, num_layers=3, dropout=0.4, bidirectional=True, batch_first=True):
        torch.manual_seed(21)
        one = form == "one"
        x = batch(layer, shape=(T,) if one else (T, B))
        results.append(outcome(layer, form, states(layer, rows=() if one else (B,)), x))
        results[-1].append(torch.get_rng_state())  # nothing more was drawn
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_between_layers_and_in_training_alone(cell: str) -> None:
    ours, theirs = layer_pair(cell, num_layers=2, dropout=0.5)
    x = batch(ours)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    ours.eval()
    before = torch.get_rng_state()
    assert_equal(tensors(ours(x)), tensors(ours(x)))
    assert_same(tensors(ours(x)), tensors(theirs.eval()(x)))
    assert torch.equal(torch.get_rng_state(), before)


def test_everything_may_be_dropped() -> None:
    assert_same(*(outcome(layer, "batch", states(layer)) for layer in layer_pair("gru", num_layers=2, dropout=1.0)))


# Weights that change


def by_optimizer(layer: Any) -> None:
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    loss(layer(batch(layer))).backward()
    optimizer.step()


def by_data(layer: Any) -> None:
    for parameter in layer.parameters():
        parameter.data.mul_(0.5)


def by_other_data(layer: Any) -> None:
    for parameter in layer.parameters():
        parameter.data = parameter.data * 0.5


def by_state_dict(layer: Any) -> None:
    layer.load_state_dict({name: t * 0.5 for name, t in layer.state_dict().items()})


def by_assigned_state_dict(layer: Any) -> None:
    layer.load_state_dict({name: t * 0.5 for name, t in layer.state_dict().items()}, assign=True)


def by_attribute(layer: Any) -> None:
    layer.weight_hh_l0 = nn.Parameter(layer.weight_hh_l0.detach() * 0.5)


def by_function(layer: Any) -> None:
    layer._apply(lambda t: t * 0.5)


def by_precision(layer: Any) -> None:
    layer.float().double()


def by_initialization(layer: Any) -> None:
    torch.manual_seed(9)
    layer.reset_parameters()


CHANGES = (
    by_optimizer,
    by_data,
    by_other_data,
    by_state_dict,
    by_assigned_state_dict,
    by_attribute,
    by_function,
    by_precision,
    by_initialization,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("cell", CELLS)
def test_the_next_call_sees_weights_that_were_changed(cell: str, change: Callable[[Any], None]) -> None:
    results, before = [], []
    for layer in layer_pair(cell, num_layers=2):
        before.append(outcome(layer, "batch"))
        change(layer)
        results.append(outcome(layer, "batch"))
    assert_same(*results)
    assert not torch.allclose(results[0][0], before[0][0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_functional_call_uses_the_weights_it_is_given(cell: str) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2):
        weights = {name: (p.detach() * 0.5).requires_grad_() for name, p in layer.named_parameters()}
        result = functional_call(layer, weights, (batch(layer), as_hx(states(layer))))
        loss(result).backward()
        assert all(p.grad is None for p in layer.parameters())
        results.append([*tensors(result), *(t.grad for t in weights.values())])
        results[-1] += tensors(layer(batch(layer)))  # and its own ones afterwards
    assert_same(*results)


PARAMETRIZATIONS: dict[str, Callable[..., nn.Module]] = {
    "weight_norm": parametrizations.weight_norm,
    "orthogonal": parametrizations.orthogonal,
}


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_weights_that_are_computed_are_trained_through(cell: str, name: str) -> None:
    runs = []
    for layer in layer_pair(cell):
        torch.manual_seed(8)  # orthogonal draws what a matrix that is not square lacks
        PARAMETRIZATIONS[name](layer, "weight_hh_l0")
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        run = []
        for _ in range(3):
            run += outcome(layer, "batch", states(layer))
            optimizer.step()
        parametrize.remove_parametrizations(layer, "weight_hh_l0")
        runs.append(run + outcome(layer, "batch"))
    assert_same(*runs)


@pytest.mark.parametrize("cell", CELLS)
def test_from_ids_sees_weights_that_are_computed(cell: str) -> None:
    layer, _ = layer_pair(cell)
    parametrizations.weight_norm(layer, "weight_hh_l0")
    parametrizations.weight_norm(layer, "weight_ih_l0")
    ids, rows = torch.arange(T * B).view(T, B) % 2, batch(layer, shape=(2,))
    results = []
    runs: list[Callable[[], Any]] = [lambda: layer.from_ids(ids, rows), lambda: layer(rows[ids])]
    for run in runs:
        layer.zero_grad()
        with torch.no_grad():
            layer.parametrizations.weight_ih_l0.original0.mul_(1.5)
        result = run()
        loss(result).backward()
        results.append([*tensors(result), *(p.grad for p in layer.parameters())])
        with torch.no_grad():
            layer.parametrizations.weight_ih_l0.original0.div_(1.5)
    assert_same(*results)


# Weights that are stored


def saved(layer: Any) -> Any:
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    torch.manual_seed(77)
    new = type(layer)(INPUTS, layer.hidden_size, num_layers=2, dtype=torch.float64)
    new.load_state_dict(torch.load(file, weights_only=True))
    return new


def saved_whole(layer: Any) -> Any:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


STORED: dict[str, Callable[[Any], Any]] = {
    "state_dict": saved,
    "torch_save": saved_whole,
    "pickle": lambda layer: pickle.loads(pickle.dumps(layer)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", STORED)
@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_a_stored_layer_is_the_same_and_another(cell: str, way: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2)
    expected = outcome(layer, "batch", states(layer))
    again = STORED[way](layer)
    assert type(again) is type(layer)
    assert_equal(outcome(again, "batch", states(layer)), expected)
    by_data(again)
    assert_equal(outcome(layer, "batch", states(layer)), expected)
    assert not torch.equal(outcome(again, "batch", states(layer))[0], expected[0])


# Training


def losses(layer: Any, steps: int = 30) -> list[float]:
    """Train the layer and a readout to continue a sequence of digits, and return the loss of every step."""
    torch.manual_seed(5)
    readout, embedding = nn.Linear(layer.hidden_size, 10).double(), nn.Embedding(10, INPUTS).double()
    digits = torch.randint(10, (12, 8), generator=seeded(2))
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters(), *embedding.parameters()], lr=0.05)
    values, hx = [], None
    for _ in range(steps):
        y, hx = layer(embedding(digits[:-1]), hx)
        hx = as_hx([s.detach() for s in tensors(hx)])
        total = nn.functional.cross_entropy(readout(y).flatten(0, 1), digits[1:].flatten())
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()
        values.append(float(total.detach()))
    return values


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "dropout": 0.3}], ids=["plain", "dropout"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_training_run_has_torchs_losses(cell: str, options: dict[str, Any]) -> None:
    mine, theirs = (losses(layer) for layer in layer_pair(cell, sizes=(INPUTS, 16), **options))
    # thirty steps of Adam, which divides by small numbers, on differences of 1e-16
    assert mine == pytest.approx(theirs, rel=0, abs=1e-8)
    assert mine[-1] < 0.9 * mine[0]


def test_seeded_from_the_start_it_is_the_same_run() -> None:
    runs = []
    for kind in (elman.nn.LSTM, nn.LSTM):
        torch.manual_seed(31)
        runs.append(losses(kind(INPUTS, 16, dtype=torch.float64)))
    assert runs[0] == pytest.approx(runs[1], rel=0, abs=1e-8)


def test_a_layer_inside_of_a_module_is_moved_and_trained_with_it() -> None:
    class Reader(nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer, self.readout = layer, nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.readout(self.layer(x)[0])
            return y

    results = []
    for layer in layer_pair("gru", torch.float32):
        torch.manual_seed(1)
        reader = Reader(layer).double()
        y = reader(batch(layer))
        loss(y).backward()
        results.append([y.detach(), *(p.grad for p in reader.parameters())])
    assert_same(*results)

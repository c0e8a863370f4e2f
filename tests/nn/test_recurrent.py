"""elman.nn.Recurrent: torch.nn's results for the cells that torch has, and cells/unroll.py's for all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import elman.nn
from elman.cells import CELLS, LayerParameters, unroll
from elman.cells.cell import parameter_shapes, stored_name

from ..pairwise import pairwise
from . import layer_pairs
from .layer_pairs import (
    INPUTS,
    SEQUENCES,
    UNITS,
    B,
    T,
    as_hx,
    assert_equal,
    assert_same,
    batch,
    layer_pair,
    leaves,
    loss,
    outcome,
    seeded,
    sequence,
    tensors,
)
from .recurrent_layers import NUMPY_CELLS, RESET, inputs, recurrent, states

# The cells that torch.nn has


@pytest.mark.parametrize(
    ("cell", "form", "num_layers", "bidirectional", "bias", "batch_first", "dtype"),
    pairwise(
        ["tanh", "gru", "lstm"], SEQUENCES, [1, 2], [False, True], [False, True], [False, True],
        [torch.float32, torch.float64],
    ),
)  # fmt: skip
def test_it_is_torchs_layer_where_torch_has_the_cell(
    cell: str, form: str, num_layers: int, bidirectional: bool, bias: bool, batch_first: bool, dtype: torch.dtype
) -> None:
    options: dict[str, Any] = {
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "bias": bias,
        "batch_first": batch_first,
    }
    _, theirs = layer_pair(cell, dtype, **options)
    mine = elman.nn.Recurrent("elman" if cell == "tanh" else cell, INPUTS, UNITS, dtype=dtype, **options)
    assert [*mine.state_dict()] == [*theirs.state_dict()]
    mine.load_state_dict(theirs.state_dict())
    rows = () if form == "one" else (B,)
    x = batch(theirs, shape=(T,) if form == "one" else (T, B))
    initial = layer_pairs.states(theirs, rows=rows)
    for hx in ([], initial):
        assert_same(outcome(mine, form, hx, x), outcome(theirs, form, hx, x))


@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_resets_and_ids_are_those_of_the_compiled_layer(cell: str) -> None:
    compiled, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    mine = elman.nn.Recurrent("elman" if cell == "tanh" else cell, INPUTS, UNITS, 2, bidirectional=True).double()
    mine.load_state_dict(compiled.state_dict())
    hx = as_hx(layer_pairs.states(compiled))
    ids, rows = torch.randint(5, (T, B), generator=seeded(5)), batch(compiled, shape=(5,))
    results = []
    for layer in (mine, compiled):
        embedding = rows.clone().requires_grad_()
        result = layer.from_ids(ids, embedding, hx, RESET)
        loss(result).backward()
        results.append([*tensors(result), embedding.grad, *(p.grad for p in layer.parameters())])
        layer.zero_grad()
    assert_same(*results)
    x = batch(compiled)
    assert_same(tensors(mine(x, hx, RESET)), tensors(compiled(x, hx, RESET)))
    assert_same(tensors(mine(x[:, 0], None, RESET[:, 0])), tensors(compiled(x[:, 0], None, RESET[:, 0])))


# All cells


def unrolled(layer: Any, x: Tensor, hx: list[Tensor], lengths: Any = None, reset: Any = None) -> list[Tensor]:
    """Return outputs (T, B, D*H) and final states by cells/unroll.py alone."""
    D, params = layer.num_directions, []
    for index in range(layer.num_layers):
        shapes = parameter_shapes(layer.cell, 1, 1)
        names = [{n: stored_name(n, index, reverse=bool(d)) for n in shapes} for d in range(D)]
        arrays = [{n: getattr(layer, stored).detach().numpy() for n, stored in of.items()} for of in names]
        params.append([LayerParameters.from_arrays(named_arrays, UNITS) for named_arrays in arrays])
    nested = tuple(tuple(tuple(s[i * D + d].numpy() for s in hx) for d in range(D)) for i in range(layer.num_layers))
    y, final = unroll.run(layer.cell, params, x.transpose(0, 1).numpy(), nested, lengths, reset)
    flat = [arrays for of_layer in final for arrays in of_layer]
    return [torch.from_numpy(y).transpose(0, 1), *(torch.from_numpy(np.stack(s)) for s in zip(*flat, strict=True))]


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("cell", CELLS)
def test_it_is_unroll_for_every_cell(cell: str, bidirectional: bool) -> None:
    layer = recurrent(cell, num_layers=2, bidirectional=bidirectional)
    x, hx = inputs(layer), states(layer)
    assert_same(tensors(layer(x, as_hx(hx))), unrolled(layer, x, hx))
    assert_same(tensors(layer(x, as_hx(hx), RESET)), unrolled(layer, x, hx, reset=RESET.t().numpy()))
    zeros = [torch.zeros_like(s) for s in hx]
    assert_same(tensors(layer(x)), unrolled(layer, x, zeros))


@pytest.mark.parametrize("cell", CELLS)
def test_packed_sequences_have_their_lengths(cell: str) -> None:
    layer = recurrent(cell, num_layers=2, bidirectional=True)
    x, hx = inputs(layer), states(layer)
    outputs, final = layer(sequence(layer, "packed", x), as_hx(hx))
    padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(outputs)
    assert lengths.tolist() == [2, 6, 1]
    assert_same([padded, *tensors(final)], unrolled(layer, x, hx, lengths=[2, 6, 1]))


@pytest.mark.parametrize(
    ("cell", "bidirectional", "form"), pairwise(list(CELLS), [False, True], ["batch", "packed", "one", "reset", "ids"])
)
def test_gradients_are_those_of_finite_differences(cell: str, bidirectional: bool, form: str) -> None:
    layer = recurrent(cell, bidirectional=bidirectional)
    rows = () if form == "one" else (B,)
    ids = torch.randint(4, (T, B), generator=seeded(5))
    shape = {"one": (T,), "ids": (4,)}.get(form, (T, B))
    count = len(layer.cell.states)

    def compute(x: Tensor, *others: Tensor) -> list[Tensor]:
        hx = as_hx(others[:count])
        if form == "ids":
            return tensors(layer.from_ids(ids, x, hx))
        return tensors(layer(sequence(layer, form, x), hx, RESET if form == "reset" else None))

    variables = [*leaves([inputs(layer, shape), *states(layer, rows)]), *layer.parameters()]
    assert torch.autograd.gradcheck(compute, variables, fast_mode=True)


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_batch_first_and_float32(cell: str) -> None:
    layer = recurrent(cell, num_layers=2, bidirectional=True)
    x, hx = inputs(layer), as_hx(states(layer))
    y, *final = tensors(layer(x, hx, RESET))
    first = elman.nn.Recurrent(cell, INPUTS, UNITS, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    first.load_state_dict(layer.state_dict())
    assert_same(tensors(first(x.transpose(0, 1), hx, RESET.t())), [y.transpose(0, 1), *final])
    single = tensors(layer.float()(x.float(), as_hx([s.float() for s in tensors(hx)]), RESET))
    assert all(t.dtype == torch.float32 for t in single)
    for a, b in zip(single, [y, *final], strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=1e-4)  # float32 through 6 steps and 2 normalized layers


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_training_and_evaluation_give_the_same_to_the_last_bit(cell: str) -> None:
    layer = recurrent(cell, num_layers=2, bidirectional=True)
    trained = tensors(layer(inputs(layer)))
    for without_graph in (torch.no_grad(), torch.inference_mode()):
        with without_graph:
            evaluated = tensors(layer(inputs(layer)))
        assert not any(t.requires_grad for t in evaluated)
        assert_equal(evaluated, [t.detach() for t in trained])


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_dropout_is_between_layers_and_in_training_alone(cell: str) -> None:
    layer = recurrent(cell, num_layers=2, dropout=0.5)
    x = inputs(layer)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert_equal(tensors(layer(x)), tensors(layer(x)))
    single = recurrent(cell, dropout=0.5)
    assert_equal(tensors(single(x)), tensors(single(x)))

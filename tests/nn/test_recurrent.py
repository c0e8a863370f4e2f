"""elman.nn.Recurrent: torch.nn's results for the cells that torch has, and cells/unroll.py's for all others."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import elman.nn
from elman.cells import CELLS, LayerParameters, create, unroll
from elman.cells.cell import initial_parameters, parameter_shapes, stored_name, weight_names

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

NUMPY_CELLS = [name for name in CELLS if name not in elman.nn.LAYERS]  # that torch.nn lacks
RESET = torch.rand(T, B, generator=seeded(8)) < 0.4


def recurrent(cell: str, dtype: torch.dtype = torch.float64, **options: Any) -> elman.nn.Recurrent:
    """Return layers of random weights."""
    torch.manual_seed(4)
    layer = elman.nn.Recurrent(cell, INPUTS, UNITS, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.4 * torch.randn(parameter.shape, dtype=dtype)
    return layer


def shape_of_states(layer: Any, rows: tuple[int, ...] = (B,)) -> tuple[int, ...]:
    return (layer.num_layers * layer.num_directions, *rows, UNITS)


def states(layer: Any, rows: tuple[int, ...] = (B,)) -> list[Tensor]:
    dtype = layer.weight_ih_l0.dtype
    shape = shape_of_states(layer, rows)
    return [
        torch.randn(shape, generator=seeded(n), dtype=torch.float64).to(dtype) for n in range(len(layer.cell.states))
    ]


def inputs(layer: Any, shape: tuple[int, ...] = (T, B)) -> Tensor:
    x = torch.randn(*shape, INPUTS, generator=seeded(), dtype=torch.float64).to(layer.weight_ih_l0.dtype)
    return x.transpose(0, 1).contiguous() if layer.batch_first and len(shape) == 2 else x


# The cells that torch.nn has


@pytest.mark.parametrize(
    ("cell", "form", "num_layers", "bidirectional", "bias", "batch_first", "dtype"),
    pairwise(
        ["tanh", "gru", "lstm"], SEQUENCES, [1, 2], [False, True], [False, True], [False, True],
        [torch.float32, torch.float64],
    ),
)  # fmt: skip
def test_it_is_torchs_layer_where_torch_has_the_cell(cell, form, num_layers, bidirectional, bias, batch_first, dtype):
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias, "batch_first": batch_first}
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


# Parameters


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_are_the_cells_under_torchs_names(cell: str) -> None:
    layer = elman.nn.Recurrent(cell, INPUTS, UNITS, 2, bidirectional=True)
    shapes = [parameter_shapes(create(cell), INPUTS, UNITS), parameter_shapes(create(cell), 2 * UNITS, UNITS)]
    expected = {
        stored_name(name, index, reverse=reverse): shape
        for index in range(2)
        for reverse in (False, True)
        for name, shape in shapes[index].items()
    }
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == expected
    own = initial_parameters(create(cell), UNITS)
    for name, parameter in layer.named_parameters():
        if (of_cell := name.split("_l")[0]) in own:
            np.testing.assert_array_equal(parameter.detach(), own[of_cell].astype(np.float32))
        else:
            assert 0.0 < float(parameter.detach().abs().max()) <= UNITS**-0.5
            assert len(parameter.detach().unique()) == parameter.numel()


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_training_starts_from_orthogonal_matrices_zero_biases_and_the_cells_own_values(cell: str) -> None:
    layer = elman.nn.Recurrent(cell, INPUTS, UNITS, bidirectional=True)
    own = initial_parameters(layer.cell, UNITS)
    elman.nn.initialize_recurrent([layer])
    for name, parameter in layer.named_parameters():
        of_cell = name.split("_l")[0]
        if of_cell == "weight_hh":
            for gate in parameter.detach().split(UNITS):
                torch.testing.assert_close(gate @ gate.T, torch.eye(UNITS), rtol=0, atol=1e-5)
        elif of_cell in ("bias_ih", "bias_hh"):
            assert not parameter.detach().any()
        elif of_cell in own:
            np.testing.assert_array_equal(parameter.detach(), own[of_cell].astype(np.float32))


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_without_biases_there_are_none_and_the_cells_own_parameters_stay(cell: str) -> None:
    layer = recurrent(cell, bias=False)
    names = {name.split("_l")[0] for name in layer.state_dict()}
    own = {*initial_parameters(layer.cell, UNITS)}
    assert names == own | {"weight_ih"} | ({"weight_hh"} if "U" in weight_names(layer.cell) else set())
    layer(inputs(layer))


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_every_parameter_is_trained(cell: str) -> None:
    layer = recurrent(cell, num_layers=2, bidirectional=True)
    before = copy.deepcopy(layer.state_dict())
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        total = (layer(inputs(layer))[0] - 0.3).square().mean()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert [name for name, t in layer.state_dict().items() if torch.equal(t, before[name])] == []


@pytest.mark.parametrize("store", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_stored_layer_is_the_same_and_another(store: Any) -> None:
    layer = recurrent("layer_norm_lstm", num_layers=2)
    again = store(layer)
    assert_equal(tensors(again(inputs(layer))), tensors(layer(inputs(layer))))
    with torch.no_grad():
        again.gain_c_l1.mul_(2.0)
    assert not torch.equal(again(inputs(layer))[0], layer(inputs(layer))[0])


def test_a_cell_itself_may_be_given_instead_of_a_name() -> None:
    layer = elman.nn.Recurrent(create("elman", "sigmoid"), INPUTS, UNITS)
    assert bool((layer(inputs(layer))[0] > 0.0).all())
    assert repr(layer) == "Recurrent(Elman, 3, 4)"
    other = elman.nn.Recurrent("min_gru", 3, 4, 2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)
    options = "num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True"
    assert repr(other) == f"Recurrent(min_gru, 3, 4, {options})"


# Torch's graph


@pytest.mark.parametrize("changed", ["x", "h", "weight"])
def test_what_backward_reads_must_not_change_before_it(changed: str) -> None:
    layer = recurrent("layer_norm_lstm")
    x, h, c = (t * 1 for t in leaves([inputs(layer), *states(layer)]))
    total = loss(layer(x, (h, c)))
    with torch.no_grad():
        {"x": x, "h": h, "weight": layer.weight_hh_l0}[changed].mul_(2.0)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        total.backward()


@pytest.mark.parametrize("cell", NUMPY_CELLS)
def test_results_are_the_callers_to_change(cell: str) -> None:
    gradients = []
    for change in (False, True):
        layer = recurrent(cell, num_layers=2, bidirectional=True)
        results = tensors(layer(inputs(layer)))
        total = loss(results)
        for t in results:
            if change:
                t.detach().zero_()
        total.backward()
        gradients.append([p.grad for p in layer.parameters()])
    assert_equal(*gradients)


def test_backward_twice_needs_a_kept_graph() -> None:
    layer = recurrent("min_gru")
    total = loss(layer(inputs(layer)))
    first = torch.autograd.grad(total, [*layer.parameters()], retain_graph=True)
    second = torch.autograd.grad(total, [*layer.parameters()])
    assert_equal(first, second)
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        total.backward()


def test_a_second_derivative_is_refused() -> None:
    layer = recurrent("min_gru")
    x = inputs(layer).requires_grad_()
    with pytest.raises(
        RuntimeError, match=r"^create_graph=True: MinGRU runs by NumPy; expected first derivatives only.$"
    ):
        torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)


def test_one_result_alone_has_its_gradient() -> None:
    layer = recurrent("layer_norm_lstm", num_layers=2, bidirectional=True)
    x = inputs(layer).requires_grad_()
    y, h, c = tensors(layer(x))
    parts = [torch.autograd.grad(loss(t), x, retain_graph=True)[0] for t in (y, h, c)]
    total = torch.autograd.grad(loss(y) + loss(h) + loss(c), x)[0]
    assert_same([sum(parts[1:], parts[0])], [total])


# Errors


def test_what_it_cannot_compute_is_refused_with_what_to_do() -> None:
    layer = recurrent("min_gru")
    with pytest.raises(RuntimeError, match=r"^cell 'min_gru' runs by NumPy, and the input is on meta; expected"):
        layer.to("meta")(torch.zeros(T, B, INPUTS, device="meta", dtype=torch.float64))
    half = recurrent("min_gru").bfloat16()
    with pytest.raises(TypeError, match=r"^cell 'min_gru' runs by NumPy: input torch.bfloat16; expected"):
        half(torch.zeros(T, B, INPUTS, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match=r"^unknown cell 'min_gur'; choose .* \(did you mean 'min_gru'\?\)$"):
        elman.nn.Recurrent("min_gur", INPUTS, UNITS)


@pytest.mark.parametrize("shape", [(T, B, INPUTS + 1), (INPUTS,), (1, T, B, INPUTS)], ids=str)
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^input: shape .*; expected \(T, B, 3\), or \(B, T, 3\) with batch_first.$"):
        recurrent("min_gru")(torch.zeros(shape, dtype=torch.float64))


def test_states_and_resets_of_another_shape_are_refused() -> None:
    layer = recurrent("layer_norm_lstm", num_layers=2)
    x, (h, c) = inputs(layer), states(layer)
    for hx in (h, (h, c[:1]), (h[:, :2], c), (h, c, c)):
        with pytest.raises(ValueError, match=r"^hx: shapes \[.*\]; expected h, c of \(2, 3, 4\) each.$"):
            layer(x, hx)
    with pytest.raises(ValueError, match=r"^reset: given torch.bool \(3, 6\), expected booleans \(6, 3\)$"):
        layer(x, None, RESET.t())
    packed = sequence(layer, "packed", x)
    with pytest.raises(ValueError, match=r"^reset: not with a packed sequence"):
        layer(packed, None, RESET)
    with pytest.raises(ValueError, match=r"^input: packed shape \(9, 2\); expected \(N, 3\).$"):
        layer(packed._replace(data=packed.data[:, :2]))


def test_an_embedding_is_looked_up() -> None:
    layer = recurrent("layer_norm_lstm")
    ids, rows = torch.zeros(T, B, dtype=torch.long), inputs(layer, (2,))
    assert_equal(tensors(layer.from_ids(ids, rows)), tensors(layer(F.embedding(ids, rows))))

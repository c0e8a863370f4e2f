"""elman.nn.Recurrent as a module: its parameters, torch's graph, and its errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import elman.nn
from elman.cells import CELLS, create
from elman.cells.cell import initial_parameters, parameter_shapes, stored_name, weight_names

from .layer_pairs import (
    INPUTS,
    UNITS,
    B,
    T,
    assert_equal,
    assert_same,
    leaves,
    loss,
    sequence,
    tensors,
)
from .recurrent_layers import NUMPY_CELLS, RESET, inputs, recurrent, states

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
        {"x": x, "h": h, "weight": layer.get_parameter("weight_hh_l0")}[changed].mul_(2.0)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        total.backward()


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("cell", CELLS)
def test_results_are_the_callers_to_change(cell: str, bidirectional: bool) -> None:
    gradients = []
    for change in (False, True):
        layer = recurrent(cell, num_layers=2, bidirectional=bidirectional)
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
        RuntimeError, match=r"^create_graph=True: MinGRU runs by NumPy; expected first derivatives only$"
    ):
        torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)


def test_many_gradients_at_once_are_refused() -> None:
    layer: Any = recurrent("min_gru")
    outputs = layer(inputs(layer))[0]
    expected = "MinGRU runs by NumPy; expected one gradient at a time. Leave the argument out"
    with pytest.raises(RuntimeError, match=expected):
        torch.autograd.grad(
            outputs, layer.weight_ih_l0, torch.ones(2, *outputs.shape, dtype=outputs.dtype), is_grads_batched=True
        )


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
    double = recurrent("min_gru")
    with pytest.raises(TypeError, match=r"^input: torch.float32; expected torch.float64, the type of the weights$"):
        double(torch.zeros(T, B, INPUTS))
    with pytest.raises(ValueError, match=r"^unknown cell 'min_gur'; choose .* \(did you mean 'min_gru'\?\)$"):
        elman.nn.Recurrent("min_gur", INPUTS, UNITS)


@pytest.mark.parametrize("shape", [(T, B, INPUTS + 1), (INPUTS,), (1, T, B, INPUTS)], ids=str)
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^input: shape .*; expected \(T, B, 3\), or \(B, T, 3\) with batch_first$"):
        recurrent("min_gru")(torch.zeros(shape, dtype=torch.float64))


def test_states_and_resets_of_another_shape_are_refused() -> None:
    layer = recurrent("layer_norm_lstm", num_layers=2)
    x, (h, c) = inputs(layer), states(layer)
    for hx in (h, (h, c[:1]), (h[:, :2], c), (h, c, c)):
        with pytest.raises(ValueError, match=r"^hx: shapes \[.*\]; expected h, c of \(2, 3, 4\) each$"):
            layer(x, hx)
    with pytest.raises(ValueError, match=r"^reset: given torch.bool \(3, 6\); expected booleans \(6, 3\)$"):
        layer(x, None, RESET.t())
    packed = sequence(layer, "packed", x)
    with pytest.raises(ValueError, match=r"^reset: not with a packed sequence"):
        layer(packed, None, RESET)
    with pytest.raises(ValueError, match=r"^input: packed shape \(9, 2\); expected \(N, 3\)$"):
        layer(packed._replace(data=packed.data[:, :2]))


def test_an_embedding_is_looked_up() -> None:
    layer = recurrent("layer_norm_lstm")
    ids, rows = torch.zeros(T, B, dtype=torch.long), inputs(layer, (2,))
    assert_equal(tensors(layer.from_ids(ids, rows)), tensors(layer(F.embedding(ids, rows))))

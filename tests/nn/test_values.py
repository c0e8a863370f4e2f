"""Every value and every gradient of elman.nn's layers is torch.nn's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    SEQUENCES,
    STACKS,
    B,
    T,
    as_hx,
    assert_equal,
    assert_same,
    batch,
    layer_pair,
    leaves,
    loss,
    needs_kernels,
    outcome,
    sequence,
    states,
    tensors,
)


@pytest.mark.parametrize(
    ("cell", "form", "stack", "batch_first", "has_states"),
    pairwise(CELL_NAMES, SEQUENCES, list(STACKS), [False, True], [False, True]),
)
def test_values_and_every_gradient_are_torchs(
    cell: str, form: str, stack: str, batch_first: bool, has_states: bool
) -> None:
    results = []
    for layer in layer_pair(cell, batch_first=batch_first, **STACKS[stack]):
        x = batch(layer, shape=(T,) if form == "one" else (T, B))
        initial = states(layer, rows=() if form == "one" else (B,)) if has_states else []
        results.append(outcome(layer, form, initial, x))
    assert_same(*results)


@pytest.mark.parametrize(("cell", "form", "stack"), pairwise(CELL_NAMES, SEQUENCES, list(STACKS)))
def test_so_are_they_in_float32(cell: str, form: str, stack: str) -> None:
    results = []
    for layer in layer_pair(cell, torch.float32, **STACKS[stack]):
        x = batch(layer, shape=(T,) if form == "one" else (T, B))
        results.append(outcome(layer, form, states(layer, rows=() if form == "one" else (B,)), x))
    assert_same(*results)


@pytest.mark.parametrize(
    "sizes", [(1, 1, 1, 1), (4, 1, 3, 20), (1, 40, 5, 3), (70, 1, 2, 19), (9, 21, 33, 37)], ids=str
)
@pytest.mark.parametrize("cell", CELLS)
def test_so_are_they_for_other_sizes(cell: str, sizes: tuple[int, int, int, int]) -> None:
    steps, rows, inputs, units = sizes
    results = []
    for layer in layer_pair(cell, sizes=(inputs, units), num_layers=2, bidirectional=True):
        x = batch(layer, shape=(steps, rows), width=inputs)
        results.append(outcome(layer, "batch", states(layer, rows=(rows,)), x))
    assert_same(*results)


@pytest.mark.parametrize(
    ("cell", "result", "form"),
    [*pairwise(CELL_NAMES, (0, 1), SEQUENCES), *(("lstm", 2, form) for form in SEQUENCES)],
    ids=lambda value: value if isinstance(value, str) else ("outputs", "h_n", "c_n")[value],
)
def test_the_gradient_of_one_result_alone_is_torchs(cell: str, result: int, form: str) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True):
        one = form == "one"
        x, *initial = leaves([batch(layer, shape=(T,) if one else (T, B)), *states(layer, rows=() if one else (B,))])
        computed = tensors(layer(sequence(layer, form, x), as_hx(initial)))[result]
        results.append(torch.autograd.grad(loss(computed), [x, *initial, *layer.parameters()], allow_unused=True))
    mine, theirs = ([torch.zeros(()) if d is None else d for d in computed] for computed in results)
    # what a result does not depend on is None with torch, zeros with us: both add nothing
    assert_same(mine, [t.expand_as(m).to(m) for m, t in zip(mine, theirs, strict=True)])


REQUIRES_GRAD: dict[str, Callable[[str], bool]] = {
    "x": lambda name: name == "x",
    "h": lambda name: name == "h",
    "x_and_states": lambda name: name in ("x", "h", "c"),
    "weights": lambda name: "_l" in name,
    "weights_of_the_top": lambda name: "_l1" in name,
    "one_matrix": lambda name: name == "weight_hh_l0_reverse",
    "one_bias": lambda name: name == "bias_ih_l1",
    "all_but_biases": lambda name: "bias" not in name,
}


@pytest.mark.parametrize("requiring", REQUIRES_GRAD)
@pytest.mark.parametrize("cell", CELLS)
def test_only_what_asks_for_a_gradient_gets_one(cell: str, requiring: str) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True):
        x, *initial = leaves([batch(layer), *states(layer)])
        by_name = {"x": x, **dict(zip("hc", initial, strict=False)), **dict(layer.named_parameters())}
        for name, tensor in by_name.items():
            tensor.requires_grad_(REQUIRES_GRAD[requiring](name))
        result = layer(x, as_hx(initial))
        loss(result).backward()
        with_gradients = [name for name, t in by_name.items() if t.grad is not None]
        assert with_gradients == [*filter(REQUIRES_GRAD[requiring], by_name)]
        results.append([*tensors(result), *(t.grad for t in by_name.values())])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_where_nothing_asks_for_a_gradient_there_is_no_graph(cell: str) -> None:
    layer, _ = layer_pair(cell)
    assert all(t.requires_grad for t in tensors(layer(batch(layer))))
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    assert not any(t.requires_grad for t in tensors(layer(batch(layer))))


@needs_kernels
@pytest.mark.parametrize("form", SEQUENCES)
@pytest.mark.parametrize("cell", CELLS)
def test_training_and_evaluation_give_the_same_to_the_last_bit(cell: str, form: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    inputs = sequence(layer, form, batch(layer, shape=(T,) if form == "one" else (T, B)))
    trained = tensors(layer(inputs))
    layer.eval()
    assert_equal(tensors(layer(inputs)), trained)
    for without_graph in (torch.no_grad(), torch.inference_mode()):
        with without_graph:
            evaluated = tensors(layer(inputs))
        assert not any(t.requires_grad for t in evaluated)
        assert_equal(evaluated, trained)


@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
@pytest.mark.parametrize("form", SEQUENCES)
@pytest.mark.parametrize("cell", CELLS)
def test_results_lie_in_memory_as_torchs_do(cell: str, form: str, batch_first: bool) -> None:
    layouts = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True, batch_first=batch_first):
        result = layer(sequence(layer, form, batch(layer, shape=(T,) if form == "one" else (T, B))))
        layouts.append([(t.shape, t.stride(), t.is_contiguous()) for t in tensors(result)])
    assert layouts[0] == layouts[1]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "slices": lambda t: torch.stack([t, t], -1)[..., 1],
    "expanded": lambda t: t[:, :1].expand_as(t),
    "transposed": lambda t: t.permute(2, 0, 1).contiguous().permute(1, 2, 0),
    "steps_apart": lambda t: torch.stack([t, t], 1)[:, 0],
    "negated": lambda t: torch.complex(t, -t).conj().imag,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
@pytest.mark.parametrize("cell", CELLS)
def test_inputs_and_states_may_lie_in_memory_in_any_way(cell: str, batch_first: bool, layout: str) -> None:
    results = []
    for layer in layer_pair(cell, bidirectional=True, batch_first=batch_first):
        x, *initial = leaves([batch(layer), *states(layer)])
        result = layer(LAYOUTS[layout](x), as_hx([LAYOUTS[layout](s) for s in initial]))
        loss(result).backward()
        results.append([*tensors(result), *(t.grad for t in (x, *initial, *layer.parameters()))])
    assert_same(*results)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_so_may_the_gradients_of_the_results(cell: str, layout: str) -> None:
    results = []
    for layer in layer_pair(cell, bidirectional=True):
        inputs = leaves([batch(layer), *states(layer)])
        computed = tensors(layer(inputs[0], as_hx(inputs[1:])))
        initial = [LAYOUTS[layout](t.detach().sin()) for t in computed]
        results.append(torch.autograd.grad(computed, [*inputs, *layer.parameters()], initial))
    assert_same(*results)


def test_weights_may_lie_in_memory_in_any_way() -> None:
    results = []
    for layer in layer_pair("lstm"):
        for name, parameter in list(layer.named_parameters()):
            if parameter.dim() == 2:
                setattr(layer, name, torch.nn.Parameter(parameter.detach().t().contiguous().t()))
        results.append(outcome(layer, "batch", states(layer)))
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_another_default_device_changes_nothing(cell: str) -> None:
    layer, _ = layer_pair(cell, bidirectional=True)
    x = batch(layer).requires_grad_()
    expected = [*tensors(layer(x)), *torch.autograd.grad(tensors(layer(x))[0].sum(), [x, *layer.parameters()])]
    torch.set_default_device("meta")
    try:
        initial = [*tensors(layer(x)), *torch.autograd.grad(tensors(layer(x))[0].sum(), [x, *layer.parameters()])]
    finally:
        torch.set_default_device(None)
    assert_equal(initial, expected)

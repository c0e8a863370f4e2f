"""elman.nn's layers as nodes of torch's graph: what is kept for backward, how long, and what may change."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .layer_pairs import (
    CELLS,
    SEQUENCES,
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
    sequence,
    states,
    tensors,
)

CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation"
TWICE = "Trying to backward through the graph a second time"


def differentiated(layer: Any) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return the inputs, none of them a leaf, by name, and the results."""
    x, *initial = (t * 1 for t in leaves([batch(layer), *states(layer)]))
    return {"x": x, **dict(zip("hc", initial, strict=False))}, tensors(layer(x, as_hx(initial)))


# What changes between forward and backward


@needs_kernels
@pytest.mark.parametrize("changed", ["x", "h", "c", "y"])
@pytest.mark.parametrize("cell", CELLS)
def test_what_backward_reads_must_not_change_before_it(cell: str, changed: str) -> None:
    for batch_first in (False, True):
        layer, _ = layer_pair(cell, batch_first=batch_first)
        inputs, (y, *final) = differentiated(layer)
        if changed == "c" and cell != "lstm":
            assert "c" not in inputs
            continue
        total = loss([y, *final])
        {**inputs, "y": y}[changed].mul_(2)
        with pytest.raises(RuntimeError, match=CHANGED):
            total.backward()


@needs_kernels
@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0"])
@pytest.mark.parametrize("cell", CELLS)
def test_nor_must_weights(cell: str, name: str) -> None:
    layer, _ = layer_pair(cell)
    _, results = differentiated(layer)
    with torch.no_grad():
        getattr(layer, name).mul_(2)
    with pytest.raises(RuntimeError, match=CHANGED):
        loss(results).backward()


@pytest.mark.parametrize("cell", CELLS)
def test_final_states_are_the_callers_to_change(cell: str) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True):
        layer.zero_grad()
        x = batch(layer).requires_grad_()
        y, *final = tensors(layer(x))
        total = loss([y, *final])
        for state in final:
            state.detach().zero_()
        total.backward()
        results.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_results_that_share_no_memory_with_inputs_or_each_other(cell: str) -> None:
    layer, _ = layer_pair(cell)
    x, initial = batch(layer), states(layer)
    with torch.no_grad():
        results = tensors(layer(x, as_hx(initial)))
    places = [t.untyped_storage().data_ptr() for t in (x, *initial, *layer.parameters(), *results)]
    assert len({*places}) == len(places)


# Once, twice, in parts


@pytest.mark.parametrize("cell", CELLS)
def test_backward_twice_is_refused_as_torch_does(cell: str) -> None:
    texts = []
    for layer in layer_pair(cell):
        total = loss(layer(batch(layer)))
        total.backward()
        with pytest.raises(RuntimeError, match=TWICE) as refused:
            total.backward()
        texts.append(str(refused.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("form", SEQUENCES)
@pytest.mark.parametrize("cell", CELLS)
def test_a_kept_graph_gives_the_same_gradients_again(cell: str, form: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    x = batch(layer, shape=(T,) if form == "one" else (T, B)).requires_grad_()
    total = loss(layer(sequence(layer, form, x)))
    inputs = [x, *layer.parameters()]
    first, second = (torch.autograd.grad(total, inputs, retain_graph=True) for _ in range(2))
    third = torch.autograd.grad(total, inputs)
    assert_equal(first, second)
    assert_equal(first, third)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_add_up_over_parts_and_calls(cell: str) -> None:
    results = []
    for layer in layer_pair(cell):
        x = batch(layer).requires_grad_()
        y, *final = tensors(layer(x))
        loss(y[:2]).backward(retain_graph=True)
        loss(y[2:]).backward(retain_graph=True)
        loss(final).backward()
        loss(layer(x, as_hx([s.detach() for s in final]))).backward()
        results.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_one_layer_may_be_called_many_times_in_one_graph(cell: str) -> None:
    results = []
    for layer in layer_pair(cell, sizes=(4, 4)):
        x = batch(layer, width=4).requires_grad_()
        result = layer(x)
        for _ in range(2):
            result = layer(*result)
        loss(result).backward()
        results.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not_reentrant"])
@pytest.mark.parametrize("cell", CELLS)
def test_checkpoints_give_the_same_gradients(cell: str, reentrant: bool) -> None:
    layer, _ = layer_pair(cell)
    results = []
    for run in (lambda x: tensors(layer(x)), lambda x: checkpoint(lambda x: layer(x)[0], x, use_reentrant=reentrant)):
        layer.zero_grad()
        x = batch(layer).requires_grad_()
        loss(tensors(run(x))[0]).backward()
        results.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_equal(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_hooks_see_and_change_gradients(cell: str) -> None:
    results = []
    for layer in layer_pair(cell):
        x = batch(layer).requires_grad_()
        y, _ = layer(x)
        y.register_hook(lambda d: d * 2)
        y.retain_grad()
        layer.weight_hh_l0.register_hook(lambda d: d + 1)
        loss(y).backward()
        results.append([y.grad, x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_saved_tensors_may_be_kept_elsewhere(cell: str) -> None:
    layer, _ = layer_pair(cell)
    results = []
    for keep in (lambda t: t, lambda t: t.clone()):
        layer.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            total = loss(layer(batch(layer)))
        total.backward()
        results.append([p.grad for p in layer.parameters()])
    assert_equal(*results)


def test_anomaly_detection_finds_nothing() -> None:
    layer, _ = layer_pair("gru")
    with pytest.warns(UserWarning, match="Anomaly Detection"), torch.autograd.detect_anomaly():
        loss(layer(batch(layer))).backward()


# Memory


def storage(t: Tensor) -> Callable[[], bool]:
    """Return a function that tells whether the tensor's memory is still held by anyone."""
    reference = t.untyped_storage()._weak_ref()
    return lambda: not torch.UntypedStorage._expired(reference)


@needs_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_backward_lets_go_of_the_tape_though_the_loss_lives(cell: str) -> None:
    layer, _ = layer_pair(cell)
    x = batch(layer).requires_grad_() * 1
    held = storage(x)
    y, _ = layer(x)
    total = y.square().sum()
    node = y.grad_fn
    assert node.tape is not None
    del x, y
    total.backward(retain_graph=True)
    assert node.tape is not None
    assert held()
    total.backward()
    assert node.tape is None
    assert not held()
    assert total.requires_grad


@needs_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_a_graph_that_is_dropped_takes_its_tape_along(cell: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2)
    x = batch(layer).requires_grad_() * 1
    result = layer(x)
    held = [storage(t) for t in (x, *tensors(result))]
    gc.disable()  # nothing may wait for the collector of cycles
    try:
        del x, result
        assert not any(still() for still in held)
    finally:
        gc.enable()


@needs_kernels
@pytest.mark.parametrize("cell", CELLS)
def test_without_a_gradient_nothing_is_kept(cell: str) -> None:
    layer, _ = layer_pair(cell)
    x = batch(layer)
    held = storage(x)
    with torch.no_grad():
        result = layer(x)
    del x
    assert not held()
    assert all(t.grad_fn is None for t in tensors(result))


def test_inputs_of_inference_mode_are_refused_in_training_as_torch_does() -> None:
    texts = []
    for layer in layer_pair("gru"):
        with torch.inference_mode():
            x = batch(layer)
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward") as refused:
            layer(x)
        texts.append(str(refused.value))
    assert texts[0] == texts[1]

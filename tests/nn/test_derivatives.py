"""elman.nn's layers under torch's own checks: finite differences, and derivatives of derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils.rnn import pack_sequence

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    PAIRS_OF_OPTIONS,
    STACKS,
    as_hx,
    assert_same,
    batch,
    layer_pair,
    leaves,
    loss,
    seeded,
    sequence,
    states,
    tensors,
)

STEPS, ROWS, VOCABULARY = 4, 2, 3
RESET = torch.tensor([[1, 0], [0, 0], [0, 1], [1, 1]], dtype=torch.bool)
WAYS = ("batch", "one", "packed", "reset", "ids", "ids_and_reset", "no_states")


def case(cell: str, stack: str, way: str) -> tuple[Callable[..., list[Tensor]], list[Tensor]]:
    """Return a function of tensors alone, and tensors for it: the inputs or an embedding, states, weights."""
    layer, _ = layer_pair(cell, sizes=(2, 2), **STACKS[stack])
    one = way == "one"
    ids = torch.randint(VOCABULARY, (STEPS, ROWS), generator=seeded(5))
    x = batch(layer, shape=(STEPS,) if one else (STEPS, ROWS), width=2)
    if way.startswith("ids"):
        x = batch(layer, shape=(VOCABULARY,), width=2)
    initial = [] if way == "no_states" else states(layer, rows=() if one else (ROWS,))
    names = [name for name, _ in layer.named_parameters()]

    def compute(x: Tensor, *others: Tensor) -> list[Tensor]:
        hx, weights = as_hx(others[: len(initial)]), dict(zip(names, others[len(initial) :], strict=True))
        reset = RESET if "reset" in way else None
        if way.startswith("ids"):
            with swapped(layer, weights):
                return tensors(layer.from_ids(ids, x, hx, reset))
        return tensors(
            functional_call(
                layer,
                weights,
                (pack_sequence([x[:3, 0], x[:, 1]], enforce_sorted=False) if way == "packed" else x, hx, reset),
            )
        )

    return compute, leaves([x, *initial, *layer.parameters()])


def swapped(layer: Any, weights: dict[str, Tensor]) -> Any:
    """Return a context in which the layer has these weights."""
    return torch.nn.utils.stateless._reparametrize_module(layer, weights)


@pytest.mark.parametrize(("cell", "stack", "way"), pairwise(CELL_NAMES, PAIRS_OF_OPTIONS, WAYS))
def test_gradients_are_those_of_finite_differences(cell: str, stack: str, way: str) -> None:
    compute, inputs = case(cell, stack, way)
    assert torch.autograd.gradcheck(compute, inputs, fast_mode=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_so_is_every_single_one(cell: str, way: str) -> None:
    compute, inputs = case(cell, "1_both_biases", way)
    assert torch.autograd.gradcheck(compute, inputs)


@pytest.mark.parametrize("way", ["one", "packed", "ids_and_reset", "no_states"])
@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives_are_those_of_finite_differences(cell: str, way: str) -> None:
    compute, inputs = case(cell, "1_both_biases", way)
    assert torch.autograd.gradgradcheck(compute, inputs, fast_mode=True)


@pytest.mark.parametrize(("cell", "stack", "form"), pairwise(CELL_NAMES, PAIRS_OF_OPTIONS, ["batch", "one", "packed"]))
def test_first_and_second_derivatives_are_torchs(cell: str, stack: str, form: str) -> None:
    results = []
    for layer in layer_pair(cell, **STACKS[stack]):
        one = form == "one"
        inputs = leaves([batch(layer, shape=(6,) if one else (6, 3)), *states(layer, rows=() if one else (3,))])
        result = layer(sequence(layer, form, inputs[0]), as_hx(inputs[1:]))
        inputs += layer.parameters()
        first = torch.autograd.grad(loss(result), inputs, create_graph=True)
        second = torch.autograd.grad(loss([d.sin() for d in first]), inputs, allow_unused=True)
        results.append([*first, *second])
    assert_same(*results)


def test_float32_too_has_second_derivatives() -> None:
    seconds = []
    layer, _ = layer_pair("lstm", torch.float32)
    for dtype in (torch.float32, torch.float64):
        x = batch(layer).to(dtype).requires_grad_()
        (first,) = torch.autograd.grad(loss(layer.to(dtype)(x)), x, create_graph=True)
        seconds.append(torch.autograd.grad(loss(first.sin()), [x, *layer.parameters()]))
    for single, double in zip(*seconds, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)  # float32 twice through six steps


def h_from_x(layer: Any, x: Tensor) -> list[Tensor]:
    return [x.mean((0, 2), keepdim=True).expand(s.shape) for s in states(layer)]


def the_same_state_twice(layer: Any, x: Tensor) -> list[Tensor]:
    state = x[:1, :, :1].expand(states(layer)[0].shape)
    return [state] * len(states(layer))


def states_from_another_call(layer: Any, x: Tensor) -> list[Tensor]:
    return tensors(layer(x))[1:]


@pytest.mark.parametrize("make", [h_from_x, the_same_state_twice, states_from_another_call], ids=lambda f: f.__name__)
@pytest.mark.parametrize("cell", CELLS)
def test_inputs_may_depend_on_each_other_with_create_graph(cell: str, make: Callable[..., list[Tensor]]) -> None:
    results = []
    for layer in layer_pair(cell):
        x = batch(layer).requires_grad_()
        inputs = [x, *layer.parameters()]
        result = layer(x, as_hx(make(layer, x)))
        plain = torch.autograd.grad(loss(result), inputs, retain_graph=True)
        first = torch.autograd.grad(loss(result), inputs, create_graph=True)
        results.append([*plain, *first, *torch.autograd.grad(loss(first), inputs)])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_ids_have_the_second_derivatives_of_their_embeddings(cell: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    ids = torch.randint(VOCABULARY, (6, 3), generator=seeded(5))
    results = []
    for run in (layer.from_ids, lambda ids, embedding: layer(F.embedding(ids, embedding))):
        embedding = torch.nn.Parameter(batch(layer, shape=(VOCABULARY,)))
        inputs = [embedding, *layer.parameters()]
        first = torch.autograd.grad(loss(run(ids, embedding)), inputs, create_graph=True)
        results.append([*first, *torch.autograd.grad(loss(first), inputs, allow_unused=True)])
    assert_same(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_a_gradient_penalty_trains_as_with_torch(cell: str) -> None:
    results = []
    for layer in layer_pair(cell):
        x = batch(layer).requires_grad_()
        (d_x,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        d_x.square().sum().backward()
        results.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its torch.jit
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
@pytest.mark.parametrize("cell", CELLS)
def test_derivatives_forward_in_mode_are_torchs(cell: str, frozen: bool) -> None:
    forward_ad = torch.autograd.forward_ad
    tangents = []
    for layer in layer_pair(cell):
        layer.requires_grad_(not frozen)
        x = batch(layer)
        with forward_ad.dual_level():
            result = layer(forward_ad.make_dual(x, x.sin()))
            tangents.append([forward_ad.unpack_dual(t).tangent for t in tensors(result)])
    assert all(t is not None for t in tangents[0])
    assert_same(*tangents)


@pytest.mark.parametrize("create_graph", [False, True], ids=["first", "create_graph"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_many_vectors_at_once_are_those_of_each_vector(cell: str, way: str, create_graph: bool) -> None:
    compute, inputs = case(cell, "2_both_biases", way)
    results = compute(*inputs)
    vectors = [torch.randn(3, *r.shape, generator=seeded(6), dtype=r.dtype) for r in results]
    keep = {"retain_graph": True, "create_graph": create_graph}
    batched = torch.autograd.grad(results, inputs, vectors, is_grads_batched=True, **keep)
    each = [torch.autograd.grad(results, inputs, [v[i] for v in vectors], **keep) for i in range(3)]
    assert_same(batched, [torch.stack(gradients) for gradients in zip(*each, strict=True)])


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_many_vectors_at_once_are_torchs(cell: str) -> None:
    gradients = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True):
        x = batch(layer).requires_grad_()
        outputs = layer(x)[0]
        vectors = torch.randn(3, *outputs.shape, generator=seeded(6), dtype=outputs.dtype)
        inputs = [x, *layer.parameters()]
        gradients.append(torch.autograd.grad(outputs, inputs, vectors, is_grads_batched=True))
    assert_same(*gradients)


@pytest.mark.parametrize("cell", CELLS)
def test_a_vectorized_jacobian_is_torchs(cell: str) -> None:
    jacobians = []
    for layer in layer_pair(cell):
        compute = functools.partial(lambda layer, x: layer(x)[0], layer)
        jacobian = torch.autograd.functional.jacobian(compute, batch(layer), vectorize=True)
        jacobians.append([jacobian, torch.autograd.functional.jacobian(compute, batch(layer))])
    assert_same(*jacobians)
    assert_same(jacobians[0][:1], jacobians[0][1:])


@pytest.mark.parametrize("cell", CELLS)
def test_backward_under_vmap_is_torchs(cell: str) -> None:
    gradients = []
    for layer in layer_pair(cell):
        x = batch(layer).requires_grad_()
        outputs = layer(x)[0]
        vectors = torch.randn(3, *outputs.shape, generator=seeded(6), dtype=outputs.dtype)
        inputs = [x, *layer.parameters()]
        vmapped = torch.vmap(lambda v, y, inputs: torch.autograd.grad(y, inputs, v), in_dims=(0, None, None))
        gradients.append(vmapped(vectors, outputs, inputs))
    assert_same(*gradients)


def test_backward_is_the_kernels_again_after_batched_gradients() -> None:
    ours, theirs = layer_pair("gru")
    gradients = []
    for layer in (ours, theirs):
        x = batch(layer).requires_grad_()
        outputs = layer(x)[0]
        vectors = torch.ones(2, *outputs.shape, dtype=outputs.dtype)
        torch.autograd.grad(outputs, x, vectors, is_grads_batched=True, retain_graph=True)
        outputs.square().sum().backward()
        gradients.append([x.grad, *(p.grad for p in layer.parameters())])
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(outputs, x, vectors, is_grads_batched=True)
    assert_same(*gradients)

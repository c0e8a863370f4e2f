"""from_ids: a layer reads rows of an embedding, and gives what it gives for the rows themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman import kernels
from elman.nn.kernel_function import run_by_kernels

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    INPUTS,
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
    seeded,
    states,
    tensors,
)

VOCABULARY = 7


def some_ids(layer: Any, rows: int = VOCABULARY, shape: tuple[int, ...] = (T, B)) -> Tensor:
    """Return random ids in the layer's layout; one row of the embedding is left out, another comes often."""
    ids = torch.randint(rows - 1, shape, generator=seeded(5))
    ids[:2] = rows // 2
    return ids.T if layer.batch_first and len(shape) == 2 else ids


def embeddings(layer: Any, rows: int = VOCABULARY) -> Tensor:
    return batch(layer, seed=4, shape=(rows,))


def both_ways(layer: Any) -> list[Callable[..., Any]]:
    """Return from_ids, and what it stands for."""

    def of_embedded(ids: Tensor, embedding: Tensor, hx: Any = None, reset: Tensor | None = None) -> Any:
        return layer(F.embedding(ids, embedding), hx, reset)

    return [layer.from_ids, of_embedded]


def outcome_of_ids(run: Callable[..., Any], layer: Any, ids: Tensor, rows: int, initial: list[Tensor]) -> list[Tensor]:
    layer.zero_grad()
    embedding, *initial = leaves([embeddings(layer, rows), *initial])
    result = run(ids, embedding, as_hx(initial))
    loss(result).backward()
    gradients = [t.grad for t in (embedding, *initial, *layer.parameters())]
    return [*(t.detach() for t in tensors(result)), *gradients]


@pytest.mark.parametrize(("cell", "form", "stack"), pairwise(CELL_NAMES, ["batch", "batch_first", "one"], list(STACKS)))
def test_ids_give_the_values_and_gradients_of_their_embeddings(cell: str, form: str, stack: str) -> None:
    layer, theirs = layer_pair(cell, batch_first=form == "batch_first", **STACKS[stack])
    shape = (T,) if form == "one" else (T, B)
    ids = some_ids(layer, shape=shape)
    for initial in ([], states(layer, rows=shape[1:])):
        mine = outcome_of_ids(layer.from_ids, layer, ids, VOCABULARY, initial)
        of_torch = lambda ids, embedding, hx: theirs(F.embedding(ids, embedding), hx)  # noqa: E731
        assert_same(mine, outcome_of_ids(of_torch, theirs, ids, VOCABULARY, initial))


@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
@pytest.mark.parametrize("cell", CELLS)
def test_float32_ids_and_resets_too(cell: str, batch_first: bool) -> None:
    layer, _ = layer_pair(cell, torch.float32, num_layers=2, bidirectional=True, batch_first=batch_first)
    ids = some_ids(layer)
    reset = torch.rand(ids.shape, generator=seeded(6)) < 0.4
    results = [
        outcome_of_ids(functools.partial(run, reset=reset), layer, ids, VOCABULARY, states(layer))
        for run in both_ways(layer)
    ]
    assert_same(*results)
    assert not torch.equal(results[0][0], layer.from_ids(ids, embeddings(layer))[0])  # the marks are not ignored


@pytest.mark.parametrize("rows", [kernels.MAX_TABLE_ROWS, kernels.MAX_TABLE_ROWS + 1])
@pytest.mark.parametrize("cell", CELLS)
def test_small_and_large_embeddings_give_the_same(cell: str, rows: int) -> None:
    layer, _ = layer_pair(cell, bidirectional=True)
    ids = some_ids(layer, rows)
    assert_same(*(outcome_of_ids(run, layer, ids, rows, states(layer)) for run in both_ways(layer)))


@needs_kernels
@pytest.mark.parametrize(("rows", "table"), [(kernels.MAX_TABLE_ROWS, True), (kernels.MAX_TABLE_ROWS + 1, False)])
def test_a_table_is_made_of_small_embeddings_alone(rows: int, table: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, _ = layer_pair("gru")
    calls: list[bool] = []

    def recorded(call: Any, *rest: Any) -> Any:
        calls.append(call.table)
        return run_by_kernels(call, *rest)

    monkeypatch.setattr("elman.nn.layers.run_by_kernels", recorded)
    layer.from_ids(some_ids(layer, rows), embeddings(layer, rows))
    assert calls == [table]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_between_layers_is_that_of_the_embedded(dropout: float) -> None:
    layer, _ = layer_pair("lstm", num_layers=3, dropout=dropout, batch_first=True)
    results = []
    for run in both_ways(layer):
        torch.manual_seed(11)
        results.append(outcome_of_ids(run, layer, some_ids(layer), VOCABULARY, states(layer)))
    assert_same(*results)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_ids_of_32_bits_are_taken_as_well(cell: str, dtype: torch.dtype) -> None:
    layer, _ = layer_pair(cell, dtype)
    ids, embedding = some_ids(layer), embeddings(layer)
    assert_equal(tensors(layer.from_ids(ids.int(), embedding)), tensors(layer.from_ids(ids, embedding)))


@pytest.mark.parametrize("cell", CELLS)
def test_ids_may_lie_in_memory_in_any_way(cell: str) -> None:
    layer, _ = layer_pair(cell)
    ids, embedding = some_ids(layer), embeddings(layer)
    expected = tensors(layer.from_ids(ids, embedding))
    apart = torch.stack([ids, ids + 1], -1)[..., 0]
    for same in (ids.T.contiguous().T, apart):
        assert not same.is_contiguous()
        assert_equal(tensors(layer.from_ids(same, embedding)), expected)
    sliced = torch.stack([embedding, embedding], -1)[..., 1]
    assert_equal(tensors(layer.from_ids(ids, sliced)), expected)
    assert_same(*(tensors(run(ids[:, :1].expand(T, B), embedding)) for run in both_ways(layer)))


@pytest.mark.parametrize("frozen", ["embedding", "weights", "everything"])
@pytest.mark.parametrize("cell", CELLS)
def test_only_what_asks_for_a_gradient_gets_one(cell: str, frozen: str) -> None:
    layer, _ = layer_pair(cell)
    layer.requires_grad_(frozen == "embedding")
    results = []
    for run in both_ways(layer):
        layer.zero_grad()
        embedding = embeddings(layer).requires_grad_(frozen == "weights")
        result = run(some_ids(layer), embedding)
        if frozen == "everything":
            assert not any(t.requires_grad for t in tensors(result))
            return
        loss(result).backward()
        results.append([*tensors(result), embedding.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)


@needs_kernels
@pytest.mark.parametrize("invalid", [VOCABULARY, -1])
def test_ids_outside_of_the_embedding_are_refused(invalid: int) -> None:
    layer, _ = layer_pair("gru")
    ids = some_ids(layer)
    ids[3, 1] = invalid
    with pytest.raises(ValueError) as refused:
        layer.from_ids(ids, embeddings(layer))
    assert str(refused.value) == f"ids: given {invalid}; expected 0 to {VOCABULARY - 1}"


@pytest.mark.parametrize("invalid", [VOCABULARY, -1])
def test_torchs_code_refuses_them_too(invalid: int) -> None:
    layer, _ = layer_pair("gru", torch.bfloat16)
    with pytest.raises(IndexError, match="index out of range in self"):
        layer.from_ids(torch.full((T, B), invalid), embeddings(layer))


def refusal(run: Callable[..., Any], *arguments: Any) -> tuple[type[BaseException], str]:
    with pytest.raises(Exception) as refused:
        run(*arguments)
    return refused.type, str(refused.value)


@pytest.mark.parametrize("cell", CELLS)
def test_what_the_embedded_are_refused_for_the_ids_are_too(cell: str) -> None:
    layer, _ = layer_pair(cell)
    ids, embedding, initial = some_ids(layer), embeddings(layer), states(layer)
    invalid = {
        "ids are floats": (ids.double(), embedding),
        "ids are booleans": (ids > 3, embedding),
        "another width": (ids, F.pad(embedding, (0, 1))),
        "another precision": (ids, embedding.float()),
        "another batch": (ids, embedding, as_hx([s[:, :2] for s in initial])),
        "another hidden size": (ids, embedding, as_hx([s[..., :2] for s in initial])),
        "no batch": (ids, embedding, as_hx([s[:, 0] for s in initial])),
        "no steps": (ids[:0], embedding),
        "three axes": (ids[None], embedding),
    }
    for name, arguments in invalid.items():
        mine, expected = (refusal(run, *arguments) for run in both_ways(layer))
        assert mine == expected, name


def test_no_rows_give_none() -> None:
    for cell in CELLS:
        layer, _ = layer_pair(cell)
        assert_equal(
            *(tensors(run(torch.zeros(T, 0, dtype=torch.long), embeddings(layer))) for run in both_ways(layer))
        )


def test_a_projection_reads_ids_too() -> None:
    layer, _ = layer_pair("lstm", proj_size=2)
    assert_equal(*(tensors(run(some_ids(layer), embeddings(layer))) for run in both_ways(layer)))


@pytest.mark.parametrize("cell", CELLS)
def test_a_tied_embedding_gets_both_its_gradients(cell: str) -> None:
    layer, _ = layer_pair(cell, sizes=(INPUTS, INPUTS))
    results = []
    for run in both_ways(layer):
        layer.zero_grad()
        embedding = embeddings(layer).requires_grad_()
        ids = some_ids(layer)
        logits = run(ids[:-1], embedding)[0] @ embedding.T
        F.cross_entropy(logits.flatten(0, 1), ids[1:].flatten()).backward()
        results.append([embedding.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)

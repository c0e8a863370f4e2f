"""reset: documents that follow each other in a row of a batch are read as if each were alone."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from ..pairwise import pairwise
from .layer_pairs import (
    CELL_NAMES,
    CELLS,
    INPUTS,
    PAIRS_OF_OPTIONS,
    STACKS,
    B,
    T,
    as_hx,
    assert_same,
    batch,
    directions,
    layer_pair,
    leaves,
    loss,
    needs_kernels,
    outcome,
    seeded,
    sequence,
    states,
    tensors,
)

RESETS = {
    "some": torch.tensor([[0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]], dtype=torch.bool).T,
    "none": torch.zeros(T, B, dtype=torch.bool),
    "all": torch.ones(T, B, dtype=torch.bool),
    "first": torch.arange(T)[:, None].expand(T, B) == 0,
    "random": torch.rand(T, B, generator=seeded(8)) < 0.4,
}


def read_one_by_one(layer: Any, x: Tensor, initial: list[Tensor], reset: Tensor) -> list[Tensor]:
    """Return outputs and final states from torch.nn, each row cut into its documents and each of them read alone.

    The given states are for the first document forward in time, and for the last one backwards. What is left in the
    end is the state after the last document, and after the first one backwards: zeros, if a document begins at step 0.
    """
    backward = torch.arange(layer.num_layers * directions(layer)) % directions(layer) == 1
    outputs, finals = [], []
    for row in range(x.shape[1]):
        starts = sorted({0, *(t for t in range(len(x)) if reset[t, row])})
        ends = [*starts[1:], len(x)]
        alone = [torch.where(backward[:, None], s[:, row], torch.zeros_like(s[:, row])) for s in initial]
        parts = []
        for start, end in zip(starts, ends, strict=True):
            state = [torch.zeros_like(s) for s in alone]
            if start == 0 and not reset[0, row]:
                state = [torch.where(backward[:, None], z, s[:, row]) for z, s in zip(state, initial, strict=True)]
            if end == len(x):
                state = [torch.where(backward[:, None], s[:, row], z) for z, s in zip(state, initial, strict=True)]
            parts.append(tensors(layer(x[start:end, row], as_hx(state))))
        outputs.append(torch.cat([y for y, *_ in parts]))
        first = [torch.zeros_like(s) for s in alone] if reset[0, row] else parts[0][1:]
        last = parts[-1][1:]
        finals.append([torch.where(backward[:, None], f, s) for f, s in zip(first, last, strict=True)])
    return [torch.stack(outputs, 1), *(torch.stack(parts, 1) for parts in zip(*finals, strict=True))]


@pytest.mark.parametrize(("cell", "stack", "marks"), pairwise(CELL_NAMES, PAIRS_OF_OPTIONS, list(RESETS)))
def test_documents_are_read_as_if_each_were_alone(cell: str, stack: str, marks: str) -> None:
    ours, theirs = layer_pair(cell, **STACKS[stack])
    reset = RESETS[marks]
    results = []
    for layer, run in ((ours, functools.partial(ours, reset=reset)), (theirs, None)):
        x, *initial = leaves([batch(layer), *states(layer)])
        computed = tensors(run(x, as_hx(initial))) if run else read_one_by_one(layer, x, initial, reset)
        loss(computed).backward()
        gradients = [t.grad for t in (x, *initial, *layer.parameters())]
        results.append([*computed, *gradients])
    mine, expected = results
    # without a path, torch leaves None where we have zeros
    assert_same(mine, [torch.zeros_like(m) if e is None else e for m, e in zip(mine, expected, strict=True)])


@needs_kernels
@pytest.mark.parametrize(
    ("cell", "form", "batch_first", "dtype"),
    pairwise(CELL_NAMES, ["batch", "one"], [False, True], [torch.float64, torch.float32]),
    ids=str,
)
def test_with_and_without_kernels_it_is_the_same(
    cell: str, form: str, batch_first: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, _ = layer_pair(cell, dtype, num_layers=2, bidirectional=True, batch_first=batch_first)
    reset = RESETS["some"]
    if form == "one":
        reset = reset[:, 1]
    elif batch_first:
        reset = reset.T
    x = batch(layer, shape=(T,) if form == "one" else (T, B))
    for initial in ([], states(layer, rows=() if form == "one" else (B,))):
        run = functools.partial(layer, reset=reset)
        with_kernels = outcome(layer, form, initial, x, run)
        with monkeypatch.context() as without:
            without.setattr("elman.nn.layers.can_use_kernels", lambda tensors: False)
            assert_same(with_kernels, outcome(layer, form, initial, x, run))


@pytest.mark.parametrize("cell", CELLS)
def test_batch_first_has_its_marks_batch_first(cell: str) -> None:
    layer, _ = layer_pair(cell, bidirectional=True)
    x, hx = batch(layer), as_hx(states(layer))
    y, *final = tensors(layer(x, hx, RESETS["some"]))
    layer.batch_first = True
    assert_same(tensors(layer(x.transpose(0, 1), hx, RESETS["some"].T)), [y.transpose(0, 1), *final])
    rows = x[:, 0]
    ids = torch.arange(T * B).view(T, B) % T
    of_embedded = layer(rows[ids.T], hx, RESETS["some"].T)
    assert_same(tensors(layer.from_ids(ids.T, rows, hx, RESETS["some"].T)), tensors(of_embedded))


@pytest.mark.parametrize("cell", CELLS)
def test_no_mark_at_all_changes_nothing(cell: str) -> None:
    layer, _ = layer_pair(cell, num_layers=2, bidirectional=True)
    assert_same(tensors(layer(batch(layer), reset=RESETS["none"])), tensors(layer(batch(layer))))


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_of_rows_is_each_row_by_itself(cell: str) -> None:
    layer, _ = layer_pair(cell, bidirectional=True)
    x, initial, reset = batch(layer), states(layer), RESETS["some"]
    y, *final = tensors(layer(x, as_hx(initial), reset))
    for row in range(B):
        one = tensors(layer(x[:, row], as_hx([s[:, row] for s in initial]), reset[:, row]))
        assert_same(one, [y[:, row], *(s[:, row] for s in final)])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("cell", CELLS)
def test_half_precision_resets_too(cell: str, dtype: torch.dtype) -> None:
    layer, _ = layer_pair(cell, bidirectional=True)
    whole = tensors(layer(batch(layer), reset=RESETS["some"]))
    half = layer.to(dtype)
    for a, b in zip(tensors(half(batch(half), reset=RESETS["some"])), whole, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=0, atol=0.1)  # 8 bits, 6 steps


@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
@pytest.mark.parametrize("one", [False, True], ids=["batch", "one"])
def test_marks_of_another_shape_or_kind_are_refused(one: bool, batch_first: bool) -> None:
    layer, _ = layer_pair("gru", batch_first=batch_first)
    x = batch(layer, shape=(T,) if one else (T, B))
    expected = tuple(x.shape[:-1])
    right = torch.zeros(expected, dtype=torch.bool)
    longer = torch.zeros(*expected[:-1], expected[-1] + 1, dtype=torch.bool)
    for reset in (right.float(), right.long(), longer, *([] if one else [right.T])):
        with pytest.raises(ValueError) as refused:
            layer(x, reset=reset)
        initial = f"given {reset.dtype} {tuple(reset.shape)}"
        assert str(refused.value) == f"reset: {initial}; expected booleans {expected}"


@pytest.mark.parametrize(("one", "axes"), [(False, 0), (False, 1), (False, 3), (True, 0), (True, 2)])
@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
def test_marks_with_other_axes_are_refused(one: bool, axes: int, batch_first: bool) -> None:
    layer, _ = layer_pair("gru", batch_first=batch_first)
    x = batch(layer, shape=(T,) if one else (T, B))
    reset = torch.zeros((2,) * axes, dtype=torch.bool)
    with pytest.raises(ValueError) as refused:
        layer(x, reset=reset)
    expected = tuple(x.shape[:-1])
    assert str(refused.value) == f"reset: given torch.bool {tuple(reset.shape)}; expected booleans {expected}"


@pytest.mark.parametrize("form", ["packed", "packed_sorted"])
def test_packed_sequences_are_refused(form: str) -> None:
    layer, _ = layer_pair("gru")
    with pytest.raises(ValueError) as refused:
        layer(sequence(layer, form, batch(layer)), reset=RESETS["some"])
    assert str(refused.value) == "reset: not with a packed sequence; pad its rows, or cut them into their documents"


def test_a_projection_is_refused() -> None:
    layer, _ = layer_pair("lstm", proj_size=2)
    with pytest.raises(ValueError) as refused:
        layer(batch(layer), reset=RESETS["some"])
    assert str(refused.value) == "reset: not with proj_size"


@pytest.mark.parametrize("cell", CELLS)
def test_what_torch_refuses_is_refused_with_marks_too(cell: str) -> None:
    ours, theirs = layer_pair(cell)
    invalid = [s[..., :2] for s in states(ours)]
    for arguments in ((torch.zeros(T, B, INPUTS + 1, dtype=torch.float64),), (batch(ours), as_hx(invalid))):
        refusals = []
        for run in (functools.partial(ours, reset=RESETS["some"]), theirs):
            with pytest.raises(Exception) as refused:
                run(*arguments)
            refusals.append((refused.type, str(refused.value)))
        assert refusals[0] == refusals[1]

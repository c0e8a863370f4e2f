"""What elman.nn's layers refuse: what torch.nn's refuse, with the same exception and the same words.

But for one: torch.nn.LSTM checks nothing of a packed sequence, so its words come from inside its operations; ours name
the shape that is wrong, as torch's other layers do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..pairwise import pairwise
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
    sequence,
    states,
    tensors,
)


def zeros(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.zeros(shape, dtype=dtype)


INVALID_INPUTS: dict[str, Any] = {
    "too narrow": zeros(T, B, 2),
    "too wide": zeros(T, B, 4),
    "one axis": zeros(3),
    "four axes": zeros(1, T, B, 3),
    "one sequence, too wide": zeros(T, 4),
    "no steps": zeros(0, B, 3),
    "no steps of one sequence": zeros(0, 3),
    "another precision": zeros(T, B, 3, dtype=torch.float32),
    "half precision": zeros(T, B, 3, dtype=torch.bfloat16),
    "integers": zeros(T, B, 3, dtype=torch.int64),
    "integers of one sequence": zeros(T, 3, dtype=torch.int64),
    "complex": zeros(T, B, 3, dtype=torch.complex128),
    "another device": torch.zeros(T, B, 3, device="meta"),
    "sparse": zeros(T, B, 3).to_sparse(),
    "packed, too wide": PackedSequence(zeros(5, 4), torch.tensor([3, 2])),
    "packed, one axis": PackedSequence(zeros(5), torch.tensor([3, 2])),
    "packed, three axes": PackedSequence(zeros(5, 1, 3), torch.tensor([3, 2])),
    "a list": [[[0.0] * 3] * B] * T,
    "an array": zeros(T, B, 3).numpy(),
    "nothing": None,
}


def answer(layer: Any, *arguments: Any) -> Any:
    """Return results, or the exception's type and text."""
    try:
        return tensors(layer(*arguments))
    except Exception as refused:
        return type(refused), str(refused)


def assert_same_answer(mine: Any, theirs: Any, *, by_shape: bool) -> None:
    if isinstance(theirs, list):
        assert_same(mine, theirs)
    elif by_shape and mine != theirs:
        assert mine[0] is theirs[0] is RuntimeError
        assert mine[1].startswith(("Expected hidden[", "input.size(-1) must be equal to input_size. Expected 3, got"))
    else:
        assert mine == theirs


@pytest.mark.parametrize("mistake", INVALID_INPUTS)
@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_wrong_inputs_are_refused_in_torchs_words(cell: str, mistake: str) -> None:
    for batch_first in (False, True):
        x = INVALID_INPUTS[mistake]
        if batch_first and mistake == "no steps":
            x = zeros(B, 0, 3)
        mine, theirs = (answer(layer, x) for layer in layer_pair(cell, batch_first=batch_first))
        assert isinstance(theirs, tuple)
        assert_same_answer(mine, theirs, by_shape=cell == "lstm" and mistake.startswith("packed"))


INVALID_STATES: dict[str, Callable[[list[Tensor]], Any]] = {
    "too few rows": lambda initial: as_hx([s[:, :2] for s in initial]),
    "too many rows": lambda initial: as_hx([torch.cat([s, s], 1) for s in initial]),
    "too narrow": lambda initial: as_hx([s[..., :2] for s in initial]),
    "too few layers": lambda initial: as_hx([s[:1] for s in initial]),
    "no rows' axis": lambda initial: as_hx([s[:, 0] for s in initial]),
    "another axis": lambda initial: as_hx([s[None] for s in initial]),
    "another precision": lambda initial: as_hx([s.float() for s in initial]),
    "integers": lambda initial: as_hx([s.long() for s in initial]),
    "last one too narrow": lambda initial: as_hx([*initial[:-1], initial[-1][..., :2]]),
    "last one of another precision": lambda initial: as_hx([*initial[:-1], initial[-1].float()]),
    "last one without its rows' axis": lambda initial: as_hx([*initial[:-1], initial[-1][:, 0]]),
    "another device": lambda initial: as_hx([s.to("meta") for s in initial]),
    "the other kind of cell's": lambda initial: initial[0] if len(initial) == 2 else (initial[0], initial[0]),
    "one in a tuple": lambda initial: (initial[0],),
    "three": lambda initial: (initial[0],) * 3,
    "none in a tuple": lambda initial: (),
    "a number": lambda initial: 5,
    "an array": lambda initial: initial[0].numpy(),
    "arrays": lambda initial: tuple(s.numpy() for s in initial),
}


@pytest.mark.parametrize(
    ("cell", "mistake", "form"), pairwise(["tanh", "gru", "lstm"], list(INVALID_STATES), SEQUENCES)
)
def test_wrong_states_are_refused_in_torchs_words(cell: str, mistake: str, form: str) -> None:
    answers = []
    for layer in layer_pair(cell, num_layers=2):
        x = batch(layer, shape=(T,) if form == "one" else (T, B))
        answers.append(answer(layer, sequence(layer, form, x), INVALID_STATES[mistake](states(layer))))
    assert_same_answer(*answers, by_shape=cell == "lstm" and form.startswith("packed"))
    taken = cell == "lstm" and mistake == "last one of another precision"  # torch multiplies it nowhere
    assert form != "batch" or isinstance(answers[0], list) == taken


@pytest.mark.parametrize("cell", CELLS)
def test_a_list_of_states_is_taken_where_torch_takes_it(cell: str) -> None:
    mine, theirs = (answer(layer, batch(layer), states(layer)) for layer in layer_pair(cell))
    assert isinstance(theirs, list) == (cell == "lstm")
    assert_same_answer(mine, theirs, by_shape=False)


@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_without_rows_gives_results_without_rows(cell: str, batch_first: bool) -> None:
    results = []
    for layer in layer_pair(cell, num_layers=2, bidirectional=True, batch_first=batch_first):
        x, *initial = leaves([batch(layer, shape=(T, 0)), *states(layer, rows=(0,))])
        computed = [*tensors(layer(x)), *tensors(layer(x, as_hx(initial)))]
        loss(computed).backward()
        results.append([*(t.detach() for t in computed), x.grad, *(p.grad for p in layer.parameters())])
    assert_equal(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_weights_of_another_precision_are_refused_in_torchs_words(cell: str) -> None:
    answers = []
    for layer in layer_pair(cell):
        layer.weight_hh_l0.data = layer.weight_hh_l0.data.float()
        answers.append(answer(layer, batch(layer)))
    assert isinstance(answers[0], tuple)
    assert_same_answer(*answers, by_shape=False)


@pytest.mark.parametrize("cell", CELLS)
def test_numbers_that_are_none_go_the_way_they_go_in_torch(cell: str) -> None:
    for bad in (float("nan"), float("inf"), -float("inf"), 1e300):
        results = []
        for layer in layer_pair(cell):
            x = batch(layer)
            x[2, 1, 0] = bad
            results.append(tensors(layer(x)))
        for mine, theirs in zip(*results, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10, equal_nan=True)

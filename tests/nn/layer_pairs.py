"""A layer of elman.nn and one of torch.nn with the same weights, their arguments, and what they return.

layer_pair    the two layers                     sequence    a batch, one sequence, or packed sequences
states        initial states                     outcome     results and gradients, as one list
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import elman.nn
from elman import kernels

CELLS = {
    "tanh": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "gru": ("GRU", {}),
    "lstm": ("LSTM", {}),
}
CELL_NAMES = list(CELLS)
STACKS: dict[str, dict[str, Any]] = {
    f"{layers}_{'both' if both else 'forward'}_{'biases' if bias else 'bare'}": {
        "num_layers": layers,
        "bidirectional": both,
        "bias": bias,
    }
    for layers, both, bias in itertools.product((1, 2), (False, True), (True, False))
}
PAIRS_OF_OPTIONS = ("1_forward_biases", "1_both_bare", "2_forward_bare", "2_both_biases")  # any two meet in one of them
SEQUENCES = ("batch", "one", "packed", "packed_sorted")
LENGTHS = {"packed": [2, 6, 1], "packed_sorted": [6, 3, 3]}
T, B, INPUTS, UNITS = 6, 3, 3, 4

needs_kernels = pytest.mark.skipif(not kernels.available(), reason=f"no kernels: {kernels.unavailable_reason()}")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer_pair(
    cell: str, dtype: torch.dtype = torch.float64, sizes: tuple[int, int] = (INPUTS, UNITS), **options: Any
) -> list[Any]:
    """Return ours and torch's, with torch's weights in both."""
    kind, more = CELLS[cell]
    torch.manual_seed(3)
    theirs = getattr(nn, kind)(*sizes, dtype=dtype, **more, **options)
    ours = getattr(elman.nn, kind)(*sizes, dtype=dtype, **more, **options)
    ours.load_state_dict(theirs.state_dict())
    return [ours, theirs]


def directions(layer: Any) -> int:
    return 2 if layer.bidirectional else 1


def batch(layer: Any, seed: int = 0, shape: tuple[int, ...] = (T, B), width: int = INPUTS) -> Tensor:
    """Return random inputs in the layer's layout and precision; one sequence where the shape is (T,)."""
    dtype = layer.weight_hh_l0.dtype
    x = torch.randn(*shape, width, generator=seeded(seed), dtype=torch.float64).to(dtype)
    return x.transpose(0, 1).contiguous() if layer.batch_first and len(shape) == 2 else x


def sequence(layer: Any, form: str, x: Tensor) -> Any:
    """Return x as it is, or packed by LENGTHS."""
    if form not in LENGTHS:
        return x
    lengths = torch.tensor(LENGTHS[form])
    return pack_padded_sequence(x, lengths, batch_first=layer.batch_first, enforce_sorted=form == "packed_sorted")


def states(layer: Any, seed: int = 1, rows: tuple[int, ...] = (B,)) -> list[Tensor]:
    """Return initial states h, or h and c; rows () for one sequence."""
    shape = (layer.num_layers * directions(layer), *rows, layer.hidden_size)
    dtype, generator = layer.weight_hh_l0.dtype, seeded(seed)
    count = 2 if layer.mode == "LSTM" else 1
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(count)]


def as_hx(states: Sequence[Tensor]) -> Any:
    """Return states as a layer takes them: None, h, or (h, c)."""
    return None if not states else states[0] if len(states) == 1 else tuple(states)


def leaves(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [t.detach().clone().requires_grad_() for t in tensors]


def tensors(result: Any) -> list[Tensor]:
    """Return every tensor of numbers in the result of a layer."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, PackedSequence):
        return [result.data]
    return [tensor for part in result for tensor in tensors(part)]


def loss(result: Any) -> Tensor:
    """Return a weighted sum of all results of a layer, in which every number has a weight of its own."""
    parts = [(t * torch.arange(1, t.numel() + 1, dtype=t.dtype).cos().view(t.shape)).sum() for t in tensors(result)]
    return torch.stack(parts).sum()


def outcome(
    layer: Any,
    form: str,
    initial_states: Sequence[Tensor] = (),
    x: Tensor | None = None,
    run: Callable[..., Any] | None = None,
) -> list[Tensor]:
    """Return the results, and the gradients of their loss with respect to x, the states and every weight.

    run(sequence, states) computes the results; by default it is the layer.
    """
    layer.zero_grad()
    x, *hx = leaves([batch(layer) if x is None else x, *initial_states])
    result = (run or layer)(sequence(layer, form, x), as_hx(hx))
    loss(result).backward()
    gradients = [t.grad for t in (x, *hx, *layer.parameters())]
    return [*(t.detach() for t in tensors(result)), *gradients]


def assert_same(mine: Sequence[Tensor | None], theirs: Sequence[Tensor | None]) -> None:
    """Assert equality up to the order of sums: 1e-10 in float64, 1e-5 in float32."""
    assert len(mine) == len(theirs) > 0
    for index, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert (a is None) == (b is None), f"tensor {index}: {a} and {b}"
        if a is not None and b is not None:
            bound = 1e-10 if b.dtype == torch.float64 else 1e-5
            torch.testing.assert_close(a, b, rtol=bound, atol=bound, msg=partial("tensor {}: {}".format, index))


def assert_equal(mine: Sequence[Tensor | None], theirs: Sequence[Tensor | None]) -> None:
    """Assert equality to the last bit."""
    assert len(mine) == len(theirs) > 0
    for a, b in zip(mine, theirs, strict=True):
        assert a is not None
        assert b is not None
        assert torch.equal(a, b)

"""Attention against its equations written out, and its derivatives against finite differences."""

import numpy as np
import pytest
import torch

import elman.models.attention
import elman.nn.attention
from elman.models.attention import Attention as RuntimeAttention
from elman.models.attention import Kind
from elman.nn import Attention

B, T, S, H = 3, 4, 5, 6
LENGTHS = torch.tensor([5, 1, 3])
# float64, sums of a handful of numbers in another order
ROUNDING = 1e-12

every_kind = pytest.mark.parametrize("kind", ["dot", "general", "additive"])


def problem(kind: Kind) -> tuple[Attention, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    attention = Attention(kind, H).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    queries, memory = (torch.randn(B, n, H, generator=generator, dtype=torch.float64) for n in (T, S))
    return attention, queries, memory


def score(attention: Attention, q: np.ndarray, m: np.ndarray) -> float:
    """One score, as the papers write it."""
    weights = {name: parameter.detach().numpy() for name, parameter in attention.named_parameters()}
    if attention.kind == "dot":
        return float(q @ m)
    if attention.kind == "general":
        return float(q @ weights["key.weight"] @ m)
    return float(weights["score"] @ np.tanh(weights["query.weight"] @ q + weights["key.weight"] @ m))


@every_kind
def test_shares_and_contexts_are_those_of_the_equations(kind: Kind) -> None:
    attention, queries, memory = problem(kind)
    shares = attention.weights(queries, memory, LENGTHS).detach().numpy()
    contexts = attention(queries, memory, LENGTHS).detach().numpy()
    for b, length in enumerate(LENGTHS.tolist()):
        for t in range(T):
            q, m = queries[b, t].numpy(), memory[b].numpy()
            e = np.exp([score(attention, q, m[s]) for s in range(length)])
            np.testing.assert_allclose(shares[b, t, :length], e / e.sum(), rtol=ROUNDING)
            assert not shares[b, t, length:].any()
            np.testing.assert_allclose(contexts[b, t], (e / e.sum()) @ m[:length], rtol=1e3 * ROUNDING)


@every_kind
def test_what_is_padded_changes_nothing_and_gets_no_gradient(kind: Kind) -> None:
    attention, queries, memory = problem(kind)
    memory.requires_grad_()
    contexts = attention(queries, memory, LENGTHS)
    contexts.sum().backward()
    assert memory.grad is not None
    padded = torch.arange(S) >= LENGTHS[:, None]
    assert not memory.grad[padded].any()
    assert memory.grad[~padded].all()
    with torch.no_grad():
        memory[padded] = 1e6
    assert torch.equal(attention(queries, memory, LENGTHS), contexts)


@every_kind
def test_derivatives_are_those_of_finite_differences(kind: Kind) -> None:
    attention, queries, memory = problem(kind)
    inputs = (queries.requires_grad_(), memory.requires_grad_(), *attention.parameters())
    assert torch.autograd.gradcheck(lambda q, m, *_: attention(q, m, LENGTHS), inputs)


@every_kind
@pytest.mark.parametrize("rows", [1, 3])
def test_prediction_has_the_same_shares_for_each_of_the_rows_of_a_memory(kind: Kind, rows: int) -> None:
    attention, _, memory = problem(kind)
    queries = torch.randn(B, rows, H, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    tensors = {f"attention.{name}": parameter.detach().numpy() for name, parameter in attention.named_parameters()}
    runtime = RuntimeAttention(kind, tensors, H)
    keys = runtime.keys(memory.numpy())
    shares = runtime.weights(queries.numpy(), keys, LENGTHS.numpy())
    np.testing.assert_allclose(
        shares, attention.weights(queries, memory, LENGTHS).detach().numpy(), rtol=1e3 * ROUNDING
    )


def test_an_unknown_kind_is_an_error() -> None:
    message = "^kind of attention: given 'Dot'; expected dot, general or additive$"
    with pytest.raises(ValueError, match=message):
        Attention("Dot", H)  # type: ignore[arg-type]


@pytest.mark.parametrize("scores", [1, B * S, 3 * B * S * H])
@every_kind
def test_long_sequences_are_computed_in_parts_with_the_same_derivatives(
    kind: Kind, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention, queries, memory = problem(kind)
    inputs = [queries.requires_grad_(), memory.requires_grad_(), *attention.parameters()]
    results = []
    for limit in (10**9, scores):
        monkeypatch.setattr(elman.nn.attention, "MAX_SCORES", limit)
        contexts = attention(queries, memory, LENGTHS)
        results.append([contexts, *torch.autograd.grad(contexts.cos().sum(), inputs)])
    torch.testing.assert_close(*results, rtol=1e-10, atol=ROUNDING)


def test_the_scores_of_all_queries_are_never_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    attention, queries, memory = problem("dot")
    sizes: list[int] = []
    softmax = torch.softmax

    def measured(scores: torch.Tensor, axis: int) -> torch.Tensor:
        sizes.append(scores.numel())
        return softmax(scores, axis)

    monkeypatch.setattr(elman.nn.attention, "MAX_SCORES", 2 * B * S)
    monkeypatch.setattr(torch, "softmax", measured)
    attention(queries.requires_grad_(), memory, LENGTHS).sum().backward()
    assert sizes == [2 * B * S] * 4  # two parts, each computed again for the derivatives


@every_kind
def test_without_torch_the_parts_are_the_same(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    attention, queries, memory = problem(kind)
    tensors = {f"attention.{name}": parameter.detach().numpy() for name, parameter in attention.named_parameters()}
    runtime, m = RuntimeAttention(kind, tensors, H), memory.numpy()
    expected = attention(queries, memory, LENGTHS).detach().numpy()
    for limit in (1 << 24, 1, 3 * B * S):
        monkeypatch.setattr(elman.models.attention, "MAX_SCORES", limit)
        contexts = runtime.contexts(queries.numpy(), runtime.keys(m), m, LENGTHS.numpy())
        np.testing.assert_allclose(contexts, expected, rtol=1e3 * ROUNDING)

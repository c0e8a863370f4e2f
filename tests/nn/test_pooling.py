"""Pooling: attention weights are those that the pooled vector is computed with."""

from __future__ import annotations

import pytest
import torch

from elman.nn import Pooling

OUTPUTS = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LENGTHS = torch.tensor([5, 2, 1])


def test_attention_weights_are_a_distribution_over_the_tokens_and_give_the_pooled_vector() -> None:
    torch.manual_seed(1)
    pooling = Pooling("attention", 4).double()
    weights = pooling.weights(OUTPUTS, LENGTHS)
    assert weights.shape == (5, 3)
    for row, length in enumerate(LENGTHS.tolist()):
        e = torch.tanh(OUTPUTS[:length, row] @ pooling.key.weight.T + pooling.key.bias) @ pooling.score
        assert torch.allclose(weights[:length, row], torch.exp(e) / torch.exp(e).sum(), rtol=1e-12)
        assert (weights[length:, row] == 0.0).all()
    pooled = pooling(OUTPUTS, OUTPUTS[-1], LENGTHS)
    assert torch.allclose(pooled, torch.einsum("tb,tbn->bn", weights, OUTPUTS), rtol=1e-12)


def test_only_attention_has_weights() -> None:
    with pytest.raises(ValueError, match=r"given a pooling without attention; expected Pooling\('attention', size\)"):
        Pooling("mean", 4).weights(OUTPUTS, LENGTHS)

"""The network of a classifier in training: word dropout replaces rare words more often, and dropout ends with it."""

from __future__ import annotations

import numpy as np
import torch

from elman.data.batches.padded import IdLists
from elman.data.batches.token_characters import TokenBatch
from elman.nn.tagging_encoder import WordDropout

from .models import EXAMPLES, batch_of, tiny_network


def test_word_dropout_replaces_rare_words_more_often() -> None:
    training_words = IdLists.from_arrays([np.array([1, 1, 1, 1, 2]), np.array([1, 1])])  # word 1 six times, word 2 once
    words = np.array([[1] * 20_000, [2] * 20_000])
    batch = TokenBatch(words, np.full(2, 20_000), None)
    result = WordDropout(training_words, 4, 2.0)(batch, torch.Generator().manual_seed(0))
    dropped = (result.words == 0).mean(1)
    np.testing.assert_allclose(dropped, [2 / 8, 2 / 3], atol=5 * np.sqrt(0.25 / 20_000))  # five standard errors
    assert ((result.words == words) | (result.words == 0)).all()
    assert WordDropout(training_words, 4, 0.0)(batch, torch.Generator()) is batch


def test_dropout_applies_in_training_only() -> None:
    plain, with_dropout = tiny_network("words"), tiny_network("words", dropout=0.5)
    tokens = batch_of(plain.config, EXAMPLES).tokens
    with torch.no_grad():
        expected, logits = (network(tokens, torch.Generator().manual_seed(0)) for network in (plain, with_dropout))
        trained = with_dropout.train()(tokens, torch.Generator().manual_seed(0))
    torch.testing.assert_close(logits, expected, rtol=0, atol=0)
    assert not torch.allclose(trained, expected)

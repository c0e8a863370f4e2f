"""Reading in training: words taken for unknown as often as they are rare, and a share of what is read dropped."""

from __future__ import annotations

import numpy as np
import torch

from elman.data.padded import IdLists
from elman.data.spelled import TokenBatch
from elman.nn.tagging_encoder import UnknownWords

from ..classifier_models import EXAMPLES, batch_of, tiny_network


def test_a_word_is_taken_for_unknown_as_often_as_it_is_rare() -> None:
    seen = IdLists.of([np.array([1, 1, 1, 1, 2]), np.array([1, 1])])  # word 1 six times, word 2 once
    words = np.array([[1] * 20_000, [2] * 20_000])
    batch = TokenBatch(words, np.full(2, 20_000), None)
    found = UnknownWords(seen, 4, 2.0).among(batch, torch.Generator().manual_seed(0))
    dropped = (found.words == 0).mean(1)
    np.testing.assert_allclose(dropped, [2 / 8, 2 / 3], atol=5 * np.sqrt(0.25 / 20_000))  # five standard errors
    assert ((found.words == words) | (found.words == 0)).all()
    assert UnknownWords(seen, 4, 0.0).among(batch, torch.Generator()) is batch


def test_activations_are_dropped_in_training_alone() -> None:
    plain, dropping = tiny_network("words"), tiny_network("words", dropout=0.5)
    tokens = batch_of(plain.config, EXAMPLES).tokens
    with torch.no_grad():
        expected, found = (each(tokens, torch.Generator().manual_seed(0)) for each in (plain, dropping))
        trained = dropping.train()(tokens, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not torch.allclose(trained, expected)

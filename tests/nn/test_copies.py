"""Layers are copied and pickled after they have run, since they keep no packed weights."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn

import elman.nn

LAYERS: list[Callable[[], nn.Module]] = [
    lambda: elman.nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    lambda: elman.nn.GRU(3, 4),
    lambda: elman.nn.RNN(3, 4),
    lambda: elman.nn.Recurrent("min_gru", 3, 4),
    lambda: elman.nn.Recurrent("elman", 3, 4),
]


@pytest.mark.parametrize("build", LAYERS)
def test_copies_of_a_layer_that_has_run_compute_the_same(build: Callable[[], nn.Module]) -> None:
    layer, x = build(), torch.randn(5, 2, 3)
    layer(x)[0].sum().backward()
    expected = layer(x)[0]
    stream = io.BytesIO()
    torch.save(layer, stream)
    stream.seek(0)
    copies = (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(stream, weights_only=False))
    for other in copies:
        assert torch.equal(other(x)[0], expected)

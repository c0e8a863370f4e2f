"""The network of digit-sum and its siblings trains as the same network in torch.nn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman import cells
from elman.cells import unroll
from elman.cells.adam import Adam
from elman.labs.sequence_classifier import SequenceClassifier

TOKENS, CLASSES, HIDDEN, STEPS = 10, 19, 6, 7
TORCH_LAYERS = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


class TorchClassifier(torch.nn.Module):
    """The same network, by torch.nn alone, with the parameters of a SequenceClassifier."""

    def __init__(self, cell: str, network: SequenceClassifier, num_layers: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(TOKENS, HIDDEN)
        self.layer = TORCH_LAYERS[cell](HIDDEN, HIDDEN, num_layers, batch_first=True, bidirectional=bidirectional)
        self.readout = torch.nn.Linear(HIDDEN * (1 + bidirectional), CLASSES)
        values = {name: torch.from_numpy(array.copy()) for name, array in network.p.items()}
        self.embedding.load_state_dict({"weight": values.pop("E")})
        self.readout.load_state_dict({"weight": values.pop("V"), "bias": values.pop("b_o")})
        self.layer.load_state_dict(values)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        _, final = self.layer(self.embedding(tokens))
        h = final[0] if isinstance(final, tuple) else final
        directions = 2 if self.layer.bidirectional else 1
        return torch.as_tensor(self.readout(torch.cat(list(h[-directions:]), dim=1)))

    def gradients(self) -> dict[str, Any]:
        """Return the gradients by the names of a SequenceClassifier."""
        named = {"E": self.embedding.weight, "V": self.readout.weight, "b_o": self.readout.bias}
        named |= dict(self.layer.named_parameters())
        return {name: np.asarray(parameter.grad) for name, parameter in named.items()}


@pytest.mark.parametrize("by_numpy", [False, True])
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (1, True), (3, False), (2, True)])
@pytest.mark.parametrize("cell", TORCH_LAYERS)
def test_losses_and_gradients_of_a_training_are_those_of_torch(
    cell: str, num_layers: int, bidirectional: bool, by_numpy: bool
) -> None:
    rng = np.random.default_rng(0)
    network = SequenceClassifier(
        cells.create(cell), TOKENS, CLASSES, HIDDEN, rng, num_layers=num_layers, bidirectional=bidirectional
    )
    if by_numpy:  # as in an installation without kernels
        network.uses_kernels, network.forward, network.backward = False, unroll.forward, unroll.backward
    network.parameters += rng.normal(scale=0.1, size=network.parameters.shape).astype(np.float32)  # biases too
    other = TorchClassifier(cell, network, num_layers, bidirectional=bidirectional)
    ours, theirs = Adam(network.parameters, 0.01), torch.optim.Adam(other.parameters(), 0.01)
    for _ in range(10):
        tokens, classes = rng.integers(TOKENS, size=(5, STEPS)), rng.integers(CLASSES, size=5)
        logits = other(torch.from_numpy(tokens))
        np.testing.assert_allclose(network.logits(tokens), logits.detach(), rtol=0.0, atol=1e-5)  # float32, 10 updates
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(classes))
        assert abs(network.loss(tokens, classes) - loss.item()) < 1e-5
        ours.update(network.gradients)
        theirs.zero_grad()
        loss.backward()
        for name, gradient in other.gradients().items():  # their scale, too: Adam gives the same updates for any scale
            np.testing.assert_allclose(network.d[name], gradient, rtol=0.0, atol=1e-5, err_msg=name)
        theirs.step()

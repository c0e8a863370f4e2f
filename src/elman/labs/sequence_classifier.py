"""The network of several labs: it reads a sequence of tokens and classifies it by its last state. NumPy and kernels.

    x_t = E[token_t]                                     embedding
    h_t = cell(W x_t + b_ih, U h_(t-1) + b_hh)           elman.cells, in layers and one or two directions
    o   = V h_T + b_o                                    two directions: h_T is [forward at T, backward at 1]
    L   = mean over the batch of -log softmax(o)[class]

There are few tokens, so the bottom layer reads one-hot vectors, and its input weights are W E^T: one column for each
token. dL/dW and dL/dE follow from the derivative of this product.

All parameters lie in one vector, so that an optimizer updates them at once. A small batch costs about a quarter of the
time of the same network in torch, where most of the time is spent between the computations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import Cell, LayerParameters, readout, unroll
from elman.cells.cell import stored_name, weight_shapes

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class SequenceClassifier:
    """Parameters and their gradients, by torch's names: as vectors, and as views of these vectors with their shapes."""

    def __init__(
        self,
        cell: Cell,
        num_tokens: int,
        num_classes: int,
        hidden_size: int,
        rng: np.random.Generator,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
    ) -> None:
        """Create the network. The embedding has the size of the hidden state."""
        self.cell, self.hidden_size = cell, hidden_size
        features = hidden_size * (1 + bidirectional)
        self.shapes: dict[str, tuple[int, ...]] = {"E": (num_tokens, hidden_size)}
        self.shapes |= {"V": (num_classes, features), "b_o": (num_classes,)}
        self.names: list[list[dict[str, str]]] = []  # [layer][direction]: W, U, b_ih, b_hh -> name of the parameter
        for layer in range(num_layers):
            weights = weight_shapes(cell, features if layer else hidden_size, hidden_size)
            directions = (False, True) if bidirectional else (False,)
            self.names.append([{w: stored_name(w, layer, reverse=reverse) for w in weights} for reverse in directions])
            self.shapes |= {names[w]: weights[w] for names in self.names[-1] for w in weights}
        size = sum(math.prod(shape) for shape in self.shapes.values())
        self.parameters, self.gradients = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.p, self.d = _views(self.parameters, self.shapes), _views(self.gradients, self.shapes)
        self.one_hot = np.eye(num_tokens, dtype=np.float32)
        self._layers = [
            [
                LayerParameters.from_arrays({w: self.p[name] for w, name in names.items()}, hidden_size)
                for names in layer
            ]
            for layer in self.names
        ]
        self.uses_kernels = kernels.available()  # for the readout and its loss
        self.forward: Any = unroll.forward
        self.backward: Any = unroll.backward
        if kernels.supports(cell, np.float32):
            self.forward = partial(kernels.forward, threads=1)
            self.backward = partial(kernels.backward, keep=False, threads=1)
        self.initialize(rng)

    def initialize(self, rng: np.random.Generator) -> None:
        """Set random parameters as torch.nn does: E normal, all others uniform within 1 / sqrt(H)."""
        for name, array in self.p.items():
            bound = 1.0 / math.sqrt(self.p["V"].shape[1] if name in ("V", "b_o") else self.hidden_size)
            array[:] = rng.normal(size=array.shape) if name == "E" else rng.uniform(-bound, bound, array.shape)

    def logits(self, tokens: Integers) -> Floats:
        """Return the logits (B, classes) of tokens (B, T)."""
        return readout.forward(self._run(tokens)[0], self.p["V"], self.p["b_o"])

    def states(self, tokens: Integers) -> Floats:
        """Return the hidden states (B, T, directions * H) of the top layer."""
        return self._run(tokens)[1]

    def loss(self, tokens: Integers, classes: Integers) -> float:
        """Return the mean loss of tokens (B, T) and classes (B,), in nats, and set the gradients."""
        p, d, H = self.p, self.d, self.hidden_size
        h, outputs, tape = self._run(tokens)
        loss, d_h = self._readout_loss(h, classes)
        d_outputs = np.zeros(outputs.shape, outputs.dtype)
        d_outputs[:, -1, :H] = d_h[:, :H]
        d_outputs[:, 0, H:] = d_h[:, H:]  # the last step of the backward direction; empty without one
        d["E"][:] = 0.0
        for index, layer in enumerate(self.backward(tape, d_outputs).params):
            for names, gradients in zip(self.names[index], layer, strict=True):
                for weights, name in names.items():
                    d[name][:] = getattr(gradients, weights) if index or weights != "W" else gradients.W @ p["E"]
                if index == 0:
                    d["E"] += gradients.W.T @ p[names["W"]]
        return loss

    def layer_parameters(self) -> list[list[LayerParameters]]:
        """Return the parameters of [layer][direction]; the bottom layer's W is W E^T (G*H, tokens)."""
        bottom = [LayerParameters(p.W @ self.p["E"].T, p.U, p.b_ih, p.b_hh, p.cell_parameters) for p in self._layers[0]]
        return [bottom, *self._layers[1:]]

    def _readout_loss(self, h: Floats, classes: Integers) -> tuple[float, Floats]:
        """Return the mean loss of the last states h (B, directions * H) and its derivative; set those of V and b_o."""
        p, d, mean = self.p, self.d, np.float32(1.0 / len(h))
        if not self.uses_kernels:
            total, _, d_logits = readout.softmax_cross_entropy(readout.forward(h, p["V"], p["b_o"]), classes)
            d_h, d["V"][:], d["b_o"][:] = readout.backward(d_logits * mean, h, p["V"])
            return total / len(h), d_h
        d_h = np.empty_like(h)
        losses = kernels.cross_entropy(h, p["V"], p["b_o"], classes, d_h, d["V"], d["b_o"], threads=1)
        for derivative in (d_h, d["V"], d["b_o"]):  # of the sum
            derivative *= mean
        return float(losses.sum()) / len(h), d_h

    def _run(self, tokens: Integers) -> tuple[Floats, Floats, Any]:
        """Return the last state of the top layer (B, directions * H), its outputs (B, T, directions * H), the tape."""
        outputs, state, tape = self.forward(self.cell, self.layer_parameters(), self.one_hot[tokens])
        return np.concatenate([states[0] for states in state[-1]], axis=-1), outputs, tape


def _views(vector: Floats, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Return consecutive parts of a vector in their shapes, without copies."""
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}

"""Checks an installed wheel: a model is written to a folder, loaded and used. Run by the release workflow.

    python tests/installed/predict.py [--without-kernels]

It needs what `pip install elman` installs, and nothing else: no test framework, no PyTorch, no compiler. Predictions
are compared with the same network computed here, in float64, from the equations of the gated recurrent unit.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import elman
from elman import kernels
from elman.checkpoint import ModelFolder, write_model
from elman.checkpoint.serialization import Tensors

CHARACTERS = ["<unk>", "a", "b", "c", "d"]
LABELS = ["negative", "positive"]
TEXTS = ["abcd", "dcba", "a", "abba" * 20]
EMBEDDING, HIDDEN = 6, 7
CONFIG = {
    "task": "classify",
    "model": {
        "cell": "gru",
        "embedding_size": EMBEDDING,
        "hidden_size": HIDDEN,
        "bidirectional": False,
        "pooling": "last",
    },
    "text": {"level": "char", "normalize": "none"},
}


def random_tensors() -> Tensors:
    """Return the weights of a classifier, under the names of a model folder."""
    rng = np.random.default_rng(0)
    shapes = {
        "tokens.words.weight": (len(CHARACTERS), EMBEDDING),
        "layers.0.weight_ih_l0": (3 * HIDDEN, EMBEDDING),
        "layers.0.weight_hh_l0": (3 * HIDDEN, HIDDEN),
        "layers.0.bias_ih_l0": (3 * HIDDEN,),
        "layers.0.bias_hh_l0": (3 * HIDDEN,),
        "readout.weight": (len(LABELS), HIDDEN),
        "readout.bias": (len(LABELS),),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def expected_probabilities(tensors: Tensors, text: str) -> list[float]:
    """Return the probabilities of LABELS: a gated recurrent unit over characters, the softmax of its last state."""
    W, U, b, c, V, v = (
        np.float64(tensors[name])
        for name in (
            *("layers.0.weight_ih_l0", "layers.0.weight_hh_l0", "layers.0.bias_ih_l0", "layers.0.bias_hh_l0"),
            *("readout.weight", "readout.bias"),
        )
    )
    h = np.zeros(HIDDEN)
    for character in text:
        x = tensors["tokens.words.weight"][CHARACTERS.index(character)]
        a, u = np.split(W @ x + b, 3), np.split(U @ h + c, 3)
        r, z = (1 / (1 + np.exp(-(a[gate] + u[gate]))) for gate in (0, 1))
        n = np.tanh(a[2] + r * u[2])
        h = (1 - z) * n + z * h
    scores = np.exp(V @ h + v)
    return list(scores / scores.sum())


def check(*, expects_kernels: bool) -> None:
    """Exit with a message if the installation lacks its kernels, or predicts something else."""
    had_torch = "torch" in sys.modules
    if kernels.available() != expects_kernels:
        sys.exit(f"kernels: {kernels.unavailable_reason() or 'installed'}; expected the opposite")
    tensors = random_tensors()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_model(
            path, ModelFolder(CONFIG, tensors, {"tokens": CHARACTERS, "characters": ["<unk>"], "labels": LABELS})
        )
        model = elman.load(path)
    given = model.predict_proba(TEXTS)
    expected = [expected_probabilities(tensors, text) for text in TEXTS]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6)
    if "torch" in sys.modules and not had_torch:
        sys.exit("a prediction imported torch")
    sets = ", ".join(kernels.instruction_sets()) if expects_kernels else "NumPy"
    print(f"elman {elman.__version__} ({sets}): {len(TEXTS)} predictions are right")


if __name__ == "__main__":
    check(expects_kernels="--without-kernels" not in sys.argv[1:])

"""Tiny language models with random, distinct weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.cells import CELLS
from elman.cells.cell import parameter_shapes, stored_name
from elman.checkpoint import Tensors
from elman.nn import LAYERS
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelTextConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.text import UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

TOKENS = {
    "char": (UNKNOWN, *"abcde '\n.", "你", "好", "，"),
    "word": (UNKNOWN, "\n", "the", "time", ",", "traveller", "these", "you", "your", ".", "don't", "你", "好"),
    "byte": (UNKNOWN, *BYTE_TOKENS),
}

# Every kind of stack: cells, activations, one and two layers, sizes that all differ, tied and not.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "tanh": {"cell": "elman", "hidden_size": (5,), "embedding_size": 3},
    "relu": {"cell": "elman", "activation": "relu", "hidden_size": (5, 4), "num_layers": 2, "embedding_size": 3},
    "gru": {"cell": "gru", "hidden_size": (5,), "embedding_size": 3},
    "gru_two_layers": {"cell": "gru", "hidden_size": (5, 4), "num_layers": 2, "embedding_size": 3},
    "lstm": {"cell": "lstm", "hidden_size": (5,), "embedding_size": 3},
    "lstm_two_layers": {"cell": "lstm", "hidden_size": (5, 4), "num_layers": 2, "embedding_size": 3},
    "lstm_two_equal_layers": {"cell": "lstm", "hidden_size": 4, "num_layers": 2, "embedding_size": 3},
    "lstm_tied": {"cell": "lstm", "hidden_size": (5, 4), "num_layers": 2, "embedding_size": 4, "tie_weights": True},
    **{
        name: {"cell": name, "hidden_size": (5, 4), "num_layers": 2, "embedding_size": 3}
        for name in CELLS
        if name not in LAYERS
    },
}


def random_tensors(config: LanguageModelConfig, vocabulary_size: int, seed: int = 0, scale: float = 0.6) -> Tensors:
    """Return normal weights of that deviation under the names of a model folder."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocabulary_size, config.embedding_size)}
    inputs = config.embedding_size
    for index, H in enumerate(config.hidden_sizes):
        for name, shape in parameter_shapes(config.build_cell(), inputs, H).items():
            shapes[f"layers.{index}.{stored_name(name)}"] = shape
        inputs = H
    if not config.tie_weights:
        shapes["readout.weight"] = (vocabulary_size, inputs)
    shapes["readout.bias"] = (vocabulary_size,)
    tensors = {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    for name in tensors:
        if "weight_hh" in name:
            tensors[name] /= np.float32(tensors[name].shape[1] ** 0.5)  # else the states of relu grow without limit
    return tensors


def tiny_predictor(
    architecture: str = "lstm_two_layers",
    level: str = "char",
    *,
    tokens: tuple[str, ...] | None = None,
    seed: int = 0,
    scale: float = 0.6,
    **text: Any,
) -> LanguageModelPredictor:
    """Return a predictor; a larger scale makes its distributions sharper."""
    config = LanguageModelConfig(**ARCHITECTURES[architecture])
    vocabulary = Vocabulary(tokens or TOKENS[level])
    tensors = random_tensors(config, len(vocabulary), seed, scale)
    text_config = LanguageModelTextConfig.model_validate({"level": level, **text})
    return LanguageModelPredictor(config, text_config, vocabulary, tensors)


def network_of(predictor: LanguageModelPredictor) -> LanguageModelNetwork:
    """Return the torch network with the predictor's weights, in eval mode."""
    network = LanguageModelNetwork(predictor.config, len(predictor.vocabulary))
    weights = {name: torch.from_numpy(array) for name, array in predictor.tensors.items()}
    if predictor.config.tie_weights:
        weights["readout.weight"] = weights["embedding.weight"]
    network.load_state_dict(weights)
    return network.eval()


def random_ids(predictor: LanguageModelPredictor, n: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return n random token ids."""
    return np.random.default_rng(seed).integers(0, len(predictor.vocabulary), n)


def stepped(predictor: LanguageModelPredictor, ids: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the logits (T, V) after each token, one step at a time, in float64."""
    state, rows = predictor.initial_state(), []
    for token in ids:
        logits, state = predictor.step(np.array([token]), state)
        rows.append(logits[0].astype(np.float64))
    return np.array(rows)

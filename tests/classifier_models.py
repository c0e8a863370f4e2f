"""Tiny classifiers with random weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from elman.data.spelled import TokenIds
from elman.runtime import ClassifierPredictor
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.corpus import LabelTextConfig
from elman.tasks.classifier.training import ClassifierNetwork, LabelledBatch
from elman.text import UNKNOWN, Vocabulary

VOCABULARY = Vocabulary((UNKNOWN, *"abcdef", "你", "好"))
CHARACTERS = Vocabulary((UNKNOWN, *"abcdeFf你"))
LABELS = ("cold", "hot", "中")
TEXT = LabelTextConfig()
WORDS = LabelTextConfig(level="word", normalize="lower")
EXAMPLES = [("abc", "cold"), ("fed", "hot"), ("f", "hot"), ("你好", "中"), ("abzzcab", "cold"), ("aaaa", "中")]

SMALL = {"embedding_size": 5, "hidden_size": 6}
# Every cell, both directions and one, one layer and more, every pooling.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "textbook": {"cell": "elman", "bidirectional": False, "pooling": "last"},
    "last": {"cell": "lstm", "pooling": "last"},
    "mean": {"cell": "gru", "pooling": "mean", "num_layers": 2},
    "max": {"cell": "lstm", "pooling": "max"},
    "max_one_way": {"cell": "gru", "pooling": "max", "bidirectional": False, "num_layers": 2},
    "attention": {"cell": "lstm", "pooling": "attention", "num_layers": 2},
    "attention_one_way": {"cell": "elman", "activation": "relu", "pooling": "attention", "bidirectional": False},
    "words": {"cell": "lstm", "character_size": 4, "character_embedding_size": 3},
    "layer_norm_words": {"cell": "layer_norm_lstm", "character_size": 3},
    "min_gru": {"cell": "min_gru", "num_layers": 2},
    "words_one_way": {"cell": "gru", "character_size": 3, "bidirectional": False, "pooling": "mean"},
}


def text_of(config: ClassifierConfig) -> LabelTextConfig:
    """How the texts of a model are cut: into words where it reads their characters."""
    return WORDS if config.character_size else TEXT


def tiny_config(architecture: str, **more: Any) -> ClassifierConfig:
    """Return the config of an architecture."""
    return ClassifierConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def tiny_network(architecture: str = "max", *, seed: int = 0, **more: Any) -> ClassifierNetwork:
    """Return a network in eval mode, its weights normal, its biases too."""
    network = ClassifierNetwork(tiny_config(architecture, **more), len(VOCABULARY), len(CHARACTERS), len(LABELS))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: ClassifierNetwork) -> ClassifierPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    return ClassifierPredictor(network.config, text_of(network.config), VOCABULARY, CHARACTERS, LABELS, weights)


def tiny_predictor(architecture: str = "max", *, seed: int = 0, **more: Any) -> ClassifierPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more))


def in_order(config: ClassifierConfig, examples: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the examples falling in length, as a batch has them."""
    return sorted(examples, key=lambda example: -len(text_of(config).cut(example[0])))


def batch_of(config: ClassifierConfig, examples: list[tuple[str, str]], *, padding: int = 0) -> LabelledBatch:
    """Return the examples as a batch, falling in length as training has them, with so many more columns."""
    text, examples = text_of(config), in_order(config, examples)
    spelled = CHARACTERS if config.character_size else None
    tokens = TokenIds.of((text.cut(each) for each, _ in examples), text.word, VOCABULARY, spelled)
    batch = tokens.batch(np.arange(len(examples)))
    columns = ((0, 0), (0, padding))
    spelling = batch.spelling
    if spelling is not None:
        characters = np.pad(spelling.characters, columns, constant_values=2)
        spelling = spelling._replace(places=np.pad(spelling.places, columns, constant_values=1), characters=characters)
    batch = batch._replace(words=np.pad(batch.words, columns, constant_values=3), spelling=spelling)
    return LabelledBatch(batch, np.array([LABELS.index(label) for _, label in examples]))

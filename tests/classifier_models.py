"""Tiny classifiers with random weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from elman.data.corpus import TextConfig
from elman.data.padded import IdLists, pad_ids
from elman.runtime import ClassifierPredictor
from elman.runtime.classifier_config import ClassifierConfig
from elman.tasks.classifier import ClassifierNetwork, LabelledBatch
from elman.text import UNKNOWN, Vocabulary

VOCABULARY = Vocabulary((UNKNOWN, *"abcdef", "你", "好"))
LABELS = ("cold", "hot", "中")
TEXT = TextConfig()
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
}


def tiny_config(architecture: str, **more: Any) -> ClassifierConfig:
    """Return the config of an architecture."""
    return ClassifierConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def tiny_network(architecture: str = "max", *, seed: int = 0, **more: Any) -> ClassifierNetwork:
    """Return a network in eval mode, its weights normal, its biases too."""
    network = ClassifierNetwork(tiny_config(architecture, **more), len(VOCABULARY), len(LABELS))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: ClassifierNetwork) -> ClassifierPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    return ClassifierPredictor(network.config, TEXT, VOCABULARY, LABELS, weights)


def tiny_predictor(architecture: str = "max", *, seed: int = 0, **more: Any) -> ClassifierPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more))


def batch_of(examples: list[tuple[str, str]], *, padding: int = 0) -> LabelledBatch:
    """Return the examples as a batch, falling in length as training has them, with so many more columns."""
    examples = sorted(examples, key=lambda example: -len(example[0]))
    codec = TEXT.codec(VOCABULARY)
    ids, lengths = pad_ids(IdLists.of(codec.encode_prompt(text) for text, _ in examples), np.arange(len(examples)))
    ids = np.pad(ids, ((0, 0), (0, padding)), constant_values=3)
    return LabelledBatch(ids, lengths, np.array([LABELS.index(label) for _, label in examples]))

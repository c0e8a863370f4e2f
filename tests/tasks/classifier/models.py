"""Tiny classifiers with random weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elman.data.batches.token_characters import TokenIds
from elman.data.readers.encodings import Notify
from elman.models.calibration import Calibration
from elman.tasks.classifier.config import ClassifierConfig, ClassifierRun, ClassifierTextConfig
from elman.tasks.classifier.corpus import ClassifierCorpus
from elman.tasks.classifier.defaults import resolve
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.classifier.preparation import prepare
from elman.tasks.classifier.readers import MemoryTexts
from elman.tasks.classifier.training import ClassifierBatch
from elman.text import UNKNOWN, Vocabulary

Items = Sequence[tuple[str, str]]

VOCABULARY = Vocabulary((UNKNOWN, *"abcdef", "你", "好"))
CHARACTERS = Vocabulary((UNKNOWN, *"abcdeFf你"))
LABELS = ("cold", "hot", "中")
TEXT = ClassifierTextConfig()
WORDS = ClassifierTextConfig(level="word", normalize="lower")
EXAMPLES = [("abc", "cold"), ("fed", "hot"), ("f", "hot"), ("你好", "中"), ("abzzcab", "cold"), ("aaaa", "中")]

SMALL = {"embedding_size": 5, "hidden_size": 6}
# Every cell, one direction and both, one layer and two, every pooling.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "textbook": {"cell": "elman", "bidirectional": False, "pooling": "last"},
    "last": {"cell": "lstm", "pooling": "last"},
    "mean": {"cell": "gru", "pooling": "mean", "num_layers": 2},
    "max": {"cell": "lstm", "pooling": "max"},
    "max_unidirectional": {"cell": "gru", "pooling": "max", "bidirectional": False, "num_layers": 2},
    "attention": {"cell": "lstm", "pooling": "attention", "num_layers": 2},
    "attention_unidirectional": {"cell": "elman", "activation": "relu", "pooling": "attention", "bidirectional": False},
    "words": {"cell": "lstm", "character_size": 4, "character_embedding_size": 3},
    "layer_norm_words": {"cell": "layer_norm_lstm", "character_size": 3},
    "min_gru": {"cell": "min_gru", "num_layers": 2},
    "words_unidirectional": {"cell": "gru", "character_size": 3, "bidirectional": False, "pooling": "mean"},
}


def text_of(config: ClassifierConfig) -> ClassifierTextConfig:
    """Return the tokenization of a model: words if it reads their characters, else characters."""
    return WORDS if config.character_size else TEXT


def tiny_config(architecture: str, **more: Any) -> ClassifierConfig:
    """Return the config of an architecture."""
    return ClassifierConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def tiny_network(architecture: str = "max", *, seed: int = 0, **more: Any) -> ClassifierNetwork:
    """Return a network in eval mode, with normal weights and biases."""
    network = ClassifierNetwork(tiny_config(architecture, **more), len(VOCABULARY), len(CHARACTERS), len(LABELS))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: ClassifierNetwork, temperature: float = 1.0) -> ClassifierPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    text, calibration = text_of(network.config), Calibration(temperature=temperature)
    return ClassifierPredictor(network.config, text, VOCABULARY, CHARACTERS, LABELS, weights, calibration=calibration)


def tiny_predictor(
    architecture: str = "max", *, seed: int = 0, temperature: float = 1.0, **more: Any
) -> ClassifierPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more), temperature)


def in_order(config: ClassifierConfig, examples: Items) -> list[tuple[str, str]]:
    """Return the examples in order of falling length, as a batch has them."""
    return sorted(examples, key=lambda example: -len(text_of(config).tokenize(example[0])))


def corpus_of(
    folder: Path, items: Items, valid: Items | None = None, *, notify: Notify = lambda message: None, **data: Any
) -> ClassifierCorpus:
    """Prepare a corpus from texts in memory; data are values of the data config."""
    values = {"data": data}
    valid_sources = [] if valid is None else [MemoryTexts(valid)]
    return prepare(folder, values, resolve(values), [MemoryTexts(items)], valid_sources, notify)


def run_config(model: ClassifierConfig, batch_size: int = 8, seed: int = 0) -> ClassifierRun:
    """Return the config of a run with these sizes."""
    level = "word" if model.character_size else None
    return resolve(
        {
            "seed": seed,
            "data": {} if level is None else {"level": level},
            "training": {"batch_size": batch_size, "steps": 1},
            "model": model.model_dump(),
        }
    )


def batch_of(config: ClassifierConfig, examples: Items, *, padding: int = 0) -> ClassifierBatch:
    """Return the examples as a batch, in order of falling length, with additional columns of padding."""
    text, examples = text_of(config), in_order(config, examples)
    characters = CHARACTERS if config.character_size else None
    tokens = TokenIds.from_tokens(
        (text.tokenize(content) for content, _ in examples), text.word, VOCABULARY, characters
    )
    batch = tokens.batch(np.arange(len(examples)))
    columns = ((0, 0), (0, padding))
    of_tokens = batch.characters
    if of_tokens is not None:
        token_index = np.pad(of_tokens.token_index, columns, constant_values=1)
        of_tokens = of_tokens._replace(token_index=token_index, ids=np.pad(of_tokens.ids, columns, constant_values=2))
    batch = batch._replace(words=np.pad(batch.words, columns, constant_values=3), characters=of_tokens)
    labels = np.array([LABELS.index(label) for _, label in examples])
    return ClassifierBatch(batch, labels, np.ones(len(labels), np.float32))

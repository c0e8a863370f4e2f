"""Tiny taggers with random weights: nothing in them is zero, symmetric or trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elman.data.batches.padded import IGNORE_INDEX, IdLists, pad_ids
from elman.data.batches.token_characters import TokenBatch, TokenCharacters
from elman.data.readers.encodings import Notify
from elman.tasks.tagger.config import TaggerConfig, TaggerRun, TaggerTextConfig
from elman.tasks.tagger.corpus import TaggerCorpus
from elman.tasks.tagger.defaults import resolve
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.tasks.tagger.preparation import prepare
from elman.tasks.tagger.readers import MemorySentences
from elman.tasks.tagger.training import TaggerBatch
from elman.text import UNKNOWN, Vocabulary

Items = Sequence[tuple[Sequence[str], Sequence[str]]]

WORDS = Vocabulary((UNKNOWN, "ann", "left", "the", "city", "北", "京"))
CHARACTERS = Vocabulary((UNKNOWN, *"Anlefthciy", "北"))
LABELS = ("B-X", "I-X", "O")
TEXT = TaggerTextConfig()
EXAMPLES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("Ann", "left", "the", "city"), ("B-X", "O", "B-X", "I-X")),
    (("The", "zebra"), ("O", "B-X")),
    (("北", "京", "Ann", "Ann", "leave"), ("B-X", "I-X", "I-X", "O", "O")),
    (("city",), ("O",)),
]

SMALL = {"embedding_size": 5, "hidden_size": 6, "character_size": 4, "character_embedding_size": 3, "scheme": "bio"}
# Every cell, one direction and both, one layer and two, with characters and without, with a CRF and without.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "plain": {"cell": "lstm"},
    "crf": {"cell": "lstm", "crf": True, "num_layers": 2},
    "words": {"cell": "gru", "character_size": 0},
    "unidirectional": {"cell": "elman", "bidirectional": False, "num_layers": 2},
    "crf_unidirectional": {"cell": "gru", "bidirectional": False, "crf": True},
    "layer_norm_crf": {"cell": "layer_norm_lstm", "crf": True},
    "crf_words": {"cell": "elman", "activation": "relu", "character_size": 0, "crf": True, "scheme": "none"},
}


def tiny_config(architecture: str = "plain", **more: Any) -> TaggerConfig:
    """Return the config of an architecture."""
    return TaggerConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def tiny_network(architecture: str = "plain", *, seed: int = 0, **more: Any) -> TaggerNetwork:
    """Return a network in eval mode, with normal weights and biases."""
    network = TaggerNetwork(tiny_config(architecture, **more), len(WORDS), len(CHARACTERS), LABELS)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: TaggerNetwork) -> TaggerPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    return TaggerPredictor(network.config, TEXT, WORDS, CHARACTERS, LABELS, weights)


def tiny_predictor(architecture: str = "plain", *, seed: int = 0, **more: Any) -> TaggerPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more))


def corpus_of(
    folder: Path, items: Items, valid: Items | None = None, *, notify: Notify = lambda message: None, **data: Any
) -> TaggerCorpus:
    """Prepare a corpus from sentences in memory; data are values of the data config."""
    values = {"data": data}
    valid_sources = [] if valid is None else [MemorySentences(valid)]
    return prepare(folder, values, resolve(values), [MemorySentences(items)], valid_sources, notify)


def run_config(model: TaggerConfig, batch_size: int = 8, seed: int = 0) -> TaggerRun:
    """Return the config of a run with these sizes."""
    values = {"seed": seed, "training": {"batch_size": batch_size, "steps": 1}, "model": model.model_dump()}
    return resolve(values)


def batch_of(examples: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], *, padding: int = 0) -> TaggerBatch:
    """Return the examples as a batch, in order of falling length, with additional columns of padding."""
    examples = sorted(examples, key=lambda example: -len(example[0]))
    rows = np.arange(len(examples))
    words, lengths = pad_ids(IdLists.from_arrays(WORDS.encode(map(TEXT.word, tokens)) for tokens, _ in examples), rows)
    labels, _ = pad_ids(
        IdLists.from_arrays(np.array([LABELS.index(tag) for tag in tags]) for _, tags in examples), rows
    )
    distinct = sorted({token for tokens, _ in examples for token in tokens}, key=lambda token: -len(token))
    token_index, _ = pad_ids(
        IdLists.from_arrays(np.array([distinct.index(token) for token in tokens]) for tokens, _ in examples), rows
    )
    ids, num_characters = pad_ids(IdLists.from_arrays(map(CHARACTERS.encode, distinct)), np.arange(len(distinct)))
    inside = np.arange(words.shape[1]) < lengths[:, None]
    columns = ((0, 0), (0, padding))
    token_index = np.pad(token_index, columns, constant_values=1)
    characters = TokenCharacters(token_index, np.pad(ids, columns, constant_values=2), num_characters)
    return TaggerBatch(
        TokenBatch(np.pad(words, columns, constant_values=2), lengths, characters),
        np.pad(np.where(inside, labels, IGNORE_INDEX), columns, constant_values=IGNORE_INDEX),
    )

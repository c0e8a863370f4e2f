"""Small encoder-decoders with random weights, none of which is zero, and corpora of pairs in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elman.data.batches.padded import IdLists, PairBatch, PairIds, pad_pairs
from elman.data.readers.encodings import Notify
from elman.models.calibration import Calibration
from elman.tasks.seq2seq.config import Seq2SeqConfig, Seq2SeqRun, Seq2SeqTextConfig, SideConfig
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.defaults import resolve
from elman.tasks.seq2seq.network import Seq2SeqNetwork, Seq2SeqTensors
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.seq2seq.preparation import prepare
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.text import END, START, UNKNOWN, Vocabulary

Items = Sequence[tuple[str, str | Sequence[str]]]

SOURCE = Vocabulary((UNKNOWN, START, END, *"abcde", "你", "好"))
TARGET = Vocabulary((UNKNOWN, START, END, "AA", "B", "K", "T", "IY"))
TEXT = Seq2SeqTextConfig(source=SideConfig(level="char"), target=SideConfig(level="word"))
PAIRS = [
    ("abc", "AA B K"),
    ("e", "IY"),
    ("dab", "T AA B"),
    ("你好", "K T IY AA"),
    ("ab", "AA B"),
    ("zeb", "B B AA T IY"),
]

POEM = [
    ("床前明月光", "chuáng qián míng yuè guāng"),
    ("疑是地上霜", "yí shì dì shàng shuāng"),
    ("举头望明月", "jǔ tóu wàng míng yuè"),
    ("低头思故乡", "dī tóu sī gù xiāng"),
    ("白日依山尽", "bái rì yī shān jìn"),
    ("长", "cháng"),
    ("长", "zhǎng"),
]

SMALL = {"embedding_size": 5, "hidden_size": 6}
# Every value of every option: cells, layers, bridges, directions, attention, and decoders unlike their encoders.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "textbook": {"cell": "elman", "attention": "none", "bidirectional": False, "bridge": "copy"},
    "two_layers_copied": {"num_layers": 2, "attention": "none", "bidirectional": False, "bridge": "copy"},
    "no_attention": {"cell": "gru", "attention": "none"},
    "dot": {"cell": "lstm", "attention": "dot"},
    "general": {"cell": "gru", "attention": "general", "num_layers": 2},
    "additive": {"cell": "elman", "activation": "relu", "attention": "additive"},
    "one_way": {"cell": "lstm", "attention": "dot", "bidirectional": False},
    "wide_encoder": {"cell": "lstm", "attention": "general", "encoder_hidden_size": 7},
    "unlike": {"cell": "gru", "decoder_cell": "lstm", "num_layers": 1, "decoder_layers": 2},
    "unlike_numpy": {"cell": "min_gru", "decoder_cell": "layer_norm_lstm", "num_layers": 2},
    "shallower": {"cell": "lstm", "decoder_cell": "elman", "num_layers": 2, "decoder_layers": 1},
    "attends_first": {
        "cell": "lstm",
        "attention": "dot",
        "num_layers": 1,
        "decoder_layers": 2,
        "attention_layer": "first",
    },
    "attends_first_deep": {"cell": "gru", "attention": "additive", "num_layers": 3, "attention_layer": "first"},
    "aligned": {"cell": "lstm", "attention": "dot", "aligned_input": True},
    "aligned_deep": {
        "cell": "gru",
        "attention": "general",
        "num_layers": 2,
        "encoder_hidden_size": 4,
        "attention_layer": "first",
        "aligned_input": True,
    },
    "aligned_feeding": {"cell": "elman", "attention": "dot", "aligned_input": True, "input_feeding": True},
    "feeding": {"cell": "lstm", "attention": "dot", "input_feeding": True},
    "feeding_deep": {"cell": "gru", "attention": "additive", "num_layers": 2, "input_feeding": True},
}


def tiny_config(architecture: str, **more: Any) -> Seq2SeqConfig:
    """Return the config of an architecture."""
    return Seq2SeqConfig(**{**SMALL, **ARCHITECTURES[architecture], **more})


def tiny_network(architecture: str = "dot", *, seed: int = 0, **more: Any) -> Seq2SeqNetwork:
    """Return a network in eval mode with random weights and biases."""
    network = Seq2SeqNetwork(tiny_config(architecture, **more), len(SOURCE), len(TARGET))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def predictor_of(network: Seq2SeqNetwork, temperature: float = 1.0) -> Seq2SeqPredictor:
    """Return the predictor with a network's weights."""
    weights = {name: p.detach().float().numpy().copy() for name, p in network.named_parameters()}
    calibration = Calibration(temperature=temperature)
    return Seq2SeqPredictor(network.config, TEXT, SOURCE, TARGET, weights, calibration=calibration)


def tiny_predictor(
    architecture: str = "dot", *, seed: int = 0, temperature: float = 1.0, **more: Any
) -> Seq2SeqPredictor:
    """Return a predictor with random weights."""
    return predictor_of(tiny_network(architecture, seed=seed, **more), temperature)


def corpus_of(
    folder: Path, items: Items, valid: Items | None = None, *, notify: Notify = lambda message: None, **data: Any
) -> Seq2SeqCorpus:
    """Prepare a corpus from pairs in memory; data are values of the data config."""
    values = {"data": data}
    valid_sources = [] if valid is None else [MemoryPairs(valid, name="valid")]
    return prepare(folder, values, resolve(values), [MemoryPairs(items)], valid_sources, notify)


def poem_corpus_of(folder: Path, pairs: Items, **choices: Any) -> Seq2SeqCorpus:
    """Prepare pairs whose sources are characters and whose targets are words, unless the choices name other levels."""
    levels = {"source_level": "char", "target_level": "word", "extra_targets": True}
    return corpus_of(folder, pairs, **{**levels, **choices})


def training_pairs(corpus: Seq2SeqCorpus) -> list[tuple[str, str]]:
    """Return the training set as text."""
    ids = corpus.train()
    source = corpus.text.source.codec(corpus.source_vocabulary)
    target = corpus.text.target.codec(corpus.target_vocabulary)
    return [(source.decode(ids.sources[i]), target.decode(ids.targets[i])) for i in range(len(ids))]


def numbered_pairs(count: int) -> list[tuple[str, str]]:
    """Return pairs whose sources are all different."""
    return [(str(i), f"t{i % 7}") for i in range(count)]


def run_config(model: Seq2SeqConfig, batch_size: int = 8, seed: int = 0, **training: Any) -> Seq2SeqRun:
    """Return the config of a run with these sizes."""
    budget = {"batch_size": batch_size, "steps": 1, **training}
    return resolve({"seed": seed, "training": budget, "model": model.model_dump()})


def batch_of(pairs: Sequence[tuple[str, str]]) -> PairBatch:
    """Return the pairs as a batch, in order of falling length of the sources."""
    source, target = TEXT.source.codec(SOURCE), TEXT.target.codec(TARGET)
    pairs = sorted(pairs, key=lambda pair: -len(pair[0]))
    ids = PairIds(
        IdLists.from_arrays(source.encode(s) for s, _ in pairs), IdLists.from_arrays(target.encode(t) for _, t in pairs)
    )
    return pad_pairs(ids, np.arange(len(pairs)))


def tensors_of(pairs: Sequence[tuple[str, str]]) -> Seq2SeqTensors:
    """Return the pairs as a batch of tensors."""
    return Seq2SeqTensors(batch_of(pairs), torch.device("cpu"))


def torch_loss(network: Seq2SeqNetwork, pairs: Sequence[tuple[str, str]]) -> float:
    """Return the sum of the losses of the pairs."""
    with torch.no_grad():
        return float(network(tensors_of(pairs), torch.Generator()))

"""The classifier in training: one label a text.

    h      = layers(x)                          x_t: the token and its characters; padding is packed away
    c      = pooling(h)
    loss   = - w_y log softmax(V c + b)[y]      nats; w: the weights of the labels, 1 or balanced

Balanced weights are N / (C n_y) for N texts, C labels and n_y texts of label y: every label weighs as much as any
other, and the mean over all texts is 1 (King and Zeng, 2001). runtime/classifier.py says what each part is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

import elman.nn
from elman.data.padded import Ids, Position, batches_per_epoch, endless_buckets
from elman.data.spelled import TokenBatch
from elman.nn.tagging_encoder import Reading, UnknownWords
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.corpus import LabelledCorpus
from elman.tasks.classifier.predictor import ClassifierPredictor

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEWS = 3
PREVIEW_CHARACTERS = 60


class LabelledBatch(NamedTuple):
    """Texts that fall in length, and the numbers of their labels (B,)."""

    tokens: TokenBatch
    labels: Ids


class ClassifierNetwork(Reading):
    """What reads, pooling, readout."""

    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig, words: int, characters: int, labels: int) -> None:
        super().__init__(config, words, characters)
        self.pooling = elman.nn.Pooling(config.pooling, config.output_size)
        self.readout = nn.Linear(config.output_size, labels)
        nn.init.zeros_(self.readout.bias)

    def forward(self, tokens: TokenBatch, rng: torch.Generator) -> Tensor:
        """Return logits (B, C)."""
        packed, states = self.read(tokens, rng)
        outputs, lengths = pad_packed_sequence(packed)
        last = elman.nn.dropout(states[-1][0].transpose(0, 1).flatten(1), self.rate, rng)
        logits: Tensor = self.readout(self.pooling(outputs, last, lengths.to(outputs.device)))
        return logits


class ClassifierTask:
    """The Task of training/: batches of texts, the loss, validation by what ships, a few decisions to look at."""

    objective: tuple[str, Literal["min", "max"]]
    unit = "texts"

    def __init__(self, corpus: LabelledCorpus, model: ClassifierConfig, *, batch_size: int, seed: int = 0) -> None:
        """Take a corpus and the sizes."""
        self._corpus, self._model = corpus, model
        self.objective = ("macro_f1", "max") if model.class_weights == "balanced" else ("loss", "min")
        self._batch_size, self._seed = batch_size, seed
        self._texts, self._labels = corpus.train(spelled=model.character_size > 0)
        self._valid = corpus.valid()
        self.batches_per_epoch = batches_per_epoch(len(self._texts), batch_size)
        self._unknown = UnknownWords(self._texts.words, len(corpus.vocabulary), model.word_dropout)
        counts = np.array(corpus.label_counts, np.float64)
        balanced = counts.sum() / (len(counts) * counts)
        weights = balanced if model.class_weights == "balanced" else np.ones_like(counts)
        self._weights = torch.from_numpy(weights.astype(np.float32))

    def build(self) -> ClassifierNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            corpus = self._corpus
            return ClassifierNetwork(self._model, len(corpus.vocabulary), len(corpus.characters), len(corpus.labels))

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[LabelledBatch, Position]]:
        for rows, after in endless_buckets([self._texts.words.lengths], self._batch_size, self._seed, position):
            yield LabelledBatch(self._texts.batch(rows), self._labels[rows]), after

    def loss(
        self, model: nn.Module, batch: LabelledBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        labels = torch.from_numpy(batch.labels).to(device)
        tokens = self._unknown.among(batch.tokens, rng) if model.training else batch.tokens
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(tokens, rng)
        smoothing = self._model.label_smoothing if model.training else 0.0
        losses = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
        return losses @ self._weights.to(device)[labels], len(labels), None

    def predictor(self, model: nn.Module) -> ClassifierPredictor:
        weights = {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}
        corpus = self._corpus
        return ClassifierPredictor(
            self._model, corpus.text, corpus.vocabulary, corpus.characters, corpus.labels, weights
        )

    def validate(self, model: nn.Module, predictor: ClassifierPredictor) -> dict[str, float]:
        """Return loss, accuracy and macro F1 by runtime/: what ships is what is measured."""
        return predictor.measure(self._valid)

    def preview(self, predictor: ClassifierPredictor) -> str | None:
        shown = self._valid[:PREVIEWS]
        found = predictor.predict([example.text for example in shown])
        return "\n".join(
            f"{example.text[:PREVIEW_CHARACTERS]} → {label}"
            + ("" if label == example.label else f"   (expected {example.label})")
            for example, label in zip(shown, found, strict=True)
        )

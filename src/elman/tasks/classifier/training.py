"""Training a classifier.

    loss = - v w_y log softmax(V c + b)[y]    nats; w: the weights of the labels, all 1 or balanced; v: that of the text

Balanced weights are N / (C n_y) for N texts, C labels and n_y texts with label y: every label has the same total
weight, and the mean weight of all texts is 1 (King and Zeng, 2001).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.batches.buckets import Ids, LengthBuckets, Position
from elman.data.batches.token_characters import TokenBatch
from elman.data.corpora.config import reader_of
from elman.nn.tagging_encoder import WordDropout
from elman.training.snapshot import float32_weights, mixed_precision, seeded
from elman.translations import translate

from .config import ClassifierReaderConfig, ClassifierRun
from .corpus import ClassifierCorpus
from .defaults import operations_per_token
from .network import ClassifierNetwork
from .predictor import ClassifierPredictor

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_TEXTS = 3
CALIBRATION_TEXTS = 2000  # of the validation set: one temperature needs no more
PREVIEW_CHARACTERS = 60


class ClassifierBatch(NamedTuple):
    """Texts in order of falling length, the ids of their labels (B,), and their weights (B,)."""

    tokens: TokenBatch
    labels: Ids
    weights: npt.NDArray[np.float32]


def build_task(config: ClassifierRun, corpus: ClassifierCorpus) -> ClassifierTask:
    """Return the Task of the training loop."""
    return ClassifierTask(config, corpus)


def count_operations(config: ClassifierRun, corpus: ClassifierCorpus, batch: ClassifierBatch, count: int) -> float:
    """Return the floating-point operations of training on a batch."""
    return operations_per_token(config.model.model_dump(exclude_none=True)) * float(batch.tokens.lengths.sum())


class ClassifierTask:
    """The Task of the training loop. Validation uses the predictor without torch, so it measures the saved model."""

    objective: tuple[str, Literal["min", "max"]]
    unit = "texts"

    def __init__(self, config: ClassifierRun, corpus: ClassifierCorpus) -> None:
        self._config, self._model, self._corpus = config, config.model, corpus
        balanced = config.model.class_weights == "balanced"
        self.objective = ("macro_f1", "max") if balanced else ("loss", "min")
        self._texts, self._labels = corpus.train(with_characters=config.model.character_size > 0)
        self._valid = corpus.valid()
        self.has_validation_set = corpus.has_validation_set
        lengths, training = [self._texts.words.lengths], config.training
        self._buckets = LengthBuckets(lengths, training.batch_size, config.seed, training.batch_tokens)
        self.batches_per_epoch, self.largest_batch = len(self._buckets), self._buckets.largest_batch
        self._word_dropout = WordDropout(self._texts.words, len(corpus.vocabulary), config.model.word_dropout)
        self._text_weights = corpus.weights()
        counts = np.maximum(np.array(corpus.label_counts, np.float64), 1.0)  # fine-tuning may lack texts of a label
        weights = counts.sum() / (len(counts) * counts) if balanced else np.ones_like(counts)
        self._weights = torch.from_numpy(weights.astype(np.float32))

    def build(self) -> ClassifierNetwork:
        """Return a new network; the same seed gives the same weights."""
        corpus = self._corpus
        with seeded(self._config.seed):
            return ClassifierNetwork(self._model, len(corpus.vocabulary), len(corpus.characters), len(corpus.labels))

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[ClassifierBatch, Position]]:
        for rows, after in self._buckets.batches(position):
            yield ClassifierBatch(self._texts.batch(rows), self._labels[rows], self._text_weights[rows]), after

    def loss(
        self, model: nn.Module, batch: ClassifierBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        labels = torch.from_numpy(batch.labels).to(device)
        tokens = self._word_dropout(batch.tokens, rng) if model.training else batch.tokens
        with mixed_precision(device):
            logits = model(tokens, rng)
        smoothing = self._model.label_smoothing if model.training else 0.0
        losses = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
        weights = self._weights.to(device)[labels] * torch.from_numpy(batch.weights).to(device)
        return losses @ weights, len(labels), None

    def predictor(self, model: nn.Module) -> ClassifierPredictor:
        corpus = self._corpus
        predictor = ClassifierPredictor(
            self._model,
            corpus.text,
            corpus.vocabulary,
            corpus.characters,
            corpus.labels,
            float32_weights(model),
            reader=reader_of(ClassifierReaderConfig, self._config.data),
            layout=corpus.layout,
        )
        return predictor.calibrated(self._valid[:CALIBRATION_TEXTS]) if self.has_validation_set else predictor

    def validate(self, model: nn.Module, predictor: ClassifierPredictor) -> dict[str, float]:
        """Return loss, its standard error, accuracy and macro F1 on the validation set."""
        return predictor.measure(self._valid)

    def preview(self, predictor: ClassifierPredictor) -> str | None:
        examples = self._valid[:PREVIEW_TEXTS]
        labels = predictor.predict([example.text for example in examples])
        return "\n".join(
            f"{example.text[:PREVIEW_CHARACTERS]} → {label}"
            + ("" if label == example.label else translate(f"   (expected {example.label})"))
            for example, label in zip(examples, labels, strict=True)
        )

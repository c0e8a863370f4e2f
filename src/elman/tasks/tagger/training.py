"""Training a tagger.

loss = - sum over t of log softmax(e_t)[y_t]          nats, each tag independently; or
     = - log p(y_1 .. y_T)                            by the conditional random field
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman.data.batches.buckets import LengthBuckets, Position
from elman.data.batches.padded import IGNORE_INDEX, Ids, pad_ids
from elman.data.batches.token_characters import TokenBatch
from elman.data.corpora.config import reader_of
from elman.nn.tagging_encoder import WordDropout
from elman.training.snapshot import float32_weights, mixed_precision, seeded

from .config import TaggerReaderConfig, TaggerRun
from .corpus import TaggerCorpus
from .defaults import operations_per_token
from .network import TaggerNetwork
from .predictor import TaggerPredictor

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_TOKENS = 15


class TaggerBatch(NamedTuple):
    """Sentences in order of falling length, and the ids of their labels (B, T), IGNORE_INDEX after the end."""

    tokens: TokenBatch
    labels: Ids


def build_task(config: TaggerRun, corpus: TaggerCorpus) -> TaggerTask:
    """Return the Task of the training loop."""
    return TaggerTask(config, corpus)


def count_operations(config: TaggerRun, corpus: TaggerCorpus, batch: TaggerBatch, count: int) -> float:
    """Return the floating-point operations of training on a batch."""
    return operations_per_token(config.model.model_dump(exclude_none=True), len(corpus.labels)) * count


class TaggerTask:
    """The Task of the training loop. Validation uses the predictor without torch, so it measures the saved model."""

    objective: tuple[str, Literal["min", "max"]]
    unit = "tokens"

    def __init__(self, config: TaggerRun, corpus: TaggerCorpus) -> None:
        self._config, self._model, self._corpus = config, config.model, corpus
        self.objective = ("accuracy" if config.model.scheme == "none" else "span_f1", "max")
        self._tokens, self._labels = corpus.train(with_characters=config.model.character_size > 0)
        self._valid = corpus.valid()
        self.has_validation_set = corpus.has_validation_set
        lengths, training = [self._tokens.words.lengths], config.training
        self._buckets = LengthBuckets(lengths, training.batch_size, config.seed, training.batch_tokens)
        self.batches_per_epoch, self.largest_batch = len(self._buckets), self._buckets.largest_batch
        self._word_dropout = WordDropout(self._tokens.words, len(corpus.words), config.model.word_dropout)

    def build(self) -> TaggerNetwork:
        """Return a new network; the same seed gives the same weights."""
        corpus = self._corpus
        with seeded(self._config.seed):
            return TaggerNetwork(self._model, len(corpus.words), len(corpus.characters), corpus.labels)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[TaggerBatch, Position]]:
        for rows, after in self._buckets.batches(position):
            yield self._batch(rows), after

    def loss(
        self, model: nn.Module, batch: TaggerBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        tokens = self._word_dropout(batch.tokens, rng) if model.training else batch.tokens
        with mixed_precision(device):
            packed = model(tokens, rng)
        if packed.data.dtype == torch.bfloat16:
            packed = packed._replace(data=packed.data.float())
        labels, lengths = torch.from_numpy(batch.labels).T.to(device), torch.from_numpy(tokens.lengths)
        count = int(tokens.lengths.sum())
        if isinstance(model.crf, nn.Module):
            emissions = pad_packed_sequence(packed)[0]
            return -model.crf(emissions, lengths.to(device), labels[: len(emissions)]).sum(), count, None
        smoothing = self._model.label_smoothing if model.training else 0.0
        expected = pack_padded_sequence(labels, lengths).data
        return F.cross_entropy(packed.data, expected, reduction="sum", label_smoothing=smoothing), count, None

    def predictor(self, model: nn.Module) -> TaggerPredictor:
        corpus = self._corpus
        return TaggerPredictor(
            self._model,
            corpus.text,
            corpus.words,
            corpus.characters,
            corpus.labels,
            float32_weights(model),
            reader=reader_of(TaggerReaderConfig, self._config.data),
            layout=corpus.layout,
        )

    def validate(self, model: nn.Module, predictor: TaggerPredictor) -> dict[str, float]:
        """Return loss, accuracy and, for spans, F1 of spans on the validation set."""
        return predictor.measure(self._valid)

    def preview(self, predictor: TaggerPredictor) -> str | None:
        tokens = self._valid[0].tokens
        (tags,) = predictor.predict([tokens])
        beginning = " ".join(f"{token}/{tag}" for token, tag in zip(tokens[:PREVIEW_TOKENS], tags, strict=False))
        return beginning + " ..." * (len(tokens) > PREVIEW_TOKENS)

    def _batch(self, rows: Ids) -> TaggerBatch:
        labels, lengths = pad_ids(self._labels, rows)
        labels[np.arange(labels.shape[1]) >= lengths[:, None]] = IGNORE_INDEX
        return TaggerBatch(self._tokens.batch(rows), labels)

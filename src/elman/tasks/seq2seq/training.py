"""Training an encoder-decoder by teacher forcing: the decoder reads the correct previous tokens.

    loss = - sum over t of log softmax(V h~_t + b)[y_t]       y = target </s>; nats; padding does not count

Label smoothing (Szegedy et al., 2016) spreads a share e of each target over all V tokens. With the logits l, the loss
becomes -log p(y) + e (l_y - mean(l)), and l_y - mean(l) = h~ . (v_y - mean(v)) + b_y - mean(b), which needs no second
softmax. Scheduled sampling (Bengio et al., 2015) replaces a share of the decoder's inputs by the model's own
predictions; the share rises during training. The predictions come from a first pass over the whole target (Duckworth
et al., 2019), so that the second pass still processes all steps at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from elman.data.batches.buckets import LengthBuckets, Position
from elman.data.batches.padded import PairBatch, pad_pairs
from elman.data.corpora.config import reader_of
from elman.training.snapshot import float32_weights, mixed_precision, seeded
from elman.translations import translate

from .config import Seq2SeqReaderConfig, Seq2SeqRun, SideConfig
from .corpus import Seq2SeqCorpus
from .defaults import operations_per_token
from .network import Seq2SeqNetwork, Seq2SeqTensors
from .predictor import Seq2SeqPredictor
from .readers import Pair

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_PAIRS = 3


def build_task(config: Seq2SeqRun, corpus: Seq2SeqCorpus) -> Seq2SeqTask:
    """Return the Task of the training loop."""
    return Seq2SeqTask(config, corpus)


def count_operations(config: Seq2SeqRun, corpus: Seq2SeqCorpus, batch: PairBatch, count: int) -> float:
    """Return the floating-point operations of training on a batch."""
    train = corpus.train_set
    ratio = train.source.tokens / train.target.tokens
    return count * operations_per_token(
        config.model.model_dump(exclude_none=True), ratio, len(corpus.target_vocabulary)
    )


class Seq2SeqTask:
    """The Task of the training loop. Validation uses the predictor without torch, so it measures the saved model."""

    objective: tuple[str, Literal["min", "max"]] = ("token_error_rate", "min")
    unit = "tokens"

    def __init__(self, config: Seq2SeqRun, corpus: Seq2SeqCorpus) -> None:
        self._config, self._model, self._corpus = config, config.model, corpus
        self._train = corpus.train()
        self._valid = _first_pairs(corpus.valid(), corpus.text.target, config.training.validate_tokens or None)
        self.has_validation_set = corpus.has_validation_set
        lengths, training = (self._train.source_lengths + 1, self._train.target_lengths + 1), config.training
        self._buckets = LengthBuckets(lengths, training.batch_size, config.seed, training.batch_tokens)
        self.batches_per_epoch, self.largest_batch = len(self._buckets), self._buckets.largest_batch

    def build(self) -> Seq2SeqNetwork:
        """Return a new network; the same seed gives the same weights."""
        corpus = self._corpus
        with seeded(self._config.seed):
            return Seq2SeqNetwork(self._model, len(corpus.source_vocabulary), len(corpus.target_vocabulary))

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[PairBatch, Position]]:
        for rows, after in self._buckets.batches(position):
            yield pad_pairs(self._train, rows), after

    def loss(
        self, model: nn.Module, batch: PairBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        sampled_share = progress * self._model.scheduled_sampling
        with mixed_precision(device):
            loss = model(Seq2SeqTensors(batch, device), rng, sampled_share)
        return loss, int(batch.target_lengths.sum()), None

    def predictor(self, model: nn.Module) -> Seq2SeqPredictor:
        corpus = self._corpus
        predictor = Seq2SeqPredictor(
            self._model,
            corpus.text,
            corpus.source_vocabulary,
            corpus.target_vocabulary,
            float32_weights(model),
            reader=reader_of(Seq2SeqReaderConfig, self._config.data),
            layout=corpus.layout,
        )
        return predictor.calibrated(self._valid) if self.has_validation_set else predictor

    def validate(self, model: nn.Module, predictor: Seq2SeqPredictor) -> dict[str, float]:
        """Return loss, exact match and error rates of greedy predictions on the validation set."""
        return predictor.measure(self._valid)

    def preview(self, predictor: Seq2SeqPredictor) -> str | None:
        pairs = self._valid[:PREVIEW_PAIRS]
        predictions = predictor.predict([pair.source for pair in pairs])
        return "\n".join(
            f"{pair.source} → {text}" + ("" if text in pair.targets else translate(f"   (expected {pair.targets[0]})"))
            for pair, text in zip(pairs, predictions, strict=True)
        )


def _first_pairs(pairs: Sequence[Pair], side: SideConfig, tokens: int | None) -> list[Pair]:
    """Return the first pairs, with about the given number of target tokens in all; None returns all pairs."""
    if tokens is None:
        return list(pairs)
    chosen, total = [], 0
    tokenizer = side.tokenizer()
    for pair in pairs:
        if total >= tokens:
            break
        chosen.append(pair)
        total += len(tokenizer.split(pair.targets[0])) + 1
    return chosen

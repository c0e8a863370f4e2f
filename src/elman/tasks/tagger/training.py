"""The tagger in training: a label for each token.

    e      = readout(layers(x))                           x_t: the word of token t and its characters
    loss   = - sum over t of log softmax(e_t)[y_t]        nats, a token counted one; or
           = - log p(y_1 .. y_T)                          by the conditional random field, its tokens counted

runtime/tagger.py says what each part is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import elman.nn
from elman.data.padded import IGNORED, Ids, Position, batches_per_epoch, endless_buckets, pad_ids
from elman.data.spelled import TokenBatch
from elman.nn.tagging_encoder import Reading, UnknownWords
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.corpus import TaggedCorpus
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text.spans import follow

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_TOKENS = 15


class TaggedBatch(NamedTuple):
    """Sentences that fall in length, and the labels (B, T) of their tokens, IGNORED after a sentence."""

    tokens: TokenBatch
    labels: Ids


class TaggerNetwork(Reading):
    """What reads, readout, and the scores of what follows what."""

    config: TaggerConfig

    def __init__(self, config: TaggerConfig, words: int, characters: int, labels: tuple[str, ...]) -> None:
        super().__init__(config, words, characters)
        self.readout = nn.Linear(config.output_size, len(labels))
        nn.init.zeros_(self.readout.bias)
        if config.crf:
            self.crf = elman.nn.ConditionalRandomField(follow(labels, config.scheme))

    def forward(self, tokens: TokenBatch, rng: torch.Generator) -> PackedSequence:
        """Return emissions, (C,) a token."""
        outputs, _ = self.read(tokens, rng)
        return outputs._replace(data=self.readout(outputs.data))


class TaggerTask:
    """The Task of training/: batches of sentences, the loss, validation by what ships, a tagged sentence to look at."""

    objective: tuple[str, Literal["min", "max"]]
    unit = "tokens"

    def __init__(self, corpus: TaggedCorpus, model: TaggerConfig, *, batch_size: int, seed: int = 0) -> None:
        """Take a corpus and the sizes."""
        self._corpus, self._model = corpus, model
        self.objective = ("accuracy" if model.scheme == "none" else "span_f1", "max")
        self._batch_size, self._seed = batch_size, seed
        self._tokens, self._labels = corpus.train(spelled=model.character_size > 0)
        self._valid = corpus.valid()
        self.batches_per_epoch = batches_per_epoch(len(self._tokens), batch_size)
        self._unknown = UnknownWords(self._tokens.words, len(corpus.words), model.word_dropout)

    def build(self) -> TaggerNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            corpus = self._corpus
            return TaggerNetwork(self._model, len(corpus.words), len(corpus.characters), corpus.labels)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[TaggedBatch, Position]]:
        for rows, after in endless_buckets([self._tokens.words.lengths], self._batch_size, self._seed, position):
            yield self._batch(rows), after

    def loss(
        self, model: nn.Module, batch: TaggedBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        tokens = self._unknown.among(batch.tokens, rng) if model.training else batch.tokens
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            packed = model(tokens, rng)
        emissions = packed.data.float() if packed.data.dtype == torch.bfloat16 else packed.data
        labels = torch.from_numpy(batch.labels).T.to(device)
        lengths = torch.from_numpy(tokens.lengths)
        count = int(tokens.lengths.sum())
        if self._model.crf:
            padded = pad_packed_sequence(packed._replace(data=emissions))[0]
            return -model.crf(padded, lengths.to(device), labels[: len(padded)]).sum(), count, None  # type: ignore[operator]
        smoothing = self._model.label_smoothing if model.training else 0.0
        expected = pack_padded_sequence(labels, lengths).data
        return F.cross_entropy(emissions, expected, reduction="sum", label_smoothing=smoothing), count, None

    def predictor(self, model: nn.Module) -> TaggerPredictor:
        weights = {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}
        corpus = self._corpus
        return TaggerPredictor(self._model, corpus.text, corpus.words, corpus.characters, corpus.labels, weights)

    def validate(self, model: nn.Module, predictor: TaggerPredictor) -> dict[str, float]:
        """Return loss, accuracy and F1 of spans by runtime/: what ships is what is measured."""
        return predictor.measure(self._valid)

    def preview(self, predictor: TaggerPredictor) -> str | None:
        tokens = self._valid[0].tokens
        (tags,) = predictor.predict([tokens])
        shown = " ".join(f"{token}/{tag}" for token, tag in zip(tokens[:PREVIEW_TOKENS], tags, strict=False))
        return shown + " ..." * (len(tokens) > PREVIEW_TOKENS)

    def _batch(self, rows: Ids) -> TaggedBatch:
        labels, lengths = pad_ids(self._labels, rows)
        labels[np.arange(labels.shape[1]) >= lengths[:, None]] = IGNORED
        return TaggedBatch(self._tokens.batch(rows), labels)

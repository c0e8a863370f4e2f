"""The tagger in training: a label for each token.

    x_t    = dropout([ words[w_t] ; last outputs of the characters of token t ])
    e      = readout(layers(x))
    loss   = - sum over t of log softmax(e_t)[y_t]        nats, a token counted one; or
           = - log p(y_1 .. y_T)                          by the conditional random field, its tokens counted

A word seen n times is taken for `<unk>` with probability w / (w + n) (Kiperwasser and Goldberg, 2016, section 4), so
that the tagger learns to go by characters where it will have to. Tokens that are spelled alike are spelled once a
batch. runtime/tagger.py says what each part is.
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
from elman.data.tagged_corpus import TaggedCorpus
from elman.runtime.tagger import TaggerPredictor
from elman.runtime.tagger_config import TaggerConfig
from elman.text.spans import follow

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEW_TOKENS = 15


class TaggedBatch(NamedTuple):
    """Words and labels (B, T) of sentences that fall in length, the lengths (B,), and the characters of their forms.

    places (B, T) are rows of characters (U, S), whose lengths (U,) fall. Labels are IGNORED after a sentence.
    """

    words: Ids
    labels: Ids
    lengths: Ids
    places: Ids
    characters: Ids
    character_lengths: Ids


class TaggerNetwork(nn.Module):
    """Words and characters, layers, readout, and the scores of what follows what. Named as runtime/ names them."""

    def __init__(self, config: TaggerConfig, words: int, characters: int, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(words, config.embedding_size)
        elman.nn.start_embedding(self.words)
        if config.character_size:
            self.characters = elman.nn.Encoder(
                config.cell,
                config.activation,
                characters,
                config.character_embedding_size,
                [config.character_size],
                bidirectional=True,
            )
            self.characters.start()
        sizes = [config.hidden_size] * config.num_layers
        self.layers = elman.nn.recurrent_layers(
            config.cell, config.activation, config.input_size, sizes, bidirectional=config.bidirectional
        )
        elman.nn.start_recurrent(self.layers)
        self.readout = nn.Linear(config.output_size, len(labels))
        nn.init.zeros_(self.readout.bias)
        if config.crf:
            self.crf = elman.nn.ConditionalRandomField(follow(labels, config.scheme))

    def forward(self, batch: TaggedBatch, words: Ids, rng: torch.Generator) -> PackedSequence:
        """Return emissions, (C,) a token, of the words (B, T) in the place of the batch's own."""
        device = self.readout.weight.device
        rate = self.config.dropout if self.training else 0.0
        lengths = torch.from_numpy(batch.lengths)
        packed = pack_padded_sequence(torch.from_numpy(words).T.to(device), lengths)
        x = elman.nn.dropout(self.words(packed.data), rate, rng)
        if self.config.character_size:
            places = pack_padded_sequence(torch.from_numpy(batch.places).T.to(device), lengths).data
            x = torch.cat([x, elman.nn.dropout(self._spelled(batch, rng)[places], rate, rng)], 1)
        outputs, _ = elman.nn.read_through(self.layers, packed._replace(data=x), rate, rng)
        return outputs._replace(data=self.readout(outputs.data))

    def _spelled(self, batch: TaggedBatch, rng: torch.Generator) -> Tensor:
        """The last outputs (U, 2 H) of the characters of each form, forwards and backwards."""
        ids = torch.from_numpy(batch.characters).T.to(self.readout.weight.device)
        packed = pack_padded_sequence(ids, torch.from_numpy(batch.character_lengths))
        _, states = self.characters(packed, 0.0, rng)
        spelled: Tensor = states[-1][0].transpose(0, 1).flatten(1)
        return spelled


class TaggerTask:
    """The Task of training/: batches of sentences, the loss, validation by what ships, a tagged sentence to look at."""

    objective: tuple[str, Literal["min", "max"]]
    unit = "tokens"

    def __init__(self, corpus: TaggedCorpus, model: TaggerConfig, *, batch_size: int, seed: int = 0) -> None:
        """Take a corpus and the sizes."""
        self._corpus, self._model = corpus, model
        self.objective = ("accuracy" if model.scheme == "none" else "span_f1", "max")
        self._batch_size, self._seed = batch_size, seed
        self._ids = corpus.train()
        self._valid = corpus.valid()
        self.batches_per_epoch = batches_per_epoch(len(self._ids.words), batch_size)
        counts = np.bincount(self._ids.words.ids, minlength=len(corpus.words)).astype(np.float64)
        self._dropped = model.word_dropout / np.maximum(model.word_dropout + counts, 1e-9)  # (V,): share of each word

    def build(self) -> TaggerNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            corpus = self._corpus
            return TaggerNetwork(self._model, len(corpus.words), len(corpus.characters), corpus.labels)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[TaggedBatch, Position]]:
        for rows, after in endless_buckets([self._ids.words.lengths], self._batch_size, self._seed, position):
            yield self._batch(rows), after

    def loss(
        self, model: nn.Module, batch: TaggedBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        words = self._with_unknown(batch.words, rng) if model.training else batch.words
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            packed = model(batch, words, rng)
        emissions = packed.data.float() if packed.data.dtype == torch.bfloat16 else packed.data
        labels = torch.from_numpy(batch.labels).T.to(device)
        lengths = torch.from_numpy(batch.lengths)
        count = int(batch.lengths.sum())
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
        ids = self._ids
        words, lengths = pad_ids(ids.words, rows)
        inside = np.arange(words.shape[1]) < lengths[:, None]
        labels = np.where(inside, pad_ids(ids.labels, rows)[0], IGNORED)
        forms, number = np.unique(pad_ids(ids.forms, rows)[0][inside], return_inverse=True)
        longest_first = np.argsort(-ids.characters.lengths[forms], kind="stable")
        places = np.zeros_like(words)
        places[inside] = np.argsort(longest_first)[number]
        return TaggedBatch(words, labels, lengths, places, *pad_ids(ids.characters, forms[longest_first]))

    def _with_unknown(self, words: Ids, rng: torch.Generator) -> Ids:
        """The words (B, T), some of them taken for `<unk>`."""
        if not self._model.word_dropout:
            return words
        drawn = torch.rand(words.shape, generator=rng, device=rng.device).cpu().numpy()
        return np.where(drawn < self._dropped[words], 0, words)

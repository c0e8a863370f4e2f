"""The tagger at work: a tag for each token of a sentence, from a model folder alone.

    x_t        = [ words[w_t] ; last outputs of the characters of token t, read forwards and backwards ]
    h_1 .. h_T = layers(x_1 .. x_T)                       outputs of both directions, or of one
    e_t        = V h_t + b
    p(y_t)     = softmax(e_t)                             each tag by itself, or
    p(y)       = by a conditional random field (crf.py)   all tags of a sentence together

Words beside characters: Ling et al. (2015), Plank, Sogaard and Goldberg (2016). A word that the vocabulary lacks is
`<unk>`, and its characters tell what it is (token_reader.py). By the kernels, or NumPy over the cells. Padding is never
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.data.padded import IdLists, buckets, pad_ids
from elman.data.records import shown_names
from elman.data.tagged_corpus import TaggedSentence, TokenConfig
from elman.errors import ConfigError, DataError, ModelError
from elman.metrics import LabelCounts, Mean, SpanScores
from elman.text import Vocabulary
from elman.text.spans import follow, spans

from .crf import ConditionalRandomField
from .folder import config_of, damage_told, vocabulary_of, weight_count, write_predictor
from .stack import State, take
from .tagger_config import TaggerConfig
from .token_reader import TokenEncoder

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Sentence = str | Sequence[str]  # as text, to be cut, or as tokens
Given = tuple[Sequence[str], Sequence[str]]  # the tokens of a sentence and their tags

BATCH_TOKENS = 1 << 14  # read together, padding counted
BATCH_SCORES = 1 << 24  # of tokens and tags
BATCH_PATHS = 1 << 24  # pairs of labels that a conditional random field weighs at once
CRF = "crf.step"  # what has been read, in a state: log p of the tags of the last token


class TaggerPredictor:
    """A trained tagger."""

    task = "tag"

    def __init__(
        self,
        config: TaggerConfig,
        text: TokenConfig,
        words: Vocabulary,
        characters: Vocabulary,
        labels: Sequence[str],
        tensors: Tensors,
        card: str = "",
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.words, self.characters, self.labels = words, characters, tuple(labels)
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ModelError("expected two labels or more, all different", where="vocabulary.json")
        self._number = {label: i for i, label in enumerate(self.labels)}
        C, N = len(self.labels), config.output_size
        self._reader = TokenEncoder(config, tensors, words, characters, text.word)
        self._V = take(tensors, "readout.weight", (C, N))
        self._b = take(tensors, "readout.bias", (C,))
        self._crf: ConditionalRandomField | None = None
        if config.crf:
            self._crf = ConditionalRandomField(tensors, C, follow(self.labels, config.scheme))

    @classmethod
    def from_folder(cls, model: ModelFolder, *, where: Path) -> TaggerPredictor:
        """Build the predictor from what a model folder holds."""
        config = config_of(model, "model", TaggerConfig, where=where)
        text = config_of(model, "text", TokenConfig, where=where)
        words, characters = (vocabulary_of(model, name, where=where) for name in ("words", "characters"))
        labels = model.vocabularies.get("labels", [])
        with damage_told(where):
            return cls(config, text, words, characters, labels, model.tensors, model.card)

    @property
    def num_parameters(self) -> int:
        """The number of weights."""
        return weight_count(self.tensors)

    def save(self, path: str | Path, *, card: str | None = None, replace: bool = False) -> None:
        """Write a model folder, with a new card or the one that the model came with.

        A folder that holds anything but a model is a ConfigError, unless replace says that it is known.
        """
        write_predictor(
            path,
            task=self.task,
            parts={"model": self.config, "text": self.text},
            tensors=self.tensors,
            vocabularies={"words": self.words.tokens, "characters": self.characters.tokens, "labels": self.labels},
            card=card or self.card,
            replace=replace,
        )

    def tokens(self, sentence: Sentence) -> list[str]:
        """Return the tokens of a sentence: those given, or what its text is cut into."""
        return self.text.cut(sentence) if isinstance(sentence, str) else list(sentence)

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return what the model does not know of tokens: characters, or words of a model that reads no characters."""
        return self._reader.unknown(tokens)

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the tag of each token of each sentence; a sentence is a list of tokens, or text that is cut."""
        found: dict[int, list[str]] = {}
        given = self._listed(sentences)
        for rows, emissions, lengths in self._batches(given):
            for row, path in zip(rows, self._decided(emissions, lengths), strict=True):
                found[row] = [self.labels[i] for i in path]
        return [found.get(row, []) for row in range(len(given))]

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[Array]:
        """Return the probabilities (T, C) of each sentence's tags, in the order of `labels`, each tag by itself."""
        given = self._listed(sentences)
        found = [np.empty((0, len(self.labels)), self._V.dtype) for _ in given]
        for rows, emissions, lengths in self._batches(given):
            p = self._crf.marginals(emissions, lengths) if self._crf else np.exp(log_softmax(emissions))
            for row, length, each in zip(rows, lengths, p, strict=True):
                found[row] = each[:length]
        return found

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any token, of a model that reads one way; another is a ConfigError."""
        if self.config.bidirectional:
            hint = "train with --no-bidirectional to tag a stream"
            raise ConfigError("the model reads both ways, so it must have read all of a sentence", hint=hint)
        state = self._reader.initial_state(batch_size)
        return state if self._crf is None else {**state, CRF: np.full((batch_size, len(self.labels)), np.nan, "f4")}

    def step(self, inputs: Sequence[str], state: State) -> tuple[Array, State]:
        """Return the log probabilities (B, C) of the tags of a token for each row, and the next state.

        They are of what was read so far: with a conditional random field, of the tags of all tokens before.
        """
        output, after = self._reader.step(inputs, {k: state[k] for k in state if k != CRF})
        emissions = output @ self._V.T + self._b
        if self._crf is None:
            return log_softmax(emissions), after
        begins = np.isnan(state[CRF]).any(1, keepdims=True)
        before = np.where(begins, 0.0, state[CRF]).astype(emissions.dtype)
        log_p = np.where(begins, self._crf.start(emissions), self._crf.step(before, emissions))
        return log_p, {**after, CRF: log_p}

    def evaluate(self, examples: Iterable[TaggedSentence] | Iterable[Given]) -> dict[str, Any]:
        """Return loss a token, accuracy, that of words not in the vocabulary, F1 of each tag; and of spans.

        Examples, or (tokens, tags).
        """
        items = self._checked(examples)
        if not items:
            raise DataError("no sentences to score, expected at least one", hint="give tokens and their tags")
        scores = self._scored(items)
        f1 = zip(self.labels, scores.counts.f1, strict=True)
        return {
            "task": self.task,
            "count": scores.loss.count,
            "sentences": len(items),
            "loss": scores.loss.value,
            "accuracy": scores.counts.accuracy,
            "unknown_words": scores.unknown.count,
            "unknown_accuracy": scores.unknown.value if scores.unknown.count else None,
            **self._told_spans(scores.spans),
            "f1": {label: None if np.isnan(value) else float(value) for label, value in f1},
        }

    def measure(self, examples: Sequence[TaggedSentence]) -> dict[str, float]:
        """Return loss, accuracy and, of spans, F1."""
        scores = self._scored(examples)
        of_spans = {} if self.config.scheme == "none" else {"span_f1": scores.spans.f1}
        return {"loss": scores.loss.value, "accuracy": scores.counts.accuracy, **of_spans}

    def _told_spans(self, scores: SpanScores) -> dict[str, float]:
        if self.config.scheme == "none":
            return {}
        return {"span_precision": scores.precision, "span_recall": scores.recall, "span_f1": scores.f1}

    def _checked(self, examples: Iterable[TaggedSentence | Given]) -> list[TaggedSentence]:
        """The examples that hold tokens; one without a known tag for each is a DataError."""
        found = []
        for number, each in enumerate(examples):
            sentence, tags = (each.tokens, each.tags) if isinstance(each, TaggedSentence) else each
            (tokens,) = self._listed([sentence], number)
            if len(tokens) != len(tags):
                told = f"sentence {number} has {len(tokens)} tokens and {len(tags)} tags"
                raise DataError(f"{told}, expected as many of each")
            strange = next((tag for tag in tags if tag not in self._number), None)
            if strange is not None:
                hint = f"expected one of {shown_names(self.labels)}"
                raise DataError(f"the model knows no tag {strange!r} (sentence {number})", hint=hint)
            if tokens:
                found.append(TaggedSentence(tuple(tokens), tuple(tags)))
        return found

    def _scored(self, items: Sequence[TaggedSentence]) -> _Scores:
        """Compare with what is expected, batch by batch."""
        C = len(self.labels)
        scores = _Scores(Mean(), LabelCounts.of([], [], C), Mean(), SpanScores())
        for rows, emissions, lengths in self._batches([each.tokens for each in items]):
            batch = [items[row] for row in rows]
            expected = [np.array([self._number[tag] for tag in each.tags], np.int64) for each in batch]
            found = self._decided(emissions, lengths)
            labels, decided = np.concatenate(expected), np.concatenate(found)
            padded, _ = pad_ids(IdLists.of(expected), np.arange(len(expected)))
            loss = Mean(self._loss(emissions, lengths, padded), len(labels))
            is_unknown = np.array([not self._reader.knows(token) for each in batch for token in each.tokens])
            unknown = Mean(float((labels == decided)[is_unknown].sum()), int(is_unknown.sum()))
            scores += _Scores(loss, LabelCounts.of(labels, decided, C), unknown, self._span_scores(batch, found))
        return scores

    def _span_scores(self, batch: Sequence[TaggedSentence], found: Sequence[Ids]) -> SpanScores:
        total = SpanScores()
        if self.config.scheme != "none":
            for each, path in zip(batch, found, strict=True):
                total += SpanScores.of(spans([self.labels[i] for i in path]), spans(each.tags))
        return total

    def _loss(self, emissions: Array, lengths: Ids, labels: Ids) -> float:
        """Return the loss in nats, summed over the tokens of rows (B, T) that end at their lengths."""
        if self._crf:
            return -float(self._crf.log_probability(emissions, lengths, labels).sum(dtype=np.float64))
        inside = np.arange(labels.shape[1]) < lengths[:, None]
        log_p = np.take_along_axis(log_softmax(emissions), labels[:, :, None], 2)[:, :, 0]
        return -float(log_p[inside].sum(dtype=np.float64))

    def _decided(self, emissions: Array, lengths: Ids) -> list[Ids]:
        """Return the labels of each row, of its length."""
        if self._crf:
            return self._crf.best_paths(emissions, lengths)
        best = emissions.argmax(2)
        return [each[:length] for each, length in zip(best, lengths, strict=True)]

    def _batches(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[list[int], Array, Ids]]:
        """Yield rows of sentences of about one length, their emissions (B, T, C) and lengths (B,); none of no token."""
        most_rows = max(1, BATCH_PATHS // len(self.labels) ** 2) if self._crf else len(sentences)
        most_tokens = min(BATCH_TOKENS, BATCH_SCORES // len(self.labels))
        for rows in buckets([len(each) for each in sentences], most_tokens, most_rows):
            rows = [row for row in rows if sentences[row]]
            if rows:
                outputs, _, lengths = self._reader.run([sentences[row] for row in rows])
                yield rows, outputs @ self._V.T + self._b, lengths

    def _listed(self, sentences: Iterable[Sentence], first: int = 0) -> list[list[str]]:
        """Return the tokens of each sentence, counted from a number on; what is none is a DataError."""
        if isinstance(sentences, str):
            raise DataError(f"one text, {sentences[:40]!r}, expected several sentences", hint="give a list: [sentence]")
        found = []
        for number, sentence in enumerate(sentences, first):
            given: Any = sentence.tolist() if hasattr(sentence, "tolist") else sentence
            tokens = self.tokens(given) if isinstance(given, str | list | tuple) else None
            if tokens is None or not all(isinstance(token, str) for token in tokens):
                told = f"sentence {number} is {sentence!r}, expected a text or a list of tokens"
                raise DataError(told, hint="leave out what is missing")
            found.append(tokens)
        return found


@dataclass(frozen=True, slots=True)
class _Scores:
    """What is measured, on its way."""

    loss: Mean
    counts: LabelCounts
    unknown: Mean  # right tags of words that the vocabulary lacks
    spans: SpanScores

    def __add__(self, other: _Scores) -> _Scores:
        return _Scores(
            self.loss + other.loss,
            self.counts + other.counts,
            self.unknown + other.unknown,
            self.spans + other.spans,
        )

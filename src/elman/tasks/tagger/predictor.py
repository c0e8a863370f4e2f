"""Predictions of a tagger from its model folder, without torch.

    h_1 .. h_T = layers(x_1 .. x_T)          outputs of one direction or both; x_t: models/token_encoder.py
    e_t        = V h_t + b
    p(y_t)     = softmax(e_t)                each tag independently; or, with a conditional random field,
    p(y)       by models/crf.py              all tags of a sentence together

Words with their characters: Ling et al. (2015), Plank, Sogaard and Goldberg (2016). A word that is not in the
vocabulary is `<unk>`; its characters are still read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config, Values
from elman.data.batches.buckets import length_buckets
from elman.data.batches.padded import IdLists, pad_ids
from elman.data.layout import Layout
from elman.errors import ConfigError, ModelError
from elman.figures.style import save_drawings
from elman.models.crf import ConditionalRandomField, TransitionScores
from elman.models.folder import FilePredictor, damage_errors, read_config, read_vocabulary
from elman.models.matrix import dense, product, take, take_matrix
from elman.models.recorder import note
from elman.models.stack import State
from elman.models.streaming import StreamingPredictor, inside_chunks, require_tokens, where_inside
from elman.models.token_encoder import TokenEncoder
from elman.models.trace import Trace
from elman.options import determined_values
from elman.text import Vocabulary
from elman.text.spans import transition_mask
from elman.translations import Language

from . import evaluation, pictures
from .arguments import Sentences, Tags, examples_of
from .config import TaggerConfig, TaggerReaderConfig, TaggerTextConfig
from .readers import Sentence, TaggedSentence, require_sentences
from .trace import Model, label_ids, trace_sentence

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

BATCH_TOKENS = 1 << 14  # of a batch, with padding
BATCH_SCORES = 1 << 24  # of the tags of all tokens
SOFTMAX_SCORES = 1 << 20  # that are normalized at once
BATCH_TRANSITIONS = 1 << 24  # pairs of labels that the conditional random field computes at once
CRF_STATE = "crf.step"  # of a state: the log probabilities of the tags of the last token


class Tagging(NamedTuple):
    """The tags of a sentence, the probability of each, and that of all of them together."""

    tags: list[str]
    probabilities: list[float]
    probability: float


class TaggerPredictor(FilePredictor, StreamingPredictor):
    """A trained tagger."""

    task = "tag"
    reader: TaggerReaderConfig

    def __init__(
        self,
        config: TaggerConfig,
        text: TaggerTextConfig,
        words: Vocabulary,
        characters: Vocabulary,
        labels: Sequence[str],
        tensors: Tensors,
        card: str = "",
        reader: TaggerReaderConfig | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError.

        reader and layout are how the training data was read: files for evaluation and prediction are read in the same
        way.
        """
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.reader, self.layout = reader or TaggerReaderConfig(), layout or Layout()
        self.words, self.characters, self.labels = words, characters, tuple(labels)
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ModelError(
                f"has the labels {list(self.labels)}; expected one or more, all different", where="vocabulary.json"
            )
        C, N = len(self.labels), config.output_size
        self._encoder = TokenEncoder(config, tensors, words, characters, text.word)
        self._V = take_matrix(tensors, "readout.weight", (C, N))
        self._b = take(tensors, "readout.bias", (C,))
        self._crf: ConditionalRandomField | None = None
        if config.crf:
            self._crf = ConditionalRandomField(tensors, C, transition_mask(self.labels, config.scheme))

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> TaggerPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", TaggerConfig, where)
        text = read_config(model, "text", TaggerTextConfig, where)
        words, characters = (read_vocabulary(model, name, where) for name in ("words", "characters"))
        labels = model.vocabularies.get("labels", [])
        reader = read_config(model, "reader", TaggerReaderConfig, where)
        layout = read_config(model, "layout", Layout, where)
        with damage_errors(where):
            return cls(config, text, words, characters, labels, model.tensors, model.card, reader, layout)

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        return {"model": self.config, "text": self.text, **self.reading_configs}

    def determined_values(self) -> Values:
        """Return the config values of the model that training on other data cannot change."""
        return {"data": determined_values(self.text), "model": determined_values(self.config)}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        return {"words": self.words.tokens, "characters": self.characters.tokens, "labels": self.labels}

    def tokens(self, sentence: Sentence) -> list[str]:
        """Return the tokens of a sentence, known or not: those of a text, or a list as it is."""
        return self.text.tokenize(sentence) if isinstance(sentence, str) else list(sentence)

    def knows(self, token: str) -> bool:
        """Return whether the word of a token is in the vocabulary."""
        return self._encoder.knows(token)

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that the model does not know, or, if it reads characters, their unknown characters."""
        return self._encoder.unknown(tokens)

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the most probable tag of each token of each sentence, which is a text or a list of tokens."""
        lists = require_sentences(sentences, self.text.tokenize)
        tags: list[list[str]] = [[] for _ in lists]
        for rows, emissions, lengths in self._batches(lists):
            for row, path in zip(rows, self._best_labels(emissions, lengths), strict=True):
                tags[row] = [self.labels[i] for i in path]
        return tags

    def emissions(self, sentences: Iterable[Sentence]) -> list[Array]:
        """Return the emissions (T, C) of each sentence: the scores of the tags of each token before any transition."""
        lists = require_sentences(sentences, self.text.tokenize)
        of_sentences = [np.empty((0, len(self.labels)), self._V.dtype) for _ in lists]
        for rows, emissions, lengths in self._batches(lists):
            for row, length, e in zip(rows, lengths, emissions, strict=True):
                of_sentences[row] = e[:length]
        return of_sentences

    @property
    def transition_scores(self) -> TransitionScores | None:
        """The scores of the conditional random field, with FORBIDDEN_SCORE for what the scheme of the tags forbids."""
        return self._crf.scores if self._crf is not None else None

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[Array]:
        """Return the probabilities (T, C) of the tags of each token, given the whole sentence, for each sentence."""
        lists = require_sentences(sentences, self.text.tokenize)
        probabilities = [np.empty((0, len(self.labels)), self._V.dtype) for _ in lists]
        for rows, emissions, lengths in self._batches(lists):
            for row, length, p in zip(rows, lengths, self._probabilities(emissions, lengths), strict=True):
                probabilities[row] = p[:length]
        return probabilities

    def log_probabilities(self, sentences: Iterable[Sentence], tags: Sequence[Sequence[str]] | None = None) -> Array:
        """Return log p (N,) of all tags of each sentence together, in nats; by default of the predicted tags.

        With a conditional random field, this is the probability of the path; otherwise, the sum over the tokens.
        """
        lists = require_sentences(sentences, self.text.tokenize)
        expected = None if tags is None else self._label_ids(lists, tags)
        log_p = np.zeros(len(lists))
        for rows, emissions, lengths in self._batches(lists):
            paths = self._best_labels(emissions, lengths) if expected is None else [expected[row] for row in rows]
            labels, _ = pad_ids(IdLists.from_arrays(paths), np.arange(len(rows)))
            log_p[rows] = self._log_p(emissions, lengths, labels)
        return log_p

    def predict_with_probabilities(self, sentences: Iterable[Sentence]) -> list[Tagging]:
        """Return the tags of each sentence with their probabilities, which `predict` returns alone."""
        lists = require_sentences(sentences, self.text.tokenize)
        taggings = [Tagging([], [], 1.0) for _ in lists]
        for rows, emissions, lengths in self._batches(lists):
            paths = self._best_labels(emissions, lengths)
            labels, _ = pad_ids(IdLists.from_arrays(paths), np.arange(len(rows)))
            together = np.exp(self._log_p(emissions, lengths, labels)).tolist()
            p = self._probabilities_of(labels, emissions, lengths)
            for row, path, of_path, of_all in zip(rows, paths, p, together, strict=True):
                tags = [self.labels[i] for i in path]
                taggings[row] = Tagging(tags, of_path[: len(path)].tolist(), of_all)
        return taggings

    def trace(
        self,
        sentence: Sentence,
        *,
        tags: Sequence[str] | None = None,
        gradients: bool = False,
        attribution: str | None = None,
        position: int | None = None,
    ) -> Trace:
        """Return what happens inside the model as it reads a sentence; with gradients, derivatives of the loss, too.

        The loss is that of the tags, by default of those that the model predicts. attribution: a method of
        models/attribution.py, by which the tokens contribute to the log probability of the tag at `position`: 1 is
        the first token; by default the last.
        """
        layers, V, b = self._encoder.layers, dense(self._V), self._b
        model = Model(self.predict, self.predict_proba, self._loss, layers, V, b, self._crf, self.labels)
        (tokens,) = require_sentences([sentence], self.text.tokenize)
        return trace_sentence(
            model, list(tokens), tags, gradients=gradients, attribution=attribution, position=position
        )

    def plot(
        self, folder: str | Path, examples: Iterable[evaluation.Example], *, language: Language | None = None
    ) -> list[Path]:
        """Draw the confusion matrix and the reliability diagram, as PNG and SVG in a folder.

        The examples are those of `evaluate`. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, examples), language)

    @property
    def output_shape(self) -> tuple[int]:
        """(C,) of the log probabilities of the tags of a token."""
        return (len(self.labels),)

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before the first token; a bidirectional model, which has none, is a ConfigError."""
        if self.config.bidirectional:
            hint = "Train a model in one direction to tag a stream"
            raise ConfigError("the model is bidirectional; expected one that reads in one direction", hint=hint)
        state = self._encoder.initial_state(batch_size)
        if self._crf is None:
            return state
        return {**state, CRF_STATE: np.full((batch_size, len(self.labels)), np.nan, "f4")}

    def step(self, inputs: Sequence[str], state: State) -> tuple[Array, State]:
        """Return log probabilities (B, C) of the tags of a token for each row, and the next state.

        They depend on the tokens so far, and not on later ones.
        """
        output, layers = self._encoder.step(inputs, state)
        log_p, crf = self._after_token(product(output, self._V) + self._b, state)
        return log_p, {**layers, **crf}

    def run_checked(self, chunks: Sequence[list[str]], state: State) -> tuple[Array, State]:
        """Return log probabilities (B, T, C) of the tag of each token, given the tokens so far, and the next state."""
        outputs, layers, lengths = self._encoder.read(chunks, state)
        log_p, inside, crf = product(outputs, self._V) + self._b, inside_chunks(lengths), state
        for t in range(log_p.shape[1]):
            log_p[:, t], crf_next = self._after_token(log_p[:, t], crf)
            crf = where_inside(inside, t, crf_next, crf)
        if inside is not None:
            log_p[~inside] = 0.0
        return log_p, {**layers, **{name: crf[name] for name in state if name not in layers}}

    def checked_chunk(self, inputs: Any) -> list[str]:
        """Return the tokens of one stream; anything but a sequence of texts is an ArgumentError."""
        return require_tokens(inputs)

    def _after_token(self, emissions: Array, state: State) -> tuple[Array, State]:
        """Return log probabilities (B, C) of the tags of a token from its emissions (B, C), and the field's state."""
        if self._crf is None:
            return log_softmax(emissions), {}
        is_first = np.isnan(state[CRF_STATE]).any(1, keepdims=True)
        log_p_prev = np.where(is_first, 0.0, state[CRF_STATE]).astype(emissions.dtype)
        log_p = np.where(is_first, self._crf.start(emissions), self._crf.step(log_p_prev, emissions))
        return log_p, {CRF_STATE: log_p}

    def evaluate(self, sentences: Sentences, tags: Tags | None = None) -> dict[str, Any]:
        """Return loss, accuracy, calibration and F1 of each tag; the arguments are those of `fit`."""
        return evaluation.evaluate(examples_of(sentences, tags, self.reader), self)

    def measure(self, examples: Sequence[TaggedSentence]) -> dict[str, float]:
        """Return loss, accuracy and, for spans, F1 of spans."""
        return evaluation.measure(examples, self)

    def score_batches(
        self, sentences: Sequence[Sequence[str]], expected: Sequence[Ids], *, with_probabilities: bool
    ) -> Iterator[evaluation.BatchScore]:
        """Yield predictions, and the losses of the expected labels, for sentences of one token or more."""
        for rows, emissions, lengths in self._batches(sentences):
            labels, _ = pad_ids(IdLists.from_arrays(expected[row] for row in rows), np.arange(len(rows)))
            loss, best = self._loss(emissions, lengths, labels), self._best_labels(emissions, lengths)
            p = self._probabilities(emissions, lengths) if with_probabilities else ()
            of_best = [row[np.arange(len(path)), path] for row, path in zip(p, best, strict=False)]
            yield evaluation.BatchScore(rows, best, loss, of_best)

    def _batches(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[list[int], Array, Ids]]:
        """Yield rows of sentences of similar length, with tokens, their emissions (B, T, C) and lengths (B,)."""
        max_rows = max(1, BATCH_TRANSITIONS // len(self.labels) ** 2) if self._crf else len(sentences)
        max_tokens = min(BATCH_TOKENS, BATCH_SCORES // len(self.labels))
        for bucket in length_buckets([len(tokens) for tokens in sentences], max_tokens, max_rows):
            rows = [row for row in bucket if sentences[row]]
            if rows:
                outputs, _, lengths = self._encoder.run([sentences[row] for row in rows])
                emissions = product(outputs, self._V)
                emissions += self._b
                note("emissions", emissions)
                yield rows, emissions, lengths

    def _probabilities(self, emissions: Array, lengths: Ids) -> Array:
        """Return p(y_t) (B, T, C) given the whole sentence; those after the lengths (B,) have no meaning."""
        return self._crf.marginals(emissions, lengths) if self._crf else np.exp(log_softmax(emissions))

    def _probabilities_of(self, labels: Ids, emissions: Array, lengths: Ids) -> Array:
        """Return p(y_t) (B, T) of labels (B, T); those after the lengths (B,) have no meaning."""
        if self._crf is None:
            return np.asarray(np.exp(_log_softmax_of(labels, emissions)))
        p = self._crf.marginals(emissions, lengths)
        return np.asarray(np.take_along_axis(p, labels[:, :, None], 2)[:, :, 0])

    def _log_p(self, emissions: Array, lengths: Ids, labels: Ids) -> Array:
        """Return log p (B,) of labels (B, T), of which the first lengths (B,) count, all of a row together."""
        if self._crf:
            return self._crf.log_probability(emissions, lengths, labels)
        inside = np.arange(labels.shape[1]) < lengths[:, None]
        log_p = _log_softmax_of(labels, emissions)
        total: Array = np.where(inside, log_p, 0.0).sum(1, dtype=np.float64)
        return total

    def _loss(self, emissions: Array, lengths: Ids, labels: Ids) -> float:
        """Return the loss of labels (B, T), in nats, summed over all tokens."""
        return -float(self._log_p(emissions, lengths, labels).sum(dtype=np.float64))

    def _label_ids(self, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> list[Ids]:
        """Return the numbers of tags, one for each token of each sentence; others are a ConfigError."""
        if len(tags) != len(sentences):
            raise ConfigError(f"tags: given for {len(tags)} sentences; expected {len(sentences)}")
        return [label_ids(of_one, len(tokens), self.labels) for tokens, of_one in zip(sentences, tags, strict=True)]

    def _best_labels(self, emissions: Array, lengths: Ids) -> list[Ids]:
        """Return the most probable labels of each row, as many as its length."""
        if self._crf:
            return self._crf.best_paths(emissions, lengths)
        return [best[:length] for best, length in zip(emissions.argmax(2), lengths, strict=True)]


def _log_softmax_of(labels: Ids, emissions: Array) -> Array:
    """Return log softmax (B, T) of the emissions (B, T, C) at the labels (B, T), without an array of all of them."""
    C = emissions.shape[2]
    rows, columns = emissions.reshape(-1, C), labels.reshape(-1, 1)
    log_p, size = np.empty(len(rows), emissions.dtype), max(1, SOFTMAX_SCORES // C)
    for part in (slice(first, first + size) for first in range(0, len(rows), size)):
        log_p[part] = np.take_along_axis(log_softmax(rows[part]), columns[part], 1)[:, 0]
    return log_p.reshape(labels.shape)

"""Predictions of a classifier from its model folder, without torch.

    h_1 .. h_T = layers(x_1 .. x_T)          outputs of one direction or both; x_t: models/token_encoder.py
    c          = pooling(h_1 .. h_T)
    p(y)       = softmax((V c + b) / T)      T: models/calibration.py

An explanation goes through a text token by token. After t tokens, the model predicts p(y | x_1 .. x_t). The
contribution of token t to the label y is

    contribution_t = log p(y | x_1 .. x_t) - log p(y | x_1 .. x_(t-1))

in nats. The contributions of all tokens and log p(y) before the first token sum to log p(y) after the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config, Values
from elman.data.batches.buckets import length_buckets
from elman.data.layout import Layout
from elman.errors import ConfigError, ModelError
from elman.figures.style import save_drawings
from elman.models.calibration import Calibration, calibrate
from elman.models.folder import FilePredictor, damage_errors, read_config, read_vocabulary
from elman.models.matrix import dense, divided, product, take, take_matrix
from elman.models.pooling import Pooling
from elman.models.recorder import note
from elman.models.stack import State
from elman.models.streaming import StreamingPredictor, inside_chunks, require_tokens, where_inside
from elman.models.text_arguments import require_full_texts, require_texts
from elman.models.token_encoder import TokenEncoder
from elman.models.trace import Trace
from elman.options import determined_values
from elman.text import Vocabulary
from elman.translations import Language

from . import evaluation, pictures
from .arguments import Texts, examples_of
from .config import ClassifierConfig, ClassifierReaderConfig, ClassifierTextConfig, EvaluateOptions
from .readers import LabelledText
from .thresholds import ABSTENTION, choose_labels, thresholds_of
from .trace import Model, trace_text

Array = npt.NDArray[Any]
BATCH_TOKENS = 1 << 15  # of a batch, with padding


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text gets its label. decisions and probabilities (T,) are of the most probable label after each token."""

    label: str
    probability: float
    tokens: list[str]
    decisions: list[str]
    probabilities: Array
    contributions: Array  # (T,) of the tokens to the log probability of the label, in nats
    prior: float  # probability of the label before the first token


class ClassifierPredictor(FilePredictor, StreamingPredictor):
    """A trained classifier."""

    task = "classify"
    reader: ClassifierReaderConfig

    def __init__(
        self,
        config: ClassifierConfig,
        text: ClassifierTextConfig,
        vocabulary: Vocabulary,
        characters: Vocabulary,
        labels: Sequence[str],
        tensors: Tensors,
        card: str = "",
        calibration: Calibration | None = None,
        reader: ClassifierReaderConfig | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError. Without calibration, T is 1.

        reader and layout are how the training data was read: files for evaluation and prediction are read in the same
        way.
        """
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.calibration = calibration or Calibration()
        self.reader = reader or ClassifierReaderConfig()
        self.layout = layout or Layout()
        self.vocabulary, self.characters, self.labels = vocabulary, characters, tuple(labels)
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ModelError(
                f"has the labels {list(self.labels)}; expected one or more, all different", where="vocabulary.json"
            )
        N, C = config.output_size, len(self.labels)
        self._encoder = TokenEncoder(config, tensors, vocabulary, characters, text.word)
        self._pooling = Pooling(config.pooling, tensors, N)
        self._V = divided(take_matrix(tensors, "readout.weight", (C, N)), self.calibration.temperature)
        self._b = take(tensors, "readout.bias", (C,)) / self.calibration.temperature

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> ClassifierPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", ClassifierConfig, where)
        text = read_config(model, "text", ClassifierTextConfig, where)
        reader = read_config(model, "reader", ClassifierReaderConfig, where)
        layout = read_config(model, "layout", Layout, where)
        vocabulary, characters = (read_vocabulary(model, name, where) for name in ("tokens", "characters"))
        calibration = read_config(model, "calibration", Calibration, where)
        labels = model.vocabularies.get("labels", [])
        with damage_errors(where):
            return cls(
                config, text, vocabulary, characters, labels, model.tensors, model.card, calibration, reader, layout
            )

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        parts = {"model": self.config, "text": self.text, "calibration": self.calibration}
        return {**parts, **self.reading_configs}

    def calibrated(self, examples: Sequence[LabelledText]) -> ClassifierPredictor:
        """Return the same classifier with its probabilities calibrated on labelled texts."""
        parts = self.config, self.text, self.vocabulary, self.characters, self.labels, self.tensors, self.card
        texts, expected = [example.text for example in examples], evaluation.label_numbers(examples, self.labels)
        logits = ClassifierPredictor(*parts).log_probabilities(texts)
        return ClassifierPredictor(*parts, calibrate(logits, expected), self.reader, self.layout)

    def determined_values(self) -> Values:
        """Return the config values of the model that training on other data cannot change."""
        return {"data": determined_values(self.text), "model": determined_values(self.config)}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        tokens, characters = self.vocabulary.tokens, self.characters.tokens
        return {"tokens": tokens, "characters": characters, "labels": self.labels}

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, known or not."""
        return self.text.tokenize(text)

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return the tokens that the model does not know, or, if it reads characters, their unknown characters."""
        return self._encoder.unknown(tokens)

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the most probable label of each text; an empty text is a DataError."""
        return [self.labels[i] for i in self.log_probabilities(require_full_texts(texts)).argmax(1)]

    def predict_or_abstain(self, texts: Iterable[str], threshold: float | Mapping[str, float]) -> list[str | None]:
        """Return the label of each text, or None where no label reaches its threshold, as `elman predict --threshold`.

        threshold is a probability for all labels, or one for each label that has one.
        """
        thresholds = thresholds_of(threshold, self.labels)
        chosen = choose_labels(self.predict_proba(texts), thresholds)
        return [None if number == ABSTENTION else self.labels[number] for number in chosen]

    def predict_proba(self, texts: Iterable[str]) -> Array:
        """Return probabilities (N, C) in the order of `labels`; an empty text is a DataError."""
        return np.exp(self.log_probabilities(require_full_texts(texts)))

    def log_probabilities(self, texts: Iterable[str]) -> Array:
        """Return log probabilities (N, C) in the order of `labels`, of texts as they are."""
        return self.log_probabilities_of_tokens([self.tokens(text) for text in require_texts(texts)])

    def log_probabilities_of_tokens(self, lists: Sequence[Sequence[str]]) -> Array:
        """Return log probabilities (N, C) in the order of `labels`, of texts whose tokens are given."""
        return self._log_p([len(tokens) for tokens in lists], lists.__getitem__)

    def explain(self, text: str) -> Explanation:
        """Return why a text gets its label."""
        (text,) = require_texts([text])
        tokens = self.tokens(text)
        log_p = self._after_each(tokens)
        label = int(log_p[-1].argmax())
        return Explanation(
            label=self.labels[label],
            probability=float(np.exp(log_p[-1, label])),
            tokens=tokens,
            decisions=[self.labels[i] for i in log_p[1:].argmax(1)],
            probabilities=np.exp(log_p[1:].max(1)),
            contributions=np.diff(log_p[:, label]),
            prior=float(np.exp(log_p[0, label])),
        )

    def trace(
        self, text: str, *, label: str | None = None, gradients: bool = False, attribution: str | None = None
    ) -> Trace:
        """Return what happens inside the model as it reads a text; with gradients, derivatives of the loss, too.

        The loss is that of the label, by default of the one that the model predicts. attribution: a method of
        models/attribution.py, by which the tokens contribute to the log probability of the label.
        """
        layers, pooling = self._encoder.layers, self._pooling
        model = Model(self.log_probabilities, self._after_each, layers, pooling, dense(self._V), self._b, self.labels)
        (text,) = require_texts([text])
        return trace_text(model, text, self.tokens(text), label, gradients=gradients, attribution=attribution)

    def plot(
        self,
        folder: str | Path,
        examples: Iterable[LabelledText] | Iterable[tuple[str, str]],
        *,
        language: Language | None = None,
    ) -> list[Path]:
        """Draw the confusion matrix and the reliability diagram, as PNG and SVG in a folder.

        The examples are those of `evaluate`. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, examples), language)

    @property
    def output_shape(self) -> tuple[int]:
        """(C,) of the log probabilities of the labels after a token."""
        return (len(self.labels),)

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before the first token; a bidirectional model, which has none, is a ConfigError."""
        if self.config.bidirectional:
            hint = "Train a model in one direction to predict after every token, or use explain"
            raise ConfigError("the model is bidirectional; expected one that reads in one direction", hint=hint)
        return {**self._encoder.initial_state(batch_size), **self._pooling.initial_state(batch_size)}

    def step(self, inputs: Sequence[str], state: State) -> tuple[Array, State]:
        """Return log probabilities (B, C) after a token for each row, and the next state."""
        output, layers = self._encoder.step(inputs, state)
        pooled, pooling = self._pooling.push(output, {name: state[name] for name in state if name not in layers})
        return log_softmax(product(pooled, self._V) + self._b), {**layers, **pooling}

    def run_checked(self, chunks: Sequence[list[str]], state: State) -> tuple[Array, State]:
        """Return log probabilities (B, T, C) after each token of chunks of tokens, and the next state."""
        outputs, layers, lengths = self._encoder.read(chunks, state)
        inside, pooling = inside_chunks(lengths), {name: state[name] for name in state if name not in layers}
        pooled = np.empty_like(outputs)
        for t in range(outputs.shape[1]):
            pooled[:, t], pooling_next = self._pooling.push(outputs[:, t], pooling)
            pooling = where_inside(inside, t, pooling_next, pooling)
        log_p = log_softmax(product(pooled, self._V) + self._b)
        if inside is not None:
            log_p[~inside] = 0.0
        return log_p, {**layers, **pooling}

    def checked_chunk(self, inputs: Any) -> list[str]:
        """Return the tokens of one stream; anything but a sequence of texts is an ArgumentError."""
        return require_tokens(inputs)

    def evaluate(
        self, texts: Texts, labels: Iterable[Any] | None = None, *, options: EvaluateOptions | None = None
    ) -> dict[str, Any]:
        """Return loss, accuracy, ECE, Brier score, F1 and confusion matrix; the arguments are those of `fit`."""
        examples = examples_of(texts, labels, self.reader)
        return evaluation.evaluate(examples, self.labels, self.log_probabilities, options or EvaluateOptions())

    def measure(self, examples: Sequence[LabelledText]) -> dict[str, float]:
        """Return loss, its standard error, accuracy and macro F1."""
        return evaluation.measure(examples, self.labels, self.log_probabilities)

    def _after_each(self, tokens: Sequence[str]) -> Array:
        """Return log probabilities (T + 1, C) before the first token and after every token.

        A model with one direction takes one step for each token; a bidirectional one reads every prefix of the text.
        """
        if self.config.bidirectional:
            return self._log_p(range(len(tokens) + 1), lambda count: tokens[:count])
        state, rows = self.initial_state(), [self._log_p([0], lambda _: [])]
        for token in tokens:
            log_p, state = self.step([token], state)
            rows.append(log_p)
        return np.concatenate(rows)

    def _log_p(self, lengths: Sequence[int], tokens_of: Callable[[int], Sequence[str]]) -> Array:
        """Return log probabilities (N, C) of texts, which tokens_of gives by number, in batches of similar length."""
        log_p = np.empty((len(lengths), len(self.labels)), self._V.dtype)
        for rows in length_buckets(lengths, BATCH_TOKENS):
            pooled = self._pooling(*self._encoder.run([tokens_of(row) for row in rows]))
            logits = product(pooled, self._V) + self._b
            note("logits", logits)
            log_p[rows] = log_softmax(logits)
        return log_p

"""The classifier at work: a text to its label, from a model folder alone.

    h_1 .. h_T = layers(x_1 .. x_T)          outputs of both directions, or of one; x_t: token_reader.py
    c          = pooling(h_1 .. h_T)
    p(y)       = softmax(V c + b)

What a decision rests on is told token by token: after t tokens the model, given no more of the text, decides by
p(y | x_1 .. x_t), and the share of token t in the decision y is what it adds,

    share_t = log p(y | x_1 .. x_t) - log p(y | x_1 .. x_(t-1))

in nats. So the shares of all tokens and what the model takes y for before it has read anything make log p(y).
By the kernels, or NumPy over the cells. Padding is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.data.labelled_corpus import LabelledText, LabelTextConfig
from elman.data.padded import buckets
from elman.errors import ConfigError, DataError, ModelError
from elman.metrics import Confusion, Mean
from elman.text import Vocabulary

from .classifier_config import ClassifierConfig
from .folder import config_of, damage_told, vocabulary_of, weight_count, write_predictor
from .given import listed
from .pooling import Pooling
from .stack import State, take
from .token_reader import TokenEncoder

Array = npt.NDArray[Any]
Given = tuple[str, str]  # a text and its label

BATCH_TOKENS = 1 << 15  # read together, padding counted


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a decision rests on; decisions and probabilities (T,) are of the likeliest label after each token."""

    label: str
    probability: float
    tokens: list[str]
    decisions: list[str]
    probabilities: Array
    shares: Array  # (T,): what each token adds to the logarithm of the label's probability, in nats
    prior: float  # the label's probability before anything is read


class ClassifierPredictor:
    """A trained classifier."""

    task = "classify"

    def __init__(
        self,
        config: ClassifierConfig,
        text: LabelTextConfig,
        vocabulary: Vocabulary,
        characters: Vocabulary,
        labels: Sequence[str],
        tensors: Tensors,
        card: str = "",
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.vocabulary, self.characters, self.labels = vocabulary, characters, tuple(labels)
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ModelError("expected two labels or more, all different", where="vocabulary.json")
        self._number = {label: i for i, label in enumerate(self.labels)}
        N, C = config.output_size, len(self.labels)
        self._reader = TokenEncoder(config, tensors, vocabulary, characters, text.word)
        self._pooling = Pooling(config.pooling, tensors, N)
        self._V = take(tensors, "readout.weight", (C, N))
        self._b = take(tensors, "readout.bias", (C,))

    @classmethod
    def from_folder(cls, model: ModelFolder, *, where: Path) -> ClassifierPredictor:
        """Build the predictor from what a model folder holds."""
        config = config_of(model, "model", ClassifierConfig, where=where)
        text = config_of(model, "text", LabelTextConfig, where=where)
        vocabulary, characters = (vocabulary_of(model, name, where=where) for name in ("tokens", "characters"))
        labels = model.vocabularies.get("labels", [])
        with damage_told(where):
            return cls(config, text, vocabulary, characters, labels, model.tensors, model.card)

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
            vocabularies={
                "tokens": self.vocabulary.tokens,
                "characters": self.characters.tokens,
                "labels": self.labels,
            },
            card=card or self.card,
            replace=replace,
        )

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, known or not."""
        return self.text.cut(text)

    def unknown(self, tokens: Iterable[str]) -> list[str]:
        """Return what the model does not know of tokens: characters, or tokens of a model that reads none of theirs."""
        return self._reader.unknown(tokens)

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the likeliest label of each text."""
        return [self.labels[i] for i in self.log_probabilities(texts).argmax(1)]

    def predict_proba(self, texts: Iterable[str]) -> Array:
        """Return probabilities (N, C) in the order of `labels`."""
        return np.exp(self.log_probabilities(texts))

    def log_probabilities(self, texts: Iterable[str]) -> Array:
        """Return log probabilities (N, C) in the order of `labels`."""
        lists = [self.tokens(text) for text in listed(texts)]
        return self._read([len(tokens) for tokens in lists], lists.__getitem__)

    def explain(self, text: str) -> Explanation:
        """Return what the decision for a text rests on."""
        (text,) = listed([text])
        tokens = self.tokens(text)
        log_p = self._after_each(tokens)
        label = int(log_p[-1].argmax())
        return Explanation(
            label=self.labels[label],
            probability=float(np.exp(log_p[-1, label])),
            tokens=tokens,
            decisions=[self.labels[i] for i in log_p[1:].argmax(1)],
            probabilities=np.exp(log_p[1:].max(1)),
            shares=np.diff(log_p[:, label]),
            prior=float(np.exp(log_p[0, label])),
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any token, of a model that reads one way; another is a ConfigError."""
        if self.config.bidirectional:
            hint = "train with --no-bidirectional to decide token by token, or use explain"
            raise ConfigError("the model reads both ways, so it must have read all of a text", hint=hint)
        return {**self._reader.initial_state(batch_size), **self._pooling.initial_state(batch_size)}

    def step(self, inputs: Sequence[str], state: State) -> tuple[Array, State]:
        """Return log probabilities (B, C) after a token for each row, and the next state."""
        output, layers = self._reader.step(inputs, state)
        pooled, pooling = self._pooling.push(output, {name: state[name] for name in state if name not in layers})
        return log_softmax(pooled @ self._V.T + self._b), {**layers, **pooling}

    def evaluate(self, examples: Iterable[LabelledText] | Iterable[Given]) -> dict[str, Any]:
        """Return loss, accuracy, macro F1, F1 of each label, and the confusion matrix: labels down, decisions across.

        Examples, or (text, label).
        """
        items = [each if isinstance(each, LabelledText) else LabelledText(*each) for each in examples]
        if not items:
            raise DataError("no texts to score, expected at least one", hint="give a text and its label a line")
        loss, confusion = self._scored(items)
        shown = {
            label: None if np.isnan(f1) else float(f1) for label, f1 in zip(self.labels, confusion.f1, strict=True)
        }
        return {
            "task": self.task,
            "count": len(items),
            "loss": loss.value,
            "accuracy": confusion.accuracy,
            "macro_f1": confusion.macro_f1,
            "f1": shown,
            "confusion": {"labels": list(self.labels), "counts": confusion.counts.tolist()},
        }

    def measure(self, examples: Sequence[LabelledText]) -> dict[str, float]:
        """Return loss, accuracy and macro F1."""
        loss, confusion = self._scored(examples)
        return {"loss": loss.value, "accuracy": confusion.accuracy, "macro_f1": confusion.macro_f1}

    def _scored(self, examples: Sequence[LabelledText]) -> tuple[Mean, Confusion]:
        strange = next((each.label for each in examples if each.label not in self._number), None)
        if strange is not None:
            known = ", ".join(self.labels[:10]) + (" ..." if len(self.labels) > 10 else "")
            raise DataError(f"the model knows no label {strange!r}", hint=f"expected one of {known}")
        labels = np.array([self._number[each.label] for each in examples], np.int64)
        log_p = self.log_probabilities(each.text for each in examples)
        loss = -float(log_p[np.arange(len(labels)), labels].sum(dtype=np.float64))
        return Mean(loss, len(labels)), Confusion.of(labels, log_p.argmax(1), len(self.labels))

    def _after_each(self, tokens: Sequence[str]) -> Array:
        """Return log probabilities (T + 1, C) before any of the tokens (T,) and after each.

        A model that reads one way takes a step a token; one that reads both ways reads every beginning of the text.
        """
        if self.config.bidirectional:
            return self._read(range(len(tokens) + 1), lambda count: tokens[:count])
        state, found = self.initial_state(), [self._read([0], lambda _: [])]
        for token in tokens:
            log_p, state = self.step([token], state)
            found.append(log_p)
        return np.concatenate(found)

    def _read(self, lengths: Sequence[int], tokens_of: Callable[[int], Sequence[str]]) -> Array:
        """Return log probabilities (N, C) of texts by their number, in batches of about one length."""
        found = np.empty((len(lengths), len(self.labels)), self._V.dtype)
        for rows in buckets(lengths, BATCH_TOKENS):
            pooled = self._pooling(*self._reader.run([tokens_of(row) for row in rows]))
            found[rows] = log_softmax(pooled @ self._V.T + self._b)
        return found

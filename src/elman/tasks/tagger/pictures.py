"""The pictures of a tagger: the confusion matrix of its tags, and how often probable tags are right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.errors import DataError
from elman.figures.style import Draw
from elman.figures.training import confusion_matrix, reliability
from elman.metrics import ConfusionMatrix

from .corpus import TaggerCorpus
from .evaluation import Example
from .readers import Sentence

MOST_SENTENCES = 2000  # of those that are drawn: more change nothing that can be seen


class Model(Protocol):
    """What the pictures need of a predictor."""

    labels: tuple[str, ...]

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[npt.NDArray[Any]]:
        """Return the probabilities (T, C) of the tags of each token, for each sentence."""

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the tags of each sentence."""


def of_validation_set(model: Model, corpus: TaggerCorpus) -> dict[str, Draw]:
    """Return the pictures of the validation set of a run."""
    return of_examples(model, corpus.valid())


def of_examples(model: Model, examples: Iterable[Example]) -> dict[str, Draw]:
    """Return the pictures of tagged sentences, the first MOST_SENTENCES; tags that the model lacks do not count.

    The reliability is that of the tag that was predicted, by its probability given the whole sentence.
    """
    pairs = [_pair(example) for example in examples][:MOST_SENTENCES]
    pairs = [(tokens, tags) for tokens, tags in pairs if tokens]
    if not pairs:
        raise DataError("no sentences to draw; expected at least one")
    number = {label: i for i, label in enumerate(model.labels)}
    sentences = [tokens for tokens, _ in pairs]
    expected = np.array([number.get(tag, -1) for _, tags in pairs for tag in tags], np.int64)
    predicted = np.array([number[tag] for tags in model.predict(sentences) for tag in tags], np.int64)
    p = np.concatenate(model.predict_proba(sentences))[np.arange(len(predicted)), predicted]
    known = expected >= 0
    counts = ConfusionMatrix.of(expected[known], predicted[known], len(model.labels)).counts
    return {
        "confusion": confusion_matrix(counts, model.labels),
        "reliability": reliability(p[known], predicted[known] == expected[known]),
    }


def _pair(example: Example) -> tuple[list[str], Sequence[str]]:
    tokens, tags = example if isinstance(example, tuple) else (example.tokens, example.tags)
    return list(tokens), tags

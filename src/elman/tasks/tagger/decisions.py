"""The decisions of a tagger on tagged sentences: the tag of each token in the most probable sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy.typing as npt

from elman.tasks.spec import Decision

from .evaluation import Example
from .readers import Sentence, TaggedSentence

SENTENCES = 1000  # whose probabilities are in memory together


class Model(Protocol):
    """What the decisions need of a predictor."""

    labels: tuple[str, ...]

    def predict_proba(self, sentences: Iterable[Sentence]) -> list[npt.NDArray[Any]]:
        """Return the probabilities (T, C) of the tags of each token, for each sentence."""

    def predict(self, sentences: Iterable[Sentence]) -> list[list[str]]:
        """Return the tags of each sentence."""


def decisions(model: Model, examples: Iterable[Example]) -> Iterator[Decision]:
    """Yield the decision for each token, in order, with the probability of its tag given the whole sentence.

    Examples may be (tokens, tags). The model need not know the expected tags.
    """
    remaining = iter(examples)
    while some := list(islice(remaining, SENTENCES)):
        yield from _of_sentences(model, [_tagged(example) for example in some])


def _of_sentences(model: Model, sentences: Sequence[TaggedSentence]) -> Iterator[Decision]:
    sentences = [sentence for sentence in sentences if sentence.tokens]
    lists = [list(sentence.tokens) for sentence in sentences]
    column = {label: i for i, label in enumerate(model.labels)}
    for sentence, tags, p in zip(sentences, model.predict(lists), model.predict_proba(lists), strict=True):
        tokens = sentence.tokens
        for t, (token, expected, predicted) in enumerate(zip(tokens, sentence.tags, tags, strict=True)):
            before, after = " ".join(tokens[:t]), " ".join(tokens[t + 1 :])
            yield Decision(expected, predicted, float(p[t, column[predicted]]), token, before, after, sentence.where(t))


def _tagged(example: Example) -> TaggedSentence:
    return example if isinstance(example, TaggedSentence) else TaggedSentence(tuple(example[0]), tuple(example[1]))

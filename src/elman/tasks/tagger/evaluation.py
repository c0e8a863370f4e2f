"""The metrics of a tagger on tagged sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from elman.config import Config
from elman.data.readers.excerpts import list_names
from elman.errors import DataError
from elman.metrics import LabelCounts, Mean, ReliabilityBins, SpanScores
from elman.tasks.spec import Scored
from elman.text.spans import extract_spans, first_violation

from .config import TaggerConfig, TaggerTextConfig
from .corpus import TaggerCorpus
from .readers import TaggedSentence, require_sentences

Ids = npt.NDArray[np.int64]
Example = TaggedSentence | tuple[Sequence[str], Sequence[str]]  # the latter: tokens and tags


class BatchScore(NamedTuple):
    """Predictions for some sentences: their rows, the predicted labels of each, and the loss of the expected labels."""

    rows: list[int]
    predicted: list[Ids]
    loss: float  # nats, summed over all tokens
    probabilities: list[npt.NDArray[Any]]  # of the predicted labels, given the whole sentence; empty if not asked for


class Model(Protocol):
    """What evaluation needs of a predictor."""

    config: TaggerConfig
    text: TaggerTextConfig
    labels: tuple[str, ...]

    def knows(self, token: str) -> bool:
        """Return whether the word of a token is in the vocabulary."""

    def score_batches(
        self, sentences: Sequence[Sequence[str]], expected: Sequence[Ids], *, with_probabilities: bool
    ) -> Iterator[BatchScore]:
        """Yield predictions and losses for sentences of one token or more."""


@dataclass(frozen=True, slots=True)
class _Scores:
    """Sums and counts of the metrics."""

    loss: Mean
    counts: LabelCounts
    unknown: Mean  # correct tags of words that are not in the vocabulary
    spans: SpanScores
    bins: ReliabilityBins  # of tokens; empty in training, because marginal probabilities take time

    def __add__(self, other: _Scores) -> _Scores:
        return _Scores(
            self.loss + other.loss,
            self.counts + other.counts,
            self.unknown + other.unknown,
            self.spans + other.spans,
            self.bins + other.bins,
        )


def score_validation_set(scored: Scored, corpus: TaggerCorpus, options: Config) -> dict[str, Any]:
    """Return the metrics on the validation set of a run."""
    metrics: dict[str, Any] = scored.predictor.evaluate(corpus.valid())
    return metrics


def score(scored: Scored, examples: Iterable[TaggedSentence], options: Config) -> dict[str, Any]:
    """Return the metrics on examples, and report how many sentences violate the scheme of the tags."""
    sentences, scheme = list(examples), scored.predictor.config.scheme
    metrics: dict[str, Any] = scored.predictor.evaluate(sentences)
    if violations := sum(first_violation(sentence.tags, scheme) is not None for sentence in sentences):
        scored.notify(f"the tags of {violations:,} of {len(sentences):,} sentences violate {scheme.upper()}")
    return metrics


def evaluate(examples: Iterable[Example], model: Model) -> dict[str, Any]:
    """Return loss and accuracy of tokens, calibration, accuracy on unknown words, F1 of each tag and of spans."""
    items = _checked(examples, model)
    if not items:
        raise DataError("no sentences to score; expected at least one", hint="Give tokens and their tags")
    scores = _scores(items, model, with_probabilities=True)
    by_span = {"span_precision": scores.spans.precision, "span_recall": scores.spans.recall, "span_f1": scores.spans.f1}
    f1 = zip(model.labels, scores.counts.f1, strict=True)
    return {
        "task": "tag",
        "count": scores.loss.count,
        "sentences": len(items),
        "loss": scores.loss.value,
        "accuracy": scores.counts.accuracy,
        "mean_confidence": scores.bins.mean_probability,
        "ece": scores.bins.expected_calibration_error,
        "unknown_words": scores.unknown.count,
        "unknown_accuracy": scores.unknown.value if scores.unknown.count else None,
        **(by_span if _has_spans(model) else {}),
        "f1": {label: None if np.isnan(value) else float(value) for label, value in f1},
    }


def measure(examples: Sequence[TaggedSentence], model: Model) -> dict[str, float]:
    """Return loss, accuracy and, for spans, F1 of spans, by which training compares steps."""
    scores = _scores(examples, model, with_probabilities=False)
    by_span = {"span_f1": scores.spans.f1} if _has_spans(model) else {}
    return {"loss": scores.loss.value, "accuracy": scores.counts.accuracy, **by_span}


def _has_spans(model: Model) -> bool:
    return model.config.scheme != "none"


def _checked(examples: Iterable[Example], model: Model) -> list[TaggedSentence]:
    """Return the examples that have tokens; one without a known tag for each token is a DataError."""
    known = set(model.labels)
    items = []
    for number, example in enumerate(examples):
        sentence, tags = (example.tokens, example.tags) if isinstance(example, TaggedSentence) else example
        places = example.places if isinstance(example, TaggedSentence) else ()
        (tokens,) = require_sentences([sentence], model.text.tokenize, number)
        if len(tokens) != len(tags):
            problem = f"sentence {number} has {len(tokens)} tokens and {len(tags)} tags; expected as many of each"
            raise DataError(problem, hint="Give each token a tag")
        item = TaggedSentence(tuple(tokens), tuple(tags), places)
        for index, tag in enumerate(tags):
            if tag not in known:
                problem = f"the model does not know the tag {tag!r}; expected one of {list_names(model.labels)}"
                hint = "Check which column has the tags" if places else None
                raise DataError(problem, hint=hint, where=item.where(index) or f"sentence {number}")
        if tokens:
            items.append(item)
    return items


def _scores(items: Sequence[TaggedSentence], model: Model, *, with_probabilities: bool) -> _Scores:
    C, number = len(model.labels), {label: i for i, label in enumerate(model.labels)}
    expected = [np.array([number[tag] for tag in item.tags], np.int64) for item in items]
    scores = _Scores(Mean(), LabelCounts.of([], [], C), Mean(), SpanScores(), ReliabilityBins.of([], []))
    sentences = [item.tokens for item in items]
    for rows, predicted, loss, p in model.score_batches(sentences, expected, with_probabilities=with_probabilities):
        labels, decisions = np.concatenate([expected[row] for row in rows]), np.concatenate(predicted)
        is_unknown = np.array([not model.knows(token) for row in rows for token in items[row].tokens])
        unknown = Mean(float((labels == decisions)[is_unknown].sum()), int(is_unknown.sum()))
        by_span = _span_scores([items[row].tags for row in rows], predicted, model)
        bins = ReliabilityBins.of(np.concatenate(p), labels == decisions) if p else ReliabilityBins.of([], [])
        scores += _Scores(Mean(loss, len(labels)), LabelCounts.of(labels, decisions, C), unknown, by_span, bins)
    return scores


def _span_scores(expected: Sequence[Sequence[str]], predicted: Sequence[Ids], model: Model) -> SpanScores:
    total = SpanScores()
    if _has_spans(model):
        for tags, path in zip(expected, predicted, strict=True):
            total += SpanScores.of(extract_spans([model.labels[i] for i in path]), extract_spans(tags))
    return total

"""The wrong predictions of a tagger: tokens whose tag in the most probable sequence is not the expected one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from elman.config import Config
from elman.tasks.spec import ErrorRow, Scored

from .readers import TaggedSentence


def wrong_predictions(scored: Scored, examples: Iterable[TaggedSentence], options: Config) -> Iterator[ErrorRow]:
    """Yield a row for each token with another tag. Probabilities are those of the tag given the whole sentence."""
    sentences, predictor = [example for example in examples if example.tokens], scored.predictor
    lists = [list(sentence.tokens) for sentence in sentences]
    labels = predictor.labels
    for sentence, tags, p in zip(sentences, predictor.predict(lists), predictor.predict_proba(lists), strict=True):
        for index, (token, expected, predicted) in enumerate(zip(sentence.tokens, sentence.tags, tags, strict=True)):
            if predicted != expected:
                yield ErrorRow(
                    {
                        "place": sentence.where(index),
                        "sentence": " ".join(sentence.tokens),
                        "number": index + 1,
                        "token": token,
                        "expected": expected,
                        "predicted": predicted,
                        "probability": float(p[index, labels.index(predicted)]),
                        "probability_expected": float(p[index, labels.index(expected)]) if expected in labels else 0.0,
                    }
                )

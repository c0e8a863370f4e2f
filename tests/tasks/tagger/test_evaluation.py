"""The metrics of a tagger: those of scikit-learn and conlleval, and errors for examples that it cannot score."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
from elman.metrics import ReliabilityBins, SpanScores
from elman.tasks.spec import Scored
from elman.tasks.tagger.config import EvaluateOptions
from elman.tasks.tagger.evaluation import score
from elman.tasks.tagger.readers import TaggedSentence
from elman.text.spans import extract_spans

from .models import EXAMPLES, LABELS, TEXT, WORDS, tiny_predictor


def test_metrics_are_those_of_scikit_learn_and_of_spans() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    predictor = tiny_predictor("crf")
    examples = EXAMPLES * 2
    metrics = predictor.evaluate(examples)
    predicted = predictor.predict([tokens for tokens, _ in examples])
    flat = [tag for tags in predicted for tag in tags]
    expected = [tag for _, tags in examples for tag in tags]
    assert (metrics["count"], metrics["sentences"]) == (len(expected), len(examples))
    assert metrics["accuracy"] == pytest.approx(accuracy_score(expected, flat))
    f1 = f1_score(expected, flat, labels=list(LABELS), average=None, zero_division=0.0)
    assert [metrics["f1"][label] for label in LABELS] == pytest.approx(f1.tolist())
    pairs = zip(predicted, examples, strict=True)
    scores = (SpanScores.of(extract_spans(tags), extract_spans(true_tags)) for tags, (_, true_tags) in pairs)
    total = sum(scores, SpanScores())
    by_span = metrics["span_precision"], metrics["span_recall"], metrics["span_f1"]
    assert by_span == (total.precision, total.recall, total.f1)


@pytest.mark.parametrize("architecture", ["plain", "crf"])
def test_the_calibration_error_is_that_of_the_tags_given_the_whole_sentence(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    sentences = [tokens for tokens, _ in EXAMPLES]
    predicted = [tag for tags in predictor.predict(sentences) for tag in tags]
    marginals = np.concatenate(predictor.predict_proba(sentences))
    p = marginals[np.arange(len(predicted)), [LABELS.index(tag) for tag in predicted]]
    correct = [a == b for a, b in zip(predicted, [tag for _, tags in EXAMPLES for tag in tags], strict=True)]
    metrics = predictor.evaluate(EXAMPLES)
    assert metrics["mean_confidence"] == pytest.approx(p.mean(), rel=1e-5)
    assert metrics["ece"] == pytest.approx(ReliabilityBins.of(p, correct).expected_calibration_error, rel=1e-5)


def test_the_accuracy_on_unknown_words_is_counted_apart() -> None:
    predictor = tiny_predictor("crf")
    metrics = predictor.evaluate(EXAMPLES)
    unknown = [TEXT.word(token) not in WORDS for tokens, _ in EXAMPLES for token in tokens]
    assert metrics["unknown_words"] == sum(unknown) == 2  # zebra and leave
    predicted = [tag for tags in predictor.predict([tokens for tokens, _ in EXAMPLES]) for tag in tags]
    expected = [tag for _, tags in EXAMPLES for tag in tags]
    correct = [a == b for a, b, is_unknown in zip(predicted, expected, unknown, strict=True) if is_unknown]
    assert metrics["unknown_accuracy"] == pytest.approx(np.mean(correct))
    assert predictor.evaluate([(("ann",), ("O",))])["unknown_accuracy"] is None


def test_tags_without_spans_have_no_span_metrics() -> None:
    assert not [name for name in tiny_predictor("crf_words").evaluate(EXAMPLES) if name.startswith("span")]
    assert tiny_predictor("crf_words").measure([TaggedSentence(*EXAMPLES[0])]).keys() == {"loss", "accuracy"}


def test_a_sentence_may_be_text_and_one_without_tokens_does_not_count() -> None:
    predictor = tiny_predictor()
    texts: list[Any] = [(" ".join(tokens), tags) for tokens, tags in EXAMPLES]
    assert predictor.evaluate([*texts, ([], [])]) == predictor.evaluate(EXAMPLES)


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        ([], "no sentences to score; expected at least one"),
        ([(["Ann"], ["X"])], "sentence 0: the model does not know the tag 'X'; expected one of B-X, I-X, O"),
        ([EXAMPLES[0], ([], ["O"])], "sentence 1 has 0 tokens and 1 tags; expected as many of each"),
        ([(["a", None], ["O", "O"])], "sentence 0 is"),
        ([EXAMPLES[0], (["a", "b"], ["O"])], "sentence 1 has 2 tokens and 1 tags; expected as many of each"),
        (
            [TaggedSentence(("a", "b"), ("O", "X"), ("f:1", "f:2"))],
            "f:2: the model does not know the tag 'X'; expected one of B-X, I-X, O. Check which column has the tags",
        ),
    ],
)
def test_examples_that_cannot_be_scored_are_errors(examples: Any, expected: str) -> None:
    with pytest.raises(DataError, match=re.escape(expected)):
        tiny_predictor().evaluate(examples)


def test_sentences_that_violate_the_scheme_are_reported() -> None:
    messages: list[str] = []
    scored = Scored(tiny_predictor("crf"), Path(), messages.append)
    examples = [TaggedSentence(("a",), ("O",)), TaggedSentence(("a",), ("I-X",))]
    metrics = score(scored, iter(examples), EvaluateOptions())
    assert metrics["sentences"] == 2
    assert messages == ["the tags of 1 of 2 sentences violate BIO"]
    score(scored, examples[:1], EvaluateOptions())
    assert len(messages) == 1

"""The metrics of a classifier: those of scikit-learn, and errors for examples that it cannot score."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
from elman.metrics import ReliabilityBins, threshold_for_precision, threshold_for_recall, wilson_lower_bound
from elman.tasks.classifier.config import EvaluateOptions
from elman.tasks.classifier.evaluation import score, score_validation_set
from elman.tasks.classifier.readers import LabelledText
from elman.tasks.spec import Scored

from .models import EXAMPLES, LABELS, corpus_of, tiny_predictor


def test_metrics_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    predictor = tiny_predictor()
    examples = EXAMPLES * 3 + [("ab", "hot"), ("ba", "cold")]
    texts, labels = [text for text, _ in examples], [label for _, label in examples]
    predicted, metrics = predictor.predict(texts), predictor.evaluate(examples)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    f1 = f1_score(labels, predicted, labels=list(LABELS), average=None, zero_division=0.0)
    assert [metrics["f1"][label] for label in LABELS] == pytest.approx(f1.tolist())
    assert metrics["macro_f1"] == pytest.approx(f1.mean())
    assert metrics["count"] == len(examples)
    assert metrics["confusion"]["labels"] == list(LABELS)
    expected = confusion_matrix(labels, predicted, labels=list(LABELS))
    assert metrics["confusion"]["counts"] == expected.tolist()


def test_the_metrics_of_probabilities_are_those_of_the_predictions() -> None:
    predictor = tiny_predictor(temperature=0.5)
    p = predictor.predict_proba([text for text, _ in EXAMPLES])
    expected = np.array([LABELS.index(label) for _, label in EXAMPLES])
    metrics = predictor.evaluate(EXAMPLES)
    assert metrics["mean_confidence"] == pytest.approx(p.max(1).mean(), rel=1e-6)
    bins = ReliabilityBins.of(p.max(1), p.argmax(1) == expected)
    assert metrics["ece"] == pytest.approx(bins.expected_calibration_error, rel=1e-5)
    assert metrics["brier"] == pytest.approx(np.square(p - np.eye(3)[expected]).sum(1).mean(), rel=1e-5)
    assert not {"coverage", "answered_accuracy", "thresholds"} & set(metrics)


def test_a_threshold_gives_the_coverage_and_the_accuracy_of_the_answers() -> None:
    predictor = tiny_predictor()
    examples = [*EXAMPLES, ("aaf", "hot"), ("ff", "cold"), ("好", "中")]
    p = predictor.predict_proba([text for text, _ in examples])
    expected = np.array([LABELS.index(label) for _, label in examples])
    threshold = float(np.sort(p.max(1))[4])  # five texts reach it
    answered = p.max(1) >= threshold
    metrics = predictor.evaluate(examples, options=EvaluateOptions(threshold=(repr(threshold),)))
    assert metrics["coverage"] == pytest.approx(5 / 9)
    assert metrics["answered_accuracy"] == pytest.approx((p.argmax(1) == expected)[answered].mean())
    assert metrics["accuracy"] == predictor.evaluate(examples)["accuracy"], "of all texts, as before"
    none = predictor.evaluate(examples, options=EvaluateOptions(threshold=("1",)))
    assert (none["coverage"], none["answered_accuracy"]) == (0.0, None)


def test_thresholds_for_a_precision_and_a_recall_are_those_of_each_label_against_the_others() -> None:
    predictor = tiny_predictor()
    p = predictor.predict_proba([text for text, _ in EXAMPLES])
    expected = np.array([LABELS.index(label) for _, label in EXAMPLES])
    tables = predictor.evaluate(EXAMPLES, options=EvaluateOptions(precision=0.6, recall=0.9))["thresholds"]
    assert [tables[wanted]["at_least"] for wanted in ("precision", "recall")] == [0.6, 0.9]
    for number, label in enumerate(LABELS):
        for wanted, search in (
            ("precision", threshold_for_precision(p[:, number], expected == number, 0.6)),
            ("recall", threshold_for_recall(p[:, number], expected == number, 0.9)),
        ):
            scores = tables[wanted]["labels"][label]
            assert scores == (None if search is None else asdict(search))
    assert None not in tables["recall"]["labels"].values()
    assert "all_labels" not in tables["recall"]


@pytest.mark.parametrize("rank", [0, 1])
def test_the_threshold_of_all_labels_answers_as_many_texts_as_it_can(rank: int) -> None:
    predictor = tiny_predictor()
    p = predictor.predict_proba([text for text, _ in EXAMPLES])
    correct = p.argmax(1) == np.array([LABELS.index(label) for _, label in EXAMPLES])
    accuracies = {float(t): float(correct[p.max(1) >= t].mean()) for t in p.max(1)}
    least = sorted(set(accuracies.values()))[-1 - rank]
    options = EvaluateOptions(precision=least)
    scores = predictor.evaluate(EXAMPLES, options=options)["thresholds"]["precision"]["all_labels"]
    threshold = min(t for t, accuracy in accuracies.items() if accuracy >= least)
    answered = p.max(1) >= threshold
    assert scores == {
        "threshold": pytest.approx(threshold),
        "precision": accuracies[threshold],
        "lower_bound": wilson_lower_bound(int(correct[answered].sum()), int(answered.sum())),
        "recall": correct[answered].sum() / correct.sum(),
        "coverage": answered.mean(),
    }


def test_the_loss_is_the_mean_over_the_texts() -> None:
    predictor = tiny_predictor()
    log_p = predictor.log_probabilities([text for text, _ in EXAMPLES])
    of_labels = [row[LABELS.index(label)] for row, (_, label) in zip(log_p, EXAMPLES, strict=True)]
    metrics = predictor.evaluate(EXAMPLES)
    assert metrics["loss"] == pytest.approx(-np.mean(of_labels), rel=1e-6)
    measured = predictor.measure([LabelledText(*example) for example in EXAMPLES])
    assert measured == {
        "loss_error": measured["loss_error"],
        **{name: metrics[name] for name in ("loss", "accuracy", "macro_f1")},
    }
    assert measured["loss_error"] == pytest.approx(np.std(of_labels, ddof=1) / math.sqrt(len(EXAMPLES)), rel=1e-5)
    assert predictor.measure([LabelledText(*EXAMPLES[0])])["loss_error"] == 0.0


def test_files_and_the_validation_set_are_scored_alike(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", [(f"abc{'d' * n}", LABELS[n % 3]) for n in range(27)])
    scored = Scored(tiny_predictor(), tmp_path, lambda message: None)
    assert score_validation_set(scored, corpus, EvaluateOptions()) == score(scored, corpus.valid(), EvaluateOptions())


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        ([], "no texts to score; expected at least one"),
        ([("abc", "warm")], "the model does not know the label 'warm'; expected one of cold, hot, 中"),
        ([LabelledText("abc", "warm", "f.tsv:7")], "f.tsv:7: the model does not know the label 'warm'"),
    ],
)
def test_examples_that_cannot_be_scored_are_errors(examples: Any, expected: str) -> None:
    with pytest.raises(DataError, match=re.escape(expected)):
        tiny_predictor().evaluate(examples)

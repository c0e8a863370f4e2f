"""The metrics of a classifier: those of scikit-learn, and errors for examples that it cannot score."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
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


def test_the_loss_is_the_mean_over_the_texts() -> None:
    predictor = tiny_predictor()
    log_p = predictor.log_probabilities([text for text, _ in EXAMPLES])
    of_labels = [row[LABELS.index(label)] for row, (_, label) in zip(log_p, EXAMPLES, strict=True)]
    metrics = predictor.evaluate(EXAMPLES)
    assert metrics["loss"] == pytest.approx(-np.mean(of_labels), rel=1e-6)
    assert predictor.measure([LabelledText(*example) for example in EXAMPLES]) == {
        name: metrics[name] for name in ("loss", "accuracy", "macro_f1")
    }


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

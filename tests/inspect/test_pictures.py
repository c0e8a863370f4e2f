"""The pictures of predictors and estimators: which there are, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from elman.errors import ModelError
from elman.figures.style import drawn, figure_style
from elman.inspect import plot_trace, read_metrics, trace_drawings, training_drawings
from elman.tasks.classifier import pictures as of_classifier
from elman.tasks.classifier.estimator import Classifier
from tests.tasks.classifier.models import EXAMPLES
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import PAIRS
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import EXAMPLES as SENTENCES
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

pytestmark = pytest.mark.integration

RECORDS: list[dict[str, Any]] = [
    {"step": 1, "tokens": 5, "loss": 3.0, "gradient_norm": 2.0},
    {"step": 1, "valid": {"loss": 2.5}},
    {"step": 1, "rolled_back": "loss nan"},
    {"step": 2, "tokens": 9, "loss": 2.0, "gradient_norm": 1.0},
]


def test_every_predictor_draws_examples(tmp_path: Path) -> None:
    def names(paths: list[Path]) -> list[str]:
        assert all(path.exists() for path in paths)
        return [path.name for path in paths]

    labels = ["confusion.png", "reliability.png"]
    assert names(tiny_classifier().plot(tmp_path, EXAMPLES, language="en")) == labels
    assert names(tiny_tagger().plot(tmp_path, SENTENCES, language="en")) == labels
    assert names(tiny_forecaster().plot(tmp_path, series_of(), language="en")) == ["forecast.png"]
    assert names(tiny_language_model().plot(tmp_path, "abc de", language="en")) == ["reliability.png"]
    pairs = tiny_encoder_decoder().plot(tmp_path, PAIRS, language="en")
    assert names(pairs) == [f"attention-{n}.png" for n in (1, 2, 3, 4)]
    assert tiny_encoder_decoder("no_attention").plot(tmp_path, PAIRS) == []


def test_the_confusion_matrix_is_that_of_evaluate() -> None:
    predictor = tiny_classifier()
    with figure_style("en"):
        axes = drawn(of_classifier.of_examples(predictor, EXAMPLES)["confusion"], "en").axes[0]
    counts = np.zeros((3, 3), int)
    for label in axes.texts:
        column, row = (int(value) for value in label.get_position())
        counts[row, column] = int(label.get_text())
    assert counts.tolist() == predictor.evaluate(EXAMPLES)["confusion"]["counts"]


def test_training_curves_have_the_records_of_the_run() -> None:
    drawings = training_drawings(RECORDS, clip=1.5)
    with figure_style("en"):
        training, validation, _ = drawn(drawings["training"], "en").axes[0].lines
        norms, limit = drawn(drawings["gradient-norm"], "en").axes[0].lines
    assert np.asarray(training.get_xydata()).tolist() == [[1, 3.0], [2, 2.0]]
    assert np.asarray(validation.get_xydata()).tolist() == [[1, 2.5]]
    assert np.asarray(norms.get_xydata()).tolist() == [[1, 2.0], [2, 1.0]]
    assert np.asarray(limit.get_ydata()).tolist() == [1.5, 1.5]
    assert training_drawings([]) == {}


def test_a_damaged_record_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n[1]\n', "utf-8")
    with pytest.raises(ModelError, match=r"metrics\.jsonl:2: the line is not a JSON object"):
        read_metrics(tmp_path)


def test_a_trace_with_derivatives_has_their_pictures(tmp_path: Path) -> None:
    trace = tiny_encoder_decoder("general").trace("dab", beam=3, gradients=True)
    names = set(trace_drawings(trace))
    assert {"attention", "beam", "gradient-by-lag", "d_h-encoder-layers-1-backward", "gates-decoder-layers-0"} <= names
    forecast = trace_drawings(tiny_forecaster().trace(series_of()))
    assert "forecast" in forecast
    assert not any(name.startswith(("units", "d_h")) for name in forecast)
    assert "pooling" in trace_drawings(tiny_classifier("attention").trace("fed"))
    assert "pooling" not in trace_drawings(tiny_classifier("last").trace("fed"))
    paths = plot_trace(tiny_classifier("textbook").trace("fed"), tmp_path, language="en")
    assert all(path.exists() for path in paths)


def test_an_estimator_draws_its_training_and_examples(tmp_path: Path) -> None:
    texts, labels = ["hot sun", "cold ice"] * 12, ["hot", "cold"] * 12
    texts = [f"{text} {n}" for n, text in enumerate(texts)]
    classifier = Classifier(hidden_size=4, steps=10, verbose=False, config={"training": {"log_every_steps": 5}})
    classifier.fit(texts, labels)
    trained = [path.name for path in classifier.plot(tmp_path / "training", language="en")]
    assert trained == ["training.png", "gradient-norm.png"]
    drawn_too = [path.name for path in classifier.plot(tmp_path / "all", texts, labels, language="en")]
    assert drawn_too == [*trained, "confusion.png", "reliability.png"]
    assert classifier.trace("hot sun").facts["label"] == classifier.predictor.predict(["hot sun"])[0]

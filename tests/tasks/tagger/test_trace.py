"""The trace of a tagger: its prediction to the bit, and derivatives as finite differences have them."""

from __future__ import annotations

import numpy as np
import pytest

from elman.checkpoint import Tensors
from elman.errors import ConfigError
from elman.tasks.tagger.predictor import TaggerPredictor
from tests.inspect.gradients import assert_derivatives_are_those_of_finite_differences, in_float64

from .models import ARCHITECTURES, CHARACTERS, LABELS, TEXT, WORDS, tiny_predictor

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
SENTENCE = ("Ann", "left", "zebra", "city")
TAGS = ("B-X", "I-X", "O", "B-X")


def with_tensors(predictor: TaggerPredictor, tensors: Tensors) -> TaggerPredictor:
    return TaggerPredictor(predictor.config, TEXT, WORDS, CHARACTERS, LABELS, tensors)


@every_architecture
def test_a_trace_has_the_prediction_to_the_bit(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    trace = predictor.trace(SENTENCE)
    assert trace["probabilities"].tobytes() == predictor.predict_proba([SENTENCE])[0].tobytes()
    assert trace.facts["decisions"] == predictor.predict([SENTENCE])[0]
    assert trace.exact
    assert trace.step_error < 1e-6
    assert trace.axes["tokens"] == list(SENTENCE)


@every_architecture
def test_derivatives_are_those_of_finite_differences(architecture: str) -> None:
    small = tiny_predictor(architecture)
    tensors = in_float64(small.tensors)
    trace = with_tensors(small, tensors).trace(SENTENCE, tags=TAGS, gradients=True)
    assert_derivatives_are_those_of_finite_differences(
        trace, tensors, lambda moved: with_tensors(small, moved).trace(SENTENCE, tags=TAGS).facts["loss"]
    )


def test_the_loss_is_that_of_evaluate() -> None:
    predictor = tiny_predictor("crf")
    metrics = predictor.evaluate([(SENTENCE, TAGS)])
    assert predictor.trace(SENTENCE, tags=TAGS).facts["loss"] == pytest.approx(4 * metrics["loss"], rel=1e-5)


def test_wrong_tags_are_errors() -> None:
    with pytest.raises(ConfigError, match="tags: given 1; expected 4, one for each token"):
        tiny_predictor().trace(SENTENCE, tags=["O"])
    with pytest.raises(ConfigError, match="the model does not know the tag 'Z'; expected one of B-X, I-X, O"):
        tiny_predictor().trace(SENTENCE, tags=["O", "O", "Z", "O"])
    with pytest.raises(ConfigError, match="a sentence without tokens"):
        tiny_predictor().trace(())
    assert np.isfinite(tiny_predictor().trace("Ann left")["probabilities"]).all()

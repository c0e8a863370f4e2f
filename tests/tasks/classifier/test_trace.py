"""The trace of a classifier: its prediction to the bit, and derivatives as finite differences have them."""

from __future__ import annotations

import numpy as np
import pytest

from elman.checkpoint import Tensors
from elman.errors import ConfigError
from elman.tasks.classifier.predictor import ClassifierPredictor
from tests.inspect.gradients import assert_derivatives_are_those_of_finite_differences, in_float64

from .models import ARCHITECTURES, CHARACTERS, LABELS, VOCABULARY, tiny_predictor

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
TEXT = "fed cab 你"


def with_tensors(predictor: ClassifierPredictor, tensors: Tensors) -> ClassifierPredictor:
    parts = predictor.config, predictor.text, VOCABULARY, CHARACTERS, LABELS, tensors
    return ClassifierPredictor(*parts, calibration=predictor.calibration)


@every_architecture
def test_a_trace_has_the_prediction_to_the_bit(architecture: str) -> None:
    predictor = tiny_predictor(architecture, temperature=0.6)
    trace = predictor.trace(TEXT)
    (log_p,) = predictor.log_probabilities([TEXT])
    assert trace["log_probabilities"].tobytes() == log_p.tobytes()
    assert trace["probabilities"].tobytes() == predictor.predict_proba([TEXT])[0].tobytes()
    assert trace.exact
    assert trace.step_error < 1e-6
    explanation = predictor.explain(TEXT)
    assert trace.facts["label"] == explanation.label
    assert trace.facts["decisions"] == explanation.decisions
    assert trace.axes["tokens"] == predictor.tokens(TEXT)


@every_architecture
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_derivatives_are_those_of_finite_differences(architecture: str, pooling: str) -> None:
    small = tiny_predictor(architecture, pooling=pooling, temperature=0.6)
    tensors = in_float64(small.tensors)
    trace = with_tensors(small, tensors).trace(TEXT, label="hot", gradients=True)
    assert_derivatives_are_those_of_finite_differences(
        trace, tensors, lambda moved: with_tensors(small, moved).trace(TEXT, label="hot").facts["loss"]
    )


def test_the_weights_of_attention_pooling_give_the_pooled_outputs() -> None:
    trace = tiny_predictor("attention").trace(TEXT)
    outputs = np.concatenate([layer["h"] for layer in trace.layers[-2:]], axis=1)
    np.testing.assert_allclose(trace["pooling_weights"] @ outputs, trace["pooled"], atol=1e-6)


def test_norms_by_lag_of_a_backward_direction_count_from_its_last_step() -> None:
    trace = tiny_predictor("last").trace(TEXT, gradients=True)
    backward = trace.layer("layers.0", "backward")
    np.testing.assert_allclose(backward["norm_by_lag"], np.linalg.norm(backward["d_h"], axis=1), rtol=1e-6)
    forward = trace.layer("layers.0")
    np.testing.assert_allclose(forward["norm_by_lag"], np.linalg.norm(forward["d_h"], axis=1)[::-1], rtol=1e-6)


def test_norms_by_lag_reach_over_all_steps_where_every_step_has_a_part_of_the_loss() -> None:
    trace = tiny_predictor("mean").trace(TEXT, gradients=True)
    assert {len(layer["norm_by_lag"]) for layer in trace.layers} == {len(TEXT)}


def test_an_unknown_label_and_an_empty_text_are_errors() -> None:
    with pytest.raises(ConfigError, match="the model does not know the label 'warm'; expected one of cold, hot, 中"):
        tiny_predictor().trace(TEXT, label="warm")
    with pytest.raises(ConfigError, match="a text without tokens; expected one token or more to trace"):
        tiny_predictor().trace("")

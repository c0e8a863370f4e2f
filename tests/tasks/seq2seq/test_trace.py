"""The trace of an encoder-decoder: the numbers of its search to the bit, the beam's tree, derivatives to the source."""

from __future__ import annotations

import numpy as np
import pytest

from elman.checkpoint import Tensors
from elman.data.batches.padded import pad_sources
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.text import START
from tests.inspect.gradients import assert_derivatives_are_those_of_finite_differences, in_float64

from .models import ARCHITECTURES, SOURCE, TARGET, TEXT, tiny_predictor

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
SOURCE_TEXT, TARGET_TEXT = "dab", "AA B T"


def with_tensors(predictor: Seq2SeqPredictor, tensors: Tensors) -> Seq2SeqPredictor:
    return Seq2SeqPredictor(predictor.config, TEXT, SOURCE, TARGET, tensors)


@every_architecture
def test_a_trace_of_a_target_has_the_probabilities_of_the_steps_to_the_bit(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    trace = predictor.trace(SOURCE_TEXT, target=TARGET_TEXT)
    state, context = predictor.encode(*pad_sources([predictor.source_codec.encode(SOURCE_TEXT)]))
    for t, token in enumerate([TARGET[START], *predictor.target_codec.encode(TARGET_TEXT)]):
        log_p, state = predictor.step(np.array([token]), state, context)
        assert trace["log_probabilities"][t].tobytes() == log_p[0].tobytes()
    assert trace.exact
    assert trace.step_error < 1e-6
    assert trace.axes["target"] == ["AA", "B", "T", "</s>"]
    expected = predictor.score([(SOURCE_TEXT, TARGET_TEXT)])
    assert trace.facts["loss"] == pytest.approx(expected.sum, rel=1e-5)


@every_architecture
@pytest.mark.parametrize("beam", [1, 4])
def test_a_trace_of_a_search_has_its_best_target_to_the_bit(architecture: str, beam: int) -> None:
    predictor = tiny_predictor(architecture)
    trace = predictor.trace(SOURCE_TEXT, beam=beam)
    (n_best,) = predictor.n_best([SOURCE_TEXT], beam=beam)
    assert [h["text"] for h in trace.facts["hypotheses"]] == [prediction.text for prediction in n_best]
    assert [h["score"] for h in trace.facts["hypotheses"]] == [prediction.score for prediction in n_best]
    assert trace.exact
    ids = [TARGET[token] for token in trace.axes["target"]]
    log_p = trace["log_probabilities"][np.arange(len(ids)), ids]
    assert sum(log_p.tolist()) == n_best[0].log_probability  # float64 sums of float32 numbers: no rounding of these
    if predictor.config.attention != "none":
        np.testing.assert_allclose(trace["attention"].sum(1), 1.0, rtol=1e-5)
        alignment = predictor.align(SOURCE_TEXT, n_best[0].text)
        rows = min(len(trace["attention"]), len(alignment.attention_weights))
        np.testing.assert_allclose(trace["attention"][:rows], alignment.attention_weights[:rows], atol=1e-5)


def test_the_tree_of_a_beam_has_the_probabilities_of_its_prefixes() -> None:
    predictor = tiny_predictor("general")
    nodes = predictor.trace(SOURCE_TEXT, beam=3).facts["tree"]
    assert nodes[0] == {"parent": None, "depth": 0, "token": START, "log_probability": 0.0, "best": True}
    for node in nodes[1:]:
        tokens, at = [node["token"]], node
        while at["parent"] is not None and nodes[at["parent"]]["depth"]:
            at = nodes[at["parent"]]
            tokens.insert(0, at["token"])
        assert len(tokens) == node["depth"]
        log_p = predictor.trace(SOURCE_TEXT, target=" ".join(tokens))["log_probabilities"]
        expected = sum(log_p[t, TARGET[token]] for t, token in enumerate(tokens))
        assert node["log_probability"] == pytest.approx(expected, abs=1e-5)
    assert max(sum(node["depth"] == depth for node in nodes) for depth in range(1, 4)) == 3
    assert "tree" not in predictor.trace(SOURCE_TEXT).facts


@every_architecture
def test_derivatives_are_those_of_finite_differences(architecture: str) -> None:
    small = tiny_predictor(architecture)
    tensors = in_float64(small.tensors)
    trace = with_tensors(small, tensors).trace(SOURCE_TEXT, target=TARGET_TEXT, gradients=True)
    assert_derivatives_are_those_of_finite_differences(
        trace,
        tensors,
        lambda moved: with_tensors(small, moved).trace(SOURCE_TEXT, target=TARGET_TEXT).facts["loss"],
    )
    assert all("norm_by_lag" in layer.arrays for layer in trace.layers if layer.axis == "target")

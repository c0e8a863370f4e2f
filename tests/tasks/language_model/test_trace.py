"""The trace of a language model: the numbers of its steps to the bit, and derivatives by finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from elman.cells import readout
from elman.checkpoint import Tensors
from elman.errors import ConfigError
from elman.tasks.language_model.predictor import LanguageModelPredictor
from tests.inspect.gradients import assert_derivatives_are_those_of_finite_differences, in_float64

from .models import ARCHITECTURES, tiny_predictor

TEXT = "abc de.\ncab"
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def with_tensors(predictor: LanguageModelPredictor, tensors: Tensors) -> LanguageModelPredictor:
    return LanguageModelPredictor(predictor.config, predictor.text, predictor.vocabulary, tensors)


@every_architecture
def test_a_trace_has_the_logits_and_states_of_the_steps_to_the_bit(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    trace = predictor.trace(TEXT)
    ids, state = predictor.prompt_ids(TEXT), predictor.initial_state()
    for t, token in enumerate(ids):
        logits, state = predictor.step(np.array([token]), state)
        assert trace["logits"][t].tobytes() == logits[0].tobytes()
        for layer in trace.layers:
            for name in layer.states:
                assert layer[name][t].tobytes() == state[f"{layer.name}.{name}"][0].tobytes()
    assert trace.exact
    assert trace.step_error < 1e-6
    assert trace.axes["tokens"] == list(TEXT)
    np.testing.assert_array_equal(trace["probabilities"], readout.softmax(trace["logits"]))


def test_a_trace_ends_with_the_logits_from_which_generation_starts() -> None:
    predictor = tiny_predictor()
    trace = predictor.trace(TEXT)
    logits, _ = predictor.read(predictor.prompt_ids(TEXT), predictor.initial_state())
    assert trace["logits"][-1].tobytes() == logits.tobytes()
    allowed = [token for token in np.argsort(-logits) if token != 0]  # <unk> is never generated
    greedy = predictor.generate(TEXT, max_tokens=1, temperature=0.0)
    assert greedy == TEXT + predictor.vocabulary.tokens[allowed[0]]


@every_architecture
def test_gates_and_products_give_the_states(architecture: str) -> None:
    trace = tiny_predictor(architecture).trace(TEXT)
    for layer in trace.layers:
        if layer.cell == "gru":
            z, n, h = layer.gate("z"), layer.gate("n"), layer["h"]
            before = np.concatenate([layer["h_initial"][None], h[:-1]])
            np.testing.assert_allclose((1 - z) * n + z * before, h, atol=1e-6)
        if layer.cell == "lstm":
            i, f, g, o = (layer.gate(name) for name in "ifgo")
            before = np.concatenate([layer["c_initial"][None], layer["c"][:-1]])
            np.testing.assert_allclose(f * before + i * g, layer["c"], atol=1e-6)
            np.testing.assert_allclose(o * np.tanh(layer["c"]), layer["h"], atol=1e-6)
        assert set(layer.arrays) >= {"x", "a", "u", "h", "h_initial"}


def test_the_loss_of_a_trace_is_that_of_evaluate() -> None:
    predictor = tiny_predictor()
    trace, metrics = predictor.trace(TEXT), predictor.evaluate_blocks([TEXT])
    assert len(trace["loss"]) == metrics["count"]
    assert trace.facts["loss"] == pytest.approx(metrics["loss"] * metrics["count"], rel=1e-6)


@every_architecture
def test_derivatives_are_those_of_finite_differences(architecture: str) -> None:
    small = tiny_predictor(architecture)
    tensors = in_float64(small.tensors)
    trace = with_tensors(small, tensors).trace(TEXT, gradients=True)
    assert trace["logits"].dtype == np.float64
    assert_derivatives_are_those_of_finite_differences(
        trace, tensors, lambda moved: with_tensors(small, moved).trace(TEXT).facts["loss"]
    )


def test_the_derivatives_of_states_are_those_of_finite_differences() -> None:
    """The loss as a function of the state after token t, which the readout and the following steps read."""
    small = tiny_predictor("lstm")
    predictor = with_tensors(small, in_float64(small.tensors))
    trace = predictor.trace(TEXT, gradients=True)
    (layer,) = trace.layers
    ids, t = predictor.prompt_ids(TEXT), 4

    def loss_from(h: np.ndarray, c: np.ndarray) -> float:
        logits, state = (
            readout.forward(h, np.asarray(predictor._V), predictor._b),
            {"layers.0.h": h[None], "layers.0.c": c[None]},
        )
        total = 0.0
        for token in ids[t + 1 :]:
            total -= readout.log_softmax(logits)[token]
            following, state = predictor.step(np.array([token]), state)
            logits = following[0]
        return total

    for name in ("h", "c"):
        direction = np.random.default_rng(1).standard_normal(5)
        values = {"h": layer["h"][t], "c": layer["c"][t]}
        up, down = ({**values, name: values[name] + sign * 1e-6 * direction} for sign in (1, -1))
        difference = (loss_from(**up) - loss_from(**down)) / 2e-6
        assert float(layer[f"d_{name}"][t] @ direction) == pytest.approx(difference, rel=1e-6)


def test_norms_by_lag_are_those_of_the_last_loss_alone() -> None:
    predictor = tiny_predictor("gru_two_layers")
    trace = predictor.trace(TEXT, gradients=True)
    for layer in trace.layers:
        assert layer["norm_by_lag"].shape == (len(TEXT) - 1,)  # the last token has no loss
    top = trace.layers[-1]
    d_logits = trace["probabilities"][-2].copy()
    d_logits[trace["ids"][-1]] -= 1.0
    assert top["norm_by_lag"][0] == pytest.approx(float(np.linalg.norm(d_logits @ predictor._V)), rel=1e-5)


def test_columns_of_a_product_are_the_derivatives_of_a_gate() -> None:
    layer = tiny_predictor("gru").trace(TEXT, gradients=True).layers[0]
    np.testing.assert_array_equal(layer.gate_derivative("z"), layer["d_a"][:, 5:10])


def test_derivatives_of_one_token_are_an_error() -> None:
    with pytest.raises(ConfigError, match="a text of 1 token; expected two or more, of which the second has a loss"):
        tiny_predictor().trace("a", gradients=True)


def test_an_array_that_is_not_there_is_an_error_that_lists_the_others() -> None:
    trace = tiny_predictor("gru").trace(TEXT)
    with pytest.raises(ConfigError, match=r"layers\.0 has no 'd_h'; expected one of x, a, u.*Trace with gradients"):
        trace.layer("layers.0")["d_h"]
    with pytest.raises(
        ConfigError, match=r"layer 'layers.7' \(forward\) is not in the trace; expected one of layers.0"
    ):
        trace.layer("layers.7")
    with pytest.raises(ConfigError, match="the trace has no 'attention'; expected one of ids, logits"):
        trace["attention"]

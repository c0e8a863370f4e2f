"""Streams through graphs: chunks equal one pass, and a state goes on in onnxruntime and in Python alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.export.onnx.classifier import BY_TOKEN
from elman.export.onnx.tagger import LOG_P
from elman.export.onnx.token_inputs import TokenSampler
from tests.models.streaming_models import MODELS, random_inputs, tiny_forecaster_of_several_series

from .sessions import sessions_of, streamed

CHUNKS = (1, 7, 64)
LENGTH = 70
OUTPUTS = {"lm": "logits", "classify": BY_TOKEN, "tag": LOG_P, "forecast": "quantiles"}


def graph_inputs(model: Any, inputs: Any) -> dict[str, Any]:
    """Return a chunk of one stream as the inputs of its graph."""
    if model.task == "lm":
        return {"tokens": inputs[None], "lengths": np.array([len(inputs)])}
    if model.task == "forecast":
        return {"values": inputs[None], "lengths": np.array([len(inputs)])}
    words = model.vocabulary if model.task == "classify" else model.words
    return TokenSampler(model.config, words, model.characters, model.text.word).inputs([inputs], len(inputs))


@pytest.mark.parametrize("name", MODELS)
def test_chunks_through_the_graph_equal_one_pass_while_python_reads_every_other_one(name: str) -> None:
    model = MODELS[name]()
    inputs = random_inputs(model, LENGTH, np.random.default_rng(0))
    expected, last = model.run([inputs], model.initial_state(1))
    session = sessions_of(model)[""]
    for chunk in CHUNKS:
        state = model.initial_state(1)
        for number, begin in enumerate(range(0, LENGTH, chunk)):
            part = inputs[begin : begin + chunk]
            if number % 2:
                got, state = model.run([part], state)
            else:
                outputs, state = streamed(session, graph_inputs(model, part), state)
                got = outputs[OUTPUTS[model.task]]
            # float32: rounding over 70 steps, relative to numbers above 1
            np.testing.assert_allclose(got[0], expected[0, begin : begin + chunk], atol=1e-5, rtol=1e-5)
        assert state.keys() == last.keys()
        for entry, array in last.items():
            assert state[entry].dtype == array.dtype
            np.testing.assert_allclose(state[entry], array, atol=1e-5, rtol=1e-5)


def test_a_state_as_bytes_goes_on_in_onnxruntime_and_back() -> None:
    model = MODELS["lm-lstm_two_layers"]()
    ids = random_inputs(model, 30, np.random.default_rng(1))
    _, state = model.run([ids[:10]], model.initial_state(1))
    restored = model.state_from_bytes(model.state_to_bytes(state))
    outputs, state = streamed(sessions_of(model)[""], graph_inputs(model, ids[10:20]), restored)
    restored = model.state_from_bytes(model.state_to_bytes(state))
    logits, _ = model.run([ids[20:]], restored)
    expected, _ = model.run([ids], model.initial_state(1))
    np.testing.assert_allclose(outputs["logits"][0], expected[0, 10:20], atol=1e-5)
    np.testing.assert_allclose(logits[0], expected[0, 20:], atol=1e-5)


def test_streams_of_several_series_have_units_of_their_own() -> None:
    model = tiny_forecaster_of_several_series()
    rows = [random_inputs(model, 9, np.random.default_rng(seed)) for seed in (0, 1)]
    state = model.initial_state(2, series=["A", "B"])
    outputs, _ = streamed(sessions_of(model)[""], {"values": np.stack(rows), "lengths": np.array([9, 9])}, state)
    expected, _ = model.run(rows, state)
    np.testing.assert_allclose(outputs["quantiles"], expected, rtol=1e-5, atol=1e-5)


def test_a_row_of_length_zero_keeps_its_state_and_has_no_outputs() -> None:
    for name in ("lm-gru", "lm-min_gru", "classify-attention", "tag-crf", "forecast-narx", "forecast-tdnn"):
        model = MODELS[name]()
        _, state = model.run([random_inputs(model, 3, np.random.default_rng(0))], model.initial_state(1))
        inputs = graph_inputs(model, random_inputs(model, 2, np.random.default_rng(1)))
        outputs, after = streamed(sessions_of(model)[""], {**inputs, "lengths": np.array([0])}, state)
        assert not outputs[OUTPUTS[model.task]].any()
        for entry, array in state.items():
            np.testing.assert_array_equal(after[entry], array, err_msg=f"{name} {entry}")

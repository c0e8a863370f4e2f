"""The trace as one HTML file: the arrays are in it, no text ends the script, too large a trace is refused."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import ConfigError
from elman.inspect import trace_json, trace_page, write_trace_page
from elman.models import trace as trace_module
from elman.models.trace import Trace
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

SCRIPT = re.compile(r'<script type="application/json" id="trace">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return [
        tiny_language_model("gru").trace("abc de", gradients=True),
        tiny_classifier("attention").trace("fed", gradients=True),
        tiny_tagger("crf").trace(["Ann", "left"]),
        tiny_encoder_decoder("general").trace("dab", beam=3, gradients=True),
        tiny_forecaster("lstm").trace(series_of()),
    ]


def arrays_of(encoded: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of the JSON form."""
    return {
        name: np.frombuffer(base64.b64decode(array["data"]), array["dtype"]).reshape(array["shape"])
        for name, array in encoded.items()
    }


def in_page(path: Path) -> dict[str, Any]:
    """Return the trace in a page."""
    (content,) = SCRIPT.findall(path.read_text("utf-8"))
    content = json.loads(content)
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("number", range(5))
def test_the_numbers_in_a_page_are_those_of_the_trace(traces: list[Trace], number: int, tmp_path: Path) -> None:
    trace = traces[number]
    write_trace_page(trace, tmp_path / "trace.html")
    content = in_page(tmp_path / "trace.html")
    assert content["facts"] == json.loads(json.dumps(trace.facts))
    assert (content["task"], content["input"], content["axes"]) == (trace.task, trace.input, trace.axes)
    found = arrays_of(content["arrays"])
    assert trace.arrays.keys() - found.keys() <= {"probabilities"}
    for name, array in found.items():
        np.testing.assert_array_equal(array, trace[name], strict=name != "ids")
    for mine, other in zip(content["layers"], trace.layers, strict=True):
        assert (mine["name"], mine["direction"], mine["cell"], mine["axis"]) == (
            *(other.name, other.direction),
            *(other.cell, other.axis),
        )
        shown = arrays_of(mine["arrays"])
        assert {*other.states, *(f"gate.{gate}" for gate in other.gates)} <= shown.keys()
        for name, array in shown.items():
            np.testing.assert_array_equal(array, other[name], strict=True)


def test_no_text_ends_the_script(tmp_path: Path) -> None:
    trace = tiny_language_model("gru").trace("ab")
    hostile = replace(trace, input="</script><b>&amp;\u2028")
    write_trace_page(hostile, tmp_path / "trace.html")
    assert in_page(tmp_path / "trace.html")["input"] == hostile.input


def test_the_vocabulary_labels_the_scores(traces: list[Trace]) -> None:
    for trace, name in ((traces[0], "logits"), (traces[3], "log_probabilities")):
        assert len(trace.axes["vocabulary"]) == trace[name].shape[1]


def test_a_page_that_is_too_large_is_refused(traces: list[Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(trace_json(traces[0]))
    monkeypatch.setattr(trace_page, "MAX_BYTES", size // 2)
    with pytest.raises(ConfigError, match=r"the page of this trace would have .* MB; expected at most .* MB"):
        trace_json(traces[0])


@pytest.mark.parametrize("number", range(5))
def test_a_trace_that_takes_too_much_memory_is_refused(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [
        lambda: tiny_language_model("gru").trace("abc de" * 20),
        lambda: tiny_classifier("mean").trace("fed" * 20),
        lambda: tiny_tagger("crf").trace(["Ann"] * 20),
        lambda: tiny_encoder_decoder("dot").trace("dab" * 20),
        lambda: tiny_forecaster("lstm").trace(series_of()),
    ]
    monkeypatch.setattr(trace_module, "MAX_TRACE_BYTES", 1000)
    with pytest.raises(ConfigError, match="tokens or rows would take") as refused:
        calls[number]()
    assert re.fullmatch(r"Trace at most \d+ of them", str(refused.value.hint))


def test_ten_million_characters_are_refused_before_anything_is_computed() -> None:
    predictor = tiny_language_model("gru")
    with pytest.raises(ConfigError, match=r"the trace of 10,000,000 tokens or rows would take [\d.]+ GB"):
        predictor.trace("a" * 10_000_000)

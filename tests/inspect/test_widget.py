"""The notebook widget: what Python shares with the browser."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import elman
from elman.errors import ConfigError, ElmanError
from elman.inspect import trace_json, trace_page
from elman.inspect.trace_widget import trace_widget_class
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model


def test_a_trace_is_shown_as_it_is() -> None:
    trace = tiny_forecaster("lstm").trace(series_of())
    shown = elman.widget(trace, height=400)
    assert shown.trace == trace_json(trace)
    assert (shown.takes_text, shown.height, shown.problem) == (False, 400, "")
    assert 'id="trace"' in shown.page
    bundle = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in (bundle[0] if isinstance(bundle, tuple) else bundle)


def test_a_model_traces_what_is_entered() -> None:
    model = tiny_language_model("gru")
    shown = elman.widget(model, "abc", gradients=True)
    assert shown.takes_text
    assert shown.trace == trace_json(model.trace("abc", gradients=True))
    shown.text = "de fab"  # as the browser sets it
    assert json.loads(shown.trace)["input"] == "de fab"
    before = shown.trace
    shown.text = "a"
    assert shown.problem.startswith("a text of 1 token; expected two or more")
    assert shown.trace == before
    shown.text = "ab"
    assert shown.problem == ""


def test_a_model_waits_for_a_text() -> None:
    shown = elman.widget(tiny_classifier("mean"))
    assert (shown.trace, shown.problem) == ("", "")


def test_a_trace_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tiny_language_model("gru").trace("abc")
    monkeypatch.setattr(trace_page, "MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="the page of this trace would have"):
        elman.widget(trace)


def test_other_things_are_refused() -> None:
    with pytest.raises(ConfigError, match="given ndarray; expected a trace"):
        elman.widget(np.eye(2))
    with pytest.raises(ConfigError, match="given str; expected a trace, or a model with the method `trace`"):
        elman.widget("runs/book")
    with pytest.raises(ConfigError, match="given a forecaster; expected a trace of one"):
        elman.widget(tiny_forecaster("lstm"))


def test_without_anywidget_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    trace_widget_class.cache_clear()
    with pytest.raises(ElmanError, match="the notebook widget needs anywidget, which is not installed") as error:
        elman.widget(tiny_language_model("gru"))
    assert error.value.hint == 'Install it: pip install "elman[notebook]"'

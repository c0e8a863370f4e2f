"""The notebook widget in Chromium: as a notebook runs it, with a state that Python shares with the browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

import elman
from tests.tasks.forecaster.models import series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model

from .exchange import MODULES
from .pages import accessibility_problems

pytestmark = pytest.mark.web

NAMES = ("page", "trace", "text", "problem", "takes_text", "language", "height")

# What anywidget does: it imports the script, and gives it a model and an element.
NOTEBOOK = """async ([script, state]) => {
  const listeners = {};
  window.saved = [];
  window.state = state;
  window.update = (changes) => {
    Object.assign(state, changes);
    for (const name of Object.keys(changes)) for (const action of listeners["change:" + name] ?? []) action();
  };
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => window.saved.push({ ...state }),
    on: (event, action) => { (listeners[event] ??= []).push(action); },
    off: (event, action) => { listeners[event] = listeners[event].filter((other) => other !== action); },
  };
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const cleanUp = widget.render({ model, el: document.body });
  window.listeners = () => Object.values(listeners).flat().length;
  window.cleanUp = cleanUp;
}"""


def show(browser: Any, widget: Any) -> tuple[Any, Any]:
    """Return a page with the widget, and the frame in it."""
    page = browser.new_context().new_page()
    page.set_content('<!doctype html><html lang="en"><title>notebook</title><main></main></html>')
    state = {name: getattr(widget, name) for name in NAMES}
    page.evaluate(NOTEBOOK, [(MODULES / "widget.js").read_text("utf-8"), state])
    return page, page.frame_locator("iframe")


def test_a_trace_is_shown_in_a_notebook(browser: Any) -> None:
    page, frame = show(browser, elman.widget(tiny_forecaster("lstm").trace(series_of()), language="zh", height=500))
    frame.locator("#content:not([hidden])").wait_for()
    assert frame.locator("h1").text_content() == "网络内部"
    assert page.locator("form").count() == 0
    assert page.locator("iframe").bounding_box()["height"] == 500
    page.context.close()


def test_another_text_is_traced(browser: Any) -> None:
    widget = elman.widget(tiny_language_model("gru"), "abc", language="en")
    page, frame = show(browser, widget)
    frame.locator("[data-token='2']").wait_for()
    page.fill("input", "de fab")
    page.click("button")
    widget.text = page.evaluate("saved.at(-1).text")
    assert widget.text == "de fab"
    page.evaluate("update", {"trace": widget.trace})
    frame.locator("[data-token='5']").wait_for()
    assert json.loads(widget.trace)["input"] == "de fab"
    page.evaluate("update", {"problem": "something"})
    assert page.text_content("[role=alert]") == "something"
    assert accessibility_problems(page) == []
    assert page.evaluate("[listeners(), cleanUp(), listeners()]") == [2, None, 0]
    page.context.close()


def test_the_frame_reaches_nothing_of_the_notebook(browser: Any) -> None:
    page, frame = show(browser, elman.widget(tiny_language_model("gru"), "abc", language="en"))
    frame.locator("[data-token='2']").wait_for()
    reached = frame.locator("body").evaluate("() => { try { return parent.document.title; } catch { return null; } }")
    assert reached is None
    page.context.close()

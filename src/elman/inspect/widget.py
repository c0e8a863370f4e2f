"""The notebook widget: a trace in JupyterLab, VS Code, marimo and other notebooks, by anywidget (extra `notebook`)."""

from __future__ import annotations

from typing import Any, Literal

from elman.errors import ConfigError, missing_package_error
from elman.models.trace import Trace

from .data_page import PAGES
from .trace_page import trace_json
from .trace_widget import trace_widget_class

HEIGHT = 900  # pixels


def widget(
    source: Any,
    text: str = "",
    *,
    gradients: bool = False,
    language: Literal["en", "zh"] | None = None,
    height: int = HEIGHT,
) -> Any:
    """Return a notebook widget that shows a trace, or the trace of a text by a model, with a field for the text.

        elman.widget(model.trace("the time traveller"))
        elman.widget(model, "the time traveller")

    source: a trace, or a predictor or fitted estimator whose method `trace` takes a text. gradients: trace derivatives,
    too. language: that of the browser if it is None. height: of the frame, in pixels. The attribute `trace` is the JSON
    form of the trace.
    """
    is_trace = isinstance(source, Trace)
    task = None if is_trace else getattr(getattr(source, "predictor", source), "task", None)
    if not is_trace and (task is None or not hasattr(source, "trace")):
        problem = f"source: given {type(source).__name__}; expected a trace, or a model with the method `trace`"
        raise ConfigError(problem)
    if task == "forecast":
        raise ConfigError("source: given a forecaster; expected a trace of one", hint="Give source.trace(series)")
    try:
        TraceWidget = trace_widget_class()
    except ModuleNotFoundError as error:
        raise missing_package_error(error) or error from None

    def trace_of(text: str) -> str:
        return trace_json(source if is_trace else source.trace(text, gradients=gradients))

    page = (PAGES / "trace.html").read_text("utf-8")
    return TraceWidget(page, trace_of, text=text, takes_text=not is_trace, language=language or "", height=height)

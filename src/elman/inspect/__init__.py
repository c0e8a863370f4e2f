"""Inspect: what happens inside a network, on disk and in pictures. The traces themselves are made by the predictors.

    trace = elman.load("runs/book").trace("It was", gradients=True)
    elman.inspect.write_trace(trace, "trace")            a folder: safetensors and JSON (docs/en/inspect.md)
    elman.inspect.write_trace_page(trace, "trace.html")  one file for a browser
    elman.inspect.plot_trace(trace, "pictures")          states, gates, attention ... as PNG and SVG
    elman.inspect.plot_run("runs/book", "pictures")      training curves, confusion matrix ... of a run
    elman.inspect.compare_runs(["runs/a", "runs/b"], "pictures")     the validation losses of several runs
    data = elman.inspect.confusion(elman.load("runs/labels"), examples)  the examples behind each cell of a matrix
    elman.inspect.write_confusion_page(data, "confusion.html")           one file for a browser

The predictors are below this part in the order of imports, and estimators are above it. models/trace.py therefore has
the trace and its arrays, and this part has what is done with one.
"""

from .confusion import confusion, run_confusion, write_confusion_page
from .run_pictures import (
    RunSummary,
    compare_runs,
    compared,
    comparison_drawings,
    plot_run,
    read_metrics,
    run_drawings,
    training_drawings,
)
from .summary import summarize
from .trace_folder import TRACE_FORMAT, read_trace, write_trace
from .trace_page import trace_json, write_trace_page
from .trace_pictures import plot_trace, trace_drawings

__all__ = [
    "TRACE_FORMAT",
    "RunSummary",
    "compare_runs",
    "compared",
    "comparison_drawings",
    "confusion",
    "plot_run",
    "plot_trace",
    "read_metrics",
    "read_trace",
    "run_confusion",
    "run_drawings",
    "summarize",
    "trace_drawings",
    "trace_json",
    "training_drawings",
    "write_confusion_page",
    "write_trace",
    "write_trace_page",
]

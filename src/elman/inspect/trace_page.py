"""A trace as one HTML file, which a browser shows: web/pages/trace. It needs no server, and no other file.

The file has the page that is shipped in web/ (data_page.py), with the JSON form of the trace in it: the fields of
trace.json, and every array as {"dtype", "shape", "data"}, where data is the base64 form of its bytes (web/traces has
the same in TypeScript).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError
from elman.models.trace import VOCABULARY, Trace

from .data_page import write_data_page
from .trace_folder import TRACE_FORMAT

Array = npt.NDArray[Any]

MAX_BYTES = 60_000_000  # of the JSON: more makes a browser slow
UNUSED = ("x", "a", "u", "d_a", "d_u", "d_x")  # arrays of layers that the page does not show


def trace_json(trace: Trace) -> str:
    """Return the JSON form of a trace, with the arrays that the page shows; too large a one is a ConfigError."""
    arrays, of_layers = _shown_arrays(trace)
    size = json_size(trace)
    if size > MAX_BYTES:
        problem = f"the page of this trace would have {size / 1e6:,.0f} MB; expected at most {MAX_BYTES / 1e6:,.0f} MB"
        raise ConfigError(problem, hint="Trace a shorter text")
    layers = [
        {
            "name": layer.name,
            "direction": layer.direction,
            "cell": layer.cell,
            "axis": layer.axis,
            "states": list(layer.states),
            "gates": list(layer.gates),
            "arrays": _encode_all(group),
        }
        for layer, group in zip(trace.layers, of_layers, strict=True)
    ]
    content = {
        "format": TRACE_FORMAT,
        "task": trace.task,
        "input": trace.input,
        "axes": trace.axes,
        "layers": layers,
        "arrays": _encode_all(arrays),
        "facts": _without_infinities(trace.facts),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def json_size(trace: Trace) -> int:
    """Return about how many bytes the JSON form of a trace has: those of its arrays, as base64."""
    arrays, of_layers = _shown_arrays(trace)
    return sum(array.nbytes for group in (arrays, *of_layers) for array in group.values()) * 4 // 3


def _shown_arrays(trace: Trace) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """Return the arrays of the trace that the page shows, and those of each layer."""
    arrays = dict(trace.arrays)
    if VOCABULARY in trace.axes:
        arrays.pop("probabilities", None)  # the page computes them from the logits or their logarithms
    of_layers = [{name: array for name, array in layer.arrays.items() if name not in UNUSED} for layer in trace.layers]
    return arrays, of_layers


def write_trace_page(trace: Trace, path: str | Path) -> None:
    """Write one HTML file that shows the trace in a browser, replacing an existing file."""
    write_data_page("trace", trace_json(trace), path)


def _without_infinities(value: Any) -> Any:
    """Return facts with None in place of what JSON has no number for."""
    if isinstance(value, Mapping):
        return {name: _without_infinities(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinities(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _encode_all(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    return {name: _encode(array) for name, array in arrays.items()}


def _encode(array: Array) -> dict[str, Any]:
    array = np.asarray(array, order="C")
    if array.dtype == np.int64:
        array = array.astype(np.int32)  # ids
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode(),
    }

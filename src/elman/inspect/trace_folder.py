"""The trace folder: a trace on disk, for other programs to read. docs/en/inspect.md describes the format.

trace.json           format version, task, input, labels of the steps, layers, facts
trace.safetensors    the arrays: `layers.0.h`, `layers.0.gate.r`, `encoder.layers.0.h_reverse`, `logits`
manifest.json        SHA-256 and size of both

An array of a layer has the name of the layer before its own, and `_reverse` after it in a backward direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.checkpoint.checksummed_folder import MANIFEST, read_folder, write_folder
from elman.checkpoint.serialization import (
    Tensors,
    damaged_file_error,
    json_bytes,
    parse_json,
    parse_tensors,
    shown,
    tensor_bytes,
)
from elman.errors import ConfigError, ModelError
from elman.models.trace import DIRECTIONS, LayerTrace, Trace

TRACE_FORMAT = 1
DESCRIPTION, ARRAYS = "trace.json", "trace.safetensors"


def write_trace(trace: Trace, folder: str | Path) -> None:
    """Write a trace folder, replacing an existing one; a folder with other files is a ConfigError."""
    folder = Path(folder)
    check_trace_folder(folder)
    tensors = dict(trace.arrays)
    layers = []
    for layer in trace.layers:
        tensors |= {_stored_name(layer.name, layer.direction, name): array for name, array in layer.arrays.items()}
        layers.append(
            {
                "name": layer.name,
                "direction": layer.direction,
                "cell": layer.cell,
                "axis": layer.axis,
                "states": list(layer.states),
                "gates": list(layer.gates),
                "arrays": list(layer.arrays),
            }
        )
    description = {
        "format": TRACE_FORMAT,
        "task": trace.task,
        "input": trace.input,
        "axes": trace.axes,
        "layers": layers,
        "arrays": list(trace.arrays),
        "facts": trace.facts,
        "exact": trace.exact,
        "step_error": trace.step_error,
    }
    write_folder(folder, {DESCRIPTION: json_bytes(description), ARRAYS: tensor_bytes(tensors)})


def read_trace(folder: str | Path) -> Trace:
    """Return the trace of a folder; a folder that is incomplete, damaged or of another version is a ModelError."""
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        problem = "not a trace folder; expected trace.json in it"
        raise ModelError(problem, hint="Write one with `elman inspect RUN INPUT -o FOLDER`", where=str(folder))
    files = read_folder(folder, (DESCRIPTION, ARRAYS))
    path = folder / DESCRIPTION
    description = parse_json(files[DESCRIPTION], path)
    version = description.get("format")
    if version != TRACE_FORMAT:
        hint = "Install the version of elman that wrote the trace" if isinstance(version, int) else None
        raise ModelError(f"format version {shown(repr(version))}; expected {TRACE_FORMAT}", hint=hint, where=str(path))
    tensors = parse_tensors(files[ARRAYS], folder / ARRAYS)
    try:
        return _trace(description, tensors)
    except KeyError as error:
        problem = f"the description does not match the arrays: {shown(str(error))}"
    except (TypeError, ValueError) as error:
        problem = f"the description has a wrong value: {shown(str(error))}"
    raise damaged_file_error(path, problem)


def _trace(description: dict[str, Any], tensors: Tensors) -> Trace:
    """Return the trace of a description; a missing part is a KeyError, a part of a wrong type a TypeError."""
    axes, facts = _typed(description["axes"], dict), _typed(description["facts"], dict)
    return Trace(
        task=_typed(description["task"], str),
        input=_typed(description["input"], str),
        axes={name: _texts(labels) for name, labels in axes.items()},
        layers=tuple(_layer(_typed(entry, dict), tensors, axes) for entry in _typed(description["layers"], list)),
        arrays={name: tensors[name] for name in _texts(description["arrays"])},
        facts=facts,
        exact=_typed(description["exact"], bool),
        step_error=float(_typed(description["step_error"], (int, float))),
    )


def check_trace_folder(folder: Path) -> None:
    """Raise a ConfigError if the path is a file, or a folder that contains more than a trace."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError("this is a file; expected a new folder", hint="Choose another name", where=str(folder))
    others = {entry.name for entry in folder.iterdir()} - {DESCRIPTION, ARRAYS, MANIFEST} if folder.exists() else set()
    if others:
        problem = f"the folder contains other files ({', '.join(sorted(others)[:3])}), so it is not replaced"
        raise ConfigError(problem, hint="Choose a new folder", where=str(folder))


def _layer(entry: dict[str, Any], tensors: Tensors, axes: Mapping[str, Any]) -> LayerTrace:
    name, direction, axis = (_typed(entry[key], str) for key in ("name", "direction", "axis"))
    if direction not in DIRECTIONS:
        raise KeyError(direction)
    arrays = {array: tensors[_stored_name(name, direction, array)] for array in _texts(entry["arrays"])}
    states, gates = tuple(_texts(entry["states"])), tuple(_texts(entry["gates"]))
    missing = {axis} - set(axes) or {*states, *(f"gate.{gate}" for gate in gates)} - set(arrays)
    if missing:
        raise KeyError(min(missing))
    cell = _typed(entry["cell"], str)
    return LayerTrace(name, "backward" if direction == "backward" else "forward", cell, axis, states, gates, arrays)


def _texts(values: Any) -> list[str]:
    """Return a list of texts; anything else is a TypeError."""
    return [_typed(value, str) for value in _typed(values, list)]


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    """Return a value of a type; another one is a TypeError, and so is a bool for a number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"given {type(value).__name__}")
    return value


def _stored_name(layer: str, direction: str, array: str) -> str:
    return f"{layer}.{array}{'_reverse' if direction == DIRECTIONS[1] else ''}"

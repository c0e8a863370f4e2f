"""What an export consists of: graphs, the cases by which they are compared with the predictor, and their metadata.

State entries have the names of `predictor.initial_state`, with the batch axis first. An ONNX graph cannot have an
input and an output of one name, so the next state is `next.` and the name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from elman.config import Config
from elman.models.folder import FolderPredictor
from elman.models.stack import State

from .graph import IR_VERSION, OPSET, Array, Graph, Value

FORMAT_VERSION = 1  # of the names of inputs and outputs, and of the metadata
NEXT = "next."  # before the name of a state entry, as an output
TOLERANCE = 1e-5
LEAST_LOG_PROBABILITY = -80.0  # smaller ones depend on how exponentials are rounded (models/crf.py)
NOT_NEEDED = ("reader", "layout")  # parts of config.json about files


@dataclass(frozen=True, slots=True)
class Check:
    """How an output is compared: in units of `unit`, from `least` on.

    `is_same` decides for integers that follow from the numbers of another output: is_same(actual, expected, tolerance).
    """

    unit: Array | float = 1.0
    least: float = -np.inf
    has_choice: bool = False  # the largest along the last axis is what is predicted
    is_same: Callable[[Array, Array, float], bool] | None = None
    follows_from: str | None = None  # that output


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs of a graph, and the outputs of the predictor for them.

    outputs_of(predictor) returns those of the same model with other weights.
    """

    graph: str  # the suffix of its file
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]
    outputs_of: Callable[[Any], Mapping[str, Array]]
    checks: Mapping[str, Check] = field(default_factory=dict)  # of outputs that need more than the usual one


@dataclass(frozen=True, slots=True)
class Export:
    """The graphs of a predictor by the suffixes of their files, "" for the only one.

    cases(batch_size, length, rng) yields the cases of a batch whose longest row has this length.
    """

    predictor: FolderPredictor
    graphs: Mapping[str, Graph]
    cases: Callable[[int, int, np.random.Generator], Iterator[Case]]
    notes: Mapping[str, Any] = field(default_factory=dict)  # metadata of the task

    def contents(self) -> dict[str, bytes]:
        """Return the content of each file by its suffix."""
        return {suffix: graph.model(self._metadata(graph), _described(graph)) for suffix, graph in self.graphs.items()}

    def _metadata(self, graph: Graph) -> dict[str, str]:
        predictor = self.predictor
        parts: dict[str, Config] = {k: part for k, part in predictor.configs().items() if k not in NOT_NEEDED}
        values = {
            "task": predictor.task,
            "graph": graph.name,
            "format_version": FORMAT_VERSION,
            "fingerprint": predictor.fingerprint,
            "opset": OPSET,
            "ir_version": IR_VERSION,
            "config": {name: part.model_dump(mode="json") for name, part in parts.items()},
            "vocabularies": {name: list(tokens) for name, tokens in predictor.vocabularies().items()},
            **self.notes,
        }
        return {
            f"elman.{name}": value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
        }


def state_notes(state: State) -> list[dict[str, Any]]:
    """Return the entries of the state before the first input (a batch of one), for the metadata.

    The shape is without the batch axis. All numbers of an entry begin as `initial`: 0, -Infinity or NaN.
    """
    return [
        {
            "name": name,
            "type": str(array.dtype),
            "shape": list(array.shape[1:]),
            "initial": str(float(array.flat[0])) if array.size else "0.0",
        }
        for name, array in state.items()
    ]


def state_inputs(graph: Graph, state: State) -> dict[str, Value]:
    """Add an input for each entry of a state (a batch of one)."""
    return {name: graph.input(name, str(array.dtype), ("batch", *array.shape[1:])) for name, array in state.items()}


def state_outputs(graph: Graph, values: Mapping[str, Value], state: State) -> None:
    """Add an output for each entry of a state (a batch of one)."""
    for name, array in state.items():
        graph.output(NEXT + name, values[name], ("batch", *array.shape[1:]))


def next_state(state: State) -> State:
    """Return a state under the names of the outputs."""
    return {NEXT + name: array for name, array in state.items()}


def ragged_lengths(batch_size: int, longest: int, rng: np.random.Generator, *, shortest: int = 0) -> Array:
    """Return lengths (B,), of which one is the longest; a batch of one row has no other."""
    lengths = rng.integers(shortest, longest + 1, batch_size)
    lengths[rng.integers(batch_size)] = longest
    return lengths


def padded(lists: Sequence[Array], longest: int, fill: float = 0) -> Array:
    """Return arrays (T, ...) as one (B, longest, ...)."""
    result = np.full((len(lists), longest, *lists[0].shape[1:]), fill, lists[0].dtype)
    for row, array in zip(result, lists, strict=True):
        row[: len(array)] = array
    return result


def _described(graph: Graph) -> str:
    inputs, outputs = (
        ", ".join(f"{port.name} {list(port.shape)} {port.dtype}" for port in ports)
        for ports in (graph.inputs, graph.outputs)
    )
    return f"inputs: {inputs}; outputs: {outputs}"

"""States of streams move between Python and the browser: the same bytes, the same numbers, the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.models.stack import State
from elman.models.stream_state import StateLayout
from tests.tasks.language_model.models import tiny_predictor

from .exchange import Engine

pytestmark = pytest.mark.web

SIZES = {"elman": "tanh", "gru": "gru_two_layers", "lstm": "lstm_two_layers"}  # cell -> architecture


def moved(engine: Engine, cell: str, content: bytes, fingerprint: str, B: int, hidden: list[int]) -> dict[str, Any]:
    arrays = {
        "content": np.frombuffer(content, np.uint8),
        "fingerprint": np.frombuffer(bytes.fromhex(fingerprint), "u1"),
    }
    shape = {"cell": cell, "inputSize": 3, "hiddenSizes": [[H] for H in hidden], "hasBias": True}
    request = {"kind": "streamState", "module": "kernels-float32.wasm", "precision": "float32", "shape": shape}
    return engine.answer({**request, "values": B, "arrays": arrays | zero_weights(cell, hidden)})


def zero_weights(cell: str, hidden: list[int]) -> dict[str, Any]:
    gates, inputs, arrays = {"elman": 1, "gru": 3, "lstm": 4}[cell], 3, []
    for H in hidden:
        arrays += [np.zeros((gates * H, inputs), "f4"), np.zeros((gates * H, H), "f4"), *np.zeros((2, gates * H), "f4")]
        inputs = H
    return {str(i): array for i, array in enumerate(arrays)}


def state_of(cell: str, B: int) -> tuple[Any, State, list[int]]:
    model, rng = tiny_predictor(SIZES[cell]), np.random.default_rng(B)
    state = {name: rng.normal(size=a.shape).astype("f4") for name, a in model.initial_state(B).items()}
    return model, state, list(model.config.hidden_sizes)


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("cell", SIZES)
def test_a_state_moves_from_python_to_the_browser_and_back(engine: Engine, cell: str, B: int) -> None:
    model, state, hidden = state_of(cell, B)
    content = model.state_to_bytes(state)
    given = moved(engine, cell, content, model.fingerprint, B, hidden)
    assert given["content"].tobytes() == content
    for i, array in enumerate(state.values()):
        assert given[f"state {i}"].tobytes() == array.tobytes()


def test_other_bytes_are_refused_as_in_python(engine: Engine) -> None:
    model, state, hidden = state_of("lstm", 2)
    content = model.state_to_bytes(state)
    damaged = {
        b"": "these bytes are not the state of a model",
        b"PK" + content[2:]: "these bytes are not the state of a model",
        content[:4] + b"\2" + content[5:]: "format version 2; expected 1",
        content[:8] + b"\0" + content[9:]: "the state is of another model",
        content[:-1]: f"given {len(content) - 1} bytes; expected {len(content)}",
        content[:-1] + bytes([content[-1] ^ 1]): "the state is damaged: its checksum differs",
        StateLayout({n: a[:1] for n, a in state.items()}, model.fingerprint).to_bytes(
            {n: a[:1] for n, a in state.items()}
        ): "given the state of 1 streams; expected 2",
    }
    for bytes_, problem in damaged.items():
        assert moved(engine, "lstm", bytes_, model.fingerprint, 2, hidden) == {"problem": problem}

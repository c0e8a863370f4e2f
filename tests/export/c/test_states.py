"""A state moves from Python to C and back, bit for bit, and other bytes are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.streaming_models import MODELS, random_inputs

from .libraries import COMPILERS, Library, largest_difference

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

STATUSES = {"NOT_A_STATE": -3, "OTHER_VERSION": -4, "OTHER_MODEL": -5, "WRONG_SIZE": -6, "DAMAGED": -7}


@pytest.mark.parametrize("name", ["lm-lstm_two_layers", "tag-crf", "forecast-tdnn"])
def test_a_stream_goes_on_in_c_and_in_python_as_if_it_had_never_moved(name: str, tmp_path: Path) -> None:
    model, rng = MODELS[name](), np.random.default_rng(3)
    library = Library(model, tmp_path, compiler=COMPILERS[0], max_length=20 if model.task == "tag" else None)
    inputs = random_inputs(model, 30, rng)
    expected, _ = model.run([inputs], model.initial_state(1))
    state, outputs = model.initial_state(1), []
    memory = library.initial_state()
    for begin in range(0, 30, 6):
        part, state = model.run([inputs[begin : begin + 3]], state)
        content = model.state_to_bytes(state)
        assert library.from_bytes(content, memory) == 0
        assert library.to_bytes(memory) == content
        outputs += [*part[0], *library.run(inputs[begin + 3 : begin + 6], memory)]
        state = model.state_from_bytes(library.to_bytes(memory))
    assert largest_difference(np.stack(outputs), expected[0]) <= 1e-6


def test_damaged_bytes_are_refused_and_leave_the_state_alone(tmp_path: Path) -> None:
    model = MODELS["lm-gru"]()
    library = Library(model, tmp_path, compiler=COMPILERS[0])
    memory = library.initial_state()
    library.run([1, 2, 3], memory)
    content, before = library.to_bytes(memory), memory.tobytes()
    other = model.state_to_bytes(model.initial_state(1))
    assert library.from_bytes(other, library.initial_state()) == 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x20
        field = ["NOT_A_STATE", "OTHER_VERSION", "OTHER_MODEL", "OTHER_MODEL", "WRONG_SIZE"][min(position // 4, 4)]
        expected = STATUSES[field if position < 20 else "DAMAGED"]
        assert library.from_bytes(bytes(damaged), memory) == expected, position
    two = model.state_to_bytes(model.initial_state(2))
    for wrong in (two, content[:-1], content + b"\0", content[:24]):
        assert library.from_bytes(wrong, memory) == STATUSES["WRONG_SIZE"]
    assert library.from_bytes(content[:23], memory) == STATUSES["NOT_A_STATE"]
    assert library.from_bytes(b"", memory) == STATUSES["NOT_A_STATE"]
    assert memory.tobytes() == before


def test_the_state_of_other_weights_is_refused(tmp_path: Path) -> None:
    from tests.tasks.language_model.models import tiny_predictor

    library = Library(tiny_predictor("gru"), tmp_path, compiler=COMPILERS[0])
    other = tiny_predictor("gru", seed=1)
    content = other.state_to_bytes(other.initial_state(1))
    assert library.from_bytes(content, library.initial_state()) == STATUSES["OTHER_MODEL"]

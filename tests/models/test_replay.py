"""What is recorded of a prediction, and how well its inside is repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS
from elman.errors import ElmanError
from elman.models import replay as module
from elman.models.recorder import note, recording
from elman.models.replay import replay
from elman.models.stack import Stack
from tests.tasks.language_model.models import ARCHITECTURES, random_tensors, tiny_predictor

from .test_stack import random_inputs, random_stack

TWO_ROWS = np.array([6, 4])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("row", [0, 1])
def test_the_states_of_a_row_of_a_batch_are_those_of_the_run_to_the_bit(architecture: str, row: int) -> None:
    stack, x = random_stack(architecture), random_inputs(2, 6, ARCHITECTURES[architecture]["embedding_size"])
    with recording() as recorder:
        outputs, _ = stack.run(x, stack.initial_state(2), TWO_ROWS)
    steps = replay(stack, recorder.runs, [row])
    assert steps.exact
    assert steps.outputs.tobytes() == outputs[row, : TWO_ROWS[row]].tobytes()
    assert steps.layers[-1][0].states["h"].tobytes() == steps.outputs.tobytes()


def test_without_kernels_the_states_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "supports", lambda cell, dtype: False)
    trace = tiny_predictor("gru_two_layers").trace("abc")
    assert trace.exact
    assert trace.step_error == 0.0


def test_one_changed_bit_is_not_exact() -> None:
    stack, x = random_stack("lstm_two_layers"), random_inputs(1, 6)
    with recording() as recorder:
        stack.run(x, stack.initial_state(1))
    (run,) = recorder.runs
    assert replay(stack, [run]).exact
    outputs = run.outputs.copy()
    outputs[0, 3, 1] = np.nextafter(outputs[0, 3, 1], np.float32(2))
    assert not replay(stack, [replace(run, outputs=outputs)]).exact
    final = {**run.final, "layers.0.c": np.nextafter(run.final["layers.0.c"], np.float32(9))}
    assert not replay(stack, [replace(run, final=final)]).exact


def test_a_cell_whose_steps_do_not_agree_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, x = random_stack("gru_two_layers"), random_inputs(1, 6)
    with recording() as recorder:
        stack.run(x, stack.initial_state(1))

    def without_bias(self: Any, layer: int, direction: int, x: np.ndarray, ids: Any) -> np.ndarray:
        return np.asarray(x @ stack.parameters[layer][direction].W.T)

    monkeypatch.setattr(module._Engine, "input_products", without_bias)
    with pytest.raises(ElmanError, match=r"a step of layers\.0 by NumPy differs from the prediction by .*; expected"):
        replay(stack, recorder.runs)


def test_nothing_is_recorded_outside_of_a_recording() -> None:
    note("array", np.zeros(1))
    with recording() as outer:
        with recording() as inner:
            note("array", np.ones(1))
        note("other", np.zeros(1))
    assert list(inner.arrays) == ["array"]
    assert list(outer.arrays) == ["other"]


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_names_its_gates(name: str) -> None:
    architecture = {"elman": "tanh"}.get(name, name)
    config_of = tiny_predictor(architecture).config
    cell = config_of.build_cell()
    stack = Stack(cell, random_tensors(config_of, 7), config_of.embedding_size, config_of.hidden_sizes)
    with recording() as recorder:
        stack.run(random_inputs(1, 3), stack.initial_state(1))
    gates = replay(stack, recorder.runs).layers[0][0].gates
    assert len(gates) == cell.gates
    assert list(gates) == list(getattr(cell, "gate_names"))  # noqa: B009 - optional in the protocol
    assert all(gate.shape == (3, config_of.hidden_sizes[0]) for gate in gates.values())

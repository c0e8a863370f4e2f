"""Steps of elman and its peers: each agrees with elman.cells, and a wrong peer raises an error."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest

from elman import kernels
from elman.bench import step
from elman.bench.steppers import STEPPERS, StepProblem, weight_bytes
from elman.bench.timing import Implementation, relative_difference
from elman.bench.weights import CELL_NAMES, make_cell
from elman.cells import unroll
from elman.errors import ElmanError

from .rows import BLOCK, step_row

required_packages = {"elman": (), **step.PEERS}
installed_implementations = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(not all(map(importlib.util.find_spec, packages)), reason="a package is not installed"),
    )
    for name, packages in required_packages.items()
]


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("name", installed_implementations)
def test_every_step_follows_the_equations_from_the_state_before(name: str, cell: str) -> None:
    problem = StepProblem.random(cell, hidden_size=5, input_size=3)
    implementation = STEPPERS[name](problem)
    x = np.repeat(problem.x[:, None], 3, axis=1)
    outputs, _ = unroll.run(make_cell(cell), [[problem.weights]], x)
    for t in range(3):
        step_outputs = implementation.to_arrays(implementation.run())["outputs"]
        assert relative_difference(step_outputs, outputs[:, t]) < 1e-5  # float32


def test_without_kernels_numpy_computes_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "supports", lambda cell, dtype: False)
    test_every_step_follows_the_equations_from_the_state_before("elman", "lstm")


def test_the_steps_of_elman_and_onnxruntime_need_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    peers = ["onnxruntime"] if all(map(importlib.util.find_spec, step.PEERS["onnxruntime"])) else []
    (row,) = step.measure([("gru", 4, 2)], peers, 0.001, lambda message: None)
    assert list(row.seconds) == ["elman", *peers]


def test_rates_and_shares_follow_from_the_seconds() -> None:
    row = step_row(elman=10e-6, torch=100e-6)
    assert row.weight_bytes == weight_bytes("lstm", 128, 32) == 4 * (4 * 128 * 32 + 4 * 128 * 128) == BLOCK.bytes
    assert row.microseconds == pytest.approx({"elman": 10, "torch": 100})
    assert row.ratios == pytest.approx({"torch": 10})
    assert row.gigabytes_per_second == pytest.approx(32.768)
    assert row.share == pytest.approx(32.768 / 64)


def test_a_peer_that_does_not_carry_its_state_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stateless(problem: StepProblem) -> Implementation:
        return replace(STEPPERS["torch"](problem), run=lambda: STEPPERS["torch"](problem).run())

    monkeypatch.setitem(STEPPERS, "torch-cell", stateless)
    with pytest.raises(ElmanError, match="lstm 4: outputs of torch-cell and of elman differ by"):
        list(step.measure([("lstm", 4, 2)], ["torch-cell"], 0.001, lambda message: None))

"""The numbers of a small network in the browser: those of elman.cells, of equations, and of finite differences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array
from elman.cells.cell import LayerParameters

from .exchange import Engine

pytestmark = pytest.mark.web

CELLS = ["tanh", "relu", "sigmoid", "identity", "gru", "lstm"]


class Sizes(NamedTuple):
    """The sizes of a network."""

    steps: int
    inputs: int
    hidden: int
    outputs: int


SIZES = [Sizes(1, 1, 1, 1), Sizes(3, 2, 2, 2), Sizes(4, 1, 3, 2), Sizes(2, 4, 4, 4)]
TOLERANCE = 1e-12
FINITE_TOLERANCE = 1e-7


def draw(rng: np.random.Generator, name: str, sizes: Sizes, *, bias: bool) -> tuple[Any, dict[str, Array]]:
    """Return a cell and what its network is given."""
    is_simple = name not in ("gru", "lstm")
    cell = cells.Elman(name) if is_simple else cells.create(name)
    steps, inputs, hidden, outputs = sizes
    rows = cell.gates * hidden
    shapes: dict[str, tuple[int, ...]] = {"x": (steps, inputs), "targets": (steps, outputs), "h_initial": (hidden,)}
    if "c" in cell.states:
        shapes["c_initial"] = (hidden,)
    shapes |= {"W": (rows, inputs), "U": (rows, hidden), "V": (outputs, hidden)}
    if bias:
        shapes |= {"b_ih": (rows,), "b_hh": (rows,), "b_y": (outputs,)}
    return cell, {key: rng.normal(size=shape) for key, shape in shapes.items()}


def ask(engine: Engine, name: str, sizes: Sizes, given: dict[str, Array]) -> dict[str, Any]:
    """Return the answer of the browser."""
    cell = name if name in ("gru", "lstm") else "elman"
    activation = "tanh" if name in ("gru", "lstm") else name
    counts = dict(zip("TIHO", sizes, strict=True))
    values = {"cell": cell, "activation": activation, **counts, "bias": "b_ih" in given}
    module = {"module": "kernels-float64.wasm", "precision": "float64"}
    return engine.answer({"kind": "network", **module, "values": values, "arrays": given})


def reference(cell: Any, given: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the arrays of the layer and of the readout, by elman.cells."""
    parameters = [[LayerParameters(given["W"], given["U"], given.get("b_ih"), given.get("b_hh"))]]
    state = tuple(given[f"{name}_initial"][None] for name in cell.states)
    h, _, tape = unroll.forward(cell, parameters, given["x"][None], ((state,),))
    y = readout.forward(h[0], given["V"], given.get("b_y"))
    _, _, d_y = readout.half_squared_error(y, given["targets"])
    d_h, d_V, d_b_y = readout.backward(d_y, h[0], given["V"])
    gradients = unroll.backward(tape, d_h[None], with_steps=True)
    assert gradients.steps is not None
    steps, d = gradients.steps[0][0], gradients.params[0][0]
    layer = {"h": h[0], "d_W": d.W, "d_U": d.U, "d_x": gradients.x[0], "d_a": steps.a[0], "d_u": steps.u[0]}
    layer |= {f"d_{name}": array[0] for name, array in zip(cell.states, steps.states, strict=True)}
    initial = gradients.state[0][0]
    layer |= {f"d_{name}_initial": array[0] for name, array in zip(cell.states, initial, strict=True)}
    cell_tapes = [step.cell for step in tape.layers[0][0].steps]
    for i, name in enumerate(cell.tape_names):
        if name in cell.gate_names:
            layer[f"gate.{name}"] = np.concatenate([cell_tape[i] for cell_tape in cell_tapes])
        elif name == "tanh_c":
            layer[name] = np.concatenate([cell_tape[i] for cell_tape in cell_tapes])
    if "b_ih" in given:
        layer |= {"d_b_ih": d.b_ih, "d_b_hh": d.b_hh}
    arrays = {"y": y, "loss": 0.5 * (d_y**2).sum(1), "d_y": d_y, "d_V": d_V}
    return layer, arrays | ({"d_b_y": d_b_y} if "b_ih" in given else {})


def test_a_network_gives_its_memory_back(engine: Engine, rng: np.random.Generator) -> None:
    sizes = Sizes(8, 4, 4, 4)
    _, given = draw(rng, "lstm", sizes, bias=True)
    memory = [ask(engine, "lstm", sizes, given)["memory"] for _ in range(60)]
    assert memory[-1] == memory[10]


@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_all_numbers_of_a_small_network(
    engine: Engine, rng: np.random.Generator, name: str, sizes: Sizes, bias: bool
) -> None:
    cell, given = draw(rng, name, sizes, bias=bias)
    answer = ask(engine, name, sizes, given)
    trace = answer["trace"]
    layer, arrays = reference(cell, given)
    for expected, computed in ((layer, trace["layers"][0]["arrays"]), (arrays, trace["arrays"])):
        for key, array in expected.items():
            np.testing.assert_allclose(computed[key], array, TOLERANCE, TOLERANCE, err_msg=key)
    assert trace["facts"]["loss"] == pytest.approx(arrays["loss"].sum(), rel=TOLERANCE)
    for number in answer["numbers"]:
        assert number["equation"] == pytest.approx(number["value"], rel=TOLERANCE, abs=TOLERANCE), number["key"]
        if number["difference"] is not None:
            near = pytest.approx(number["value"], rel=FINITE_TOLERANCE, abs=FINITE_TOLERANCE)
            assert number["difference"] == near, number["key"]

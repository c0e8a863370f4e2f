"""The numbers of a small network in the browser: those of elman.cells, of their equations, and of finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array
from elman.cells.cell import LayerParameters

from .exchange import Engine

pytestmark = pytest.mark.web

CELLS = ["tanh", "relu", "sigmoid", "identity", "gru", "lstm"]
SIZES = [(1, 1, 1, 1), (3, 2, 2, 2), (4, 1, 3, 2), (2, 4, 4, 4)]  # T, I, H, O
TOLERANCE = 1e-12
FINITE_TOLERANCE = 1e-7


def draw(rng: np.random.Generator, name: str, sizes: tuple[int, ...], *, bias: bool) -> tuple[Any, dict[str, Array]]:
    """Return a cell and what its network is given."""
    T, I, H, O = sizes
    is_simple = name not in ("gru", "lstm")
    cell = cells.Elman(name) if is_simple else cells.create(name)
    GH = cell.gates * H
    shapes: dict[str, tuple[int, ...]] = {"x": (T, I), "targets": (T, O), "h_initial": (H,)}
    if "c" in cell.states:
        shapes["c_initial"] = (H,)
    shapes |= {"W": (GH, I), "U": (GH, H), "V": (O, H)}
    if bias:
        shapes |= {"b_ih": (GH,), "b_hh": (GH,), "b_y": (O,)}
    return cell, {key: rng.normal(size=shape) for key, shape in shapes.items()}


def ask(engine: Engine, name: str, sizes: tuple[int, ...], given: dict[str, Array]) -> dict[str, Any]:
    """Return the answer of the browser."""
    T, I, H, O = sizes
    cell = name if name in ("gru", "lstm") else "elman"
    activation = "tanh" if name in ("gru", "lstm") else name
    values = {"cell": cell, "activation": activation, "T": T, "I": I, "H": H, "O": O, "bias": "b_ih" in given}
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


@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_all_numbers_of_a_small_network(
    engine: Engine, rng: np.random.Generator, name: str, sizes: tuple[int, ...], bias: bool
) -> None:
    cell, given = draw(rng, name, sizes, bias=bias)
    answer = ask(engine, name, sizes, given)
    trace = answer["trace"]
    layer, arrays = reference(cell, given)
    for expected, found in ((layer, trace["layers"][0]["arrays"]), (arrays, trace["arrays"])):
        for key, array in expected.items():
            np.testing.assert_allclose(found[key], array, TOLERANCE, TOLERANCE, err_msg=key)
    assert trace["facts"]["loss"] == pytest.approx(arrays["loss"].sum(), rel=TOLERANCE)
    for number in answer["numbers"]:
        assert number["equation"] == pytest.approx(number["value"], rel=TOLERANCE, abs=TOLERANCE), number["key"]
        if number["difference"] is not None:
            near = pytest.approx(number["value"], rel=FINITE_TOLERANCE, abs=FINITE_TOLERANCE)
            assert number["difference"] == near, number["key"]

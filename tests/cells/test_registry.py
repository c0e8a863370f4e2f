"""Cells by name: those of the package, registered ones, and the mistakes that registering a cell reports."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import elman.cells
from elman.cells import BUILT_IN, CELLS, GRU, Elman, create, register, require_cell
from elman.cells.cell import LayerParameters, initial_parameters, parameter_shapes, stored_name
from elman.cells.unroll import zero_state

from .outside_cell import Decay
from .problems import make_cell

pytestmark = pytest.mark.usefixtures("registered_cells_are_forgotten")


def test_the_first_cells_have_these_states_and_gates() -> None:
    expected = {"elman": (("h",), 1), "gru": (("h",), 3), "lstm": (("h", "c"), 4)}
    assert {name: (create(name).states, create(name).gates) for name in expected} == expected
    assert tuple(CELLS) == BUILT_IN


def test_every_cell_of_the_package_passes_the_checks_of_a_registered_one() -> None:
    for name in BUILT_IN:
        register(f"another_{name}", CELLS[name])
        assert CELLS[f"another_{name}"] is CELLS[name]


def test_a_registered_cell_is_made_by_its_name_and_may_be_replaced() -> None:
    for _ in range(2):
        register("decay", Decay)
        assert isinstance(create("decay"), Decay)
    register("decay", GRU)
    assert isinstance(create("decay"), GRU)


def test_the_activation_is_the_elman_cells() -> None:
    cell = create("elman", "relu")
    assert isinstance(cell, Elman)
    assert cell.activation == "relu"
    assert isinstance(create("gru", "relu"), GRU)


def test_an_unknown_name_is_answered_with_the_cells_there_are() -> None:
    register("decay", Decay)
    names = f"{', '.join(BUILT_IN)} or decay"
    with pytest.raises(ValueError, match=f"^unknown cell 'decai'; choose {names} \\(did you mean 'decay'\\?\\)$"):
        require_cell("decai")
    with pytest.raises(ValueError, match=f"^unknown cell 'xyz'; choose {names}, or call elman.cells.register"):
        create("xyz")


@pytest.mark.parametrize("name", ["Decay", "my cell", "1st", "", "../cell", "a.b"])
def test_a_name_that_cannot_stand_in_a_config_is_refused(name: str) -> None:
    expected = f"cell name {name!r}; expected lower-case letters, digits and '_', a letter first"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        register(name, Decay)


@pytest.mark.parametrize("name", ["gru", "rnn"])
def test_a_built_in_cell_is_not_replaced(name: str) -> None:
    with pytest.raises(ValueError, match=f"^cell name '{name}' is the name of a built-in cell; expected another name$"):
        register(name, Decay)
    assert CELLS["gru"] is GRU
    assert "rnn" not in CELLS


def test_the_simple_recurrent_network_has_synonyms() -> None:
    assert [require_cell(name) for name in ("elman", "rnn", "srn")] == ["elman"] * 3
    cell = create("rnn", "relu")
    assert isinstance(cell, Elman)
    assert cell.activation == "relu"


def changed(**members: Any) -> type:
    return type("Changed", (Decay,), members)


def returning(result: Any) -> Any:
    return lambda *arguments: result


OWN = {"r": np.zeros(3)}
ROW, EMPTY = np.zeros((2, 3)), np.zeros((2, 0))
MISTAKES: dict[str, tuple[type, str]] = {
    "no_members": (object, "has no states and no gates and no forward and no backward; expected"),
    "states": (changed(states=("c", "h")), "has states ('c', 'h'); expected a tuple of different names, 'h' first"),
    "states_twice": (changed(states=("h", "h")), "has states ('h', 'h'); expected"),
    "gates": (changed(gates=0), "has gates 0; expected a number, 1 or more"),
    "weights": (changed(weights=("W", "b")), "has weights ('W', 'b'); expected W and some of"),
    "no_W": (changed(weights=("U",)), "has weights ('U',); expected W"),
    "b_hh_without_U": (changed(weights=("W", "b_hh")), "has weights ('W', 'b_hh'); expected W"),
    "reserved": (changed(parameters=lambda self, H: {"b_hh": ((H,), 0.0)}), "has a parameter 'b_hh'; expected an"),
    "stored": (changed(parameters=lambda self, H: {"bias_ih_2": ((H,), 0.0)}), "has a parameter 'bias_ih_2'; expected"),
    "no_identifier": (changed(parameters=lambda self, H: {"a.b": ((H,), 0.0)}), "has a parameter 'a.b'; expected an"),
    "next_state": (
        changed(forward=returning(((np.zeros((2, 4)),), ()))),
        "forward returns the next state of shapes ",
    ),
    "d_a": (changed(backward=returning((EMPTY, EMPTY, (ROW,), OWN))), "backward returns d_a and d_u of shapes "),
    "d_state": (changed(backward=returning((ROW, EMPTY, (EMPTY,), OWN))), "backward returns d_state of shapes "),
    "no_gradients": (changed(backward=returning((ROW, EMPTY, (ROW,)))), "backward returns 3 results; expected d_a, "),
    "others": (
        changed(backward=returning((ROW, EMPTY, (ROW,), {"s": ROW}))),
        "backward returns gradients of ['s']; ",
    ),
    "d_r": (
        changed(backward=returning((ROW, EMPTY, (ROW,), {"r": ROW}))),
        "backward returns d_parameters of shapes ",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_wrong_with_a_cell_is_found_when_it_is_registered(mistake: str) -> None:
    cell, expected = MISTAKES[mistake]
    with pytest.raises(ValueError, match=f"^cell 'wrong'[: ]+{re.escape(expected)}"):
        register("wrong", cell)
    assert "wrong" not in CELLS


# The parameters of a layer


def test_the_shapes_of_a_layer_are_those_of_its_weights_and_of_the_cells_own_parameters() -> None:
    assert parameter_shapes(make_cell("gru"), 2, 3) == {"W": (9, 2), "U": (9, 3), "b_ih": (9,), "b_hh": (9,)}
    assert parameter_shapes(Decay(), 2, 3) == {"W": (3, 2), "b_ih": (3,), "r": (3,)}
    assert initial_parameters(make_cell("gru"), 3) == {}


def test_names_in_files_are_torchs_with_the_layer_and_the_direction() -> None:
    assert [stored_name(name) for name in ("W", "U", "b_ih", "b_hh", "r")] == [
        "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "r_l0"
    ]  # fmt: skip
    assert stored_name("U", 1, reverse=True) == "weight_hh_l1_reverse"


def test_the_arrays_of_a_layer_make_the_same_layer_again(name: str) -> None:
    cell = make_cell(name)
    arrays = {n: np.ones(shape) for n, shape in parameter_shapes(cell, 2, 3).items()}
    p = LayerParameters.from_arrays(arrays, 3)
    assert p.hidden_size == 3
    assert p.arrays().keys() == arrays.keys()
    assert zero_state(cell, [[p]], 5)[0][0][0].shape == (5, 3)


def test_parameters_that_a_cell_does_not_have_are_refused() -> None:
    arrays = {n: np.ones(shape) for n, shape in parameter_shapes(Decay(), 2, 3).items()}
    p = LayerParameters.from_arrays({**arrays, "s": np.ones(3)}, 3)
    with pytest.raises(ValueError, match=r"^cell's own parameters: given \['r', 's'\]; expected \['r'\]$"):
        elman.cells.unroll.run(Decay(), [[p]], np.zeros((1, 1, 2)))

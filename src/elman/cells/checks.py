"""What is checked of a cell when it is registered, so that mistakes are found before a training and not in it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .cell import WEIGHTS, Cell, initial_parameters, weight_names

ROWS, UNITS = 2, 3  # of the trial step
RESERVED = re.compile(r"(weight|bias)_(ih|hh).*|W|U|b_ih|b_hh")  # names of the layers' weights


def check_name(name: str) -> None:
    """Raise a ValueError unless the name can stand in a config file and on the command line."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"cell name {name!r}; expected lower-case letters, digits and '_', a letter first")


def check_cell(name: str, cell: Cell) -> None:
    """Raise a ValueError where the cell lacks a member, or where one step gives results of a wrong shape."""
    _check_members(name, cell)
    a = np.zeros((ROWS, cell.gates * UNITS))
    u = a if "U" in weight_names(cell) else a[:, :0]
    state = tuple(np.zeros((ROWS, UNITS)) for _ in cell.states)
    own = initial_parameters(cell, UNITS)
    step: Any = cell
    results = step.forward(a, u, state, own) if own else step.forward(a, u, state)
    _expect_shapes(name, "forward", "the next state", results[0], state)
    gradients = step.backward(state, results[1])
    if len(gradients) != 3 + bool(own):
        expected = "d_a, d_u, d_state" + ", d_parameters" * bool(own)
        raise ValueError(f"cell {name!r}: backward returns {len(gradients)} results; expected {expected}")
    _expect_shapes(name, "backward", "d_a and d_u", gradients[:2], (a, u))
    _expect_shapes(name, "backward", "d_state", gradients[2], state)
    if own:
        if set(gradients[3]) != set(own):
            raise ValueError(
                f"cell {name!r}: backward returns gradients of {sorted(gradients[3])}; expected {sorted(own)}"
            )
        _expect_shapes(name, "backward", "d_parameters", [gradients[3][key] for key in own], tuple(own.values()))


def _check_members(name: str, cell: Cell) -> None:
    missing = [member for member in ("states", "gates", "forward", "backward") if not hasattr(cell, member)]
    if missing:
        raise ValueError(f"cell {name!r} has no {' and no '.join(missing)}; expected states, gates, forward, backward")
    states = cell.states
    if not isinstance(states, tuple) or states[:1] != ("h",) or len(set(states)) < len(states):
        raise ValueError(f"cell {name!r} has states {states!r}; expected a tuple of different names, 'h' first")
    if not isinstance(cell.gates, int) or cell.gates < 1:
        raise ValueError(f"cell {name!r} has gates {cell.gates!r}; expected a number, 1 or more")
    weights = weight_names(cell)
    if "W" not in weights or not set(weights) <= set(WEIGHTS) or ("b_hh" in weights and "U" not in weights):
        raise ValueError(f"cell {name!r} has weights {weights!r}; expected W and some of U, b_ih and, with U, b_hh")
    for parameter in initial_parameters(cell, UNITS):
        if not parameter.isidentifier() or RESERVED.fullmatch(parameter):
            raise ValueError(
                f"cell {name!r} has a parameter {parameter!r}; expected an identifier that is not the name of a weight"
            )


def _expect_shapes(name: str, function: str, result: str, arrays: Any, expected: Any) -> None:
    shapes, expected_shapes = [np.shape(array) for array in arrays], [array.shape for array in expected]
    if shapes != expected_shapes:
        raise ValueError(
            f"cell {name!r}: {function} returns {result} of shapes {shapes}; expected {expected_shapes} "
            f"for {ROWS} rows and {UNITS} units"
        )

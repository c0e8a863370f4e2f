"""The problems that every cell must pass: any two options of the grid meet in one of them, for each cell."""

from collections.abc import Iterator
from typing import Any

import pytest

from elman.cells import CELLS

from ..pairwise import pairwise
from .problems import CELL_NAMES, RAGGED, RESET, Problem, random_problem

LAYERS, DIRECTIONS, BIAS = [(3,), (4, 3)], [1, 2], [False, True]
LENGTHS, RESETS = [None, RAGGED], [None, RESET]
GRID = pairwise(LAYERS, DIRECTIONS, LENGTHS, RESETS, BIAS)


def point_id(point: tuple[Any, ...]) -> str:
    """Return the id of a point of the grid."""
    hidden_sizes, num_directions, lengths, reset, bias = point
    names = [f"{len(hidden_sizes)}_layers", "both" if num_directions == 2 else "forward"]
    options = {"ragged": lengths, "resets": reset, "biases": bias}
    return "-".join(names + [name for name, value in options.items() if value])


@pytest.fixture
def registered_cells_are_forgotten() -> Iterator[None]:
    """After the test CELLS is what it was before."""
    before = dict(CELLS)
    yield
    CELLS.clear()
    CELLS.update(before)


@pytest.fixture(params=CELL_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=GRID, ids=point_id)
def problem(name: str, request: pytest.FixtureRequest) -> Problem:
    """Every point of the grid, for every cell."""
    hidden_sizes, num_directions, lengths, reset, bias = request.param
    return random_problem(name, hidden_sizes, num_directions, lengths=lengths, reset=reset, bias=bias)


@pytest.fixture
def hard_problem(name: str) -> Problem:
    """The corner of the grid where everything happens at once: two layers, both directions, ragged, resets, biases."""
    return random_problem(name, (3, 2), num_directions=2, lengths=RAGGED, reset=RESET)

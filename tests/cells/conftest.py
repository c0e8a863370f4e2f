"""The grid that every cell must pass, one fixture an axis, and the problem at each of its points."""

from collections.abc import Iterator

import pytest
import torch

from .problems import CELL_NAMES, RAGGED, RESET, Problem, random_problem


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Problems of this size only lose by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=CELL_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[(3,), (3, 2)], ids=["one_layer", "two_layers"])
def hidden_sizes(request: pytest.FixtureRequest) -> tuple[int, ...]:
    return tuple(request.param)


@pytest.fixture(params=[1, 2], ids=["forward", "both"])
def num_directions(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=[None, RAGGED], ids=["full", "ragged"])
def lengths(request: pytest.FixtureRequest) -> list[int] | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[None, RESET], ids=["one_document", "resets"])
def reset(request: pytest.FixtureRequest) -> list[list[bool]] | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[True, False], ids=["biases", "no_biases"])
def bias(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def problem(
    name: str,
    hidden_sizes: tuple[int, ...],
    num_directions: int,
    lengths: list[int] | None,
    reset: list[list[bool]] | None,
    bias: bool,
) -> Problem:
    """Every point of the grid."""
    return random_problem(name, hidden_sizes, num_directions, lengths=lengths, reset=reset, bias=bias)


@pytest.fixture
def hard_problem(name: str) -> Problem:
    """The corner of the grid where everything happens at once: two layers, both directions, ragged, resets, biases."""
    return random_problem(name, (3, 2), num_directions=2, lengths=RAGGED, reset=RESET)

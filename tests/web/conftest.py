"""The JavaScript engines, once for all tests, and the instruction set whose bits they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from elman import kernels

from .exchange import Engine, node, open_browser, page_in


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return Chromium. There is one for all tests, because playwright runs once in a process."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session", params=["node", "chromium"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened: AbstractContextManager[Engine] = (
        node() if request.param == "node" else page_in(request.getfixturevalue("browser"))
    )
    with opened as engine:
        yield engine


@pytest.fixture(autouse=True)
def plain() -> Iterator[None]:
    """Let the native kernels use the instruction set that WebAssembly has, too."""
    before = kernels.instruction_set()
    kernels.use_instruction_set("plain")
    yield
    assert before is not None
    kernels.use_instruction_set(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)

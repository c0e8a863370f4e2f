"""The JavaScript engines, once for all tests, and the instruction set whose bits they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest

from elman import kernels

from .exchange import Engine, chromium, node

ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {"node": node, "chromium": chromium}


@pytest.fixture(scope="session", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as engine:
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

"""The grid of tests/cells, the instruction sets of this machine, and memory in which nothing right lies by chance."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.kernels import sequence

from ..cells.conftest import bias, hidden_sizes, lengths, name, num_directions, problem, reset

__all__ = ["bias", "hidden_sizes", "lengths", "name", "num_directions", "problem", "reset"]


class _NanIsEmpty:
    """NumPy, but for empty arrays: these are full of nan, so that an entry that nobody writes is seen."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        return np.full(shape, np.nan, dtype)

    def empty_like(self, array: Any, *given: Any, **named: Any) -> Any:
        made = np.empty_like(array, *given, **named)
        made.fill(np.nan)
        return made


@pytest.fixture(scope="module", autouse=True)
def nothing_right_lies_in_empty_memory() -> Iterator[None]:
    """Memory that was just freed holds the last, and so the right, answer: a kernel that did nothing would pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "np", _NanIsEmpty())
        yield


@pytest.fixture(params=kernels.instruction_sets() or ["none"])
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of this machine's, in use while the test runs."""
    before = kernels.instruction_set()
    kernels.use_instruction_set(request.param)
    yield str(request.param)
    kernels.use_instruction_set(before)

"""The names of the compiled cells, the instruction sets of this machine, and NaN in memory that is not initialized."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.kernels import sequence

from ..cells.problems import COMPILED_NAMES


class _NanIsEmpty:
    """NumPy, but empty arrays are full of NaN, so that an element that is never written is found."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        return np.full(shape, np.nan, dtype)

    def empty_like(self, array: Any, *args: Any, **kwargs: Any) -> Any:
        empty = np.empty_like(array, *args, **kwargs)
        empty.fill(np.nan)
        return empty


@pytest.fixture(scope="module", autouse=True)
def empty_arrays_are_nan() -> Iterator[None]:
    """Memory that was freed may contain the last, correct answer. A kernel that writes nothing would pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "np", _NanIsEmpty())
        yield


@pytest.fixture(params=COMPILED_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Name each compiled cell in turn."""
    return str(request.param)


@pytest.fixture(params=kernels.instruction_sets() or ["none"])
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Use each instruction set of this machine while the test runs."""
    before = kernels.instruction_set()
    assert before is not None
    kernels.use_instruction_set(request.param)
    yield str(request.param)
    kernels.use_instruction_set(before)

"""Adam compiled: the bits of cells/adam.py, by every instruction set."""

from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells.adam import Adam

from .answers import every_dtype, needs_kernels

SIZES = [(1,), (3,), (16,), (17,), (5, 7), (1000, 3), (0,)]  # less than a register, whole ones, a part of one


@needs_kernels
@every_dtype
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_the_updates_have_the_bits_of_numpy(shape: tuple[int, ...], dtype: Any, instruction_set: str) -> None:
    rng = np.random.default_rng(3)
    initial = rng.normal(size=shape).astype(dtype)
    options: dict[str, Any] = {"rate": 0.02, "betas": (0.8, 0.95), "epsilon": 1e-3}
    ours, expected = kernels.Adam(initial.copy(), **options), Adam(initial.copy(), **options)
    for scale in (1.0, 100.0, 1e-4, 0.0, 1e-30, 1.0):
        gradient = (scale * rng.normal(size=shape)).astype(dtype)
        ours.update(gradient)
        expected.update(gradient)
        for name in ("parameters", "m", "v", "t"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), err_msg=name)


def test_arrays_that_the_kernels_do_not_read_are_updated_by_numpy() -> None:
    rng = np.random.default_rng(3)
    backing = rng.normal(size=(6, 8)).astype(np.float32)
    ours, expected = kernels.Adam(backing[:, ::2]), Adam(backing[:, ::2].copy())
    other_columns = backing[:, 1::2].copy()
    for _ in range(3):
        gradient = rng.normal(size=(6, 4)).astype(np.float32)
        ours.update(gradient)
        expected.update(gradient)
    np.testing.assert_array_equal(backing[:, ::2], expected.parameters)
    np.testing.assert_array_equal(backing[:, 1::2], other_columns)


@needs_kernels
def test_a_gradient_of_another_shape_or_dtype_is_an_error() -> None:
    optimizer = kernels.Adam(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="gradient"):
        optimizer.update(np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="gradient"):
        optimizer.update(np.zeros((2, 3)))

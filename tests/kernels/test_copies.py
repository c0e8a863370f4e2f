"""Packed weights are packed again in a copy, which computes the same to the last bit."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from elman import kernels
from elman.cells import CELLS, LayerParameters
from elman.models.stack import Stack

pytestmark = pytest.mark.skipif(not kernels.available(), reason="this installation has no kernels")


@pytest.mark.parametrize("table", [False, True])
def test_a_copy_of_packed_weights_computes_the_same(table: bool) -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(7 if table else 16, 16 if table else 3)).astype(np.float32)
    layer = LayerParameters(W=W, U=rng.normal(size=(16, 4)).astype(np.float32))
    stack = kernels.Stack(CELLS["lstm"](), [[layer]], table=table)
    x = rng.integers(0, 7, (2, 5)) if table else rng.normal(size=(2, 5, 3)).astype(np.float32)
    expected, _ = stack.run(x)
    for other in (pickle.loads(pickle.dumps(stack)), copy.deepcopy(stack)):
        np.testing.assert_array_equal(other.run(x)[0], expected)


def test_a_copy_of_a_stack_leaves_the_packed_weights_out() -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "layers.0.weight_ih_l0": rng.normal(size=(4, 3)).astype(np.float32),
        "layers.0.weight_hh_l0": rng.normal(size=(4, 4)).astype(np.float32),
        "layers.0.bias_ih_l0": np.zeros(4, np.float32),
        "layers.0.bias_hh_l0": np.zeros(4, np.float32),
    }
    stack = Stack(CELLS["elman"](), tensors, 3, [4])
    before = len(pickle.dumps(stack))
    x = rng.normal(size=(2, 5, 3)).astype(np.float32)
    expected, _ = stack.run(x, stack.initial_state(2))
    assert len(pickle.dumps(stack)) == before
    other = copy.deepcopy(stack)
    np.testing.assert_array_equal(other.run(x, other.initial_state(2))[0], expected)

"""The arithmetic of int8 weights, against integers and single float32 operations, and against the cells in float32."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman, LayerParameters, quantized, unroll
from elman.cells.quantized import QuantizedLayer, QuantizedMatrix, quantize_matrix, quantize_vectors

CELLS = [Elman("tanh"), Elman("relu"), Elman("sigmoid"), Elman("identity"), GRU(), LSTM()]
every_cell = pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{type(cell).__name__}_{vars(cell).get('activation', '')}"
)


def random_matrix(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return np.asarray(rng.normal(size=(rows, columns)), np.float32)


def quantized_layer(rng: np.random.Generator, gates: int, input_size: int, hidden_size: int) -> QuantizedLayer:
    rows = gates * hidden_size
    W = random_matrix(rng, rows, input_size) / np.float32(math.sqrt(input_size))
    U = random_matrix(rng, rows, hidden_size) / np.float32(2.0 * math.sqrt(hidden_size))
    b_ih, b_hh = random_matrix(rng, 2, rows)
    return QuantizedLayer(quantize_matrix(W), quantize_matrix(U), b_ih, b_hh)


def in_float32(p: QuantizedLayer) -> LayerParameters:
    assert isinstance(p.W, QuantizedMatrix)
    return LayerParameters(p.W.dense(), p.U.dense(), p.b_ih, p.b_hh)


def test_a_weight_differs_by_at_most_half_a_step_of_its_row() -> None:
    W = random_matrix(np.random.default_rng(0), 20, 33) * np.float32(10.0) ** np.arange(-10, 10)[:, None]
    matrix = quantize_matrix(W.astype(np.float32))
    assert matrix.values.dtype == np.int8
    assert np.abs(matrix.values).max(1).tolist() == [127] * 20
    assert (np.abs(matrix.dense() - W) <= 0.5001 * matrix.scale[:, None]).all()


def test_a_row_of_zeros_and_a_row_of_tiny_numbers_become_zeros() -> None:
    matrix = quantize_matrix(np.array([[0.0, 0.0], [1e-35, -1e-38], [3.0, -6.0]], np.float32))
    assert matrix.values.tolist() == [[0, 0], [0, 0], [64, -127]]
    assert matrix.scale.tolist() == [0.0, 0.0, np.float32(6.0) / np.float32(127.0)]


def test_vectors_are_rounded_to_even_and_have_one_scale_each() -> None:
    x = np.array([[127.0, 0.5, 1.5, -2.5], [-254.0, 1.0, 3.0, 5.0], [0.0, 0.0, 0.0, 0.0]], np.float32)
    q, s = quantize_vectors(x)
    assert q.tolist() == [[127, 0, 2, -2], [-127, 0, 2, 2], [0, 0, 0, 0]]
    assert s.tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_vector_that_is_not_finite_has_no_product(value: float) -> None:
    x = np.array([[1.0, value], [1.0, 2.0]], np.float32)
    y = quantize_matrix(np.eye(2, dtype=np.float32)).multiply(x)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1]).all()


def test_a_product_is_the_exact_sum_of_integers_scaled_twice() -> None:
    """Columns on both sides of the limit up to which sums in float32 are exact."""
    rng = np.random.default_rng(1)
    for columns in (1, 7, 1024, 1025, 3000):
        matrix = QuantizedMatrix(rng.integers(90, 128, (5, columns)).astype(np.int8), rng.random(5).astype(np.float32))
        x = rng.uniform(0.7, 1.0, (3, columns)).astype(np.float32)  # sums of one sign, up to 127 * 127 for each column
        q, s = quantize_vectors(x)
        y = matrix.multiply(x)
        for n in range(3):
            for r in range(5):
                total = sum(int(a) * int(b) for a, b in zip(matrix.values[r], q[n], strict=True))
                assert y[n, r] == np.float32(np.float32(total) * matrix.scale[r]) * s[n]


@pytest.mark.parametrize(("function", "exact"), [(quantized.tanh, np.tanh), (quantized.sigmoid, None)])
def test_activations_are_near_those_in_float64(function: object, exact: object) -> None:
    x = np.concatenate([np.linspace(-100, 100, 20001), np.linspace(-1e-3, 1e-3, 1001)]).astype(np.float32)
    wide = x.astype(np.float64)
    expected = np.tanh(wide) if exact is not None else 1.0 / (1.0 + np.exp(-wide))
    assert callable(function)
    error = np.abs(function(x) - expected) / np.maximum(np.abs(expected), 1e-30)
    assert error[np.abs(wide) < 80].max() < 6e-7  # five units of float32's last place


def test_nan_stays_nan() -> None:
    x = np.array([np.nan, 0.0], np.float32)
    for name, function in quantized.ACTIVATIONS.items():
        assert np.isnan(function(x)).tolist() == [True, False], name


@every_cell
def test_a_step_is_the_cell_itself_up_to_the_rounding_of_activations(cell: object) -> None:
    rng = np.random.default_rng(2)
    gates, states = cell.gates, len(cell.states)  # type: ignore[attr-defined]
    a, u = random_matrix(rng, 3, gates * 9), random_matrix(rng, 3, gates * 9)
    state = tuple(random_matrix(rng, 3, 9) for _ in range(states))
    expected, _ = cell.forward(a, u, state)  # type: ignore[attr-defined]
    for mine, other in zip(quantized.STEPS[type(cell)](cell, a, u, state), expected, strict=True):  # type: ignore[arg-type]
        np.testing.assert_allclose(mine, other, rtol=2e-6, atol=1e-6)


@every_cell
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]])
def test_a_stack_with_int8_weights_is_near_the_stack_of_the_same_weights_in_float32(
    cell: object, lengths: list[int] | None
) -> None:
    """The inputs of each product are rounded to one part in 254, and h of earlier steps carries their errors on."""
    rng = np.random.default_rng(3)
    gates = cell.gates  # type: ignore[attr-defined]
    layers = [[quantized_layer(rng, gates, size, 8) for _ in range(2)] for size in (6, 16)]
    dense = [[in_float32(p) for p in layer] for layer in layers]
    x, state = random_matrix(rng, 12, 6).reshape(3, 4, 6), unroll.zero_state(cell, dense, 3)  # type: ignore[arg-type]
    y, final = quantized.run(cell, layers, x, state, lengths)  # type: ignore[arg-type]
    expected, expected_final = unroll.run(cell, dense, x, state, lengths)  # type: ignore[arg-type]
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(y - expected).max() / scale < 0.05
    for mine, other in zip(final[1][0], expected_final[1][0], strict=True):
        assert np.abs(mine - other).max() / scale < 0.05


def test_rows_of_an_int8_embedding_are_multiplied_as_they_are() -> None:
    rng = np.random.default_rng(4)
    embedding, layer = quantize_matrix(random_matrix(rng, 10, 6)), quantized_layer(rng, 3, 6, 5)
    a = layer.input_products(np.array([[3, 1]]), embedding)
    total = layer.W.values.astype(int) @ embedding.values[1].astype(int)  # type: ignore[union-attr]
    expected = total.astype(np.float32) * layer.W.scale * embedding.scale[1] + layer.b_ih  # type: ignore[union-attr]
    assert a[0, 1].tobytes() == expected.tobytes()

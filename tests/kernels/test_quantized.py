"""Kernels for int8 weights have the bits of cells/quantized.py, for every instruction set and number of threads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from elman import kernels
from elman.cells import GRU, LSTM, Cell, Elman, quantized
from elman.cells.quantized import QuantizedLayer, QuantizedMatrix, quantize_matrix
from elman.kernels import backend
from elman.kernels import quantized as module

from .answers import needs_kernels

pytestmark = needs_kernels

CELLS: dict[str, Callable[[], Cell]] = {
    "tanh": Elman,
    "relu": functools.partial(Elman, "relu"),
    "sigmoid": functools.partial(Elman, "sigmoid"),
    "identity": functools.partial(Elman, "identity"),
    "gru": GRU,
    "lstm": LSTM,
}
# I, H of each layer, B, T, directions: odd sizes, whole blocks, more rows than are computed at once, no steps
SIZES: list[tuple[int, list[int], int, int, int]] = [
    (1, [1], 1, 1, 1),
    (3, [5, 2], 2, 7, 2),
    (17, [33], 40, 3, 2),
    (64, [130], 3, 4, 1),
    (127, [16, 129], 6, 2, 1),
    (130, [64, 15, 7], 33, 5, 2),
    (4, [16], 5, 0, 1),
]
INSTRUCTION_SETS = kernels.quantized_instruction_sets() or ["none"]


@pytest.fixture(params=INSTRUCTION_SETS)
def int8_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Use each instruction set of this machine while the test runs."""
    kernels.use_quantized_instruction_set(request.param)
    yield str(request.param)
    kernels.use_quantized_instruction_set(INSTRUCTION_SETS[0])


@pytest.fixture(autouse=True)
def outputs_begin_as_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that was freed may contain the last, correct answer."""

    class NanIsEmpty:
        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

        def empty(self, shape: Any, dtype: Any = float) -> Any:
            return np.full(shape, np.nan, dtype)

        def empty_like(self, array: Any) -> Any:
            return np.full(array.shape, np.nan, array.dtype)

    monkeypatch.setattr(module, "np", NanIsEmpty())


def matrix(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return np.asarray(rng.normal(size=(rows, columns)), np.float32)


def random_layers(
    rng: np.random.Generator, cell: Cell, input_size: int, sizes: list[int], directions: int, *, float_inputs: bool
) -> list[list[QuantizedLayer]]:
    layers = []
    for index, H in enumerate(sizes):
        rows, in_float32 = cell.gates * H, float_inputs and index == 0
        layer = []
        for _ in range(directions):
            W, U = matrix(rng, rows, input_size), matrix(rng, rows, H) / np.float32(H**0.5)
            b_ih, b_hh = matrix(rng, 2, rows)
            layer.append(QuantizedLayer(W if in_float32 else quantize_matrix(W), quantize_matrix(U), b_ih, b_hh))
        layers.append(layer)
        input_size = H * directions
    return layers


def assert_same_bits(actual: Any, expected: Any) -> None:
    (y, final), (y_expected, final_expected) = actual, expected
    assert y.tobytes() == y_expected.tobytes()
    for layer, layer_expected in zip(final, final_expected, strict=True):
        for states, states_expected in zip(layer, layer_expected, strict=True):
            assert [s.tobytes() for s in states] == [s.tobytes() for s in states_expected]


@pytest.mark.parametrize("inputs", ["vectors", "float32 W", "table", "embedding"])
@pytest.mark.parametrize("name", CELLS)
def test_a_stack_has_the_bits_of_the_reference(name: str, inputs: str, int8_set: str) -> None:
    rng, cell = np.random.default_rng(0), CELLS[name]()
    for I, sizes, B, T, D in SIZES:  # noqa: E741
        layers = random_layers(rng, cell, I, sizes, D, float_inputs=inputs == "float32 W")
        state = tuple(tuple(tuple(matrix(rng, B, H) for _ in cell.states) for _ in range(D)) for H in sizes)
        embedding: QuantizedMatrix | None = None
        x: Any = rng.normal(size=(B, T, I)).astype(np.float32)
        if inputs in ("table", "embedding"):
            V = 20 if inputs == "table" else module.MAX_TABLE_ROWS + 1
            embedding, x = quantize_matrix(matrix(rng, V, I)), rng.integers(0, V, (B, T))
        stack = kernels.QuantizedStack(cell, layers, embedding)
        for lengths in (None, rng.integers(0, T + 1, B)):
            expected = quantized.run(cell, layers, x, state, lengths, embedding)
            for threads in (1, 3):
                assert_same_bits(stack.run(x, state, lengths, threads=threads), expected)


def test_a_large_stack_has_the_same_bits_on_several_threads() -> None:
    """Large enough for five threads; the smaller ones are computed by one."""
    rng, cell = np.random.default_rng(1), LSTM()
    layers = random_layers(rng, cell, 100, [128, 128], 2, float_inputs=False)
    state = tuple(tuple(tuple(matrix(rng, 70, 128) for _ in cell.states) for _ in range(2)) for _ in range(2))
    x = rng.normal(size=(70, 12, 100)).astype(np.float32)
    stack = kernels.QuantizedStack(cell, layers)
    expected = stack.run(x, state, threads=1)
    for threads in (2, 5):
        assert_same_bits(stack.run(x, state, threads=threads), expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 65, 512), (7, 130, 33), (40, 500, 20), (3, 17, 2000), (0, 5, 5)])
def test_a_readout_has_the_bits_of_the_reference(shape: tuple[int, int, int], int8_set: str) -> None:
    N, R, C = shape
    rng = np.random.default_rng(2)
    V, b, x = quantize_matrix(matrix(rng, R, C)), matrix(rng, 1, R)[0], matrix(rng, N, C)
    for bias in (None, b):
        readout = kernels.QuantizedReadout(V, bias)
        for threads in (1, 4):
            assert readout.multiply(x, threads=threads).tobytes() == V.multiply(x, bias).tobytes()


def test_the_largest_sums_are_exact(int8_set: str) -> None:
    """127 * 127 for every column, of the sign of the row: nothing saturates or overflows."""
    C = 1 << 17
    values = np.full((3, C), 127, np.int8)
    values[1] = -127
    V = QuantizedMatrix(values, np.ones(3, np.float32))
    for sign in (1.0, -1.0):
        x = np.full((1, C), sign, np.float32)
        y = kernels.QuantizedReadout(V).multiply(x)
        total = sign * 127 * 127 * C
        expected = np.array([total, -total, total], np.float32) * (np.float32(1.0) / np.float32(127.0))
        assert y.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "special",
    [0.0, 1e-31, 6e-31, np.float32(2.0**-100), np.finfo(np.float32).max, 1e-45],
    ids=lambda value: f"{value:.3g}",
)
def test_vectors_of_extreme_size_have_the_bits_of_the_reference(special: float, int8_set: str) -> None:
    rng = np.random.default_rng(3)
    V, x = quantize_matrix(matrix(rng, 20, 37)), matrix(rng, 3, 37)
    x[1] *= special / np.abs(x[1]).max()
    with np.errstate(over="ignore"):
        assert kernels.QuantizedReadout(V).multiply(x).tobytes() == (V.multiply(x)).tobytes()


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("column", [0, 36])
def test_a_vector_that_is_not_finite_has_no_product_and_the_others_have(
    special: float, column: int, int8_set: str
) -> None:
    rng = np.random.default_rng(4)
    V, x = quantize_matrix(matrix(rng, 20, 37)), matrix(rng, 3, 37)
    x[1, column] = special
    y = kernels.QuantizedReadout(V).multiply(x)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()


def test_another_instruction_set_of_the_kernels_is_one_for_int8_too() -> None:
    before = kernels.instruction_set()
    assert before is not None
    try:
        kernels.use_instruction_set("plain")
        assert backend.native is not None
        layer = random_layers(np.random.default_rng(5), GRU(), 4, [8], 1, float_inputs=False)
        assert kernels.QuantizedStack(GRU(), layer) is not None
    finally:
        kernels.use_instruction_set(before)
    with pytest.raises(ValueError, match="unknown instruction set 'mmx'"):
        kernels.use_quantized_instruction_set("mmx")


class TestWrongArguments:
    """No call reads or writes outside of an array."""

    def pack(self, *arrays: Any, embedding: Any = None, cell: str = "gru") -> Any:
        assert backend.native is not None
        return backend.native.QuantizedStack.pack(cell, "tanh", 1, [arrays], embedding, False)

    def arrays(self) -> list[Any]:
        W, U = np.ones((6, 3), np.int8), np.ones((6, 2), np.int8)
        scale, bias = np.ones(6, np.float32), np.zeros(6, np.float32)
        return [W, scale, U, scale, bias, bias]

    @pytest.mark.parametrize(
        ("position", "value", "message"),
        [
            (0, np.ones((5, 3), np.int8), r"W: given shape \(5, 3\); expected \(6, 3\)"),
            (0, np.ones((6, 3), np.float64), "W: given float64; expected a CPU array of int8"),
            (0, np.full((6, 3), -128, np.int8), "W: given -128; expected -127 to 127"),
            (1, np.ones(5, np.float32), r"W: given shape \(5\); expected \(6\)"),
            (2, np.ones((6, 3), np.int8), r"W: given shape \(6, 3\); expected \(9, 3\)"),
            (2, np.ones((6, 0), np.int8), "U: expected two axes"),
            (3, None, "U: given None; expected an array"),
            (4, np.ones(3, np.float32), r"b_ih: given shape \(3\); expected \(6\)"),
        ],
    )
    def test_of_weights(self, position: int, value: Any, message: str) -> None:
        arrays = self.arrays()
        self.pack(*arrays)
        arrays[position] = value
        with pytest.raises(ValueError, match=message):
            self.pack(*arrays)

    def test_of_an_embedding(self) -> None:
        rows, scale = np.ones((4, 2), np.int8), np.ones(4, np.float32)
        with pytest.raises(ValueError, match="W: given 3 columns; expected 2"):
            self.pack(*self.arrays(), embedding=(rows, scale))
        stack = self.pack(*self.arrays(), embedding=(np.ones((4, 3), np.int8), scale))
        y, h = np.empty((1, 2, 2), np.float32), np.zeros((1, 2), np.float32)
        with pytest.raises(ValueError, match="ids: given 4; expected 0 to 3"):
            stack.run(np.array([[0, 4]]), y, [(h,)], [(h.copy(),)], None, 1)

    def test_of_sequences(self) -> None:
        stack = self.pack(*self.arrays())
        x, y, h = np.ones((2, 3, 3), np.float32), np.empty((2, 3, 2), np.float32), np.zeros((2, 2), np.float32)
        for wrong_x, wrong_y, wrong_h, lengths, message in [
            (x[:, :, :2].copy(), y, h, None, "x: given shape"),
            (x, y[:, :2].copy(), h, None, "outputs: given shape"),
            (x, y, h[:1].copy(), None, "state: given shape"),
            (x, y, h, np.array([3, 4]), "lengths: given 4"),
            (x.astype(np.float64), y, h, None, "x: given float64"),
        ]:
            with pytest.raises(ValueError, match=message):
                stack.run(wrong_x, wrong_y, [(wrong_h,)], [(h.copy(),)], lengths, 1)

    def test_of_a_readout(self) -> None:
        readout = kernels.QuantizedReadout(quantize_matrix(np.ones((4, 3), np.float32)))
        with pytest.raises(ValueError, match=r"x: given shape \(2, 5\); expected \(2, 3\)"):
            readout.multiply(np.ones((2, 5), np.float32))
        with pytest.raises(ValueError, match="V: expected two axes, with at least one row and one column"):
            kernels.QuantizedReadout(QuantizedMatrix(np.ones((0, 3), np.int8), np.ones(0, np.float32)))
        wide = QuantizedMatrix(np.ones((1, (1 << 17) + 1), np.int8), np.ones(1, np.float32))
        with pytest.raises(ValueError, match="V: given 131073 columns; expected at most 131072"):
            kernels.QuantizedReadout(wide)

"""Layers of elman and its peers: they agree with elman.cells, and a wrong peer raises an error."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from elman.bench import train
from elman.bench.layers import LAYERS, Problem, Shape
from elman.bench.limit import ProductRate
from elman.bench.timing import TOLERANCE, relative_difference
from elman.bench.weights import CELL_NAMES, make_cell, num_gates, reorder_gates
from elman.cells import LayerParameters, unroll
from elman.errors import ElmanError

from .rows import train_row

CELLS = list(CELL_NAMES)
installed_implementations = [
    pytest.param(
        name, marks=pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")
    )
    for name, package in {"elman": "torch", "torch": "torch", "jax": "jax", "keras": "keras"}.items()
]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", installed_implementations)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the peers
def test_a_layer_computes_the_equations(name: str, cell: str) -> None:
    problem = Problem.random(Shape(cell, hidden_size=5, batch_size=3, length=4, input_size=2))
    w = problem.weights
    assert w.b_ih is not None
    assert w.b_hh is not None
    W, U, b_ih, b_hh = (array.astype(np.float64) for array in (w.W, w.U, w.b_ih, w.b_hh))
    exact = LayerParameters(W, U, b_ih, b_hh)
    x, d_y = (array.swapaxes(0, 1).astype(np.float64) for array in (problem.x, problem.d_y))
    outputs, _, tape = unroll.forward(make_cell(cell), [[exact]], x)
    gradients = unroll.backward(tape, d_y)
    d_weights = gradients.params[0][0]
    implementation = LAYERS[name](problem)
    actual = implementation.to_arrays(implementation.run())
    expected = {
        "outputs": outputs.swapaxes(0, 1),
        "d_x": gradients.x.swapaxes(0, 1),
        "d_W": d_weights.W,
        "d_U": d_weights.U,
        "d_b": d_weights.b_ih,
    }
    assert actual.keys() == expected.keys()
    for key, array in expected.items():
        assert array is not None
        assert relative_difference(actual[key], array) < 1e-5, key  # float32


@pytest.mark.parametrize("cell", CELLS)
def test_the_operations_are_those_of_the_matrix_products(cell: str) -> None:
    H, B, T, I = 6, 3, 4, 5  # noqa: E741
    rows = num_gates(cell) * H
    products = [  # of one step: (m, k, n) for an m x k matrix times a k x n matrix
        *[(B, I, rows), (B, H, rows)],  # W x, U h
        *[(B, rows, I), (B, rows, H)],  # d_x, d_h
        *[(rows, B, I), (rows, B, H)],  # d_W, d_U
    ]
    assert Shape(cell, H, B, T, I).flop == T * sum(2 * m * k * n for m, k, n in products)


def test_rates_ratios_and_shares_follow_from_the_seconds() -> None:
    row = train_row(elman=0.01, torch=0.02)
    assert row.tokens_per_second == pytest.approx({"elman": 112_000, "torch": 56_000})
    assert row.gflops["elman"] == pytest.approx(112_000 * 6 * 4 * 64 * 128 / 1e9)
    assert row.ratios == pytest.approx({"torch": 2.0})
    assert row.share == pytest.approx(row.gflops["elman"] / 80)
    assert train_row(0.01, 0.02, limit=None).share is None


def test_a_summary_covers_the_rows_with_the_same_number_of_threads() -> None:
    rows = [
        train_row(0.01, 0.02),
        train_row(0.01, 0.005, cell="gru"),
        train_row(0.01, 0.03, threads=2),
    ]
    one, two = train.summarize(rows)
    assert (one.threads, one.peer, one.num_rows, one.smallest_at) == (1, "torch", 2, "gru 64")
    assert (one.ratio, one.smallest) == pytest.approx((1.0, 0.5))
    assert (two.threads, two.ratio, two.smallest) == pytest.approx((2, 3.0, 3.0))
    assert one.as_json()["smallest"] == {"ratio": one.smallest, "at": "gru 64"}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_peer_with_its_gates_in_another_order_raises_an_error(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = [1, 0, *range(2, num_gates(cell))]
    torch_layer = LAYERS["torch"]

    def swapped(problem: Problem) -> object:
        w = problem.weights
        assert w.b_ih is not None
        assert w.b_hh is not None
        W, U, b_ih, b_hh = (reorder_gates(array, order) for array in (w.W, w.U, w.b_ih, w.b_hh))
        return torch_layer(replace(problem, weights=LayerParameters(W, U, b_ih, b_hh)))

    monkeypatch.setitem(LAYERS, "torch", swapped)
    rows = train.measure([Shape(cell, 8, 2, 3, 4)], [1], ["torch"], 0.001, {}, lambda message: None)
    with pytest.raises(ElmanError, match=f"{cell} 8: outputs of torch and of elman differ by .*; expected at most"):
        list(rows)


def test_a_peer_with_correct_outputs_and_a_wrong_gradient_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_layer = LAYERS["torch"]

    def without_d_x(problem: Problem) -> object:
        layer = torch_layer(problem)
        return replace(layer, to_arrays=lambda result: {**layer.to_arrays(result), "d_x": np.zeros_like(problem.x)})

    monkeypatch.setitem(LAYERS, "torch", without_d_x)
    with pytest.raises(ElmanError, match="d_x of torch and of elman differ by 1 "):
        list(train.measure([Shape("rnn", 8, 2, 3, 4)], [1], ["torch"], 0.001, {}, lambda message: None))
    assert TOLERANCE < 0.01


def test_there_is_a_row_for_each_thread_count_and_shape_with_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [Shape("rnn", 4, 2, 3, 2), Shape("lstm", 4, 2, 3, 2)]
    limits = {2: ProductRate(512, 2, "numpy", 100.0)}
    messages: list[str] = []
    thread_counts: list[int] = []

    def use_threads(count: int) -> nullcontext[None]:
        thread_counts.append(count)
        return nullcontext()

    monkeypatch.setattr(train, "use_threads", use_threads)
    rows = list(train.measure(shapes, [1, 2], ["torch"], 0.001, limits, messages.append))
    assert [(row.threads, row.shape) for row in rows] == [(n, shape) for n in (1, 2) for shape in shapes]
    assert [row.share is None for row in rows] == [True, True, False, False]
    assert all(list(row.seconds) == ["elman", "torch"] for row in rows)
    assert messages[0] == "rnn 4 on 1 threads"
    assert thread_counts == [1, 1, 2, 2]


def test_jax_is_measured_only_on_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "available_threads", lambda: 2)
    monkeypatch.setattr(train, "use_threads", nullcontext)
    monkeypatch.setitem(LAYERS, "jax", LAYERS["torch"])
    rows = train.measure([Shape("rnn", 4, 2, 3, 2)], [1, 2], ["torch", "jax"], 0.001, {}, lambda message: None)
    assert [list(row.seconds) for row in rows] == [["elman", "torch"], ["elman", "torch", "jax"]]

"""Rates of matrix products and of reads: which libraries are measured, and which rate is the limit."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest
import torch

from elman import kernels
from elman.bench import limit
from elman.bench.limit import (
    ProductRate,
    ReadRate,
    best_product_rates,
    best_read_rate,
    measure_products,
    measure_reads,
)
from elman.bench.table import best_rates

TORCH_LIBRARIES = ["torch", "onednn"] if torch.backends.mkldnn.is_available() else ["torch"]


def test_products_are_measured_with_every_library_whose_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "numpy_threads_can_be_set", lambda: True)
    rates = list(measure_products(1, 0.05, (4, 8)))
    assert [(rate.n, rate.threads, rate.library) for rate in rates] == [
        (n, 1, library) for n in (4, 8) for library in ("numpy", *TORCH_LIBRARIES)
    ]
    assert all(rate.gflops > 0 for rate in rates)


def test_a_blas_with_fixed_threads_is_measured_only_on_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "numpy_threads_can_be_set", lambda: False)
    monkeypatch.setattr(limit, "available_threads", lambda: 2)
    assert {row.library for row in measure_products(1, 0.001, (4,))} == {*TORCH_LIBRARIES}
    assert {row.library for row in measure_products(2, 0.001, (4,))} == {"numpy", *TORCH_LIBRARIES}
    monkeypatch.setitem(sys.modules, "torch", None)
    assert best_product_rates([1], 0.001, lambda message: None) == {}


def test_sizes_that_take_too_long_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "median_seconds", lambda runs, seconds, pause: dict.fromkeys(runs, 1.0))
    # n = 4 takes 1 s per call, so n = 8 is expected to take 8 s per call, and about eight calls are made.
    assert {row.n for row in measure_products(1, 50.0, (4, 8))} == {4}
    assert {row.n for row in measure_products(1, 100.0, (4, 8))} == {4, 8}


def test_numpy_and_the_kernels_read_a_block_of_the_requested_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = list(measure_reads(4096, 0.001))
    assert [rate.library for rate in rates] == ["numpy", *(["elman"] if kernels.available() else [])]
    assert all(rate.bytes == 4096 and rate.gigabytes_per_second > 0 for rate in rates)
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert best_read_rate(4096, 0.001).library == "numpy"


def test_the_limit_is_the_best_rate_for_each_number_of_threads_and_each_block_size() -> None:
    fast, slow = ProductRate(512, 1, "torch", 90.0), ProductRate(1024, 1, "numpy", 80.0)
    two = ProductRate(512, 2, "numpy", 150.0)
    small, large = ReadRate(64, "elman", 100.0), ReadRate(128, "elman", 40.0)
    rows: list[ProductRate | ReadRate] = [slow, fast, two, ReadRate(64, "numpy", 50.0), small, large]
    assert best_rates(rows) == [fast, two, small, large]


def test_all_rates_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "PRODUCT_SIZES", (4,))
    monkeypatch.setattr(limit, "BLOCK_SIZES", (64, 128))
    monkeypatch.setattr(limit, "use_threads", nullcontext)
    messages: list[str] = []
    rows = list(limit.measure([1, 2], 0.001, messages.append))
    assert {row.threads for row in rows if isinstance(row, ProductRate)} == {1, 2}
    assert {row.bytes for row in rows if isinstance(row, ReadRate)} == {64, 128}
    assert messages[-1] == "reading 128 bytes"

"""Rates of products and of reads: who is measured, and which counts."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest
import torch

from elman import kernels
from elman.bench import limit
from elman.bench.limit import Product, Read, best_products, best_read, products, reads
from elman.bench.table import best

OF_TORCH = ["torch", "onednn"] if torch.backends.mkldnn.is_available() else ["torch"]


def test_products_are_measured_by_every_library_that_can_be_told_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "numpy_can_be_told", lambda: True)
    found = list(products(1, 0.05, (4, 8)))
    assert [(row.n, row.threads, row.library) for row in found] == [
        (n, 1, library) for n in (4, 8) for library in ("numpy", *OF_TORCH)
    ]
    assert all(row.gflops > 0 for row in found)


def test_a_blas_that_cannot_be_told_counts_only_where_all_threads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "numpy_can_be_told", lambda: False)
    monkeypatch.setattr(limit, "available_threads", lambda: 2)
    assert {row.library for row in products(1, 0.001, (4,))} == {*OF_TORCH}
    assert {row.library for row in products(2, 0.001, (4,))} == {"numpy", *OF_TORCH}
    monkeypatch.setitem(sys.modules, "torch", None)
    assert best_products([1], 0.001, lambda what: None) == {}


def test_sizes_that_do_not_fit_into_the_time_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "interleaved", lambda runs, seconds, rest: dict.fromkeys(runs, 1.0))
    assert {row.n for row in products(1, 50.0, (4, 8))} == {4}  # 8 would take 8 s, and some eight calls are made
    assert {row.n for row in products(1, 100.0, (4, 8))} == {4, 8}


def test_reads_are_of_the_block_s_size_by_the_kernels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(reads(4096, 0.001))
    assert [row.library for row in found] == ["numpy", *(["elman"] if kernels.available() else [])]
    assert all(row.bytes == 4096 and row.gigabytes_per_second > 0 for row in found)
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert best_read(4096, 0.001).library == "numpy"


def test_the_limit_is_the_best_on_each_number_of_threads_and_of_each_block() -> None:
    fast, slow = Product(512, 1, "torch", 90.0), Product(1024, 1, "numpy", 80.0)
    two = Product(512, 2, "numpy", 150.0)
    small, large = Read(64, "elman", 100.0), Read(128, "elman", 40.0)
    rows = [slow, fast, two, Read(64, "numpy", 50.0), small, large]
    assert best(rows) == [fast, two, small, large]


def test_every_rate_is_yielded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "SIZES", (4,))
    monkeypatch.setattr(limit, "BLOCKS", (64, 128))
    monkeypatch.setattr(limit, "on_threads", nullcontext)
    told: list[str] = []
    rows = list(limit.measure([1, 2], 0.001, told.append))
    assert {row.threads for row in rows if isinstance(row, Product)} == {1, 2}
    assert {row.bytes for row in rows if isinstance(row, Read)} == {64, 128}
    assert told[-1] == "reading 128 bytes"

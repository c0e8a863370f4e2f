"""The limit of this machine: its rate of float32 matrix products and its rate of reading memory.

    products   square matrices, 2 n^3 operations, by NumPy's BLAS, by torch (MKL) and by oneDNN, which torch contains.
               Training consists mostly of matrix products. On some processors a BLAS uses only half of the registers'
               width
    reads      one block, read repeatedly from the cache in which it fits: a step with batch size 1 reads every weight
               once

The limit is the best rate of all libraries. It is a measured rate, not the peak rate of the processor's data sheet.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elman import kernels
from elman.training.throughput import available_threads

from .threads import numpy_threads_can_be_set, use_threads
from .timing import median_seconds

PRODUCT_SIZES = (512, 1024, 2048)
PAUSE_SECONDS = 0.2  # idle threads of OpenBLAS spin for this long, which halves the rate of the next library
BLOCK_SIZES = (1 << 18, 1 << 20, 1 << 22, 1 << 26)  # bytes: two small blocks, a large model, and beyond most caches

Notify = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class ProductRate:
    """The rate of n x n matrix products."""

    n: int
    threads: int
    library: str
    gflops: float

    def as_json(self) -> dict[str, Any]:
        """Return the rate with the keys of `--json`."""
        return {"what": "product", **asdict(self)}


@dataclass(frozen=True, slots=True)
class ReadRate:
    """The rate of reading a block of memory on one thread."""

    bytes: int
    library: str
    gigabytes_per_second: float

    def as_json(self) -> dict[str, Any]:
        """Return the rate with the keys of `--json`."""
        return {"what": "read", **asdict(self)}


def measure_products(threads: int, seconds: float, sizes: tuple[int, ...] = PRODUCT_SIZES) -> Iterator[ProductRate]:
    """Yield the rate of every size and library, in about `seconds` per size; skip sizes that would take longer."""
    rng = np.random.default_rng(0)
    best_gflops = 0.0
    for n in sizes:
        if best_gflops and 8 * 2 * n**3 / best_gflops > seconds * 1e9:
            return
        runs = _product_runs(n, threads, rng)
        if not runs:
            return
        with use_threads(threads):
            medians = median_seconds(runs, seconds, PAUSE_SECONDS if threads > 1 else 0.0)
        for library, duration in medians.items():
            rate = ProductRate(n, threads, library, 2 * n**3 / duration / 1e9)
            best_gflops = max(best_gflops, rate.gflops)
            yield rate


def measure_reads(size: int, seconds: float) -> Iterator[ReadRate]:
    """Yield the rate at which each library reads a block of `size` bytes."""
    block = np.ones(max(1, size // 4), np.float32)
    runs: dict[str, Callable[[], object]] = {"numpy": lambda: block @ block}
    if kernels.available():
        runs["elman"] = lambda: kernels.sum_vector(block)
    with use_threads(1):
        medians = median_seconds(runs, seconds)
    for library, duration in medians.items():
        yield ReadRate(block.nbytes, library, block.nbytes / duration / 1e9)


def measure(threads: Sequence[int], seconds: float, notify: Notify) -> Iterator[ProductRate | ReadRate]:
    """Yield all rates, in about `seconds` for each number of threads and size."""
    for count in threads:
        notify(f"matrix products on {count} threads")
        yield from measure_products(count, seconds)
    for size in BLOCK_SIZES:
        notify(f"reading {size:,} bytes")
        yield from measure_reads(size, seconds)


def best_product_rates(threads: Sequence[int], seconds: float, notify: Notify) -> dict[int, ProductRate]:
    """Return the best rate for each number of threads; leave out a number that no library can be set to."""
    best = {}
    for count in threads:
        notify(f"matrix products on {count} threads")
        rates = list(measure_products(count, seconds))
        if rates:
            best[count] = max(rates, key=lambda rate: rate.gflops)
    return best


def best_read_rate(size: int, seconds: float) -> ReadRate:
    """Return the best rate of reading a block of `size` bytes."""
    return max(measure_reads(size, seconds), key=lambda rate: rate.gigabytes_per_second)


def _product_runs(n: int, threads: int, rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    a, b = (rng.normal(size=(n, n)).astype(np.float32) for _ in range(2))
    runs: dict[str, Callable[[], object]] = {}
    if numpy_threads_can_be_set() or threads == available_threads():
        out = np.empty_like(a)
        runs["numpy"] = lambda: np.matmul(a, b, out=out)
    if importlib.util.find_spec("torch") is not None:
        import torch
        from torch.nn import functional

        torch_a, torch_b, torch_out = (torch.from_numpy(array) for array in (a, b, np.empty_like(a)))
        runs["torch"] = lambda: torch.mm(torch_a, torch_b, out=torch_out)
        if torch.backends.mkldnn.is_available():
            onednn_a, onednn_b = torch_a.to_mkldnn(), torch_b.to_mkldnn()
            runs["onednn"] = lambda: functional.linear(onednn_a, onednn_b)
    return runs

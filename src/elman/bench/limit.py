"""What this machine can do at most: its rate of float32 matrix products, and its rate of reading memory.

    products   square matrices, 2 n^3 operations, by NumPy's BLAS, torch's (MKL) and oneDNN, which torch brings along:
               training is made of them. On some processors a BLAS leaves half of the registers' width unused
    reads      a block read again and again, from whichever cache it fits in: a step at batch 1 reads every weight once

The limit is the best of them, whoever reached it. It is what others reach, not what the processor's data sheet says.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elman import kernels
from elman.training.machine import available_threads

from .threads import numpy_can_be_told, on_threads
from .timing import interleaved

SIZES = (512, 1024, 2048)
REST_SECONDS = 0.2  # idle threads of OpenBLAS look for work for so long, at half the rate of whoever is next
BLOCKS = (1 << 18, 1 << 20, 1 << 22, 1 << 26)  # bytes: two small ones, one of a large model, one beyond most caches

Notify = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Product:
    """The rate of n x n matrix products."""

    n: int
    threads: int
    library: str
    gflops: float

    def as_json(self) -> dict[str, Any]:
        """The row in the words of the command line."""
        return {"what": "product", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Read:
    """The rate of reading a block on one thread."""

    bytes: int
    library: str
    gigabytes_per_second: float

    def as_json(self) -> dict[str, Any]:
        """The row in the words of the command line."""
        return {"what": "read", **asdict(self)}


def products(threads: int, seconds: float, sizes: tuple[int, ...] = SIZES) -> Iterator[Product]:
    """Yield the rates of each size and library, for so many seconds a size, up to the sizes that fit into them."""
    rng = np.random.default_rng(0)
    fastest = 0.0
    for n in sizes:
        if fastest and 8 * 2 * n**3 / fastest > seconds * 1e9:
            return
        runs = _product_runs(n, threads, rng)
        if not runs:
            return
        with on_threads(threads):
            medians = interleaved(runs, seconds, REST_SECONDS if threads > 1 else 0.0)
        for library, each in medians.items():
            yield Product(n, threads, library, 2 * n**3 / each / 1e9)
            fastest = max(fastest, 2 * n**3 / each / 1e9)


def reads(size: int, seconds: float) -> Iterator[Read]:
    """Yield the rates of reading a block of so many bytes."""
    block = np.ones(max(1, size // 4), np.float32)
    runs: dict[str, Callable[[], object]] = {"numpy": lambda: block @ block}
    if kernels.available():
        runs["elman"] = lambda: kernels.sum_vector(block)
    with on_threads(1):
        medians = interleaved(runs, seconds)
    for library, each in medians.items():
        yield Read(block.nbytes, library, block.nbytes / each / 1e9)


def measure(threads: Sequence[int], seconds: float, notify: Notify) -> Iterator[Product | Read]:
    """Yield all rates, for so many seconds each."""
    for count in threads:
        notify(f"matrix products on {count} thread(s)")
        yield from products(count, seconds)
    for size in BLOCKS:
        notify(f"reading {size:,} bytes")
        yield from reads(size, seconds)


def best_products(threads: Sequence[int], seconds: float, notify: Notify) -> dict[int, Product]:
    """Return the best rate on each number of threads; none where no library can be told its threads."""
    best = {}
    for count in threads:
        notify(f"matrix products on {count} thread(s)")
        found = list(products(count, seconds))
        if found:
            best[count] = max(found, key=lambda product: product.gflops)
    return best


def best_read(size: int, seconds: float) -> Read:
    """Return the best rate of reading a block."""
    return max(reads(size, seconds), key=lambda read: read.gigabytes_per_second)


def _product_runs(n: int, threads: int, rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    a, b = (rng.normal(size=(n, n)).astype(np.float32) for _ in range(2))
    runs: dict[str, Callable[[], object]] = {}
    if numpy_can_be_told() or threads == available_threads():
        c = np.empty_like(a)
        runs["numpy"] = lambda: np.matmul(a, b, out=c)
    if importlib.util.find_spec("torch") is not None:
        import torch
        from torch.nn import functional

        of_torch = [torch.from_numpy(each) for each in (a, b, np.empty_like(a))]
        runs["torch"] = lambda: torch.mm(of_torch[0], of_torch[1], out=of_torch[2])
        if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            of_onednn = [each.to_mkldnn() for each in of_torch[:2]]
            runs["onednn"] = lambda: functional.linear(*of_onednn)
    return runs

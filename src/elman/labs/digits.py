"""Binary numbers of any length as arrays of digits, the least significant first, and their sums and carries."""

from __future__ import annotations

import numpy as np

from elman.cells.activations import Array
from elman.cells.readout import Bools


def add(x: Array) -> Array:
    """Return the digits (B, T) of the sums of the numbers with digits x (B, T, 2), by Python's integers."""
    packed = np.packbits(x.astype(np.uint8), axis=1, bitorder="little")  # (B, bytes, 2)
    totals = [sum(int.from_bytes(number.tobytes(), "little") for number in pair.T) for pair in packed]
    sums = np.array([list(total.to_bytes(packed.shape[1] + 1, "little")) for total in totals], np.uint8)
    return np.unpackbits(sums, axis=1, bitorder="little")[:, : x.shape[1]].astype(np.float64)


def random_digits(rng: np.random.Generator, count: int, bits: int) -> Array:
    """Return the digits (count, bits + 1, 2) of pairs of numbers; the last are 0, so that the sum has room."""
    x = np.zeros((count, bits + 1, 2))
    x[:, :bits] = rng.integers(0, 2, (count, bits, 2))
    return x


def carries(x: Array) -> Bools:
    """Return the carry (B, T) after each digit: that before it makes the sum's digit a + b + carry modulo 2."""
    before = (add(x) + x.sum(axis=2)) % 2.0 == 1.0
    return np.pad(before[:, 1:], ((0, 0), (0, 1)))

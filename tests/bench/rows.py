"""Rows as a measurement would give them, with times that are easy to divide."""

from __future__ import annotations

from elman.bench import step, train
from elman.bench.layers import Shape
from elman.bench.limit import Product, Read

ONE = Product(n=1024, threads=1, library="torch", gflops=80.0)
BLOCK = Read(bytes=327_680, library="elman", gigabytes_per_second=64.0)


def train_row(
    ours: float, torch: float, *, threads: int = 1, cell: str = "lstm", limit: Product | None = ONE
) -> train.Row:
    return train.Row(Shape(cell, 64, 32, 35, 64), threads, {"elman": ours, "torch": torch}, limit)


def step_row(ours: float, torch: float) -> step.Row:
    return step.Row("lstm", 128, 32, {"elman": ours, "torch": torch}, BLOCK)

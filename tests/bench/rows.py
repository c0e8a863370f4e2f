"""Rows like those of a measurement, with durations that are easy to divide."""

from __future__ import annotations

from elman.bench import step, train
from elman.bench.layers import Shape
from elman.bench.limit import ProductRate, ReadRate

ONE_THREAD = ProductRate(n=1024, threads=1, library="torch", gflops=80.0)
BLOCK = ReadRate(bytes=327_680, library="elman", gigabytes_per_second=64.0)


def train_row(
    elman: float, torch: float, *, threads: int = 1, cell: str = "lstm", limit: ProductRate | None = ONE_THREAD
) -> train.Row:
    return train.Row(Shape(cell, 64, 32, 35, 64), threads, {"elman": elman, "torch": torch}, limit)


def step_row(elman: float, torch: float) -> step.Row:
    return step.Row("lstm", 128, 32, {"elman": elman, "torch": torch}, BLOCK)

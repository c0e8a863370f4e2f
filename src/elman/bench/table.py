"""The measurements as text: a table for each kind of row, and the lines below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from elman.translations import translate

from . import step, train
from .limit import ProductRate, ReadRate

if TYPE_CHECKING:
    from rich.table import Table


def train_tables(rows: Sequence[train.Row], limits: Sequence[ProductRate | ReadRate]) -> list[Table | str]:
    """Return a table for each number of threads, the limits, and the summaries."""
    blocks: list[Table | str] = []
    for threads, group in groupby(rows, key=lambda row: row.threads):
        thread_rows = list(group)
        names = list(thread_rows[0].seconds)
        columns = [f"{name} {unit}" for name in names for unit in ("tokens/s", "GFLOP/s")]
        shape = thread_rows[0].shape
        blocks.extend(
            _table(
                f"Forward + backward of one layer on {_threads(threads)}: "
                f"B {shape.batch_size}, T {shape.length}, I {shape.input_size}, float32",
                ["cell", "H", *columns, *(f"/ {name}" for name in names[1:]), "of limit"],
                [_train_row(row) for row in thread_rows],
            )
        )
    blocks += [_limit_line(limit) for limit in limits]
    for summary in train.summarize(rows):
        kind = f"geometric mean of {summary.num_rows}" if summary.num_rows > 1 else "one row"
        blocks.append(
            f"{_threads(summary.threads)}: elman / {summary.peer} {summary.ratio:.2f} ({kind}), "
            f"smallest {summary.smallest:.2f} ({summary.smallest_at})"
        )
    return blocks


def step_tables(rows: Sequence[step.Row]) -> list[Table | str]:
    """Return the table of steps."""
    names = list(rows[0].seconds)
    columns = [*(f"{name} us" for name in names), *(f"/ {name}" for name in names[1:])]
    return list(
        _table(
            "One step of one layer on 1 thread, batch 1, float32",
            ["cell", "H", "I", *columns, "weights MB", "GB/s", "limit GB/s", "of limit"],
            [
                [
                    row.cell,
                    str(row.hidden_size),
                    str(row.input_size),
                    *(f"{value:.1f}" for value in row.microseconds.values()),
                    *(f"{ratio:.2f}" for ratio in row.ratios.values()),
                    f"{row.weight_bytes / 1e6:.2f}",
                    f"{row.gigabytes_per_second:.1f}",
                    f"{row.limit.gigabytes_per_second:.1f}",
                    f"{row.share:.0%}",
                ]
                for row in rows
            ],
        )
    )


def limit_tables(rows: Sequence[ProductRate | ReadRate], limits: Sequence[ProductRate | ReadRate]) -> list[Table | str]:
    """Return the table of matrix products, the table of reads, and the best rate of each kind."""
    products = [row for row in rows if isinstance(row, ProductRate)]
    reads = [row for row in rows if isinstance(row, ReadRate)]
    return [
        *_table(
            "Product of two n x n matrices, float32",
            ["threads", "n", "library", "GFLOP/s"],
            [[str(row.threads), str(row.n), row.library, f"{row.gflops:.1f}"] for row in products],
        ),
        *_table(
            "Repeated reading of one block on 1 thread",
            ["MB", "library", "GB/s"],
            [[f"{row.bytes / 1e6:.2f}", row.library, f"{row.gigabytes_per_second:.1f}"] for row in reads],
        ),
        *(_limit_line(limit) for limit in limits),
    ]


def best_rates(rows: Iterable[ProductRate | ReadRate]) -> list[ProductRate | ReadRate]:
    """Return the best product rate for each number of threads and the best read rate for each block size."""
    best: dict[tuple[type, int], ProductRate | ReadRate] = {}
    for row in rows:
        key = (type(row), row.threads if isinstance(row, ProductRate) else row.bytes)
        if key not in best or _rate(row) > _rate(best[key]):
            best[key] = row
    return list(best.values())


def _rate(row: ProductRate | ReadRate) -> float:
    return row.gflops if isinstance(row, ProductRate) else row.gigabytes_per_second


def _limit_line(limit: ProductRate | ReadRate) -> str:
    if isinstance(limit, ProductRate):
        return f"limit: {limit.gflops:.1f} GFLOP/s on {_threads(limit.threads)} ({limit.library}, n {limit.n})"
    return f"limit: {limit.gigabytes_per_second:.1f} GB/s for {limit.bytes / 1e6:.2f} MB ({limit.library})"


def _train_row(row: train.Row) -> list[str]:
    tokens, gflops = row.tokens_per_second, row.gflops
    rates = [text for name in row.seconds for text in (f"{tokens[name]:,.0f}", f"{gflops[name]:.1f}")]
    share = "-" if row.share is None else f"{row.share:.0%}"
    ratios = [f"{ratio:.2f}" for ratio in row.ratios.values()]
    return [row.shape.cell, str(row.shape.hidden_size), *rates, *ratios, share]


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, Table, str]:
    """Return the title, the table, and the empty line after it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            translate(column, "words"), justify="left" if all(row[index].isalpha() for row in rows) else "right"
        )
    for row in rows:
        table.add_row(*row)
    return title, table, ""

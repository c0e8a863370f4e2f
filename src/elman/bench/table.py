"""What was measured as text: a table of each kind of row, and the lines below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from . import step, train
from .limit import Product, Read

if TYPE_CHECKING:
    from rich.table import Table


def train_tables(rows: Sequence[train.Row], limits: Sequence[Product | Read]) -> list[Table | str]:
    """Return a table for each number of threads, the limits, and the summaries."""
    told: list[Table | str] = []
    for threads, group in groupby(rows, key=lambda row: row.threads):
        of_threads = list(group)
        names = list(of_threads[0].seconds)
        heads = [f"{name} {unit}" for name in names for unit in ("tokens/s", "GFLOP/s")]
        shape = of_threads[0].shape
        told.extend(
            _table(
                f"Forward + backward of one layer on {_threads(threads)}: "
                f"B {shape.batch_size}, T {shape.length}, I {shape.inputs}, float32",
                ["cell", "H", *heads, *(f"/ {name}" for name in names[1:]), "of limit"],
                [_train_cells(row) for row in of_threads],
            )
        )
    told += [_limit_line(each) for each in limits]
    for each in train.summaries(rows):
        rows_told = f"geometric mean of {each.rows}" if each.rows > 1 else "one row"
        told.append(
            f"{_threads(each.threads)}: elman / {each.peer} {each.ratio:.2f} ({rows_told}), "
            f"smallest {each.smallest:.2f} ({each.smallest_at})"
        )
    return told


def step_tables(rows: Sequence[step.Row]) -> list[Table | str]:
    """Return the table of steps."""
    names = list(rows[0].seconds)
    heads = [*(f"{name} us" for name in names), *(f"/ {name}" for name in names[1:])]
    return list(
        _table(
            "One step of one layer on 1 thread, batch 1, float32",
            ["cell", "H", "I", *heads, "weights MB", "GB/s", "limit GB/s", "of limit"],
            [
                [
                    row.cell,
                    str(row.hidden_size),
                    str(row.inputs),
                    *(f"{each:.1f}" for each in row.microseconds.values()),
                    *(f"{each:.2f}" for each in row.ratios.values()),
                    f"{row.weight_bytes / 1e6:.2f}",
                    f"{row.gigabytes_per_second:.1f}",
                    f"{row.limit.gigabytes_per_second:.1f}",
                    f"{row.share:.0%}",
                ]
                for row in rows
            ],
        )
    )


def limit_tables(rows: Sequence[Product | Read], limits: Sequence[Product | Read]) -> list[Table | str]:
    """Return the table of products, that of reads, and the best of each."""
    products = [row for row in rows if isinstance(row, Product)]
    reads = [row for row in rows if isinstance(row, Read)]
    return [
        *_table(
            "Product of two n x n matrices, float32",
            ["threads", "n", "by", "GFLOP/s"],
            [[str(row.threads), str(row.n), row.library, f"{row.gflops:.1f}"] for row in products],
        ),
        *_table(
            "Reading a block again and again on 1 thread",
            ["MB", "by", "GB/s"],
            [[f"{row.bytes / 1e6:.2f}", row.library, f"{row.gigabytes_per_second:.1f}"] for row in reads],
        ),
        *(_limit_line(each) for each in limits),
    ]


def best(rows: Iterable[Product | Read]) -> list[Product | Read]:
    """Return the best product on each number of threads, and the best read of each block."""
    found: dict[tuple[type, int], Product | Read] = {}
    for row in rows:
        key = (type(row), row.threads if isinstance(row, Product) else row.bytes)
        if key not in found or _rate(row) > _rate(found[key]):
            found[key] = row
    return list(found.values())


def _rate(row: Product | Read) -> float:
    return row.gflops if isinstance(row, Product) else row.gigabytes_per_second


def _limit_line(limit: Product | Read) -> str:
    if isinstance(limit, Product):
        return f"limit: {limit.gflops:.1f} GFLOP/s on {_threads(limit.threads)} ({limit.library}, n {limit.n})"
    return f"limit: {limit.gigabytes_per_second:.1f} GB/s for {limit.bytes / 1e6:.2f} MB ({limit.library})"


def _train_cells(row: train.Row) -> list[str]:
    tokens, gflops = row.tokens_per_second, row.gflops
    rates = [told for name in row.seconds for told in (f"{tokens[name]:,.0f}", f"{gflops[name]:.1f}")]
    share = "-" if row.share is None else f"{row.share:.0%}"
    ratios = [f"{each:.2f}" for each in row.ratios.values()]
    return [row.shape.cell, str(row.shape.hidden_size), *rates, *ratios, share]


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, Table, str]:
    """Return the title, the table, and the empty line after it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for index, head in enumerate(heads):
        table.add_column(head, justify="left" if all(row[index].isalpha() for row in rows) else "right")
    for row in rows:
        table.add_row(*row)
    return title, table, ""

"""The measurements as a figure: one panel per cell, bars for elman and its peers, a line for the limit (matplotlib)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from elman.figures.style import available_language, check_figure_file, write_figure
from elman.translations import Language, Text, current_language

from . import step, train
from .limit import ProductRate, ReadRate

BARS_WIDTH = 0.8  # width of all bars of a group; groups are 1 apart
LIMIT = Text("limit", "上限")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Panel:
    """Groups of bars: the height of each series in each group (None: no bar), and the limit of each group."""

    title: Text
    unit: str
    axis: str
    groups: list[str]
    series: dict[str, list[float | None]]
    limits: list[float | None]


def check_plot(path: Path | None) -> None:
    """Raise an error if a figure cannot be drawn or written to `path`; called before the measurement starts."""
    if path is None:
        return
    check_figure_file(path, "--plot")


def train_panels(rows: Sequence[train.Row]) -> list[Panel]:
    """Return one panel for each number of threads and cell."""
    panels = []
    for (threads, cell), group in _group_by(rows, lambda row: (row.threads, row.shape.cell)):
        panels.append(
            Panel(
                Text(f"{cell}, {_number_of_threads(threads)}", f"{cell}，{threads} 个线程"),
                "GFLOP/s",
                "H",
                [str(row.shape.hidden_size) for row in group],
                _columns([row.gflops for row in group]),
                [None if row.limit is None else row.limit.gflops for row in group],
            )
        )
    return panels


def step_panels(rows: Sequence[step.Row]) -> list[Panel]:
    """Return one panel for each cell: the rate at which the weights are read."""
    return [
        Panel(
            Text(f"{cell}, batch 1, 1 thread", f"{cell}，批大小 1，1 个线程"),
            "GB/s",
            "H",
            [str(row.hidden_size) for row in group],
            _columns([{name: row.weight_bytes / value / 1e9 for name, value in row.seconds.items()} for row in group]),
            [row.limit.gigabytes_per_second for row in group],
        )
        for cell, group in _group_by(rows, lambda row: row.cell)
    ]


def limit_panels(rows: Sequence[ProductRate | ReadRate]) -> list[Panel]:
    """Return one panel of matrix products for each number of threads, and one panel of reads."""
    products = [row for row in rows if isinstance(row, ProductRate)]
    panels = []
    for threads, group in _group_by(products, lambda row: row.threads):
        sizes = _group_by(group, lambda row: row.n)
        series = _columns([{row.library: row.gflops for row in size_rows} for _, size_rows in sizes])
        title = Text(f"matrix products, {_number_of_threads(threads)}", f"矩阵乘法，{threads} 个线程")
        panels.append(Panel(title, "GFLOP/s", "n", [str(n) for n, _ in sizes], series, [None] * len(sizes)))
    blocks = _group_by((row for row in rows if isinstance(row, ReadRate)), lambda row: row.bytes)
    series = _columns([{row.library: row.gigabytes_per_second for row in block_rows} for _, block_rows in blocks])
    names = [f"{size / 1e6:.2f}" for size, _ in blocks]
    title = Text("reading, 1 thread", "内存读取，1 个线程")
    return [*panels, Panel(title, "GB/s", "MB", names, series, [None] * len(blocks))]


def draw(panels: Sequence[Panel], path: Path, notify: Callable[[str], None]) -> None:
    """Write the figure to a file, with labels in the current language; notify is told if that has no font."""

    def draw_panels(figure: Any, language: Language) -> None:
        columns = min(3, len(panels))
        rows = -(-len(panels) // columns)
        figure.set_size_inches(4.2 * columns, 3.2 * rows)
        for index, panel in enumerate(panels):
            _draw_panel(figure.add_subplot(rows, columns, index + 1), panel, language)

    write_figure([path], draw_panels, available_language(current_language(), notify))


def _draw_panel(axes: Any, panel: Panel, language: Language) -> None:
    width = BARS_WIDTH / len(panel.series)
    for index, (name, heights) in enumerate(panel.series.items()):
        left = index * width - BARS_WIDTH / 2
        bars = [(group + left, height) for group, height in enumerate(heights) if height is not None]
        axes.bar([x for x, _ in bars], [height for _, height in bars], width, align="edge", label=name)
    label: str | None = LIMIT.in_language(language)
    for group, limit in enumerate(panel.limits):
        if limit is not None:
            axes.hlines(limit, group - 0.5, group + 0.5, colors="black", linestyles="dashed", label=label)
            label = None
    axes.set_title(panel.title.in_language(language))
    axes.set_xlabel(panel.axis)
    axes.set_ylabel(panel.unit)
    axes.set_xticks(range(len(panel.groups)), panel.groups)
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # leave room for the legend
    axes.legend(fontsize="small", ncols=2, loc="upper left")


def _number_of_threads(threads: int) -> str:
    """Return the number of threads in English, where the noun has a plural."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _columns(rows: Sequence[dict[str, float]]) -> dict[str, list[float | None]]:
    """Return for each name the values of all rows, None where a row has no value."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _group_by(rows: Iterable[T], key: Callable[[T], Any]) -> list[tuple[Any, list[T]]]:
    return [(name, list(group)) for name, group in groupby(rows, key=key)]

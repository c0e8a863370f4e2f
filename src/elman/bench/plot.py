"""What was measured as a picture: bars of ours and the peers', a panel a cell, the limit as a line. By matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from elman.errors import ConfigError, missing_package

from . import step, train
from .limit import Product, Read

FORMATS = (".png", ".svg", ".pdf")
BAR_SHARE = 0.8  # of the place of a group
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Panel:
    """Groups of bars: the height of each series in each group (None: no bar), and each group's limit."""

    title: str
    unit: str
    axis: str
    groups: list[str]
    series: dict[str, list[float | None]]
    limits: list[float | None]


def check_plot(path: Path | None) -> None:
    """Refuse, before anything is measured, what could not be drawn or written."""
    if path is None:
        return
    if path.suffix not in FORMATS:
        raise ConfigError(f"--plot {path}: expected a name that ends in {', '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--plot {path}: no such folder", hint=f"mkdir -p {path.parent}")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_package(error) or error from None


def train_panels(rows: Sequence[train.Row]) -> list[Panel]:
    """Return a panel for each number of threads and cell."""
    panels = []
    for (threads, cell), group in _grouped(rows, lambda row: (row.threads, row.shape.cell)):
        panels.append(
            Panel(
                f"{cell}, {threads} thread{'s' if threads > 1 else ''}",
                "GFLOP/s",
                "H",
                [str(row.shape.hidden_size) for row in group],
                _series([row.gflops for row in group]),
                [None if row.limit is None else row.limit.gflops for row in group],
            )
        )
    return panels


def step_panels(rows: Sequence[step.Row]) -> list[Panel]:
    """Return a panel for each cell: the rates at which the weights are read."""
    return [
        Panel(
            f"{cell}, batch 1, 1 thread",
            "GB/s",
            "H",
            [str(row.hidden_size) for row in group],
            _series([{name: row.weight_bytes / each / 1e9 for name, each in row.seconds.items()} for row in group]),
            [row.limit.gigabytes_per_second for row in group],
        )
        for cell, group in _grouped(rows, lambda row: row.cell)
    ]


def limit_panels(rows: Sequence[Product | Read]) -> list[Panel]:
    """Return a panel for each number of threads, and one for reads."""
    products = [row for row in rows if isinstance(row, Product)]
    panels = []
    for threads, group in _grouped(products, lambda row: row.threads):
        sizes = _grouped(group, lambda row: row.n)
        series = _series([{row.library: row.gflops for row in of_size} for _, of_size in sizes])
        title = f"matrix products, {threads} thread{'s' if threads > 1 else ''}"
        panels.append(Panel(title, "GFLOP/s", "n", [str(n) for n, _ in sizes], series, [None] * len(sizes)))
    blocks = _grouped((row for row in rows if isinstance(row, Read)), lambda row: row.bytes)
    series = _series([{row.library: row.gigabytes_per_second for row in of_block} for _, of_block in blocks])
    names = [f"{size / 1e6:.2f}" for size, _ in blocks]
    return [*panels, Panel("reading, 1 thread", "GB/s", "MB", names, series, [None] * len(blocks))]


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Write the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for index, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(rows, columns, index + 1), panel)
    figure.savefig(path, dpi=150)


def _draw_panel(axes: Any, panel: Panel) -> None:
    width = BAR_SHARE / len(panel.series)
    for place, (name, heights) in enumerate(panel.series.items()):
        left = place * width - BAR_SHARE / 2
        bars = [(group + left, height) for group, height in enumerate(heights) if height is not None]
        axes.bar([x for x, _ in bars], [height for _, height in bars], width, align="edge", label=name)
    label: str | None = "limit"
    for group, limit in enumerate(panel.limits):
        if limit is not None:
            axes.hlines(limit, group - 0.5, group + 0.5, colors="black", linestyles="dashed", label=label)
            label = None
    axes.set_title(panel.title)
    axes.set_xlabel(panel.axis)
    axes.set_ylabel(panel.unit)
    axes.set_xticks(range(len(panel.groups)), panel.groups)
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize="small", ncols=2, loc="upper left")


def _series(rows: Sequence[dict[str, float]]) -> dict[str, list[float | None]]:
    """Return rows by name as columns."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _grouped(rows: Iterable[T], key: Callable[[T], Any]) -> list[tuple[Any, list[T]]]:
    return [(name, list(group)) for name, group in groupby(rows, key=key)]

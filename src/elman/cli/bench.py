"""elman bench: this machine, side by side with torch.nn and others, as ratios."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.errors import ConfigError, missing_package

from .console import print_json, say, stderr_console
from .options import Json

if TYPE_CHECKING:
    from elman.bench.machine import Machine
    from elman.bench.plot import Panel
    from elman.bench.report import Report

app = typer.Typer(
    help="Measure this machine side by side with torch.nn and others, as ratios, and against its own limit.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Cells = Annotated[str, typer.Option(metavar="CELL[,CELL...]", help="rnn, gru and lstm.")]
Hidden = Annotated[str, typer.Option(metavar="N[,N...]", help="Hidden units.")]
Threads = Annotated[str | None, typer.Option(metavar="N[,N...]", help="Numbers of threads.  [1 and all]")]
Seconds = Annotated[float, typer.Option(min=0.001, help="About so long for each row.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the rows, too.")]

WIDTH = 160  # of a table that goes into a pipe


@app.command("train")
def train(
    cells: Cells = "rnn,gru,lstm",
    hidden: Hidden = "64,128,256,512",
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences side by side (B).")] = 32,
    length: Annotated[int, typer.Option(min=1, help="Steps of a sequence (T).")] = 35,
    inputs: Annotated[int, typer.Option(min=1, help="Inputs of a step (I).")] = 64,
    threads: Threads = None,
    peers: Annotated[str, typer.Option(metavar="NAME[,NAME...]", help="torch, jax and keras.")] = "torch",
    seconds: Seconds = 3.0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Forward and backward of one layer: elman.nn beside its peers, tokens and operations a second."""
    from elman.bench import plot as picture
    from elman.bench import table
    from elman.bench.layers import Shape
    from elman.bench.limit import best_products
    from elman.bench.report import Report
    from elman.bench.train import PEERS, jax_runs_on, measure, summaries
    from elman.bench.weights import CELL_NAMES

    chosen_cells, sizes = _names(cells, CELL_NAMES, "cell"), _numbers(hidden, "--hidden")
    chosen_peers, counts = _peers(peers, PEERS), _threads(threads)
    picture.check_plot(plot)
    machine = _introduced("elman.nn runs torch.nn's own code")
    if "jax" in chosen_peers and not all(map(jax_runs_on, counts)):
        say(f"jax takes all {machine.threads} processors that it may use: it is left out on fewer threads")
    shapes = [Shape(cell, H, batch_size, length, inputs) for cell in chosen_cells for H in sizes]
    with _progress() as notify:
        limits = best_products(counts, seconds, notify)
        rows = list(measure(shapes, counts, chosen_peers, seconds, limits, notify))
    best = list(limits.values())
    report = Report("train", machine, counts, best, rows, summaries(rows))
    _finish(report, table.train_tables(rows, best), lambda: picture.train_panels(rows), plot, as_json=as_json)


@app.command("step")
def step(
    cells: Cells = "lstm",
    hidden: Hidden = "128,256,512",
    inputs: Annotated[int | None, typer.Option(min=1, help="Inputs (I).  [a quarter of the hidden units]")] = None,
    peers: Annotated[
        str | None,
        typer.Option(metavar="NAME[,NAME...]", help="torch, torch-cell and onnxruntime.  [those that are installed]"),
    ] = None,
    seconds: Seconds = 2.0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """One step at batch 1: the kernels beside their peers, microseconds, and the rate of reading the weights."""
    from elman.bench import plot as picture
    from elman.bench import table
    from elman.bench.report import Report
    from elman.bench.step import PEERS, measure
    from elman.bench.weights import CELL_NAMES

    chosen_cells, sizes = _names(cells, CELL_NAMES, "cell"), _numbers(hidden, "--hidden")
    chosen_peers = _peers(peers, PEERS) if peers is not None else _installed(PEERS)
    picture.check_plot(plot)
    machine = _introduced("NumPy takes our steps")
    problems = [(cell, H, inputs or max(1, H // 4)) for cell in chosen_cells for H in sizes]
    with _progress() as notify:
        rows = list(measure(problems, chosen_peers, seconds, notify))
    report = Report("step", machine, [1], table.best(row.limit for row in rows), rows)
    _finish(report, table.step_tables(rows), lambda: picture.step_panels(rows), plot, as_json=as_json)


@app.command("limit")
def limit(threads: Threads = None, seconds: Seconds = 2.0, plot: Plot = None, as_json: Json = False) -> None:
    """What this machine can do: its rate of matrix products, its rate of reading memory."""
    from elman.bench import plot as picture
    from elman.bench import table
    from elman.bench.limit import measure
    from elman.bench.report import Report

    counts = _threads(threads)
    picture.check_plot(plot)
    machine = _introduced("NumPy reads alone")
    with _progress() as notify:
        rows = list(measure(counts, seconds, notify))
    best = table.best(rows)
    report = Report("limit", machine, counts, best, rows)
    _finish(report, table.limit_tables(rows, best), lambda: picture.limit_panels(rows), plot, as_json=as_json)


def _introduced(without_kernels: str) -> Machine:
    """Tell of this machine on stderr, and of what will spoil the figures."""
    from elman import kernels
    from elman.bench.machine import this_machine

    machine = this_machine()
    load = "unknown" if machine.load is None else f"{machine.load:.2f}"
    say(f"{machine.processor}, threads {machine.threads}, kernels {machine.kernels}, load average {load}")
    if machine.busy:
        say("another job is running: figures will be too low")
    if machine.wait_policy != "default":
        say(f"OMP_WAIT_POLICY is {machine.wait_policy}: torch's threads, which meet at every step, feel it most")
    if not kernels.available():
        say(f"no kernels ({kernels.unavailable_reason()}): {without_kernels}")
    return machine


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Show what is being measured, where stderr is a terminal."""
    console = stderr_console()
    if not console.is_terminal:
        yield lambda what: None
        return
    with console.status("") as status:
        yield status.update


def _finish(
    report: Report[Any],
    tables: Sequence[Any],
    panels: Callable[[], Sequence[Panel]],
    plot: Path | None,
    *,
    as_json: bool,
) -> None:
    if plot is not None:
        from elman.bench.plot import draw

        draw(panels(), plot)
        say(f"drawn: {plot}")
    if as_json:
        print_json(report.as_json())
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    for each in tables:
        console.print(each)


def _names(given: str, known: Mapping[str, Any], what: str) -> list[str]:
    """Return names with commas between them, each once."""
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigError(f"unknown {what} {name!r}: choose among {', '.join(known)}{guess}")
    return names


def _numbers(given: str, flag: str) -> list[int]:
    """Return whole numbers with commas between them, each once."""
    parts = [part.strip() for part in given.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"{flag} {given!r}: expected whole numbers above 0 with commas between them, as in 64,128")
    return list(dict.fromkeys(map(int, parts)))


def _threads(given: str | None) -> list[int]:
    from elman.training.machine import available_threads

    return sorted({1, available_threads()}) if given is None else _numbers(given, "--threads")


def _peers(given: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the peers that are asked for, which must be installed."""
    peers = _names(given, known, "peer")
    for package in (package for peer in peers for package in known[peer]):
        if importlib.util.find_spec(package) is None:
            raise missing_package(ModuleNotFoundError(name=package)) or ModuleNotFoundError(package)
    return peers


def _installed(known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the peers that are installed, and tell of the others."""
    found = [peer for peer, needs in known.items() if all(map(importlib.util.find_spec, needs))]
    if len(found) < len(known):
        say(f"not installed, left out: {', '.join(peer for peer in known if peer not in found)}")
    return found


__all__ = ["app", "limit", "step", "train"]

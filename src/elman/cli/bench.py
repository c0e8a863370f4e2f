"""elman bench: the speed of elman on this machine compared with torch.nn and other libraries, as ratios."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.errors import ConfigError, missing_package_error
from elman.translations import translate

from .console import print_json, say, stderr_console
from .groups import Group
from .options import Json, Run

if TYPE_CHECKING:
    from elman.bench.machine import Machine
    from elman.bench.plot import Panel
    from elman.bench.report import Report

app = typer.Typer(
    cls=Group,
    help="Compare the speed of elman with torch.nn and others, as ratios, and with the limit of this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Cells = Annotated[str, typer.Option(metavar="CELL[,CELL...]", help="Cells: rnn, gru, lstm.")]
Hidden = Annotated[str, typer.Option(metavar="N[,N...]", help="Hidden sizes (H).")]
Threads = Annotated[str | None, typer.Option(metavar="N[,N...]", help="Numbers of threads.  [default: 1 and all]")]
Seconds = Annotated[float, typer.Option(min=0.001, help="Measuring time per row, approximately.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Also write a figure (.png, .svg or .pdf).")]

PIPE_WIDTH = 160  # characters per line of a table that is not printed to a terminal


@app.command("train")
def train(
    cells: Cells = "rnn,gru,lstm",
    hidden: Hidden = "64,128,256,512",
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences per batch (B).")] = 32,
    length: Annotated[int, typer.Option(min=1, help="Steps per sequence (T).")] = 35,
    inputs: Annotated[int, typer.Option(min=1, help="Input size (I).")] = 64,
    threads: Threads = None,
    peers: Annotated[str, typer.Option(metavar="NAME[,NAME...]", help="Peers: torch, jax, keras.")] = "torch",
    seconds: Seconds = 3.0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Forward and backward pass of one layer: tokens and operations per second of elman.nn and its peers."""
    from elman.bench import plot as figure
    from elman.bench import table
    from elman.bench.layers import Shape
    from elman.bench.limit import best_product_rates
    from elman.bench.report import Report
    from elman.bench.train import PEERS, jax_can_use, measure, summarize
    from elman.bench.weights import CELL_NAMES

    chosen_cells, sizes = _parse_names(cells, CELL_NAMES, "cell"), _parse_numbers(hidden, "--hidden")
    chosen_peers, counts = _require_peers(peers, PEERS), _parse_threads(threads)
    figure.check_plot(plot)
    machine = _print_machine("elman.nn uses the code of torch.nn")
    if "jax" in chosen_peers and not all(map(jax_can_use, counts)):
        say(f"jax always uses all {machine.threads} threads; it is not measured on fewer threads")
    shapes = [Shape(cell, H, batch_size, length, inputs) for cell in chosen_cells for H in sizes]
    with _progress() as notify:
        limits = best_product_rates(counts, seconds, notify)
        rows = list(measure(shapes, counts, chosen_peers, seconds, limits, notify))
    best = list(limits.values())
    report = Report("train", machine, counts, best, rows, summarize(rows))
    _write_report(report, table.train_tables(rows, best), lambda: figure.train_panels(rows), plot, as_json=as_json)


@app.command("model")
def model(
    run: Run,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.001, help="Measuring time of each part.")] = 3.0,
    as_json: Json = False,
) -> None:
    """One trained model: latency of single predictions, throughput of many at once, streams, memory. Needs no torch."""
    from elman.bench.model import measure

    speed = measure(run, threads, seconds)
    if as_json:
        print_json(speed.as_json())
        return
    latency = "  ".join(f"p{percentile} {value:.3g} ms" for percentile, value in speed.latency.items())
    lines = [
        f"model: {speed.model}, {speed.model_bytes / 1e6:.1f} MB; {speed.threads} threads; {speed.inputs}",
        f"latency of one at a time: {latency}  ({speed.calls:,} calls)",
        f"throughput: {speed.per_second:,.0f} {speed.unit} a second, {speed.at_once:,} at once",
    ]
    for one in speed.streams:
        latency = "  ".join(f"p{percentile} {value:.3g} ms" for percentile, value in one.latency.items())
        lines.append(f"{one.streams:,} streams: {one.per_second:,.0f} inputs a second; one input of each: {latency}")
    if speed.peak_bytes is not None:
        lines.append(f"peak memory of the process: {speed.peak_bytes / 1e6:.0f} MB")
    for line in lines:
        print(translate(line))


@app.command("step")
def step(
    cells: Cells = "lstm",
    hidden: Hidden = "128,256,512",
    inputs: Annotated[int | None, typer.Option(min=1, help="Input size (I).  [default: hidden size / 4]")] = None,
    peers: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME...]", help="Peers: torch, torch-cell, onnxruntime.  [default: those installed]"
        ),
    ] = None,
    seconds: Seconds = 2.0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """One step with batch size 1: microseconds of the kernels and their peers, and the rate of reading the weights."""
    from elman.bench import plot as figure
    from elman.bench import table
    from elman.bench.report import Report
    from elman.bench.step import PEERS, measure
    from elman.bench.weights import CELL_NAMES

    chosen_cells, sizes = _parse_names(cells, CELL_NAMES, "cell"), _parse_numbers(hidden, "--hidden")
    chosen_peers = _require_peers(peers, PEERS) if peers is not None else _installed_peers(PEERS)
    figure.check_plot(plot)
    machine = _print_machine("elman computes the steps with NumPy")
    problems = [(cell, H, inputs or max(1, H // 4)) for cell in chosen_cells for H in sizes]
    with _progress() as notify:
        rows = list(measure(problems, chosen_peers, seconds, notify))
    report = Report("step", machine, [1], table.best_rates(row.limit for row in rows), rows)
    _write_report(report, table.step_tables(rows), lambda: figure.step_panels(rows), plot, as_json=as_json)


@app.command("limit")
def limit(threads: Threads = None, seconds: Seconds = 2.0, plot: Plot = None, as_json: Json = False) -> None:
    """The limit of this machine: its rate of matrix products and its rate of reading memory."""
    from elman.bench import plot as figure
    from elman.bench import table
    from elman.bench.limit import measure
    from elman.bench.report import Report

    counts = _parse_threads(threads)
    figure.check_plot(plot)
    machine = _print_machine("only NumPy measures the rate of reading")
    with _progress() as notify:
        rows = list(measure(counts, seconds, notify))
    best = table.best_rates(rows)
    report = Report("limit", machine, counts, best, rows)
    _write_report(report, table.limit_tables(rows, best), lambda: figure.limit_panels(rows), plot, as_json=as_json)


def _print_machine(without_kernels: str) -> Machine:
    """Print the machine on stderr, with a warning for everything that distorts the measurement, and return it."""
    from elman import kernels
    from elman.bench.machine import describe_machine

    machine = describe_machine()
    load = "unknown" if machine.load is None else f"{machine.load:.2f}"
    say(f"{machine.processor}, threads {machine.threads}, kernels {machine.kernels}, load average {load}")
    if machine.busy:
        say("warning: another job is running on this machine; the measured speeds will be too low")
    if machine.wait_policy != "default":
        say(f"OMP_WAIT_POLICY is {machine.wait_policy}: this slows torch most, whose threads synchronize at every step")
    if not kernels.available():
        say(f"no compiled kernels ({kernels.unavailable_reason()}): {without_kernels}")
    return machine


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Show the current measurement if stderr is a terminal."""
    console = stderr_console()
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("") as status:
        yield lambda message: status.update(translate(message))


def _write_report(
    report: Report[Any],
    tables: Sequence[Any],
    panels: Callable[[], Sequence[Panel]],
    plot: Path | None,
    *,
    as_json: bool,
) -> None:
    if plot is not None:
        from elman.bench.plot import draw

        draw(panels(), plot, say)
        say(f"wrote {plot}")
    if as_json:
        print_json(report.as_json())
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False)
    for block in tables:
        console.print(translate(block) if isinstance(block, str) else block)


def _parse_names(text: str, known: Mapping[str, Any], kind: str) -> list[str]:
    """Return the names of a comma-separated list without duplicates."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            matches = difflib.get_close_matches(name, known, n=1)
            suggestion = f" (did you mean {matches[0]!r}?)" if matches else ""
            raise ConfigError(f"unknown {kind} {name!r}; expected one of {', '.join(known)}{suggestion}")
    return names


def _parse_numbers(text: str, flag: str) -> list[int]:
    """Return the positive integers of a comma-separated list without duplicates."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"{flag} {text!r}; expected positive integers separated by commas, for example 64,128")
    return list(dict.fromkeys(map(int, parts)))


def _parse_threads(text: str | None) -> list[int]:
    from elman.training.throughput import available_threads

    return sorted({1, available_threads()}) if text is None else _parse_numbers(text, "--threads")


def _require_peers(text: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the requested peers; raise an error if a package that they need is not installed."""
    peers = _parse_names(text, known, "peer")
    for package in (package for peer in peers for package in known[peer]):
        if importlib.util.find_spec(package) is None:
            raise missing_package_error(ModuleNotFoundError(name=package)) or ModuleNotFoundError(package)
    return peers


def _installed_peers(known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the peers that are installed, and print the names of the others."""
    installed = [peer for peer, packages in known.items() if all(map(importlib.util.find_spec, packages))]
    if len(installed) < len(known):
        say(f"not installed and not measured: {', '.join(peer for peer in known if peer not in installed)}")
    return installed


__all__ = ["app", "limit", "model", "step", "train"]

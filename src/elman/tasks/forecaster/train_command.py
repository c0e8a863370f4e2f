"""elman train forecast."""

from __future__ import annotations

from typing import Annotated

import typer

from elman.cli.options import (
    AUTO,
    Assignments,
    CheckpointEvery,
    Clip,
    ConfigFile,
    Device,
    Dropout,
    Encoding,
    Epochs,
    Json,
    LearningRate,
    Optimizer,
    Out,
    Overwrite,
    Seed,
    Steps,
    Threads,
    ValidateEvery,
)
from elman.cli.train.running import run_training


def forecast(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="CSV with a header, a row a time (.gz too), - or a name.")
    ],
    out: Out,
    target: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME...]", help="Columns to forecast.  [the only one of numbers]")
    ] = None,
    inputs: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME...]", help="Columns that help to forecast.  [none]")
    ] = None,
    date: Annotated[str | None, typer.Option(metavar="NAME", help="The column of dates.  [the first of dates]")] = None,
    horizon: Annotated[int | None, typer.Option(metavar="N", help="Rows ahead.  [a season, or 12]")] = None,
    season: Annotated[
        int | None, typer.Option(metavar="N", help="Rows after which it may repeat itself; 1: none.  [by the dates]")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="KIND", help="recurrent, tdnn or narx: what of the past is kept.  [recurrent]")
    ] = None,
    delays: Annotated[int | None, typer.Option(metavar="N", help=f"Rows that tdnn and narx keep.  [{AUTO}]")] = None,
    quantiles: Annotated[
        str | None, typer.Option(metavar="Q,...", help="Shares, 0.5 among them.  [0.1,0.5,0.9]")
    ] = None,
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="The held-out rows, after DATA's.")] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share held out, from the end.  [0.1, two horizons at least]")
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [0.5 to 5, by the data]")
    ] = None,
    epochs: Epochs = None,
    steps: Steps = None,
    encoding: Encoding = None,
    cell: Annotated[str | None, typer.Option(metavar="CELL", help="Of the recurrent memory: {cells}.  [gru]")] = None,
    hidden: Annotated[int | None, typer.Option(metavar="N", help=f"Hidden units of a layer.  [{AUTO}]")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Layers.  [1]")] = None,
    dropout: Dropout = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help="Windows side by side.  [16]")] = None,
    bptt: Annotated[int | None, typer.Option(metavar="N", help=f"Rows of a window.  [{AUTO}]")] = None,
    lr: LearningRate = None,
    optimizer: Optimizer = None,
    clip: Clip = None,
    validate_every: ValidateEvery = None,
    checkpoint_every: CheckpointEvery = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a forecaster: it learns what comes next in a series of numbers."""
    names = {
        "target": _names(target),
        "inputs": _names(inputs),
        "quantiles": [_number(each) for each in quantiles.split(",")] if quantiles else None,
    }
    run_training("forecast", {**locals(), **names})


def _names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",")] if text else None


def _number(text: str) -> float | str:
    """The number, or the text, which the config refuses in plain words."""
    try:
        return float(text)
    except ValueError:
        return text

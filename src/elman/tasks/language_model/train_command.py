"""elman train lm."""

from __future__ import annotations

from typing import Annotated

import typer

from elman.cli.options import (
    AUTO,
    Assignments,
    Cell,
    CheckpointEvery,
    Clip,
    ConfigFile,
    Device,
    Dropout,
    Embedding,
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
    numbers,
)
from elman.cli.train.running import run_training


def lm(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="Text files (.gz too), - or a data set's name.")],
    out: Out,
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Held-out text; repeatable.")] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share held out, from the end.  [0.1]")
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [1 to 10, by the text]")
    ] = None,
    epochs: Epochs = None,
    steps: Steps = None,
    level: Annotated[str | None, typer.Option(metavar="LEVEL", help="char, word or byte.  [char]")] = None,
    normalize: Annotated[str | None, typer.Option(metavar="NAME", help="none, nfc, lower or textbook.  [none]")] = None,
    byte_fallback: Annotated[bool | None, typer.Option(help="Spell unknown characters in bytes.  [no]")] = None,
    encoding: Encoding = None,
    stream: Annotated[
        str | None, typer.Option(metavar="KIND", help="sequential (state carried) or random.  [sequential]")
    ] = None,
    cell: Cell = None,
    hidden: Annotated[str | None, typer.Option(metavar="N[,N...]", help=f"Hidden units.  [{AUTO}]")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Recurrent layers.  [1]")] = None,
    embedding: Embedding = None,
    dropout: Dropout = None,
    tie_weights: Annotated[bool | None, typer.Option(help="Readout = embedding.  [no]")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help=f"Sequences side by side.  [{AUTO}]")] = None,
    bptt: Annotated[int | None, typer.Option(metavar="N", help=f"Tokens between truncations.  [{AUTO}]")] = None,
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
    """Train a language model: it learns to continue your text, a character (or word, or byte) at a time."""
    run_training("lm", {**locals(), "hidden": numbers(hidden)})

"""elman train seq2seq."""

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


def seq2seq(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Files of SOURCE TAB TARGET (.gz too), JSONL, -, or a name.")
    ],
    out: Out,
    target_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="The targets, where DATA holds sources alone; repeatable.")
    ] = None,
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Held-out pairs; repeatable.")] = None,
    valid_target_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Their targets, where --valid holds sources alone.")
    ] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share of the sources held out, by seed.  [0.1, at most 5,000]")
    ] = None,
    columns: Annotated[str | None, typer.Option(metavar="S,T", help="Columns of source and target.  [1,2]")] = None,
    format: Annotated[  # noqa: A002
        str | None, typer.Option(metavar="NAME", help="auto, tsv or jsonl.  [auto: by the first line]")
    ] = None,
    extra_targets: Annotated[
        bool | None, typer.Option("--extra-targets", help="Columns after the second are further targets.  [refused]")
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [1 to 10, by the data]")
    ] = None,
    epochs: Epochs = None,
    steps: Steps = None,
    source_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="char, word (split at spaces), byte or bpe.  [by the data]")
    ] = None,
    target_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="The same.  [by the data]")] = None,
    normalize: Annotated[str | None, typer.Option(metavar="NAME", help="none, nfc or lower.  [none]")] = None,
    encoding: Encoding = None,
    cell: Cell = None,
    hidden: Annotated[int | None, typer.Option(metavar="N", help=f"Hidden units of a layer.  [{AUTO}]")] = None,
    layers: Annotated[
        int | None, typer.Option(metavar="N", help=f"Layers of encoder and of decoder.  [{AUTO}]")
    ] = None,
    bidirectional: Annotated[bool | None, typer.Option(help="The encoder reads both ways.  [yes]")] = None,
    attention: Annotated[
        str | None, typer.Option(metavar="KIND", help="none, dot, general or additive.  [dot]")
    ] = None,
    embedding: Embedding = None,
    dropout: Dropout = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help=f"Pairs side by side.  [{AUTO}]")] = None,
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
    """Train an encoder-decoder: it learns to turn one sequence into another, of any lengths."""
    run_training("seq2seq", {**locals(), "columns": numbers(columns)})

"""elman train classify."""

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
)
from elman.cli.train.running import run_training
from elman.errors import ConfigError


def classify(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...", help="TSV or CSV with a header, JSONL (.gz too), -, or a folder with one file a class."
        ),
    ],
    out: Out,
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Held-out texts; repeatable.")] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share of each label's texts held out, by seed.  [0.1]")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="NAME", help="The column of texts.  [text]")] = None,
    label: Annotated[str | None, typer.Option(metavar="NAME", help="The column of labels.  [label]")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="With --no-header: the names of all columns.")
    ] = None,
    header: Annotated[bool, typer.Option(help="A table's first line names its columns.")] = True,
    format: Annotated[  # noqa: A002
        str | None, typer.Option(metavar="NAME", help="auto, tsv, csv or jsonl.  [auto: by the first line]")
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [1 to 10, by the data]")
    ] = None,
    epochs: Epochs = None,
    steps: Steps = None,
    level: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="char, word or byte.  [word where texts have several, else char]"),
    ] = None,
    normalize: Annotated[
        str | None, typer.Option(metavar="NAME", help="none, nfc or lower.  [lower of words, else none]")
    ] = None,
    encoding: Encoding = None,
    cell: Cell = None,
    hidden: Annotated[int | None, typer.Option(metavar="N", help=f"Hidden units of a direction.  [{AUTO}]")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Recurrent layers.  [1]")] = None,
    bidirectional: Annotated[bool | None, typer.Option(help="Read both ways.  [yes]")] = None,
    pooling: Annotated[str | None, typer.Option(metavar="KIND", help="last, mean, max or attention.  [max]")] = None,
    class_weights: Annotated[
        str | None, typer.Option(metavar="KIND", help="none, or balanced: rare labels weigh as much.  [none]")
    ] = None,
    embedding: Embedding = None,
    characters: Annotated[
        int | None, typer.Option(metavar="N", help="Units a way that read a word's characters; 0: none.  [32]")
    ] = None,
    dropout: Dropout = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help=f"Texts side by side.  [{AUTO}]")] = None,
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
    """Train a classifier: it learns to give a text its label."""
    names = columns.split(",") if columns is not None else None
    if header != (names is None):
        what = (
            "--no-header needs --columns, the names of all columns" if names is None else "--columns is for --no-header"
        )
        raise ConfigError(what, hint="--no-header --columns label,text; with a header, --text and --label name columns")
    run_training("classify", {**locals(), "columns": names})

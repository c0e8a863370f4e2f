"""elman train tag."""

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


def tag(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...", help="CoNLL-U, columns, TOKENS TAB TAGS a line, JSONL (.gz too), -, or a name."
        ),
    ],
    out: Out,
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Held-out sentences; repeatable.")] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share of the sentences held out, by seed.  [0.1, at most 5,000]")
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of tags, or its number.  [upos, tags or the last]")
    ] = None,
    words: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column of tokens, or its number.  [form, tokens or 1]")
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(metavar="NAME", help="auto, conllu, columns, lines or jsonl.  [auto: by the first line]"),
    ] = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [1 to 10, by the data]")
    ] = None,
    epochs: Epochs = None,
    steps: Steps = None,
    level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="word or char: what a token is.  [by the data]")
    ] = None,
    normalize: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of words that are looked up: none, nfc or lower.  [lower]")
    ] = None,
    encoding: Encoding = None,
    cell: Cell = None,
    hidden: Annotated[int | None, typer.Option(metavar="N", help=f"Hidden units of a direction.  [{AUTO}]")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Recurrent layers.  [1]")] = None,
    bidirectional: Annotated[bool | None, typer.Option(help="Read both ways.  [yes]")] = None,
    crf: Annotated[
        bool | None, typer.Option(help="Choose tags together: a conditional random field.  [where tags are spans]")
    ] = None,
    characters: Annotated[
        int | None, typer.Option(metavar="N", help="Units a way that read a word's characters; 0: none.  [64]")
    ] = None,
    embedding: Embedding = None,
    dropout: Dropout = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help=f"Sentences side by side.  [{AUTO}]")] = None,
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
    """Train a tagger: it learns to give each token of a sentence its tag."""
    run_training("tag", locals())

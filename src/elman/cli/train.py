"""elman train, elman resume."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError

from .console import print_json, stderr_console
from .options import (
    AUTO,
    FLAGS,
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
    given_values,
    numbers,
)

app = typer.Typer(help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)


@app.command("lm")
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
    _train("lm", {**locals(), "hidden": numbers(hidden)})


@app.command("seq2seq")
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
    _train("seq2seq", {**locals(), "columns": numbers(columns)})


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was stopped.")], as_json: Json = False
) -> None:
    """Go on with a run that was stopped or killed, as if it never had been."""
    from elman.experiment import resume as go_on
    from elman.training.progress import ConsoleDisplay

    _finish(go_on(run, ConsoleDisplay(stderr_console())), as_json=as_json)


def _train(task: str, options: dict[str, Any]) -> None:
    from elman.experiment import train
    from elman.training.progress import ConsoleDisplay

    given = given_values(options)
    try:
        result = train(
            options["data"],
            options["out"],
            given,
            ConsoleDisplay(stderr_console()),
            task=task,
            valid=options["valid"] or (),
            targets=options.get("target_file") or (),
            valid_targets=options.get("valid_target_file") or (),
            overwrite=options["overwrite"],
        )
    except ConfigError as error:
        raise ConfigError(_with_flags(error.message, options), hint=error.hint, where=error.where) from None
    _finish(result, as_json=options["as_json"])


def _with_flags(message: str, options: dict[str, Any]) -> str:
    """The lines of a config error, each key followed by its flag where the command has one."""
    for flag in FLAGS:
        if flag in options:
            key = FLAGS[flag]
            message = re.sub(
                rf"^{re.escape(key)}:", f"{key} (--{flag.replace('_', '-')}):", message, flags=re.MULTILINE
            )
    return message


def _finish(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    told = {"lm": _told_lm, "seq2seq": _told_seq2seq}[result["task"]]
    held_out, following = told(result["valid"], result["run"])
    stderr_console().print(
        f"held out: {held_out} (step {result['best_step']:,} of {result['steps']:,})\n"
        f"model: {result['model']}\n"
        f"next: {following}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _told_lm(valid: dict[str, Any], run: str) -> tuple[str, str]:
    """The metrics in words, and what to try next."""
    return (
        f"loss {valid['loss']:.4f} nats, perplexity {valid['perplexity']:.3f}, "
        f"{valid['bits_per_character']:.3f} bits per character",
        f'elman generate {run} --prompt "..."   or   elman generate {run} --prompt "..." --suggest 3',
    )


def _told_seq2seq(valid: dict[str, Any], run: str) -> tuple[str, str]:
    bleu = f", BLEU {100 * valid['bleu']:.1f}" if valid.get("bleu") else ""  # of single words it is 0
    return (
        f"{valid['exact_match']:.2%} of {valid['count']:,} exactly right, "
        f"{valid['token_error_rate']:.2%} of tokens wrong{bleu}",
        f"elman predict {run} sources.txt   or   elman evaluate {run} pairs.tsv --beam 5",
    )


__all__ = ["FLAGS", "app", "lm", "resume", "seq2seq"]

"""elman train, elman resume."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.config import merged, nested, parse_assignments, read_toml
from elman.errors import ConfigError

from .console import print_json, stderr_console

app = typer.Typer(help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)

FLAGS = {
    "cell": "model.cell",
    "hidden": "model.hidden_size",
    "layers": "model.num_layers",
    "embedding": "model.embedding_size",
    "dropout": "model.dropout",
    "tie_weights": "model.tie_weights",
    "level": "data.level",
    "normalize": "data.normalize",
    "byte_fallback": "data.byte_fallback",
    "encoding": "data.encoding",
    "stream": "data.stream",
    "valid_fraction": "data.valid_fraction",
    "steps": "training.steps",
    "epochs": "training.epochs",
    "minutes": "training.minutes",
    "batch_size": "training.batch_size",
    "bptt": "training.bptt_steps",
    "lr": "training.learning_rate",
    "optimizer": "training.optimizer",
    "clip": "training.clip_norm",
    "validate_every": "training.validate_every_steps",
    "checkpoint_every": "training.checkpoint_every_steps",
    "device": "training.device",
    "threads": "training.threads",
    "seed": "seed",
}

_AUTO = "chosen from the text and the budget"
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout at the end.")]


@app.command("lm")
def lm(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="Text files (.gz too), - or a data set's name.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="The run folder to make.")],
    valid: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Held-out text; repeatable.")] = None,
    valid_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="Share held out, from the end.  [0.1]")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Config file.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any config key.")] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Budget: wall time.  [1 to 10, by the text]")
    ] = None,
    epochs: Annotated[float | None, typer.Option(metavar="N", help="Budget: readings of the text.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Budget: updates.")] = None,
    level: Annotated[str | None, typer.Option(metavar="LEVEL", help="char, word or byte.  [char]")] = None,
    normalize: Annotated[str | None, typer.Option(metavar="NAME", help="none, nfc, lower or textbook.  [none]")] = None,
    byte_fallback: Annotated[bool | None, typer.Option(help="Spell unknown characters in bytes.  [no]")] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the text.  [UTF-8; GB18030 where it is that]")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(metavar="KIND", help="sequential (state carried) or random.  [sequential]")
    ] = None,
    cell: Annotated[str | None, typer.Option(metavar="CELL", help="elman, gru or lstm.  [lstm]")] = None,
    hidden: Annotated[str | None, typer.Option(metavar="N[,N...]", help=f"Hidden units.  [{_AUTO}]")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Recurrent layers.  [1]")] = None,
    embedding: Annotated[int | None, typer.Option(metavar="N", help=f"Embedding size.  [{_AUTO}]")] = None,
    dropout: Annotated[float | None, typer.Option(metavar="P", help=f"0 to 1.  [{_AUTO}]")] = None,
    tie_weights: Annotated[bool | None, typer.Option(help="Readout = embedding.  [no]")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help=f"Sequences side by side.  [{_AUTO}]")] = None,
    bptt: Annotated[int | None, typer.Option(metavar="N", help=f"Tokens between truncations.  [{_AUTO}]")] = None,
    lr: Annotated[float | None, typer.Option(metavar="RATE", help=f"Highest learning rate.  [{_AUTO}]")] = None,
    optimizer: Annotated[str | None, typer.Option(metavar="NAME", help="adamw, adam, sgd or rmsprop.  [adamw]")] = None,
    clip: Annotated[
        float | None, typer.Option(metavar="NORM", help="Largest norm of the gradient; 0: any.  [1]")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(metavar="N", help="Steps.  [16 times in all]")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(metavar="N", help="Steps.  [at validations, and every minute]")
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu or cuda.  [auto]")] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Of torch.  [1, or all if clearly faster]")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of weights, order and dropout.  [0]")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a run folder that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Train a language model: it learns to continue your text, a character (or word, or byte) at a time."""
    options = locals()
    from elman.experiment import train
    from elman.experiment_config import layered
    from elman.training.progress import ConsoleDisplay

    options["hidden"] = _sizes(hidden)
    given = layered(
        read_toml(config) if config is not None else {},
        parse_assignments(assignments or ()),
        merged(*(nested(key, options[flag]) for flag, key in FLAGS.items() if options[flag] is not None)),
    )
    try:
        result = train(data, out, given, ConsoleDisplay(stderr_console()), valid=valid or (), overwrite=overwrite)
    except ConfigError as error:
        raise ConfigError(_with_flags(error.message), hint=error.hint, where=error.where) from None
    _finish(result, as_json=as_json)


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was stopped.")], as_json: Json = False
) -> None:
    """Go on with a run that was stopped or killed, as if it never had been."""
    from elman.experiment import resume as go_on
    from elman.training.progress import ConsoleDisplay

    _finish(go_on(run, ConsoleDisplay(stderr_console())), as_json=as_json)


def _sizes(hidden: str | None) -> Any:
    """`256,128` is a list, `256` a number; what is neither is left to the config to refuse."""
    if hidden is None:
        return None
    parts = [int(part) if part.strip().lstrip("-").isdecimal() else part for part in hidden.split(",")]
    return parts if len(parts) > 1 else parts[0]


def _with_flags(message: str) -> str:
    """The lines of a config error, each key followed by its flag."""
    for flag, key in FLAGS.items():
        message = re.sub(rf"^{re.escape(key)}:", f"{key} (--{flag.replace('_', '-')}):", message, flags=re.MULTILINE)
    return message


def _finish(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    valid, run = result["valid"], result["run"]
    stderr_console().print(
        f"held out: loss {valid['loss']:.4f} nats, perplexity {valid['perplexity']:.3f}, "
        f"{valid['bits_per_character']:.3f} bits per character (step {result['best_step']:,} of {result['steps']:,})\n"
        f"model: {result['model']}\n"
        f'next: elman generate {run} --prompt "..."   or   elman generate {run} --prompt "..." --suggest 3',
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


__all__ = ["FLAGS", "app", "lm", "resume"]

"""The options that several commands share, each told once; and the config keys that flags are short for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.config import Values, merged, nested, parse_assignments, read_toml
from elman.errors import ConfigError

AUTO = "chosen from the data and the budget"

FLAGS = {
    "cell": "model.cell",
    "hidden": "model.hidden_size",
    "layers": "model.num_layers",
    "embedding": "model.embedding_size",
    "dropout": "model.dropout",
    "tie_weights": "model.tie_weights",
    "bidirectional": "model.bidirectional",
    "attention": "model.attention",
    "pooling": "model.pooling",
    "crf": "model.crf",
    "horizon": "model.horizon",
    "season": "model.season",
    "memory": "model.memory",
    "delays": "model.delays",
    "quantiles": "model.quantiles",
    "characters": "model.character_size",
    "class_weights": "model.class_weights",
    "level": "data.level",
    "source_level": "data.source_level",
    "target_level": "data.target_level",
    "text": "data.text_column",
    "label": "data.label_column",
    "words": "data.token_column",
    "target": "data.targets",
    "inputs": "data.inputs",
    "date": "data.date",
    "column": "data.tag_column",
    "columns": "data.columns",
    "format": "data.format",
    "extra_targets": "data.extra_targets",
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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout at the end.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model folder.")]

Out = Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="The run folder to make.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Config file.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any config key.")]
Epochs = Annotated[float | None, typer.Option(metavar="N", help="Budget: readings of the training data.")]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Budget: updates.")]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Of the text.  [UTF-8; GB18030 where it is that]")]
Cell = Annotated[str | None, typer.Option(metavar="CELL", help="{cells}.  [lstm]")]  # TrainCommand lists them
Embedding = Annotated[int | None, typer.Option(metavar="N", help=f"Embedding size.  [{AUTO}]")]
Dropout = Annotated[float | None, typer.Option(metavar="P", help=f"0 to 1.  [{AUTO}]")]
LearningRate = Annotated[float | None, typer.Option(metavar="RATE", help=f"Highest learning rate.  [{AUTO}]")]
Optimizer = Annotated[str | None, typer.Option(metavar="NAME", help="adamw, adam, sgd or rmsprop.  [adamw]")]
Clip = Annotated[float | None, typer.Option(metavar="NORM", help="Largest norm of the gradient; 0: any.  [1]")]
ValidateEvery = Annotated[int | None, typer.Option(metavar="N", help="Steps.  [16 times in all]")]
CheckpointEvery = Annotated[int | None, typer.Option(metavar="N", help="Steps.  [at validations, and every minute]")]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu or cuda.  [auto]")]
Threads = Annotated[int | None, typer.Option(metavar="N", help="Of torch.  [1, or all if clearly faster]")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Of weights, order and dropout.  [0]")]
Overwrite = Annotated[bool, typer.Option(help="Replace a run folder that exists.")]


def given_values(options: dict[str, Any]) -> Values:
    """Return the config values of a training command's options: its file, then --set, then its flags."""
    from elman.experiment_config import layered

    given = {flag: options[flag] for flag in FLAGS if options.get(flag) is not None}
    return layered(
        read_toml(options["config"]) if options["config"] is not None else {},
        parse_assignments(options["assignments"] or ()),
        merged(*(nested(FLAGS[flag], value) for flag, value in given.items())),
    )


def first_given(names: Iterable[str], options: Mapping[str, Any]) -> str | None:
    """Return the flag of the first of these options that is given."""
    return next(
        (f"--{name.removesuffix('_date').replace('_', '-')}" for name in names if options[name] is not None), None
    )


def refuse_options_of_others(task: str, of: Mapping[str, Iterable[str]], options: Mapping[str, Any]) -> None:
    """Refuse an option that is given and that other tasks have, but not this one; `of` has the options of each."""
    own = set(of.get(task, ()))
    for other, names in of.items():
        if flag := first_given([name for name in names if name not in own], options):
            given = "language model" if task == "lm" else f"model of {task}"
            raise ConfigError(f"{flag} is for {other}, given a {given}")


def numbers(text: str | None) -> Any:
    """`256,128` is a list, `256` a number; what is neither is left to the config to refuse."""
    if text is None:
        return None
    parts = [int(part) if part.strip().removeprefix("-").isdecimal() else part for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]

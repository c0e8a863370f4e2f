"""The options of commands: those that several commands share, and those that are made from the fields of configs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command_from_info
from typer.models import CommandInfo

from elman.config import Values
from elman.options import Option

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout at the end.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model folder.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="RUN",
        help="The run folder to make.  [default: runs/NAME of DATA, numbered if it exists]",
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Config file.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any config key.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and what --json prints.")]
Overwrite = Annotated[bool, typer.Option(help="Replace a run folder that exists.")]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Train a new version of a run that exists, which replaces its model at the end."),
]
Keep = Annotated[int | None, typer.Option(metavar="K", min=1, help="With --replace: versions to keep.  [default: 3]")]
OnlyIfBetter = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC",
        help="With --replace: keep the old model unless the new one is better on its validation set (exit code 7).",
    ),
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the model.  [default: that of the run folder]")]


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function that declares the fixed arguments and options of a command."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]


def parameter_of(options: Sequence[Option], help: str) -> inspect.Parameter:  # noqa: A002 - as typer calls it
    """Return the parameter for a flag that one or several tasks declare; None is its value where it is not given."""
    first = options[0]
    kinds = {str if option.takes_list else option.kind for option in options}
    kind: Any = kinds.pop() if len(kinds) == 1 else str
    if any(option.repeatable for option in options):
        kind = list[kind]
    flags = f"{first.flag}/{first.negative_flag}" if kind is bool else first.flag
    metavar = None if kind is bool else first.metavar
    annotation = Annotated[kind | None, typer.Option(flags, metavar=metavar, help=help)]
    return inspect.Parameter(first.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def make_command(
    name: str,
    summary: str,
    parameters: Iterable[inspect.Parameter],
    run: Callable[[Values], None],
) -> Any:
    """Return a command with these parameters that calls `run` with their values by name."""

    def callback(**arguments: Any) -> None:
        run(arguments)

    callback.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    callback.__doc__ = summary
    info = CommandInfo(name, callback=callback, help=summary)
    return get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)

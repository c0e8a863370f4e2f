"""elman train: one sub-command a task, made from its config; and elman resume."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.config import Values, layer_values, nest_value, parse_assignments, read_toml
from elman.errors import ConfigError
from elman.options import Option, options_of, refused_keys_of, values_of
from elman.shell import quote

from .console import print_json, show, stderr_console
from .groups import LazyCommand, LazyGroup
from .options import (
    Assignments,
    ConfigFile,
    Json,
    Keep,
    Name,
    OnlyIfBetter,
    Out,
    Overwrite,
    Quiet,
    Replace,
    make_command,
    parameter_of,
    parameters_of,
)

if TYPE_CHECKING:
    from elman.experiment.replacement import Replacement
    from elman.tasks.spec import AnyTask

Files = Annotated[list[str] | None, typer.Option(metavar="FILE", help="The validation set; repeatable.")]
TargetFiles = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="The targets, if DATA holds sources only; repeatable.")
]
ValidTargetFiles = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="The targets, if --valid holds sources only; repeatable.")
]


Start = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="RUN",
        help="Continue from this trained model, with its sizes, tokens and labels: fine-tuning.",
    ),
]
EXIT_NOT_BETTER = 7  # of a new version that is kept, but not made current by --only-if-better
MAX_AMOUNT = 1e12  # of steps, epochs or minutes
RUNS = Path("runs")  # the folder of run folders that are not named


class TaskGroup(LazyGroup):
    """The sub-commands of `elman train`."""

    def lazy_commands(self) -> dict[str, LazyCommand]:
        """Return a command for each registered task."""
        from elman.tasks.spec import TASKS

        return {name: LazyCommand(functools.partial(_command, name), task.summary) for name, task in TASKS.items()}


app = typer.Typer(cls=TaskGroup, help="Train a model on your own file.", no_args_is_help=True, rich_markup_mode=None)


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was stopped, or is finished.")],
    steps: Annotated[str | None, typer.Option(metavar="+N", help="Train N updates more.")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="+N", help="Train N passes over the training set more.")] = None,
    minutes: Annotated[str | None, typer.Option(metavar="+M", help="Train M minutes more.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Continue a run that was stopped or killed, as if it had never stopped; or train more."""
    more = _more({"--steps": steps, "--epochs": epochs, "--minutes": minutes})

    from elman.training.throughput import let_idle_threads_sleep

    let_idle_threads_sleep()
    from elman.experiment import resume as resume_run
    from elman.training.displays import display_on

    _finish(resume_run(run, display_on(stderr_console(), quiet=quiet), more), quiet=quiet, as_json=as_json)


def _more(texts: Mapping[str, str | None]) -> dict[str, float] | None:
    """Return the number by which a budget grows, by the name of its unit; None if no flag is given."""
    texts_of_flags = {flag: text for flag, text in texts.items() if text is not None}
    if len(texts_of_flags) > 1:
        raise ConfigError(f"given {' and '.join(texts_of_flags)}; expected only one of {', '.join(texts)}")
    for flag, text in texts_of_flags.items():
        kind = int if flag == "--steps" else float
        try:
            amount = kind(text) if text.startswith("+") else -1
        except ValueError:
            amount = -1
        if not 0 < amount < MAX_AMOUNT:
            example = "+1000" if flag == "--steps" else "+5"
            hint = "The number is added to what the run has trained"
            raise ConfigError(f"{flag}: given {text!r}; expected a plus sign and a number, as in {example}", hint=hint)
        return {flag.removeprefix("--"): amount}
    return None


def _command(name: str, summary: str) -> Any:
    from elman.tasks.spec import task_spec

    spec = task_spec(name)
    options = list(options_of(spec.run_config))
    parameters = [*_first_parameters(spec), *(parameter_of([option], option.help) for option in options)]
    parameters += parameters_of(_last_options)
    refused = list(refused_keys_of(spec.run_config))
    parameters += map(_refused_flag, refused)
    return make_command(name, summary, parameters, functools.partial(_train, spec, options, refused))


def _refused_flag(key: str) -> inspect.Parameter:
    """Return a hidden flag for a key that the config refuses, so that the command line gives the reason, too."""
    name = key.rpartition(".")[2]
    annotation = Annotated[bool, typer.Option(f"--{name.replace('_', '-')}", hidden=True)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)


def _first_parameters(spec: AnyTask) -> list[inspect.Parameter]:
    argument = typer.Argument(metavar="DATA" if spec.single_file else "DATA...", help=spec.data_help)
    data = inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[list[str], argument])
    first, *others = parameters_of(_first_options)
    return [data, first, *(other for other in others if spec.parallel_files or "target" not in other.name)]


def _first_options(
    out: Out = None,
    valid: Files = None,
    target_file: TargetFiles = None,
    valid_target_file: ValidTargetFiles = None,
    start: Start = None,
) -> None:
    """Declare the options that come before those of the config."""


def _last_options(
    config: ConfigFile = None,
    assignments: Assignments = None,
    overwrite: Overwrite = False,
    replace: Replace = False,
    keep: Keep = None,
    only_if_better: OnlyIfBetter = None,
    name: Name = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Declare the options that come after those of the config."""


def _train(spec: AnyTask, options: Sequence[Option], refused: Sequence[str], arguments: Values) -> None:
    from elman.training.throughput import let_idle_threads_sleep

    let_idle_threads_sleep()
    from elman.experiment import train
    from elman.training.displays import display_on

    replacement = _replacement(arguments)
    quiet = arguments["quiet"]
    values = layer_values(
        read_toml(arguments["config"]) if arguments["config"] is not None else {},
        parse_assignments(arguments["assignments"] or ()),
        values_of(options, arguments),
        *(nest_value(key, True) for key in refused if arguments[key.rpartition(".")[2]]),
    )
    try:
        result = train(
            parallel_sources(arguments["data"], arguments.get("target_file"), "--target-file", "DATA"),
            _run_folder(spec, arguments),
            values,
            display_on(stderr_console(), quiet=quiet),
            task=spec.name,
            valid=parallel_sources(
                arguments["valid"] or (), arguments.get("valid_target_file"), "--valid-target-file", "--valid"
            ),
            overwrite=arguments["overwrite"],
            start=arguments["start"],
            replace=replacement,
            name=arguments["name"],
        )
    except ConfigError as error:
        raise ConfigError(_with_flags(error.message, options), hint=error.hint, where=error.where) from None
    _finish(result, quiet=quiet, as_json=arguments["as_json"])


def _replacement(arguments: Values) -> Replacement | None:
    """Return how the run is replaced, if it is; its options without --replace are a ConfigError."""
    from elman.experiment.replacement import Replacement

    options = {"keep": arguments["keep"], "only_if_better": arguments["only_if_better"]}
    chosen = {name: value for name, value in options.items() if value is not None}
    if arguments["replace"]:
        if arguments["out"] is None:
            raise ConfigError("--replace: given without -o; expected the run folder to replace", hint="Add -o RUN")
        return Replacement(**chosen)
    for name in chosen:
        flag = f"--{name.replace('_', '-')}"
        raise ConfigError(f"{flag}: given without --replace; expected both", hint="Add --replace, or leave it out")
    return None


def _run_folder(spec: AnyTask, arguments: Values) -> Path:
    """Return the run folder that is given, or a new one that is named after the data."""
    given: Path | None = arguments["out"]
    if given is not None:
        return given
    if arguments["overwrite"]:
        raise ConfigError("--overwrite: given without -o; expected the run folder to replace", hint="Add -o RUN")
    out = automatic_run(arguments["data"][0], spec.name)
    if not arguments["quiet"]:
        show(f"run folder: {out}")
    return out


def automatic_run(data: str, task: str) -> Path:
    """Return runs/NAME for data, a path or the name of a data set; with a number if there is one of that name."""
    path = Path(data)
    stem = Path(path.stem).stem if path.suffix == ".gz" else path.stem
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or task
    numbered = (RUNS / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(folder for folder in numbered if not folder.exists())


def parallel_sources(files: Sequence[str], targets: Sequence[str] | None, flag: str, sources: str) -> list[Any]:
    """Return the files, each with its target file where there are target files."""
    from elman.data.sources import ParallelFiles

    if not targets:
        return list(files)
    if len(targets) != len(files):
        problem = f"{flag}: given {len(targets)} files for {len(files)} of {sources}; expected one for each"
        raise ConfigError(problem, hint="Give them in the order of their sources")
    return [ParallelFiles(source, target) for source, target in zip(files, targets, strict=True)]


def _with_flags(message: str, options: Sequence[Option]) -> str:
    """Return the lines of a config error, each key followed by its flag."""
    for option in options:
        replacement = f"{option.key} ({option.flag}):"
        message = re.sub(rf"^{re.escape(option.key)}:", replacement, message, flags=re.MULTILINE)
    return message


def _finish(result: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        print_json(result)
    if not (as_json or quiet):
        _show_result(result)
    if result.get("is_current") is False:
        raise typer.Exit(EXIT_NOT_BETTER)


def _show_result(result: dict[str, Any]) -> None:
    from elman.tasks.spec import task_spec

    report = task_spec(result["task"]).report
    run = result["run"] if result.get("is_current", True) else Path(result["model"]).parent
    scored, metrics = ("validation", result["valid"]) if result["valid"] is not None else ("training", result["train"])
    show(
        f"{scored} set: {report.summary(metrics)} (step {result['best_step']:,} of {result['steps']:,})\n"
        f"model: {result['model']}\n"
        f"next: {report.next_commands(quote(run))}"
    )

"""elman evaluate: the metrics of a model, on data of the user's or on the run's own validation set. Needs no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.checkpoint import check_output_file, current_run
from elman.config import Values
from elman.data.sources import located
from elman.errors import ConfigError, DataError
from elman.shell import quote
from elman.tasks.loading import load, reader_values, validation_corpus
from elman.tasks.spec import TASKS, AnyTask, Decisions, Errors, Scored, task_spec
from elman.translations import pad, translate

from .console import print_json, say
from .error_file import write_errors
from .options import Json, Run, make_command, parameters_of
from .task_options import TaskOptions, config_from, given_flags
from .train import TargetFiles, parallel_sources


def make_evaluate_command(summary: str) -> Any:
    """Return the command with the options of all tasks."""
    options = TaskOptions(lambda spec: [spec.evaluation.reader_options or spec.reader_config, spec.evaluation.options])
    first, last = parameters_of(_first_parameters), parameters_of(_last_options)
    return make_command(
        "evaluate", summary, [*first, *options.parameters(), *last], lambda arguments: _evaluate(options, arguments)
    )


def _first_parameters(
    run: Run,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA]...", help="Files, or names of data sets.  [default: the validation set of the run]"
        ),
    ] = None,
    target_file: TargetFiles = None,
) -> None:
    """Declare the arguments, and the target files of tasks that read parallel files."""


def _last_options(
    errors: Annotated[
        Path | None,
        typer.Option(
            "--errors",
            metavar="FILE",
            help="Write every wrong prediction with what was expected: .jsonl, .csv, or else a table with tabs.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page",
            metavar="FILE",
            help="Write one HTML file that shows the confusion matrix with the examples behind each cell.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Declare the options that all tasks have."""


def _evaluate(options: TaskOptions, arguments: Values) -> None:
    run, data = current_run(arguments["run"]), arguments["data"] or []  # one version, whatever becomes current
    predictor = load(run)
    spec = task_spec(predictor.task)
    options.require_own(spec, arguments)
    if arguments["target_file"] and not spec.parallel_files:
        parallel = " or ".join(name for name in TASKS if task_spec(name).parallel_files)
        problem = f"--target-file: the model is a {spec.title}; expected a model of {parallel}"
        raise ConfigError(problem, hint="Leave out --target-file")
    try:
        metrics = _scores(spec, Scored(predictor, run, say), data, arguments)
    except DataError as error:
        hint, where = error.hint, error.where or ", ".join(data or [str(run)])
        if error.missing is not None:
            file = quote(data[0]) if len(data) == 1 else "FILE"
            predict = f"For data without {error.missing}, use: elman predict {quote(run)} {file}"
            hint = f"{hint}. {predict}"
        raise DataError(error.message, hint=hint, where=where) from None
    if arguments["as_json"]:
        print_json(metrics)
        return
    for name, value in metrics.items():
        if value is not None and not isinstance(value, dict):
            print(f"{pad(translate(name, 'words'), 20)}{format(value, ',.4f') if isinstance(value, float) else value}")
    for line in spec.evaluation.tables(metrics) if spec.evaluation.tables else ():
        print(line)


def _scores(spec: AnyTask, scored: Scored, data: list[str], arguments: Values) -> dict[str, Any]:
    values, errors, page = config_from(spec.evaluation.options, arguments), arguments["errors"], arguments["page"]
    for flag, path in (("--errors", errors), ("--page", page)):
        if path is not None:
            check_output_file(path, flag)
    if page is not None and spec.evaluation.decisions is None:
        raise ConfigError(f"--page: the model is a {spec.title}, which predicts no labels", hint="Leave it out")
    if not data:
        flags = [*given_flags(spec.reader_config, arguments), *["--target-file"] * bool(arguments["target_file"])]
        if flags:
            problem = f"{flags[0]}: given without DATA; expected DATA, which it describes"
            raise ConfigError(problem, hint=f"Run elman evaluate {scored.run} DATA")
        corpus = validation_corpus(scored.run, spec)
        metrics = spec.evaluation.score_validation_set(scored, corpus, values)
        _write_errors(spec, scored, errors, lambda kind: kind.validation_examples(corpus), values)
        _write_page(spec, scored, page, lambda kind: kind.validation_examples(corpus))
        return metrics
    read = _examples(spec, scored, data, arguments)
    examples = read if errors is None and page is None else list(read)  # which are needed twice
    metrics = spec.evaluation.score(scored, examples, values)
    _write_errors(spec, scored, errors, lambda kind: examples, values)
    _write_page(spec, scored, page, lambda kind: examples)
    return metrics


def _examples(spec: AnyTask, scored: Scored, data: list[str], arguments: Values) -> Iterator[Any]:
    """Return the examples of files, which are read when they are needed."""
    reader = _reader_config(spec, scored, arguments)
    if spec.single_file and len(data) > 1:
        raise ConfigError(f"DATA: given {len(data)} files; expected one")
    sources = parallel_sources(data, arguments["target_file"], "--target-file", "DATA")
    kind = None if arguments["errors"] is None else spec.evaluation.errors
    open_source = (kind and kind.open_source) or spec.open_source
    return chain.from_iterable(open_source(located(source), reader, say).examples() for source in sources)


def _write_errors(
    spec: AnyTask, scored: Scored, path: Path | None, examples: Callable[[Errors[Any]], Any], values: Any
) -> None:
    """Write the wrong predictions, if a file is given."""
    if path is None:
        return
    kind = spec.evaluation.errors
    if kind is None:
        raise ConfigError(f"--errors: the model is a {spec.title}, which has no list of errors", hint="Leave it out")
    wrong, abstentions = write_errors(path, kind.wrong_predictions(scored, examples(kind), values))
    if abstentions:
        missing = f"{abstentions:,} example{'s' * (abstentions != 1)} without a prediction"
        say(f"{path}: {wrong:,} wrong prediction{'s' * (wrong != 1)}, and {missing}")
    else:
        say(f"{path}: {wrong:,} wrong prediction{'s' * (wrong != 1)}")


def _write_page(
    spec: AnyTask, scored: Scored, path: Path | None, examples: Callable[[Decisions[Any, Any, Any]], Any]
) -> None:
    """Write the page of the confusion matrix, if a file is given."""
    from elman.inspect.confusion import tabulate, write_confusion_page

    kind = spec.evaluation.decisions
    if path is None or kind is None:
        return
    decisions = kind.of_examples(scored.predictor, examples(kind))
    write_confusion_page(tabulate(decisions, scored.predictor.labels, spec.name), path)
    say(str(path))


def _reader_config(spec: AnyTask, scored: Scored, arguments: Values) -> Any:
    """Return the reader options of the training, except those that are given or that contradict the given ones."""
    for defaults in (reader_values(spec, scored), spec.reader_defaults(scored.predictor)):
        with contextlib.suppress(ConfigError):
            return config_from(spec.reader_config, arguments, defaults)
    return config_from(spec.reader_config, arguments)

"""elman predict: inputs in, answers out, by the model of any task that predicts. Needs no torch.

The inputs are the lines of a text, the rows of a table, JSON, or what else the task reads (data/readers/inputs.py), and
the answers are written in the same form (prediction_output.py): a table comes out with columns added. They are answered
in groups, in order, so a file may be larger than memory; from a pipe or a terminal, as they come. An input that cannot
be read gives an empty line, a message with its number, and exit code 3 at the end; the others are answered. Line ends
and tabs that a model writes are shown as spaces; --json has them as they are. A forecast is for a whole file: CSV in,
CSV out. With --out, the answers go to a file, which appears when all of them are there.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from elman.checkpoint import check_output_file, replaced_text
from elman.config import Values
from elman.data.readers.files import STDIN
from elman.data.readers.input_formats import read_line_inputs
from elman.data.readers.inputs import (
    AUTO,
    LINES,
    Input,
    InputFile,
    InputReader,
    Inputs,
    NumberedLine,
    open_inputs,
    typed_inputs,
)
from elman.errors import ConfigError, DataError
from elman.tasks.loading import load
from elman.tasks.spec import TASKS, Answer, AnyTask, InputOptions, InputPredictor, Prediction, task_spec

from .console import print_error, print_json, say
from .options import Json, Run, make_command, parameters_of
from .prediction_output import Form, JsonLines, JsonObject, Lines, Output, TableRows
from .task_options import TaskOptions, config_from

MOST_UNKNOWN_SHOWN = 10
_LINES = InputOptions(InputReader({LINES: read_line_inputs}), AUTO, "", ())  # of a task that reads nothing else


def make_predict_command(summary: str) -> Any:
    """Return the command with the options of all tasks."""
    options = TaskOptions(lambda spec: [spec.prediction.options] if spec.prediction else [])
    first, last = parameters_of(_first_parameters), parameters_of(_last_options)
    return make_command(
        "predict", summary, [*first, *options.parameters(), *last], lambda arguments: _predict(options, arguments)
    )


def _first_parameters(
    run: Run,
    data: Annotated[
        str,
        typer.Argument(
            metavar="[FILE]", help="Inputs a line each, a table, or JSON lines; .gz too.  [default: -, standard input]"
        ),
    ] = "-",
) -> None:
    """Declare the arguments."""


def _last_options(
    output: Annotated[
        Form | None,
        typer.Option(
            "--output",
            help="Form of the output: the table with columns added, the answers a line each, or JSON lines.  "
            "[default: that of the inputs]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write the answers to a file.  [default: stdout]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Declare the options that all tasks have."""


def _predict(options: TaskOptions, arguments: Values) -> None:
    run, path, as_json, output, out = (arguments[name] for name in ("run", "data", "as_json", "output", "out"))
    predictor = load(run)
    spec = task_spec(predictor.task)
    if spec.prediction is None:
        *titles, last = (other.title for other in map(task_spec, TASKS) if other.prediction is not None)
        problem = f"RUN is a {spec.title}; 'predict' needs a {', '.join(titles)} or {last}"
        raise ConfigError(problem, hint=f"Use 'elman generate {run} --prompt \"...\"'")
    options.require_own(spec, arguments)
    if output is not None and spec.prediction.by_file is not None:
        problem = f"--output: a {spec.title} predicts a whole file, and its output has one form"
        raise ConfigError(problem, hint="Leave out --output; --json prints an object")
    if output is not None and as_json:
        raise ConfigError("--output: given with --json; expected one of them", hint="Leave out --output")
    if out is not None:
        check_output_file(out, "--out")
    values = config_from(spec.prediction.options, arguments)
    with contextlib.nullcontext(sys.stdout) if out is None else replaced_text(out) as stream:
        if spec.prediction.by_file is not None:
            code = _predict_file(spec.prediction, predictor, values, path, stream, as_json=as_json)
        else:
            code = _predict_each(spec, predictor, values, path, stream, output, as_json=as_json)
    if out is not None:
        say(str(out))
    raise typer.Exit(code)


def _predict_file(
    prediction: Prediction[Any], predictor: Any, values: Any, path: str, stream: TextIO, *, as_json: bool
) -> int:
    """Write the prediction for a whole file, and return the exit code."""
    assert prediction.by_file is not None
    result = prediction.by_file(predictor, values, path, say)
    if as_json:
        print_json(result.as_json, stream)
    else:
        stream.write(result.text)
    for message in result.messages:
        say(message)
    return 0


def _predict_each(
    spec: AnyTask, predictor: Any, values: Any, path: str, stream: TextIO, form: Form | None, *, as_json: bool
) -> int:
    """Write an answer for each input, and return the exit code."""
    prediction = spec.prediction
    assert prediction is not None
    assert prediction.by_input is not None
    answering = prediction.by_input(predictor, values, say)
    options = prediction.inputs(predictor, values) if prediction.inputs else _LINES
    inputs = _read_inputs(path, options, values.encoding)
    output = JsonObject(stream, spec.name) if as_json else _output(form, inputs, options, stream)
    return _predict_inputs(answering, inputs, output, stream, "stdin" if path == STDIN else path)


def _read_inputs(path: str, options: InputOptions, encoding: str | None) -> Inputs:
    """Return the inputs of a file; those that are typed on a terminal are lines, unless another format is given."""
    if path == STDIN and sys.stdin.isatty():
        typed = typed_inputs(_typed_lines())
        return options.reader.read(typed, LINES if options.format == AUTO else options.format)
    return options.reader.read(_opened(path, encoding), options.format)


def _opened(path: str, encoding: str | None) -> InputFile:
    if path != STDIN and Path(path).is_dir():
        problem = "this is a folder; expected a file, of which each line is an input"
        raise DataError(problem, hint="Put the texts into one file, a line each, or into a table", where=path)
    return open_inputs(path, encoding=encoding, notify=say)


def _typed_lines() -> Iterator[NumberedLine]:
    """Yield the lines that are typed on a terminal."""
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number, line in enumerate(sys.stdin, start=1):
        yield number, line.rstrip("\n"), None


def _output(form: Form | None, inputs: Inputs, options: InputOptions, stream: TextIO) -> Output:
    added = options.added
    if form == "table" and not added:
        problem = "--output table: the answers are not one row for each input; expected --output lines or jsonl"
        raise ConfigError(problem, hint="Leave out --output table")
    if form == "table" or (form is None and inputs.kind == "table" and added):
        return TableRows(stream, inputs, options.name, added)
    if form == "jsonl" or (form is None and inputs.kind == "jsonl"):
        return JsonLines(stream, inputs, added)
    return Lines(stream)


def _predict_inputs(answering: InputPredictor, inputs: Inputs, output: Output, stream: TextIO, name: str) -> int:
    """Answer all inputs, and return the exit code."""
    num_errors = 0
    pending: deque[Input] = deque()  # inputs that were not answered yet, in order
    for answers in _answers(answering, inputs, pending):
        for answer in answers:
            if answer.error is not None:
                say(f"{name}:{answer.number}: {answer.error}")
                num_errors += 1
            output.write(answer, _take_input(pending, answer.number))
        stream.flush()
    output.end()
    _report_unknown(answering.unknown)
    if not num_errors:
        return 0
    lines = f"{num_errors:,} line{'s' * (num_errors > 1)} without a prediction"
    problem = f"{lines}, listed above; all other lines have one"
    error = DataError(problem, hint=inputs.encoding_hint, where=name)
    print_error(error)
    return error.exit_code


def _answers(answering: InputPredictor, inputs: Inputs, pending: deque[Input]) -> Iterator[Iterable[Answer]]:
    """Yield the answers for each group of inputs, and last those for inputs that were held back."""
    for group in inputs.groups:
        pending.extend(group)
        yield answering.answer(group)
    yield answering.finish()


def _take_input(pending: deque[Input], number: int) -> Input:
    """Return the input of an answer; a task may answer several inputs together."""
    while (item := pending.popleft()).number != number:
        pass
    return item


def _report_unknown(tokens: Iterable[str]) -> None:
    names = list(tokens)
    if names:
        more = len(names) - MOST_UNKNOWN_SHOWN
        listing = ", ".join(map(repr, names[:MOST_UNKNOWN_SHOWN]))
        say(f"the model does not know {listing}{f' and {more:,} more' if more > 0 else ''}")

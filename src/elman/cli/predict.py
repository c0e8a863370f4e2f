"""elman predict: inputs in, answers out, by the model of any task that predicts. Needs no torch.

The inputs are the lines of a text, the rows of a table, or JSON lines (data/readers/inputs.py), and the answers are
written in the same form (prediction_output.py): a table comes out with columns added. They are answered in groups, in
order, so a file may be larger than memory; from a pipe or a terminal, as they come. An input that cannot be read gives
an empty line, a message with its number, and exit code 3 at the end; the others are answered. Line ends and tabs that a
model writes are shown as spaces; --json has them as they are. A forecast is for a whole file: CSV in, CSV out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from elman.config import Values
from elman.data.readers.files import STDIN
from elman.data.readers.inputs import Input, Inputs, read_inputs, read_lines
from elman.errors import ConfigError, DataError
from elman.tasks.spec import TASKS, Answer, Line, LinePredictor, Prediction, TableColumns, load, task_spec

from .console import print_error, print_json, say
from .options import Json, Run, make_command, parameters_of
from .prediction_output import Form, JsonLines, JsonObject, Lines, Output, TableRows
from .task_options import TaskOptions, config_from

MOST_UNKNOWN_SHOWN = 10


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
    as_json: Json = False,
) -> None:
    """Declare the options that all tasks have."""


def _predict(options: TaskOptions, arguments: Values) -> None:
    run, path, as_json, output = (arguments[name] for name in ("run", "data", "as_json", "output"))
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
    values = config_from(spec.prediction.options, arguments)
    if spec.prediction.by_file is not None:
        _predict_file(spec.prediction, predictor, values, path, as_json=as_json)
        return
    assert spec.prediction.by_line is not None
    answering = spec.prediction.by_line(predictor, values, say)
    inputs, columns = _open_inputs(spec.prediction, predictor, values, path)
    writer = JsonObject(spec.name) if as_json else _writer(output, inputs, columns)
    raise typer.Exit(_predict_inputs(answering, inputs, writer, "stdin" if path == STDIN else path))


def _predict_file(prediction: Prediction[Any], predictor: Any, values: Any, path: str, *, as_json: bool) -> None:
    assert prediction.by_file is not None
    result = prediction.by_file(predictor, values, path, say)
    if as_json:
        print_json(result.as_json)
    else:
        sys.stdout.write(result.text)
    for message in result.messages:
        say(message)


def _open_inputs(
    prediction: Prediction[Any], predictor: Any, values: Any, path: str
) -> tuple[Inputs, TableColumns | None]:
    """Return the inputs, and the columns of a table if the task predicts tables."""
    columns = prediction.table_columns(predictor, values) if prediction.table_columns else None
    if path == STDIN and sys.stdin.isatty():
        return Inputs("lines", _typed_lines()), columns
    if columns is None:
        return read_lines(path, encoding=values.encoding, notify=say), None
    return read_inputs(path, columns.inputs, form=columns.form, encoding=values.encoding, notify=say), columns


def _typed_lines() -> Iterator[list[Input]]:
    """Yield the lines that are typed on a terminal, one at a time."""
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number, line in enumerate(sys.stdin, start=1):
        yield [Input(number, line.rstrip("\n"))]


def _writer(form: Form | None, inputs: Inputs, columns: TableColumns | None) -> Output:
    added = columns.added if columns is not None else ()
    if form == "table" and not added:
        problem = "--output table: the answers are not one row for each input; expected --output lines or jsonl"
        raise ConfigError(problem, hint="Leave out --output table")
    if form == "table" or (form is None and inputs.kind == "table" and added):
        return TableRows(inputs, columns.inputs.name if columns else "", added)
    if form == "jsonl" or (form is None and inputs.kind == "jsonl"):
        return JsonLines(inputs, added)
    return Lines()


def _predict_inputs(answering: LinePredictor, inputs: Inputs, output: Output, name: str) -> int:
    """Answer all inputs, and return the exit code."""
    num_errors = 0
    pending: dict[int, Input] = {}  # inputs that were not answered yet, by their numbers
    for answers in _answers(answering, inputs, pending):
        for answer in answers:
            if answer.error is not None:
                say(f"{name}:{answer.number}: {answer.error}")
                num_errors += 1
            output.write(answer, pending.pop(answer.number, None))
        sys.stdout.flush()
    output.end()
    _report_unknown(answering.unknown)
    if not num_errors:
        return 0
    lines = f"{num_errors:,} line{'s' * (num_errors > 1)} without a prediction"
    error = DataError(f"{lines}, listed above; all other lines have one", where=name)
    print_error(error)
    return error.exit_code


def _answers(answering: LinePredictor, inputs: Inputs, pending: dict[int, Input]) -> Iterator[Iterable[Answer]]:
    """Yield the answers for each group of inputs, and last those for lines that were held back."""
    for group in inputs.groups:
        pending.update((item.number, item) for item in group)
        yield answering.answer([_line(item) for item in group])
    yield answering.finish()


def _line(item: Input) -> Line:
    """Return an input as a line; tabs in a cell become spaces, because they separate the columns of a line."""
    is_cell = item.row is not None or item.value is not None
    return Line(item.number, item.text.replace("\t", " ") if is_cell else item.text, item.error)


def _report_unknown(tokens: Iterable[str]) -> None:
    names = list(tokens)
    if names:
        more = len(names) - MOST_UNKNOWN_SHOWN
        listing = ", ".join(map(repr, names[:MOST_UNKNOWN_SHOWN]))
        say(f"the model does not know {listing}{f' and {more:,} more' if more > 0 else ''}")

"""elman predict: lines in, answers out, by the model of any task that predicts. Needs no torch.

Lines are read and answered in chunks, in order, so a file may be larger than memory; on a terminal, one by one. A line
that cannot be read gives an empty line, a message with its number, and exit code 3 at the end; the others are answered.
Line ends and tabs that a model writes are shown as spaces; --json has them as they are. A forecast is for a whole file:
CSV in, CSV out.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from elman.config import Values
from elman.errors import ConfigError, DataError
from elman.tasks.spec import TASKS, Answer, Line, LinePredictor, Prediction, load, task_spec
from elman.text.terminal import replace_control_characters

from .console import print_error, print_json, say
from .options import Json, Run, make_command, parameters_of
from .task_options import TaskOptions, config_from

CHUNK = 4096  # lines that are answered together
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
        str, typer.Argument(metavar="[FILE]", help="One input a line; .gz too.  [default: -, standard input]")
    ] = "-",
) -> None:
    """Declare the arguments."""


def _last_options(as_json: Json = False) -> None:
    """Declare the options that all tasks have."""


def _predict(options: TaskOptions, arguments: Values) -> None:
    run, path, as_json = arguments["run"], arguments["data"], arguments["as_json"]
    predictor = load(run)
    spec = task_spec(predictor.task)
    if spec.prediction is None:
        *titles, last = (other.title for other in map(task_spec, TASKS) if other.prediction is not None)
        problem = f"RUN is a {spec.title}; 'predict' needs a {', '.join(titles)} or {last}"
        raise ConfigError(problem, hint=f"Use 'elman generate {run} --prompt \"...\"'")
    options.require_own(spec, arguments)
    values = config_from(spec.prediction.options, arguments)
    if spec.prediction.by_file is not None:
        _predict_file(spec.prediction, predictor, values, path, as_json=as_json)
        return
    assert spec.prediction.by_line is not None
    answering = spec.prediction.by_line(predictor, values, say)
    raise typer.Exit(_predict_lines(answering, spec.name, path, values.encoding, as_json=as_json))


def _predict_file(prediction: Prediction[Any], predictor: Any, values: Any, path: str, *, as_json: bool) -> None:
    assert prediction.by_file is not None
    result = prediction.by_file(predictor, values, path, say)
    if as_json:
        print_json(result.as_json)
    else:
        sys.stdout.write(result.text)
    for message in result.messages:
        say(message)


def _predict_lines(answering: LinePredictor, task: str, path: str, encoding: str | None, *, as_json: bool) -> int:
    """Answer all lines, and return the exit code."""
    name = "stdin" if path == "-" else path
    predictions: list[dict[str, Any]] = []
    num_errors = 0
    for answers in _answers(answering, path, encoding):
        for answer in answers:
            if answer.error is not None:
                say(f"{name}:{answer.number}: {answer.error}")
                num_errors += 1
            if as_json:
                predictions.append(answer.as_json)
            else:
                _write(answer)
        sys.stdout.flush()
    if as_json:
        print_json({"task": task, "count": len(predictions), "predictions": predictions})
    _report_unknown(answering.unknown)
    if not num_errors:
        return 0
    lines = f"{num_errors:,} line{'s' * (num_errors > 1)} without a prediction"
    error = DataError(f"{lines}, listed above; all other lines have one", where=name)
    print_error(error)
    return error.exit_code


def _answers(answering: LinePredictor, path: str, encoding: str | None) -> Iterator[Iterable[Answer]]:
    """Yield the answers for each chunk, and last those for lines that were held back."""
    for chunk in _chunks(path, encoding):
        yield answering.answer(chunk)
    yield answering.finish()


def _chunks(path: str, encoding: str | None) -> Iterator[list[Line]]:
    """Yield the lines in chunks; on a terminal, one at a time."""
    from elman.data.readers.files import STDIN
    from elman.data.readers.text import TextSource

    if path == STDIN and sys.stdin.isatty():
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        for number, line in enumerate(sys.stdin, start=1):
            yield [Line(number, line.rstrip("\n"), None)]
        return
    file = TextSource(path, encoding=encoding, notify=say)
    lines = (Line(number, *line) for number, line in enumerate(file.lines(), 1))
    while chunk := list(itertools.islice(lines, CHUNK)):
        yield chunk


def _write(answer: Answer) -> None:
    to_text = replace_control_characters if sys.stdout.isatty() else str
    for line in answer.lines:
        sys.stdout.write(to_text(line) + "\n")


def _report_unknown(tokens: Iterable[str]) -> None:
    names = list(tokens)
    if names:
        more = len(names) - MOST_UNKNOWN_SHOWN
        listing = ", ".join(map(repr, names[:MOST_UNKNOWN_SHOWN]))
        say(f"the model does not know {listing}{f' and {more:,} more' if more > 0 else ''}")

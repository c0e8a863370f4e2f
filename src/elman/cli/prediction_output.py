"""How `elman predict` writes answers: lines, the table of the inputs with columns added, JSON lines, or one object.

lines   the lines of each answer, as the task defines them
table   the rows of the inputs as they are, in their dialect, with the columns of the answer at the end, after a byte
        order mark if the inputs begin with one; an input may have several rows. For inputs that are no table, a table
        with tabs
jsonl   an object a line: that of the inputs, or their row by the names of the header, with the keys of the answer;
        for inputs that are neither, that of --json
json    one object with all answers

They go to a stream: stdout, or the file of --out.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TextIO

from elman.data.readers.inputs import Input, Inputs
from elman.data.readers.tables import Dialect, unused_names
from elman.tasks.descriptions import on_one_line
from elman.tasks.spec import Answer, Columns
from elman.text.terminal import replace_control_characters

from .console import print_json

Form = Literal["table", "lines", "jsonl"]


class Output(Protocol):
    """What writes answers."""

    def write(self, answer: Answer, source: Input) -> None:
        """Write the answer for an input."""

    def end(self) -> None:
        """Write what comes last."""


class Lines:
    """The lines of each answer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, answer: Answer, source: Input) -> None:
        for line in answer.lines:
            _print(line, self._stream)

    def end(self) -> None:
        """Write nothing."""


class TableRows:
    """Rows of a table with columns added; of inputs that are no table, their text and the columns."""

    def __init__(self, stream: TextIO, inputs: Inputs, name: str, added: Sequence[str]) -> None:
        """Write the header, if the table of the inputs has one. name is the column of the inputs, if they have none."""
        self._stream, self._added, self._is_table = stream, added, inputs.kind == "table"
        self._dialect = inputs.dialect or Dialect("\t", has_quotes=False)
        if inputs.has_mark:
            _print_mark(stream)
        if inputs.dialect is not None and inputs.dialect.is_declared:
            _print(f"sep={inputs.dialect.separator}", stream)
        if not self._is_table:
            _print(self._dialect.write([name, *unused_names(added, [name])]), stream)
        elif inputs.header is not None:
            names = unused_names(added, [cell.strip() for cell in inputs.header.cells])
            _print(self._dialect.separator.join([inputs.header.text, self._dialect.write(names)]), stream)

    def write(self, answer: Answer, source: Input) -> None:
        if not source.rows:
            self._write_row(
                self._dialect.write([_cell(source.text if source.tokens is None else source.tokens)]), answer.columns
            )
            return
        columns_of_rows = iter(answer.columns_of_rows or [answer.columns])
        for row in source.rows:
            if row.text:
                self._write_row(row.text, {} if row.is_blank else next(columns_of_rows, {}))
            else:
                _print("", self._stream)

    def _write_row(self, row: str, columns: Columns) -> None:
        cells = [_cell(columns.get(name, "")) for name in self._added]
        _print(self._dialect.separator.join([row, self._dialect.write(cells)]), self._stream)

    def end(self) -> None:
        """Write nothing."""


class JsonLines:
    """An object for each answer: that of the input, or the row of the input, with the columns as keys."""

    def __init__(self, stream: TextIO, inputs: Inputs, added: Sequence[str]) -> None:
        self._stream, self._added = stream, added
        cells = inputs.header.cells if inputs.header is not None else ()
        self._header = unused_names(cell.strip() for cell in cells)

    def write(self, answer: Answer, source: Input) -> None:
        value: Mapping[str, Any] = answer.as_json
        given = self._value_of(source)
        if given is not None and self._added:
            names = unused_names(self._added, list(given))
            columns = [answer.columns.get(name) for name in self._added]
            value = {**given, **dict(zip(names, columns, strict=True))}
            if answer.error is not None:
                value["error"] = answer.error
        _print(json.dumps(value, ensure_ascii=False), self._stream)

    def _value_of(self, source: Input) -> Mapping[str, Any] | None:
        """Return the object of an input, or its row by the names of the header, if it has one row."""
        if len(source.rows) != 1 or not self._header:
            return source.value
        return dict(zip(self._header, source.rows[0].cells, strict=False))

    def end(self) -> None:
        """Write nothing."""


class JsonObject:
    """One object with all answers, at the end."""

    def __init__(self, stream: TextIO, task: str) -> None:
        self._stream, self._task = stream, task
        self._predictions: list[dict[str, Any]] = []

    def write(self, answer: Answer, source: Input) -> None:
        self._predictions.append(answer.as_json)

    def end(self) -> None:
        """Write the object."""
        answers = {"task": self._task, "count": len(self._predictions), "predictions": self._predictions}
        print_json(answers, self._stream)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_cell, value))
    if isinstance(value, str):
        return on_one_line(value)
    return f"{value:.4f}" if abs(value) >= 0.001 or value == 0.0 else f"{value:.3g}"  # of a long target, 2.5e-07


def _print_mark(stream: TextIO) -> None:
    """Write the byte order mark by which spreadsheet programs know UTF-8, unless a person reads the output."""
    if not stream.isatty() and codecs.lookup(stream.encoding).name == "utf-8":
        stream.write("\ufeff")


def _print(line: str, stream: TextIO) -> None:
    stream.write((replace_control_characters(line) if stream.isatty() else line) + "\n")

"""The inputs of a prediction: what a file has to predict, and how it is read.

An input is a text, or a sentence that is split into tokens already. It comes from a line of a text, from one row or
several rows of a table, or from an object of JSON. Each task has an InputReader: a reader for each of its formats, and
what chooses the format of a file by its first lines (input_formats.py). The layout of the training files is known
there, so that a table is never read line by line.

A file is read in groups of inputs (input_groups.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from elman.errors import DataError

from .encodings import ENCODING_HINT, Notify
from .input_groups import arrives_in_pieces, grouped
from .tables import SAMPLE_LINES, Dialect, Row
from .text import Line, TextSource

Kind = Literal["lines", "table", "jsonl"]
NumberedLine = tuple[int, str, str | None]  # its number, its text, and why it has none

AUTO, LINES = "auto", "lines"  # names of formats


class Input(NamedTuple):
    """An input: the number of its first line, its text or tokens, why it has none, and the rows or the object of it."""

    number: int
    text: str = ""
    error: str | None = None
    tokens: tuple[str, ...] | None = None  # of a sentence that is split already
    rows: tuple[Row, ...] = ()  # of a table; a blank one ends a sentence
    value: dict[str, Any] | None = None  # of JSON


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a file. They can be read once."""

    kind: Kind
    groups: Iterator[list[Input]]
    dialect: Dialect | None = None  # of a table
    header: Row | None = None  # of a table that has one
    source: TextSource | None = None

    @property
    def has_mark(self) -> bool:
        """Whether the file begins with a byte order mark."""
        return self.source is not None and self.source.has_mark

    @property
    def encoding_hint(self) -> str | None:
        """What to do about lines that could not be decoded, as far as the file was read; None if all could."""
        return self.source.hint if self.source is not None and self.source.hint != ENCODING_HINT else None


class InputFile:
    """A file of inputs before its format is known: its first lines, and all lines, which can be read once."""

    def __init__(
        self,
        name: str,
        lines: Iterator[NumberedLine],
        *,
        in_pieces: bool,
        group: Callable[[Iterator[Input]], Iterator[list[Input]]],
        source: TextSource | None = None,
    ) -> None:
        """Read the first lines ahead; in_pieces: only those up to the first one that is not blank."""
        self.name = name
        self._source, self._group = source, group
        self.sample = list(islice(lines, 1 if in_pieces else SAMPLE_LINES))
        while self.sample and not self.sample[-1][1].strip() and (line := next(lines, None)) is not None:
            self.sample.append(line)  # a first line that is blank says nothing
        self.lines = chain(self.sample, lines)

    @property
    def suffix(self) -> str:
        """The end of the name, which may tell the format, such as `.csv`."""
        return Path(self.name.removesuffix(".gz")).suffix.lower()

    @property
    def first(self) -> str:
        """The first line that is not blank; empty if there is none."""
        return next((text for _, text, _ in self.sample if text.strip()), "")

    @property
    def readable_sample(self) -> list[Line]:
        """The places and texts of the first lines that can be read."""
        return [(f"{self.name}:{number}", text) for number, text, error in self.sample if error is None]

    def strict_lines(self) -> Iterator[Line]:
        """Yield the places and texts of all lines; one that cannot be read is a DataError."""
        for number, text, error in self.lines:
            if error is not None:
                hint = ENCODING_HINT if self._source is None else self._source.hint
                raise DataError(error, hint=hint, where=f"{self.name}:{number}")
            yield f"{self.name}:{number}", text

    def inputs(
        self, kind: Kind, items: Iterable[Input], dialect: Dialect | None = None, header: Row | None = None
    ) -> Inputs:
        """Return inputs of this file."""
        return Inputs(kind, self._group(iter(items)), dialect, header, self._source)


@dataclass(frozen=True, slots=True)
class InputReader:
    """How the inputs of a model are read: the reader of each format, and what chooses the format of a file."""

    readers: Mapping[str, Callable[[InputFile], Inputs]]
    detect: Callable[[InputFile], str] = field(default=lambda file: LINES)

    def read(self, file: InputFile, form: str = AUTO) -> Inputs:
        """Return the inputs of a file, in a format or in the detected one."""
        return self.readers[self.detect(file) if form == AUTO else form](file)


def open_inputs(path: str, *, encoding: str | None = None, notify: Notify) -> InputFile:
    """Open a file, or stdin for `-`."""
    in_pieces = arrives_in_pieces(path)
    source = TextSource(path, encoding=encoding, notify=notify, in_pieces=in_pieces)
    lines = ((number, text, error) for number, (text, error) in enumerate(source.lines(), 1))
    group = partial(grouped, as_they_come=in_pieces)
    return InputFile(source.name, lines, in_pieces=in_pieces, group=group, source=source)


def typed_inputs(lines: Iterator[NumberedLine]) -> InputFile:
    """Return the lines that are typed on a terminal, one at a time."""
    return InputFile("stdin", lines, in_pieces=True, group=partial(grouped, as_they_come=False, size=1))


def line_number(where: str) -> int:
    """Return the number of a line from its place."""
    return int(where.rpartition(":")[2])

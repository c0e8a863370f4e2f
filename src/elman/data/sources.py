"""Sources of examples: what a user names or holds, and what a task reads from it.

A source argument is a path, `-` for standard input, the name of a data set, two parallel files, or examples that a
Python caller holds in memory. Each task's readers.py opens a source argument as an ExampleSource; training, evaluation
and the estimators all read through it, so one file gives the same examples everywhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from elman.data import datasets
from elman.data.catalogue import DATA_SETS
from elman.data.layout import UNKNOWN, Layout
from elman.data.readers.encodings import Notify
from elman.data.readers.files import STDIN
from elman.data.readers.text import Line, SourceRecord, TextSource
from elman.errors import ConfigError, DataError

FIRST_LINES = 1000  # which show the layout of a file

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ParallelFiles:
    """Two files: line n of the target file belongs to line n of the source file."""

    source: str | Path
    target: str | Path


class ExampleSource(Protocol[E_co]):
    """Examples to read once."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def record(self) -> SourceRecord:
        """The name, size and hash of what was read, once `examples` has ended."""

    def check(self) -> None:
        """Raise a DataError if its beginning cannot be read."""

    def examples(self) -> Iterator[E_co]:
        """Yield the examples; a malformed one is a DataError with its place."""


SourceArgument = str | Path | ParallelFiles | ExampleSource[Any]


def located(source: SourceArgument) -> SourceArgument:
    """Return a source as it was given, or the cached file of a data set where no file has that name."""
    if isinstance(source, ParallelFiles):
        return ParallelFiles(_located_path(source.source), _located_path(source.target))
    return _located_path(source) if isinstance(source, str | Path) else source


def _located_path(source: str | Path) -> str | Path:
    if str(source) == STDIN:
        return source
    path = Path(source)
    try:
        path.exists()
    except (OSError, ValueError):
        hint = "A str is a path; give the texts themselves as a list: [text]"
        raise DataError(f"{str(source)[:40]!r}... is no path", hint=hint) from None
    if not path.exists() and str(source) in DATA_SETS:
        return datasets.local_path(str(source))
    if not path.exists() and (near := difflib.get_close_matches(str(source), DATA_SETS, n=1)):
        raise DataError("no such file", hint=f"Did you mean the data set {near[0]!r}?", where=str(source))
    return path


@dataclass(slots=True)
class FileExamples(Generic[E]):
    """The examples of one text file, and its layout, which is known once `examples` has begun."""

    file: TextSource
    parse: Callable[[TextSource], Iterator[E]]
    layout_of: Callable[[Sequence[Line]], Layout] = lambda lines: UNKNOWN  # of the first lines
    layout: Layout = field(default=UNKNOWN, init=False)

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def record(self) -> SourceRecord:
        return self.file.record

    def check(self) -> None:
        self.file.check()

    def examples(self) -> Iterator[E]:
        self.layout = self.layout_of(self.file.first_lines(FIRST_LINES))
        try:
            yield from self.parse(self.file)
        finally:
            self.file.close()


def common_layout(sources: Iterable[ExampleSource[Any]]) -> Layout:
    """Return the layout that all sources have, after they were read. Examples in memory have none."""
    return Layout.common([getattr(source, "layout", UNKNOWN) for source in sources])


def open_text(path: str | Path, encoding: str | None, notify: Notify) -> TextSource:
    """Return a text file that is read once."""
    return TextSource(path, encoding=encoding, notify=notify)


def unsupported_source(source: SourceArgument, expected: str) -> ConfigError:
    """Return the error for a source of a kind that a task does not read."""
    if isinstance(source, ParallelFiles):
        hint = "Leave out --target-file, which is for sequence to sequence"
        return ConfigError(f"given a target file beside {source.source}; expected {expected}", hint=hint)
    return ConfigError(f"given {type(source).__name__}; expected {expected}")

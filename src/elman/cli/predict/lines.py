"""The lines to predict for, and what was wrong with some of them: the rest is done."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from elman.errors import DataError

from ..console import say

CHUNK = 4096  # lines that are answered together
MOST_UNKNOWN_TOLD = 10

Line = tuple[int, str, str | None]  # its number, its text, what is wrong with it


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed for a line, and what --json says of it."""

    lines: list[str]
    as_json: dict[str, Any]


class Lines:
    """A file of lines, or standard input."""

    def __init__(self, path: str, encoding: str | None) -> None:
        self._path, self._encoding = path, encoding
        self._name = "stdin" if path == "-" else path
        self._bad = 0
        self._unknown: dict[str, None] = {}

    def chunks(self) -> Iterator[list[Line]]:
        """Yield the lines in chunks; on a terminal, one at a time."""
        from elman.data.readers import STDIN, TextSource

        if self._path == STDIN and sys.stdin.isatty():
            sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
            for number, line in enumerate(sys.stdin, start=1):
                yield [(number, line.rstrip("\n"), None)]
            return
        source = TextSource(self._path, encoding=self._encoding, notify=say)
        lines = ((number, *line) for number, line in enumerate(source.lines(), 1))
        while chunk := list(itertools.islice(lines, CHUNK)):
            yield chunk

    def refuse(self, number: int, wrong: str) -> None:
        """Tell of a line without a prediction."""
        say(f"{self._name}:{number}: {wrong}")
        self._bad += 1

    def note_unknown(self, tokens: Iterable[str]) -> None:
        """Keep the tokens that the model does not know, to be told at the end."""
        self._unknown |= dict.fromkeys(tokens)

    def close(self) -> int:
        """Tell of what was unknown, and of bad lines; return the exit code."""
        if self._unknown:
            told = ", ".join(map(repr, list(self._unknown)[:MOST_UNKNOWN_TOLD]))
            left = len(self._unknown) - MOST_UNKNOWN_TOLD
            say(f"the model does not know {told}{f' and {left:,} more' if left > 0 else ''}")
        if not self._bad:
            return 0
        lines = f"{self._bad:,} line{'s' * (self._bad > 1)} without a prediction"
        error = DataError(f"{lines}, told above; the rest is done", where=self._name)
        say(f"elman: {error}")
        return error.exit_code


def on_one_line(text: str) -> str:
    """Return the text with spaces for line ends and tabs, which mean something else on a line of output."""
    return text.replace("\r\n", " ").translate({ord(c): " " for c in "\r\n\t"})

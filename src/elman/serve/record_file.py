"""metrics.jsonl, followed while a training writes it.

Every call of `read_new` returns the lines that are new and complete. A training that resumes cuts the file to the size
that its checkpoint has recorded, and writes on from there: if the bytes before the offset that was read are others than
before, or fewer, the file is read again from its beginning.
"""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any, NamedTuple

MAX_READ = 1_000_000  # bytes of a call, so that a long file arrives in parts
COMPARED = 256  # bytes before the offset


class NewRecords(NamedTuple):
    """The records of new lines. is_restart: all earlier ones are obsolete. damaged: numbers of lines, from 1."""

    records: list[dict[str, Any]]
    damaged: list[int]
    is_restart: bool


class RecordFile:
    """A file of JSON lines that grows. It need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._line = 0
        self._before = b""  # the last bytes before the offset
        self._stamp = (0, 0)

    def read_new(self) -> NewRecords:
        """Return the records of the lines that are complete since the last call, MAX_READ bytes at most."""
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
                raise FileNotFoundError
        except FileNotFoundError:
            return self._restarted() if self._offset else NewRecords([], [], False)
        stamp = (status.st_size, status.st_mtime_ns)
        if stamp == self._stamp and status.st_size == self._offset:
            return NewRecords([], [], False)
        with self.path.open("rb") as stream:
            stream.seek(self._offset - len(self._before))
            if stream.read(len(self._before)) != self._before:
                return self._restarted()
            content = stream.read(MAX_READ)
            if b"\n" not in content:
                content += stream.readline()  # of a line that is longer
        self._stamp = stamp
        complete = content[: content.rfind(b"\n") + 1]
        self._offset += len(complete)
        self._before = (self._before + complete)[-COMPARED:]
        return self._parse(complete)

    def _restarted(self) -> NewRecords:
        """Return to the beginning; the next call reads the file again."""
        self._offset, self._line, self._before, self._stamp = 0, 0, b"", (0, 0)
        return NewRecords([], [], True)

    def _parse(self, content: bytes) -> NewRecords:
        records, damaged = [], []
        for line in content.splitlines():
            self._line += 1
            try:
                record = json.loads(line, parse_constant=_finite, parse_float=_finite)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                records.append(record)
            else:
                damaged.append(self._line)
        return NewRecords(records, damaged, False)


def _finite(text: str) -> float:
    """Return a number; NaN and infinity, for which JSON has no number, are a ValueError."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number

"""Server-sent events: the list of runs when it changes, and the records of chosen runs while they are written.

    event: list      {"is_complete", "runs", "models", "data", "folders", "trainings"}
    event: records   {"run", "records", "damaged", "is_restart"}
    event: missing   {"runs"}: chosen runs that do not exist

One stream serves one page. It reads the disk once in PAUSE_SECONDS, and it ends when the page is closed or the studio
ends. Of the records, it remembers only how far each file is read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from .record_file import RecordFile

PAUSE_SECONDS = 1.0
PARTS_OF_A_PAUSE = 10  # after each of which a stream may end
COMMENT_SECONDS = 15.0  # without an event, after which a comment keeps the connection open
COMMENT = ":\n\n"


class EventSource:
    """The events of one page. list_entries returns the list; runs are the chosen ones by name, None for no such run."""

    def __init__(
        self,
        list_entries: Callable[[], dict[str, Any]],
        runs: Mapping[str, Path | None],
        is_ending: Callable[[], bool],
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._list_entries = list_entries
        self._missing = [name for name, path in runs.items() if path is None]
        self._files = [(name, RecordFile(path / "metrics.jsonl")) for name, path in runs.items() if path is not None]
        self._is_ending = is_ending
        self._pause_seconds = pause_seconds
        self._last_list = ""

    async def stream(self) -> AsyncIterator[str]:
        """Yield events as text until the studio ends."""
        idle_seconds = 0.0
        if self._missing:
            yield _event("missing", {"runs": self._missing})
        while not self._is_ending():
            has_event = False
            if (event := await anyio.to_thread.run_sync(self._new_list)) is not None:
                yield event
                has_event = True
            for name, file in self._files:
                while (event := await anyio.to_thread.run_sync(_new_records, name, file)) is not None:
                    yield event
                    has_event = True
            idle_seconds = 0.0 if has_event else idle_seconds + self._pause_seconds
            if idle_seconds >= COMMENT_SECONDS:
                idle_seconds = 0.0
                yield COMMENT
            await self._pause()

    async def _pause(self) -> None:
        """Wait until the disk is read again, or until the studio ends."""
        for _ in range(PARTS_OF_A_PAUSE):
            await anyio.sleep(self._pause_seconds / PARTS_OF_A_PAUSE)
            if self._is_ending():
                return

    def _new_list(self) -> str | None:
        """Return the event of the list if it has changed."""
        event = _event("list", self._list_entries())
        if event == self._last_list:
            return None
        self._last_list = event
        return event


def _new_records(name: str, file: RecordFile) -> str | None:
    """Return the event of the next new records of a run; None if there are none."""
    new = file.read_new()
    if not (new.records or new.damaged or new.is_restart):
        return None
    return _event("records", {"run": name, **new._asdict()})


def _event(name: str, content: dict[str, Any]) -> str:
    """Return an event as the protocol writes it; JSON in ASCII has no line breaks and no lone surrogates."""
    return "".join(("event: ", name, "\ndata: ", json.dumps(content, allow_nan=False), "\n\n"))

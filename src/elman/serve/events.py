"""Server-sent events: the list of runs when it changes, and the records of chosen runs while they are written.

    event: list      {"runs", "models", "data", "folders", "trainings"}
    event: records   {"run", "records", "damaged", "is_restart"}

One stream serves one page. It reads the disk once in PAUSE_SECONDS, and it ends when the page is closed or the studio
ends. Nothing is kept but the place in each file, so hours of watching take no more memory than the first minute.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from .record_file import RecordFile

PAUSE_SECONDS = 1.0
QUIET_SECONDS = 15.0  # after which a comment shows that the connection still stands
COMMENT = ":\n\n"


class EventSource:
    """The events of one page. list_entries returns the list; runs are the chosen ones, by name."""

    def __init__(
        self,
        list_entries: Callable[[], dict[str, Any]],
        runs: Sequence[tuple[str, Path]],
        is_ending: Callable[[], bool],
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._list_entries = list_entries
        self._files = [(name, RecordFile(path / "metrics.jsonl")) for name, path in runs]
        self._is_ending = is_ending
        self._pause_seconds = pause_seconds
        self._last_list = ""

    async def stream(self) -> AsyncIterator[str]:
        """Yield events as text until the studio ends."""
        quiet = 0.0
        while not self._is_ending():
            events = await anyio.to_thread.run_sync(self._new_events)
            for event in events:
                yield event
            quiet = 0.0 if events else quiet + self._pause_seconds
            if quiet >= QUIET_SECONDS:
                quiet = 0.0
                yield COMMENT
            await anyio.sleep(self._pause_seconds)

    def _new_events(self) -> list[str]:
        events = []
        current = json.dumps(self._list_entries(), ensure_ascii=False, allow_nan=False)
        if current != self._last_list:
            self._last_list = current
            events.append(_event("list", current))
        for name, file in self._files:
            while True:
                new = file.read_new()
                if not (new.records or new.damaged or new.is_restart):
                    break
                content = {"run": name, **new._asdict()}
                events.append(_event("records", json.dumps(content, ensure_ascii=False, allow_nan=False)))
        return events


def _event(name: str, data: str) -> str:
    """Return an event as the protocol writes it; JSON has no line breaks."""
    return "".join(("event: ", name, "\ndata: ", data, "\n\n"))

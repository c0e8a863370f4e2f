"""Progress of training in a notebook: one text, which changes in place, and never a page of lines.

messages                    what is trained, and warnings
last validation             its metrics and a sample
step, loss, remaining time
"""

from __future__ import annotations

import time
from typing import Any

from elman.translations import translate

from .progress import Validation, describe_validation, indented, progress_line, remaining_seconds

SECONDS_BETWEEN_REFRESHES = 1.0


class NotebookDisplay:
    """A display in the output of a notebook's cell."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._validation: list[str] = []
        self._line = ""
        self._handle: Any = None
        self._first_progress = 0.0
        self._unit = "tokens"
        self._last_shown = -SECONDS_BETWEEN_REFRESHES

    def begin(self, progress: float, unit: str = "tokens") -> None:
        self._first_progress, self._unit = progress, unit

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        now = time.monotonic()
        if now - self._last_shown < SECONDS_BETWEEN_REFRESHES:
            return
        remaining = remaining_seconds(self._first_progress, progress, seconds)
        line = translate(progress_line(step, loss, tokens, seconds, self._unit, remaining))
        self._line, self._last_shown = f"{progress:4.0%}  {line}", now
        self._show()

    def validation(self, validation: Validation) -> None:
        self._validation = [translate(describe_validation(validation))]
        if validation.sample:
            self._validation.append(indented(validation.sample))
        self._show()

    def notify(self, message: str) -> None:
        self._messages.append(translate(message))
        self._show()

    def end(self) -> None:
        self._line = ""
        self._show()

    def _show(self) -> None:
        from IPython.display import display

        lines = [*self._messages, *self._validation, *([self._line] if self._line else [])]
        data = {"text/plain": "\n".join(lines)}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

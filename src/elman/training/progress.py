"""Progress of training for a person to see, on stderr: a live line on a terminal, some plain lines elsewhere.

A ConsoleDisplay writes in the current language (elman.translations); what it receives is English.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from elman.text.terminal import replace_control_characters
from elman.translations import translate

SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_REFRESHES = 0.2
_LOSS_SMOOTHING = 0.95


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of a validation, and of the updates since the one before."""

    step: int
    train: dict[str, float]  # the mean loss of those updates, with dropout, while the weights changed
    metrics: dict[str, float]  # of the validation set; of the training set if there is no validation set
    best: bool  # the best so far
    sample: str | None = None  # of the predictions
    has_validation_set: bool = True


class Display(Protocol):
    """What the training loop reports. A display never changes the training."""

    def begin(self, progress: float, unit: str = "tokens") -> None:
        """Training begins, or resumes at a progress above 0."""

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        """An update is complete; tokens and seconds count from the start of this process."""

    def validation(self, validation: Validation) -> None:
        """A validation is complete."""

    def notify(self, message: str) -> None:
        """A message for the user."""

    def end(self) -> None:
        """Training ends."""


class SilentDisplay:
    """A display that shows nothing."""

    def begin(self, progress: float, unit: str = "tokens") -> None: ...
    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None: ...
    def validation(self, validation: Validation) -> None: ...
    def notify(self, message: str) -> None: ...
    def end(self) -> None: ...


class ConsoleDisplay:
    """A display on a rich console: a live line on a terminal, else a plain line every ten seconds."""

    def __init__(self, console: Console, *, samples: bool = True) -> None:
        self._console = console
        self._samples = samples
        self._bar: Progress | None = None
        self._bar_task = TaskID(0)
        self._loss = 0.0
        self._first_progress = 0.0
        self._unit = "tokens"
        self._last_shown = time.monotonic()

    def begin(self, progress: float, unit: str = "tokens") -> None:
        self._first_progress, self._unit = progress, unit
        if not self._console.is_terminal:
            return
        self._bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self._console, transient=True
        )
        self._bar_task = self._bar.add_task(translate("starting", "words"), total=1.0)
        self._bar.start()

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        self._loss = loss if not self._loss else _LOSS_SMOOTHING * self._loss + (1.0 - _LOSS_SMOOTHING) * loss
        now = time.monotonic()
        if now - self._last_shown < (_SECONDS_BETWEEN_REFRESHES if self._bar else SECONDS_BETWEEN_LINES):
            return
        gained = progress - self._first_progress
        remaining = seconds * (1.0 - progress) / gained if gained > 0.0 else 0.0
        rate = tokens / seconds if seconds else 0.0
        line = f"step {step:,}  loss {self._loss:.3f}  {rate:,.0f} {self._unit}/s  {_clock(remaining)} left"
        if self._bar is not None:
            self._bar.update(self._bar_task, completed=progress, description=translate(line))
        else:
            self._console.print(f"{progress:4.0%}  {translate(line)}", highlight=False, soft_wrap=True)
        self._last_shown = now

    def validation(self, validation: Validation) -> None:
        metrics, best = _describe(validation.metrics), "  (best so far)" if validation.best else ""
        if validation.has_validation_set:
            train = _describe(validation.train)
            self.notify(f"step {validation.step:,}  training: {train}  validation: {metrics}{best}")
        else:
            self.notify(f"step {validation.step:,}  training set: {metrics}{best}")
        if validation.sample and self._samples:
            self._console.print(Text(_indent(validation.sample), style="dim"), soft_wrap=True)

    def notify(self, message: str) -> None:
        self._console.print(translate(message), highlight=False, markup=False, soft_wrap=True)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _describe(metrics: dict[str, float]) -> str:
    return "  ".join(f"{translate(name, 'words')} {value:.4g}" for name, value in metrics.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _indent(sample: str) -> str:
    """Return the sample, indented and without control characters."""
    return "\n".join(f"    {line}" for line in replace_control_characters(sample).split("\n"))

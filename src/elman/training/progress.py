"""Progress of training for a person to see, on stderr: a live line on a terminal, some plain lines elsewhere.

In a notebook, notebook_progress.py shows one text, which changes in place. A command that a notebook runs (`!elman`)
prints one line that it overwrites.

A ConsoleDisplay writes in the current language (elman.translations); what it receives is English.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from elman.shell import as_typed
from elman.text.terminal import replace_control_characters
from elman.translations import translate

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_SAMPLES = 60.0
_SECONDS_BETWEEN_REFRESHES = 0.2
_LOSS_SMOOTHING = 0.95


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of a validation, and of the updates since the one before."""

    step: int
    train: dict[str, float]  # the mean loss of those updates, with dropout, while the weights changed
    metrics: dict[str, float]  # of the validation set; of the training set if there is no validation set
    best: bool  # the model is that of this step, until a better one
    sample: str | None = None  # of the predictions
    has_validation_set: bool = True
    lowest: bool = True  # where it is the best: no step before was better


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


class MessageDisplay:
    """A display that passes messages to a function, and shows nothing."""

    def __init__(self, on_message: Callable[[str], None]) -> None:
        self._on_message = on_message

    def begin(self, progress: float, unit: str = "tokens") -> None: ...
    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None: ...
    def validation(self, validation: Validation) -> None: ...
    def end(self) -> None: ...

    def notify(self, message: str) -> None:
        self._on_message(message)


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
        self._last_sample: float | None = None
        self._overwrites = is_run_by_a_notebook()
        self._width = 0  # of the line that the next one overwrites

    def begin(self, progress: float, unit: str = "tokens") -> None:
        self._first_progress, self._unit = progress, unit
        if self._overwrites or not self._console.is_terminal:
            return
        self._bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self._console, transient=True
        )
        self._bar_task = self._bar.add_task(translate("starting", "words"), total=1.0)
        self._bar.start()

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        self._loss = loss if not self._loss else _LOSS_SMOOTHING * self._loss + (1.0 - _LOSS_SMOOTHING) * loss
        now = time.monotonic()
        is_live = self._bar is not None or self._overwrites
        if now - self._last_shown < (_SECONDS_BETWEEN_REFRESHES if is_live else SECONDS_BETWEEN_LINES):
            return
        remaining = remaining_seconds(self._first_progress, progress, seconds)
        line = translate(progress_line(step, self._loss, tokens, seconds, self._unit, remaining))
        if self._bar is not None:
            self._bar.update(self._bar_task, completed=progress, description=line)
        else:
            self._print(f"{progress:4.0%}  {line}", stays=not self._overwrites)
        self._last_shown = now

    def validation(self, validation: Validation) -> None:
        self.notify(describe_validation(validation))
        if validation.sample and self._samples and self._sample_is_due():
            self._console.print(Text(indented(validation.sample), style="dim"), soft_wrap=True)

    def _sample_is_due(self) -> bool:
        now = time.monotonic()
        if self._last_sample is not None and now - self._last_sample < SECONDS_BETWEEN_SAMPLES:
            return False
        self._last_sample = now
        return True

    def notify(self, message: str) -> None:
        self._print(as_typed(translate(message)))

    def _print(self, line: str, *, stays: bool = True) -> None:
        """Print a line, over the one that did not stay."""
        if self._width:
            self._console.file.write("\r")  # which rich would remove
        self._console.print(
            line.ljust(self._width), end="\n" if stays else "", highlight=False, markup=False, soft_wrap=True
        )
        self._width = 0 if stays else len(line)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._width:
            self._console.print()
            self._width = 0


def is_run_by_a_notebook() -> bool:
    """Return whether a notebook has started this process, as `!elman train` does."""
    return "JPY_PARENT_PID" in os.environ


def progress_line(step: int, loss: float, tokens: int, seconds: float, unit: str, remaining: float) -> str:
    """Return step, loss, speed and remaining time on one line."""
    rate = tokens / seconds if seconds else 0.0
    return f"step {step:,}  loss {loss:.3f}  {rate:,.0f} {unit}/s  {_clock(remaining)} left"


def remaining_seconds(first_progress: float, progress: float, seconds: float) -> float:
    """Return the time until the end of the training, from the time that the progress since the first one took."""
    gained = progress - first_progress
    return seconds * (1.0 - progress) / gained if gained > 0.0 else 0.0


def describe_validation(validation: Validation) -> str:
    """Return the metrics of a validation on one line."""
    reason = "  (best so far)" if validation.lowest else "  (kept: as good as the best so far)"
    metrics, best = _describe(validation.metrics), reason if validation.best else ""
    if validation.has_validation_set:
        train = _describe(validation.train)
        return f"step {validation.step:,}  training: {train}  validation: {metrics}{best}"
    return f"step {validation.step:,}  training set: {metrics}{best}"


def _describe(metrics: dict[str, float]) -> str:
    """Return metrics by name; the standard error of the loss, which decides the best step, is left out."""
    shown = ((name, value) for name, value in metrics.items() if name != "loss_error")
    return "  ".join(f"{translate(name, 'words')} {value:.4g}" for name, value in shown)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def indented(sample: str) -> str:
    """Return the sample, indented and without control characters."""
    return "\n".join(f"    {line}" for line in replace_control_characters(sample).split("\n"))

"""What a person sees while a model trains: a line that moves on a terminal, a few plain lines elsewhere. On stderr."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

PLAIN_SECONDS = 10.0  # between two lines where nothing can move


class Display(Protocol):
    """What the loop tells. Nothing that it is told changes the training."""

    def begin(self, progress: float, unit: str = "tokens") -> None:
        """Training starts, or goes on from a progress above 0."""

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        """An update is done; tokens and seconds are since this process began."""

    def validated(self, step: int, metrics: dict[str, float], *, best: bool, sample: str | None) -> None:
        """A validation is done."""

    def say(self, message: str) -> None:
        """Something a person should know."""

    def end(self) -> None:
        """Training is over."""


class Silence:
    """Says nothing."""

    def begin(self, progress: float, unit: str = "tokens") -> None: ...
    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None: ...
    def validated(self, step: int, metrics: dict[str, float], *, best: bool, sample: str | None) -> None: ...
    def say(self, message: str) -> None: ...
    def end(self) -> None: ...


class ConsoleDisplay:
    """Writes to a rich console: a moving line on a terminal, else a plain line every ten seconds."""

    def __init__(self, console: Console, *, samples: bool = True) -> None:
        self._console = console
        self._samples = samples
        self._bar: Progress | None = None
        self._bar_task = TaskID(0)
        self._loss = 0.0
        self._origin = 0.0
        self._unit = "tokens"
        self._told = time.monotonic()

    def begin(self, progress: float, unit: str = "tokens") -> None:
        self._origin, self._unit = progress, unit
        if not self._console.is_terminal:
            return
        self._bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self._console, transient=True
        )
        self._bar_task = self._bar.add_task("starting", total=1.0)
        self._bar.start()

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        self._loss = loss if not self._loss else 0.95 * self._loss + 0.05 * loss
        now = time.monotonic()
        if now - self._told < (0.2 if self._bar else PLAIN_SECONDS):
            return
        gained = progress - self._origin
        left = seconds * (1.0 - progress) / gained if gained > 0.0 else 0.0
        rate = tokens / seconds if seconds else 0.0
        line = f"step {step:,}  loss {self._loss:.3f}  {rate:,.0f} {self._unit}/s  {_clock(left)} left"
        if self._bar is not None:
            self._bar.update(self._bar_task, completed=progress, description=line)
        else:
            self._console.print(f"{progress:4.0%}  {line}", highlight=False, soft_wrap=True)
        self._told = now

    def validated(self, step: int, metrics: dict[str, float], *, best: bool, sample: str | None) -> None:
        told = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.say(f"step {step:,}  held out: {told}{'  (best so far)' if best else ''}")
        if sample and self._samples:
            self._console.print(Text(_indented(sample), style="dim"), soft_wrap=True)

    def say(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _indented(sample: str) -> str:
    """The sample with what a terminal would obey made harmless."""
    shown = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in sample)
    return "\n".join(f"    {line}" for line in shown.splitlines())

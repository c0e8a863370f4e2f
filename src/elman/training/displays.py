"""The display of a training, by where it is shown."""

from __future__ import annotations

from rich.console import Console

from .notebook_progress import NotebookDisplay
from .progress import ConsoleDisplay, Display, SilentDisplay


def display_on(console: Console, *, quiet: bool = False) -> Display:
    """Return the display for a console: none if quiet, one text that changes in a notebook, else lines."""
    if quiet:
        return SilentDisplay()
    return NotebookDisplay() if console.is_jupyter else ConsoleDisplay(console)

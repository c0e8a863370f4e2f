"""Small configs, and what the tests of experiment.py read of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman.training.progress import SilentDisplay

TINY: dict[str, Any] = {
    "model": {"hidden_size": 16, "embedding_size": 8},
    "training": {"steps": 4, "batch_size": 4, "bptt_steps": 8, "threads": 1},
}


TINY_PAIRS: dict[str, Any] = {
    "model": {"hidden_size": 8, "embedding_size": 6},
    "training": {"steps": 3, "batch_size": 8, "threads": 1},
}


class Recorder(SilentDisplay):
    """A display that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def notify(self, message: str) -> None:
        self.messages.append(message)


def with_training(**training: Any) -> dict[str, Any]:
    """Return TINY with other values of the training config."""
    return {**TINY, "training": {**TINY["training"], **training}}


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def speed(card: str) -> float:
    """Return the items per second on a card."""
    (line,) = (line for line in card.splitlines() if line.startswith("| speed | "))
    return float(line.split()[3].replace(",", ""))


class Killed(BaseException):
    """The end of a process that is killed."""

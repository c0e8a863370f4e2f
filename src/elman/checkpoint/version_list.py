"""The list of a run's versions: what each one is, and what its model folder says about its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .model_folder import CONFIG
from .model_info import ModelInfo
from .run_folder import RUN_ENTRIES, require_run_folder
from .serialization import parse_json
from .versions import folder_of, history_of, read_outcome, unfinished_version, version_numbers

State = Literal["current", "earlier", "undone", "rejected", "unfinished"]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a run.

    state: current; earlier: to which `rollback` returns; undone: by a rollback; rejected: not better than the current
    one of that time; unfinished: its training was interrupted, or goes on. model_bytes, folder_bytes: sizes.
    """

    number: int
    state: State
    folder: Path
    task: str | None
    info: ModelInfo
    outcome: dict[str, Any] | None
    model_bytes: int
    folder_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return what `elman versions --json` prints of a version."""
        comparison = {key: value for key, value in (self.outcome or {}).items() if key != "accepted"}
        return {
            "version": self.number,
            "state": self.state,
            "name": self.info.name,
            "date": self.info.date,
            "data_sha256": self.info.data_sha256,
            "metrics": dict(self.info.metrics),
            "comparison": comparison or None,
            "folder": str(self.folder),
            "model_bytes": self.model_bytes,
            "folder_bytes": self.folder_bytes,
        }


def list_versions(run: Path) -> list[Version]:
    """Return the versions of a run, the oldest first; a path that is no run folder is a ModelError."""
    require_run_folder(run)
    return [_version(run, number) for number in version_numbers(run)]


def _version(run: Path, number: int) -> Version:
    folder = folder_of(run, number)
    path = folder / "model" / CONFIG
    config = parse_json(path.read_bytes(), path) if path.is_file() else {}  # a training may have just begun
    outcome, task = read_outcome(run, number), config.get("task")
    entries = [folder / name for name in (*RUN_ENTRIES, "model")] if folder == run else [folder]
    return Version(
        number=number,
        state=_state(run, number, outcome),
        folder=folder,
        task=task if isinstance(task, str) else None,
        info=ModelInfo.of_config(config, path),
        outcome=outcome,
        model_bytes=_size(folder / "model"),
        folder_bytes=sum(map(_size, entries)),
    )


def _state(run: Path, number: int, outcome: dict[str, Any] | None) -> State:
    history = history_of(run)
    if number in history:
        return "current" if number == history[0] else "earlier"
    if number == unfinished_version(run):
        return "unfinished"
    return "rejected" if outcome is not None and not outcome.get("accepted") else "undone"


def _size(path: Path) -> int:
    """Return the bytes of a file, or of the files in a folder; 0 if it is not there."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())

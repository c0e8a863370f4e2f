"""The current version of a run folder: the file `current`, which one rename replaces.

    current            the numbers of the versions that were current, a line each; the first is the current one
    versions/0003/     a run folder for each version

A run that was never replaced has neither: it is its own version 1, and its files are in the run folder itself.
Every reader finds the current version here, and then reads inside one version only.
"""

from __future__ import annotations

import re
from pathlib import Path

from elman.errors import ModelError

from .durable_files import replace_file

CURRENT, VERSIONS = "current", "versions"
MAX_HISTORY = 1_000  # lines of `current`
_LINES = re.compile(r"(\d{4,9}\n)+")


def version_folder(run: Path, number: int) -> Path:
    """Return the folder of a version."""
    return run / VERSIONS / f"{number:04d}"


def read_history(run: Path) -> tuple[int, ...]:
    """Return the numbers of the versions that were current, the current one first; none if it was never replaced."""
    path = run / CURRENT
    if not ((run / VERSIONS).is_dir() and path.is_file()):
        return ()
    with path.open("rb") as stream:
        lines = stream.read(10 * MAX_HISTORY).decode("ascii", "replace")
    if not _LINES.fullmatch(lines):
        hint = "Write the number of a folder of versions into it, such as 0001, and a line end"
        raise ModelError("the file is damaged; expected numbers of versions", hint=hint, where=str(path))
    return tuple(dict.fromkeys(map(int, lines.split())))


def write_history(run: Path, numbers: tuple[int, ...]) -> None:
    """Make the first of the numbers the current version."""
    replace_file(run / CURRENT, "".join(f"{number:04d}\n" for number in numbers[:MAX_HISTORY]).encode())


def current_run(path: Path) -> Path:
    """Return the run folder of the current version of a run; any other path as it is."""
    history = read_history(path)
    return version_folder(path, history[0]) if history else path


def current_model(path: Path) -> Path:
    """Return the model folder of a path to a model folder that is the copy of a run's current version: the original."""
    run = path.absolute().parent
    return current_run(run) / path.name if path.name == "model" and read_history(run) else path

"""The task of a model folder, or what is wrong with the folder, for the list of models.

A model folder is read whole, since only then it is known to be intact; and it is read once, until a file of it changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elman.checkpoint import read_model
from elman.errors import ElmanError, ModelError


class ModelStatus(NamedTuple):
    """The task of an intact model folder, or the error that loading it gives."""

    task: str | None
    error: ElmanError | None


class ModelReader:
    """The status of one model folder. It remembers what it has read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: list[tuple[str, int, int]] | None = None
        self._status = ModelStatus(None, None)

    def read(self) -> ModelStatus:
        """Return the status now."""
        try:
            files = [(file.name, file.stat()) for file in self._path.iterdir()]
            stamp = sorted((name, status.st_size, status.st_mtime_ns) for name, status in files)
            if stamp != self._stamp:
                self._status = ModelStatus(str(read_model(self._path).config.get("task")), None)
                self._stamp = stamp
        except ElmanError as error:
            self._status, self._stamp = ModelStatus(None, error), stamp
        except OSError as error:
            return ModelStatus(None, ModelError(error.strerror or str(error), where=str(self._path)))
        return self._status

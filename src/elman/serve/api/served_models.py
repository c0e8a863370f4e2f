"""The models that are served, by name, and new versions of them.

A folder whose files have changed is a new version; one that is copied piece by piece is tried again. Requests that are
in progress keep the model that they began with. A new version that cannot be loaded, or that is a model of another
task, is reported, and the one that is served stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.checkpoint import current_model, current_run, is_run_folder
from elman.checkpoint.checksummed_folder import MANIFEST
from elman.errors import ConfigError, ElmanError, ModelError
from elman.explanation import describe_error
from elman.models.folder import FolderPredictor
from elman.tasks.loading import load
from elman.tasks.spec import AnyTask, task_spec

CARD = "README.md"  # which people edit
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Version:
    """A model as it is in memory."""

    predictor: FolderPredictor
    mark: tuple[int, ...] | None  # changes with the folder

    @property
    def fingerprint(self) -> str:
        """The checksum of the weights."""
        return self.predictor.fingerprint


class ServedModel:
    """A model by its name in addresses; `current` is the version that new requests use."""

    def __init__(self, name: str, run: Path) -> None:
        """Load the model of a run folder or a model folder; a damaged one is a ModelError."""
        self.name, self.run = name, run
        mark = self._mark()
        self.current = Version(load(run), mark)
        self.spec: AnyTask = task_spec(self.current.predictor.task)
        self._refused: tuple[int, ...] | None = None

    @property
    def predictor(self) -> Any:
        """The model that new requests use."""
        return self.current.predictor

    @property
    def has_new_version(self) -> bool:
        """Whether the folder has changed since it was loaded, or since it could not be loaded."""
        mark = self._mark()
        return mark is not None and mark not in (self.current.mark, self._refused)

    def load_new_version(self) -> None:
        """Replace the current version; an ElmanError leaves it as it is, and is raised once for a folder."""
        mark = self._mark()
        try:
            predictor = load(self.run)
            if predictor.task != self.spec.name:
                problem = f"the new version is a model of the task {predictor.task}; expected {self.spec.name}"
                raise ModelError(problem, hint="Serve it under another name", where=str(self.run))
        except ElmanError:
            self._refused = mark
            raise
        self.current = Version(predictor, mark)

    def _mark(self) -> tuple[int, ...] | None:
        """Return what identifies the files on disk; None while the folder is replaced."""
        try:
            run = current_run(current_model(self.run))
            folder = run / "model" if is_run_folder(run) else run
            if not (folder / MANIFEST).exists():
                return None
            files = sorted((entry for entry in os.scandir(folder) if entry.name != CARD), key=lambda entry: entry.name)
            statuses = [entry.stat() for entry in files]
        except (OSError, ModelError):
            return None
        return tuple(number for s in statuses for number in (s.st_ino, s.st_mtime_ns, s.st_size))


class ServedModels:
    """All models of a service."""

    def __init__(self, runs: Sequence[str]) -> None:
        """Load the models of `RUN` or `NAME=RUN`; the default name is the folder's. Equal names are a ConfigError."""
        self._models: dict[str, ServedModel] = {}
        for argument in runs:
            name, run = _named(argument)
            if name in self._models:
                problem = f"two models are named {name!r}; expected different names"
                raise ConfigError(problem, hint=f"Name one of them: {name}-2={run}")
            self._models[name] = ServedModel(name, run)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def __getitem__(self, name: str) -> ServedModel:
        return self._models[name]

    def load_new_versions(self, notify: Callable[[str, bool], None]) -> None:
        """Load what is new; notify is called with a message, and whether a new version is served."""
        for model in self:
            if not model.has_new_version:
                continue
            try:
                model.load_new_version()
            except ElmanError as error:
                notify(f"{model.name}: the new version is not used: {describe_error(error)}", False)
            else:
                notify(f"{model.name}: a new version is served, {model.current.fingerprint[:16]}", True)


def _named(argument: str) -> tuple[str, Path]:
    """Return the name and the folder of an argument."""
    name, equals, path = argument.partition("=")
    if not equals or not _NAME.fullmatch(name):
        path = argument
        folder = Path(path)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-.")
        if not _NAME.fullmatch(name):
            problem = f"the folder {folder} has no name that an address can contain"
            raise ConfigError(problem, hint=f"Name the model: model={folder}")
    return name, Path(path)

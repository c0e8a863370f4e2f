"""The folders that are named at the start of the studio: their runs, models and data files, each with a name.

A request names an entry, such as `runs/book`; the entry is looked up in a list that is read from the disk, and a name
never becomes part of a path. So no request opens a file outside the folders. Symbolic links that lead outside are not
in the list, nor is anything hidden.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from elman.checkpoint import current_run, is_model_folder, is_run_folder
from elman.errors import ConfigError, DataError, ModelError

MAX_DEPTH = 3  # of folders below one that is named
MAX_ENTRIES = 5_000  # files and folders that are looked at
DATA_ENDINGS = (".txt", ".tsv", ".csv", ".jsonl", ".json", ".conllu", ".conll", ".dict")
_NAME = re.compile(r"\w[\w.-]{0,59}")
MAX_NAME_BYTES = 180  # of UTF-8: disks take 255, with the ending of a temporary file

Kind = Literal["run", "model", "data", "folder"]


class Entry(NamedTuple):
    """A run folder, a model folder, a data file, or a folder that holds them. `name` is unique and shown."""

    name: str
    kind: Kind
    path: Path


class Scan(NamedTuple):
    """The entries of the folders; is_complete is False where there are more than MAX_ENTRIES files and folders."""

    entries: list[Entry]
    is_complete: bool


class Folders:
    """The folders that are named at the start. They need not exist yet."""

    def __init__(self, paths: Sequence[Path]) -> None:
        names = [str(path) for path in paths]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError("given twice; expected different folders", hint="Name each folder once", where=repeated)
        for path in paths:
            if path.exists() and not path.is_dir():
                problem = "the path is a file; expected a folder with runs, models or data"
                raise ConfigError(problem, hint="Name the folder that holds it", where=str(path))
        self.paths = tuple(paths)

    def entries(self) -> list[Entry]:
        """Return what is in the folders now, in the order of the names within each folder."""
        return self.scan().entries

    def scan(self) -> Scan:
        """Return the entries, and whether all files and folders were looked at."""
        budget = _Budget(MAX_ENTRIES)
        entries = (entry for path in self.paths for entry in _entries(path, str(path), path.resolve(), 0, budget))
        by_name = {entry.name: entry for entry in entries}  # a folder may be named beside the one that it is in
        return Scan(list(by_name.values()), budget.number >= 0)

    def run(self, name: str) -> Path:
        """Return the path of a run folder by its name; another name is a ModelError."""
        return self._look_up(name, ("run",), "no run of this name is in the folders of the studio")

    def model(self, name: str) -> Path:
        """Return the path of a run folder or a model folder by its name; another name is a ModelError."""
        return self._look_up(name, ("run", "model"), "no run and no model of this name is in the folders of the studio")

    def data_file(self, name: str) -> Path:
        """Return the path of a data file by its name; another name is a DataError."""
        for entry in self.entries():
            if (entry.name, entry.kind) == (name, "data"):
                return entry.path
        problem = "no data file of this name is in the folders of the studio"
        raise DataError(problem, hint="Choose one of the list", where=name)

    def new_path(self, folder: str, name: str) -> Path:
        """Return the path of a run or a file to create in a folder; a name that is taken or not allowed is an error."""
        for entry in self.entries():
            if (entry.name, entry.kind) == (folder, "folder"):
                break
        else:
            problem = "no folder of this name is among those of the studio"
            raise ConfigError(problem, hint="Choose one of the list", where=folder)
        if not _NAME.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES:
            problem = f"the name {name!r} is not allowed; expected at most 60 letters, digits, '.', '-' and '_'"
            raise ConfigError(problem, hint="Begin with a letter or a digit")
        path = entry.path / name
        if path.exists() or path.is_symlink():
            raise ConfigError("the name is taken", hint="Choose another name", where=f"{folder}/{name}")
        return path

    def _look_up(self, name: str, kinds: tuple[Kind, ...], problem: str) -> Path:
        for entry in self.entries():
            if entry.name == name and entry.kind in kinds:
                return entry.path
        raise ModelError(problem, hint="Choose one of the list", where=name)


class _Budget:
    """How many more files and folders are looked at, so that a whole disk named by mistake does no harm."""

    def __init__(self, number: int) -> None:
        self.number = number

    def spend(self) -> bool:
        """Count one, and return whether it may be looked at."""
        self.number -= 1
        return self.number >= 0


def _entries(path: Path, name: str, root: Path, depth: int, budget: _Budget) -> Iterator[Entry]:
    """Yield the entry of a folder and those below it. root is the folder of the start, without symbolic links."""
    if is_run_folder(path) or is_model_folder(path):
        with contextlib.suppress(OSError, ModelError):  # of a run whose file `current` is damaged
            folder = current_run(path)  # of a run with versions, the current one has the name of the run
            if not _has_link_outside(folder, root):
                yield Entry(name, "run" if is_run_folder(path) else "model", folder)
        return
    yield Entry(name, "folder", path)
    for child in _visible(path):
        if not budget.spend():
            return
        child_name = f"{name.rstrip('/')}/{child.name}"
        if _leads_outside(child, root):
            continue
        if _is_folder(child) and depth < MAX_DEPTH:
            yield from _entries(Path(child.path), child_name, root, depth + 1, budget)
        elif child.name.removesuffix(".gz").endswith(DATA_ENDINGS) and _is_file(child):
            yield Entry(child_name, "data", Path(child.path))


def _visible(path: Path) -> list[os.DirEntry[str]]:
    """Return the children of a folder that are not hidden, by name; none if it cannot be read.

    Names that are no UTF-8 are left out: a page could not name them.
    """
    try:
        with os.scandir(path) as children:
            visible = [child for child in children if child.name[0] != "." and _is_utf8(child.name)]
    except OSError:
        return []
    return sorted(visible, key=lambda child: child.name)


def _is_utf8(name: str) -> bool:
    """Return whether the bytes of a name are UTF-8; other bytes are lone surrogates in Python."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _has_link_outside(path: Path, root: Path) -> bool:
    """Return whether a run folder or a model folder is or has a symbolic link out of the folder of the start."""
    if not path.resolve().is_relative_to(root):
        return True
    folders = (path, path / "model", path / "checkpoints")
    return any(_leads_outside(child, root) for folder in folders for child in _visible(folder))


def _leads_outside(child: os.DirEntry[str], root: Path) -> bool:
    """Return whether a child is a symbolic link that leads outside, or nowhere."""
    try:
        return child.is_symlink() and not Path(child.path).resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself, or to nothing
        return True


def _is_file(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_file()
    except OSError:
        return False


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        return False

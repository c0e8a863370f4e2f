"""The content of a folder in memory, how damage changes it, and how it is written to the disk.

A file is bytes, or one of the special entries: a link, a pipe, a folder, or a file that is long and empty.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Link(NamedTuple):
    """A symbolic link; `{outside}` in the target stands for a folder beside the damaged one."""

    target: str


class Pipe(NamedTuple):
    """A named pipe, at which a reader waits for ever."""


class Folder(NamedTuple):
    """A folder in the place of a file."""


class Sparse(NamedTuple):
    """A file of this size, of which only the beginning takes space on the disk."""

    size: int
    head: bytes = b""


Entry = bytes | Link | Pipe | Folder | Sparse


class Change(NamedTuple):
    """What happens to a file of the folder immediately before the file number `at` is opened."""

    at: int
    name: str
    action: str  # truncate, grow, delete, replace, link


@dataclass
class Content:
    """The files of a folder by their paths in it, with `/` between the parts, and what happens to them later."""

    files: dict[str, Entry]
    changes: list[Change] = field(default_factory=list)
    note: str = ""  # what the damage is, for people
    outside: dict[str, bytes] = field(default_factory=dict)  # files in the folder `copy` beside the damaged one
    fixed: tuple[str, ...] = ()  # beginnings of the names of files that are not damaged

    def copy(self) -> Content:
        """Return a copy, which may be damaged."""
        return Content(dict(self.files), fixed=self.fixed)

    def bytes_of(self, name: str) -> bytes:
        """Return the content of a file; nothing for a special entry."""
        entry = self.files.get(name, b"")
        return entry if isinstance(entry, bytes) else b""

    def names(self, *endings: str) -> list[str]:
        """Return the files that hold bytes and may be damaged, of these endings if any are given."""
        names = [name for name, entry in self.files.items() if isinstance(entry, bytes)]
        return [
            name
            for name in names
            if (not endings or name.endswith(endings)) and not (self.fixed and name.startswith(self.fixed))
        ]

    @property
    def num_arrays(self) -> int:
        """The number of arrays in all safetensors files."""
        return sum(self.bytes_of(name).count(b'"dtype"') for name in self.files if name.endswith(".safetensors"))

    @property
    def size(self) -> int:
        """The number of bytes that all files take on the disk."""
        entries = self.files.values()
        return sum(
            len(entry.head) if isinstance(entry, Sparse) else len(entry)
            for entry in entries
            if isinstance(entry, bytes | Sparse)
        )


class Damage(NamedTuple):
    """A kind of damage. weight: how often it is chosen; function: changes the content, and may note what it did."""

    weight: float
    function: Callable[[Content, random.Random], None]


def read_folder(path: Path) -> Content:
    """Return the content of a folder on the disk."""
    files: dict[str, Entry] = {}
    for file in sorted(path.rglob("*")):
        if file.is_file():
            files[file.relative_to(path).as_posix()] = file.read_bytes()
    return Content(files)


def write_folder(content: Content, path: Path, outside: Path) -> None:
    """Write the content to a new folder."""
    path.mkdir(parents=True)
    shutil.rmtree(outside / "copy", ignore_errors=True)
    for name, copied in content.outside.items():
        copy = outside / "copy" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(copied)
    for name, entry in content.files.items():
        place = path / name
        if place.exists() or place.is_symlink():
            continue  # a special entry is in the place of its folder
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write_entry(entry, place, outside)
        except (OSError, ValueError):
            continue  # a name that this disk cannot hold


def _write_entry(entry: Entry, place: Path, outside: Path) -> None:
    if isinstance(entry, bytes):
        place.write_bytes(entry)
    elif isinstance(entry, Link):
        place.symlink_to(entry.target.format(outside=outside))
    elif isinstance(entry, Pipe):
        os.mkfifo(place)
    elif isinstance(entry, Folder):
        place.mkdir()
    else:
        with place.open("wb") as stream:
            stream.write(entry.head)
            stream.truncate(entry.size)


def fit_checksums(content: Content) -> None:
    """Make every manifest and record fit the files as they are now, so that what is behind the checksums is reached."""
    for name in content.names("corpus.json"):
        _fit_corpus(content, name)
    for name in content.names("manifest.json"):
        folder = name.removesuffix("manifest.json")
        entries = _entries(content.bytes_of(name))
        for file in content.names():
            inner = file.removeprefix(folder)
            if file.startswith(folder) and "/" not in inner and inner not in ("manifest.json", "README.md"):
                entries[inner] = {"sha256": sha256(content.bytes_of(file)), "size": len(content.bytes_of(file))}
        content.files[name] = json_text({"files": entries, "format": 1})


def _entries(manifest: bytes) -> dict[str, Any]:
    """Return the entries of a manifest, which stay for what is no plain file; none if it is damaged."""
    try:
        files = json.loads(manifest)["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return files if isinstance(files, dict) else {}


def _fit_corpus(content: Content, name: str) -> None:
    """Make the record of the training data fit its files; a record that is not JSON stays as it is."""
    folder = name.removesuffix("corpus.json")
    try:
        record = json.loads(content.bytes_of(name))
        if isinstance(record.get("files"), dict):
            record["files"] = {
                file: sha256(content.bytes_of(folder + file)) if folder + file in content.files else digest
                for file, digest in record["files"].items()
            }
            record["sizes"] = {
                file: len(content.bytes_of(folder + file)) if folder + file in content.files else size
                for file, size in record.get("sizes", {}).items()
            }
        elif isinstance(record.get("vocabulary"), str):  # of a language model
            record["vocabulary"] = sha256(content.bytes_of(f"{folder}vocabulary.json"))
            for part in ("train", "valid"):
                if isinstance(record.get(part), dict) and f"{folder}{part}.ids" in content.files:
                    record[part]["sha256"] = sha256(content.bytes_of(f"{folder}{part}.ids"))
        if record.pop("sha256", None) is not None:
            record["sha256"] = sha256(json_text(record))
        content.files[name] = json_text(record)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return


def json_text(value: Any) -> bytes:
    """Return JSON in the layout of elman's files."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def sha256(content: bytes) -> str:
    """Return the SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()

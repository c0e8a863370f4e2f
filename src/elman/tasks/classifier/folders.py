"""Folders of labelled texts: a file for each class with a text on each line, or a folder for each class with a file for
each text (aclImdb, 20 newsgroups, scikit-learn's load_files).

Hidden files are skipped. Files that describe the data, such as README or LICENSE, are left out and reported; so are
files beside the folders of classes, and a folder `unsup`, which holds texts without a label in aclImdb.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names, shorten
from elman.data.readers.input_formats import TABLE_SUFFIXES
from elman.data.readers.text import Line, SourceRecord, TextSource, numbered_lines
from elman.errors import DataError

FOLDER_HINT = "Put one file for each class into it, with one text on each line, or one folder for each class"
DESCRIPTIONS = ("readme", "license", "licence", "copying", "notice", "changelog", "citation")
SYSTEM_FILES = ("thumbs.db", "desktop.ini")  # which Windows leaves behind
PARTS = frozenset({"train", "training", "test", "testing", "valid", "validation", "dev", "val", "eval"})
UNLABELLED = "unsup"


class ClassFolder:
    """The texts of a folder; a label is the name of a file without its suffix, or the name of a folder."""

    def __init__(self, path: Path, *, encoding: str | None = None, notify: Notify = lambda message: None) -> None:
        self.name = str(path)
        self._notify = notify
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        folders = [entry for entry in entries if entry.is_dir() and entry.name != UNLABELLED]
        self._has_file_per_text = bool(folders)
        if folders:
            files = [(folder.name, file) for folder in folders for file in self._texts_of(folder)]
            with_texts = {label for label, _ in files}
            chosen = [*(folder for folder in folders if folder.name in with_texts), *(file for _, file in files)]
            present = [*entries, *(file for folder in folders for file in folder.iterdir() if file.name[0] != ".")]
        else:
            chosen = [entry for entry in entries if entry.is_file() and not is_description(entry)]
            files, present = [(label_of(file), file) for file in chosen], entries
            if len({label for label, _ in files}) < len(files):
                problem = "the folder contains several files of one class; expected one"
                raise DataError(problem, hint="Name each file after its class", where=self.name)
        self._require_classes([label for label, _ in files])
        self._files, self._encoding = files, encoding
        kept = set(chosen)
        self._left_out = [str(entry.relative_to(path)) for entry in present if entry not in kept]
        self._sources = [
            (label, TextSource(file, encoding=encoding, notify=self._notify_once)) for label, file in files
        ]
        self._is_notified = False

    @property
    def record(self) -> SourceRecord:
        """The name and size of what was read so far, and a hash of the hashes of all files."""
        records = [(label, source.record) for label, source in self._sources]
        digest = hashlib.sha256("".join(f"{label}\t{record.sha256}\n" for label, record in records).encode())
        return SourceRecord(self.name, sum(record.bytes for _, record in records), digest.hexdigest())

    def check(self) -> None:
        """Check the beginnings of all files."""
        if not self._sources:
            raise DataError("the folder is empty; expected files", hint=FOLDER_HINT, where=self.name)
        for _, source in self._sources:
            source.check()
        self._require_no_header()

    def _require_no_header(self) -> None:
        """Raise a DataError if the files of the classes are tables that begin with the same line."""
        tables = [file for _, file in self._files if file.suffix.lower() in TABLE_SUFFIXES]
        if self._has_file_per_text or len(tables) < 2 or len(tables) < len(self._files):
            return
        sources = (TextSource(file, encoding=self._encoding) for file in tables)
        first_lines = {next((text for _, text in numbered_lines(source)), "") for source in sources}
        if len(first_lines) == 1:
            problem = f"all files begin with the line {shorten(first_lines.pop())!r}; expected a text on each line"
            hint = "Put the rows of all files into one table with the columns text and label"
            raise DataError(problem, hint=hint, where=self.name)

    def texts(self) -> Iterator[tuple[str, Line]]:
        """Yield the label of each text, its place and the text."""
        if self._left_out:
            self._notify(f"{self.name}: left out {list_names(self._left_out)}")
        for label, source in self._sources:
            if self._has_file_per_text:
                yield label, (source.name, "".join(source.blocks()))
            else:
                yield from ((label, line) for line in numbered_lines(source) if line[1].strip())

    def _require_classes(self, labels: list[str]) -> None:
        """Raise a DataError for names of files or folders that are no classes."""
        unreadable = next((label for label in labels if not _is_unicode(label)), None)
        if unreadable is not None:
            problem = f"the name of the class {unreadable!r} is not UTF-8; expected a name of Unicode"
            raise DataError(problem, hint="Rename it", where=self.name)
        if len(set(labels)) > 1 and {label.lower() for label in labels} <= PARTS:
            names = list_names(sorted(set(labels)))
            hint = "Name the one to train on, and the other one with --valid"
            raise DataError(f"{names} are parts of a data set; expected classes", hint=hint, where=self.name)

    def _texts_of(self, folder: Path) -> list[Path]:
        """Return the files of the texts of one class, in the order of their names."""
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        inner = next((entry.name for entry in entries if entry.is_dir()), None)
        if inner is not None:
            problem = (
                f"the folder of the class {folder.name!r} contains another folder, {inner!r}; expected one text a file"
            )
            hint = f"If {folder.name!r} holds a folder for each class, name it: {folder}"
            raise DataError(problem, hint=hint, where=self.name)
        return [entry for entry in entries if not is_description(entry)]

    def _notify_once(self, message: str) -> None:
        """Pass on the first message alone, since each file of a folder would have the same one."""
        if not self._is_notified:
            self._is_notified = True
            self._notify(message)


def _is_unicode(name: str) -> bool:
    """Return whether the bytes of a name in the file system are text."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def label_of(path: Path) -> str:
    """Return the label of a file: its name without .gz and without its suffix."""
    return Path(path.name.removesuffix(".gz")).stem


def is_description(path: Path) -> bool:
    """Return whether a file describes a data set, or belongs to the system, and is no part of the data."""
    name = path.name.lower()
    return path.is_file() and (name in SYSTEM_FILES or name.split(".")[0].rstrip("s") in DESCRIPTIONS)

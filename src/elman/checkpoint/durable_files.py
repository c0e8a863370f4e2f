"""Files that survive a crash: written to the disk with fsync, and replaced as a whole by one rename."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from elman.errors import ConfigError, ResourceError

TEMPORARY_SUFFIX = ".new"


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until its content is on the disk."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the entries of a folder are on the disk."""
    if os.name == "nt":
        return  # Windows cannot open a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees either the old content or the new content."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    with translate_disk_errors(path):
        write_synced(temporary, content)
        temporary.replace(path)
        sync_folder(path.parent)


@contextlib.contextmanager
def replaced_text(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes the place of `path` when the block ends, and is deleted if the block fails.

    Until then, the old file stays as it is, so it may be read in the block. A device or a pipe is written directly.
    Lone surrogates, which are no characters, are escaped, as on stdout.
    """
    target = path.resolve()  # of a symbolic link, which stays
    is_replaced = not target.exists() or target.is_file()
    temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}") if is_replaced else target
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        if is_replaced:
            temporary.replace(target)
    except BaseException:
        if is_replaced:
            temporary.unlink(missing_ok=True)
        raise


def check_output_file(path: Path, flag: str, *, new: bool = False) -> None:
    """Raise an error, before the work, if the file of an option cannot be written or, with `new`, if it exists."""
    if path.is_dir():
        raise ConfigError(f"{flag}: is a folder; expected a file to write", where=str(path))
    if new and path.exists():
        hint = "Choose another name, or delete it"
        raise ConfigError(f"{flag}: the file exists; expected a new file", hint=hint, where=str(path))
    if not path.absolute().parent.is_dir():
        hint = f"Create it: mkdir -p {path.parent}"
        raise ConfigError(f"{flag}: the folder does not exist", hint=hint, where=str(path))
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ConfigError(f"{flag}: the file cannot be written", hint="Check the permissions", where=str(path))


@contextlib.contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Raise a ResourceError where the block meets a full or read-only disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "Free some space, then continue with `elman resume RUN`; all checkpoints are intact"
            raise ResourceError("the disk is full", hint=hint, where=str(path)) from None
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            hint = "Check the permissions, or choose another folder"
            raise ResourceError(f"cannot write: {error.strerror}", hint=hint, where=str(path)) from None
        raise

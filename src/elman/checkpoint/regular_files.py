"""Files of a folder that may come from a stranger: read whole, if they are plain files inside of it.

A name in the folder may be a symbolic link to any file of this machine, a pipe at which a reader waits for ever, or a
device that never ends. None of them is opened for longer than it takes to see what it is. A file that grows while it is
read is read up to its expected size.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from elman.errors import ModelError

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def open_regular_file(folder: Path, name: str) -> io.FileIO:
    """Open a file of the folder to read it.

    A missing file, an unreadable one, a link out of the folder and anything but a plain file are a ModelError.
    """
    path = folder / name
    with _translated_errors(path):
        target = path.resolve(strict=True)
        if not target.is_relative_to(folder.resolve()):
            problem = "the file is a symbolic link out of the folder; expected a file inside of it"
            raise ModelError(problem, hint="Copy the file into the folder", where=str(path))
        if not target.is_file():  # a pipe or a device is not opened at all
            raise _not_a_file(path)
        stream = os.fdopen(os.open(target, _FLAGS), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # it was replaced a moment ago
        stream.close()
        raise _not_a_file(path)
    return stream


def read_regular_file(
    folder: Path, name: str, *, max_bytes: int | None = None, expected_size: int | None = None
) -> bytes:
    """Return the content of a file of the folder, as open_regular_file opens it.

    More bytes than max_bytes, and another number than expected_size, are a ModelError. Such a file is not read.
    """
    path = folder / name
    with open_regular_file(folder, name) as stream, _translated_errors(path):
        size = os.fstat(stream.fileno()).st_size
        _check_size(size, max_bytes, expected_size, path)
        content = _read(stream.fileno(), size)
    _check_size(len(content), None, expected_size, path)  # it may have become shorter
    return content


@contextlib.contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Raise a ModelError about the file in the place of an error of the system."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError("no such file", hint="Copy the whole folder again, or train again", where=str(path)) from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError in Python 3.11 and 3.12
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"the file cannot be read: {reason}", where=str(path)) from None


def _check_size(size: int, max_bytes: int | None, expected_size: int | None, path: Path) -> None:
    hint = "The folder is damaged: copy it again, or train again"
    if max_bytes is not None and size > max_bytes:
        problem = f"the file has {size:,} bytes; expected at most {max_bytes:,}"
        raise ModelError(problem, hint=hint, where=str(path))
    if expected_size is not None and size != expected_size:
        raise ModelError(f"the file has {size:,} bytes; expected {expected_size:,}", hint=hint, where=str(path))


def _not_a_file(path: Path) -> ModelError:
    problem = "this is not a plain file; expected one"
    return ModelError(problem, hint="Copy the whole folder again, or train again", where=str(path))


def _read(descriptor: int, size: int) -> bytes:
    """Return up to `size` bytes of a file that may become shorter or longer."""
    parts, remaining = [], size
    while remaining > 0 and (part := os.read(descriptor, remaining)):
        parts.append(part)
        remaining -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)

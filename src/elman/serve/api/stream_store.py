"""The states of streams in a folder, a file for each, so that all workers share them and none is lost with a worker.

A state is a few kilobytes. A file is replaced as a whole after its stream has read; while it reads, it is locked, so a
stream reads one request at a time. A stream without inputs for a long time is removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elman.errors import ElmanError

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
COUNT_SECONDS = 1.0  # between two counts of the files


class NoSuchStreamError(ElmanError):
    """No stream has this name, or it has been removed."""

    code = "stream"


class BusyStreamError(ElmanError):
    """Another request of the stream is in progress."""

    code = "busy"


class TooManyStreamsError(ElmanError):
    """As many streams are open as may be."""

    code = "full"


class StreamStore:
    """The streams of one model."""

    def __init__(self, folder: Path, *, max_streams: int, max_seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._max_streams, self._max_seconds = folder, max_streams, max_seconds
        self._count, self._counted = 0, -COUNT_SECONDS

    def __len__(self) -> int:
        """Return how many streams are open, a second ago at most."""
        now = time.monotonic()
        if now - self._counted >= COUNT_SECONDS:
            self._count, self._counted = sum(1 for _ in self._files()), now
        return self._count

    def open(self, state: bytes) -> str:
        """Return the name of a new stream; one too many is a TooManyStreamsError."""
        if len(self) >= self._max_streams:
            hint = "Close streams that are not needed"
            raise TooManyStreamsError(f"{self._max_streams:,} streams are open, which is the limit", hint=hint)
        name = secrets.token_urlsafe(16)
        self._write(name, state)
        self._count += 1
        return name

    @contextmanager
    def locked(self, name: str) -> Iterator[bytes]:
        """Yield the state of a stream, which no other request reads meanwhile."""
        with self._locked_file(name) as descriptor:
            yield os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def replace(self, name: str, state: bytes) -> None:
        """Replace the state of a stream that is locked."""
        self._write(name, state)

    def close(self, name: str) -> bytes:
        """Remove a stream, and return its state."""
        with self.locked(name) as state:
            self._path(name).unlink()
            self._count -= 1
            return state

    def remove_idle(self) -> None:
        """Remove the streams that have read nothing for a long time."""
        for path in self._files():
            try:
                if time.time() - path.stat().st_mtime > self._max_seconds:
                    self.close(path.name)
            except (OSError, ElmanError):
                continue  # it has just been closed, or it is read

    def _files(self) -> Iterator[Path]:
        try:
            entries = list(os.scandir(self._folder))
        except FileNotFoundError:
            return iter(())
        return (Path(entry.path) for entry in entries if _ID.fullmatch(entry.name))

    def _path(self, name: str) -> Path:
        if not _ID.fullmatch(name):
            raise self._missing(name)
        return self._folder / name

    def _write(self, name: str, state: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)  # somebody may have tidied the temporary files
        temporary = self._folder / f"{name}.new"
        temporary.write_bytes(state)
        temporary.replace(self._path(name))

    @contextmanager
    def _locked_file(self, name: str) -> Iterator[int]:
        """Yield the descriptor of the locked file, which is the one that has the name."""
        path = self._path(name)
        while True:
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                raise self._missing(name) from None
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    hint = "Send the next inputs of a stream after the answer to the ones before"
                    raise BusyStreamError("the stream reads another request", hint=hint) from None
                if self._is_current(descriptor, path):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    @staticmethod
    def _is_current(descriptor: int, path: Path) -> bool:
        """Return whether the file was not replaced before it was locked."""
        try:
            return os.fstat(descriptor).st_ino == path.stat().st_ino
        except FileNotFoundError:
            return False

    @staticmethod
    def _missing(name: str) -> NoSuchStreamError:
        hint = "Open a stream, with its last state if you have stored it"
        return NoSuchStreamError(f"there is no stream {name!r}, or it was closed", hint=hint)

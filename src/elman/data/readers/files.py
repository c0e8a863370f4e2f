"""Files as blocks of bytes: plain files, .gz files, pipes and stdin."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from elman.errors import DataError

STDIN = "-"
BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


@contextlib.contextmanager
def open_binary(path: str | Path, name: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin for `-`; an error shows `name`."""
    if str(path) == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening is guarded
    except FileNotFoundError:
        hint = "Check the path. `elman data list` shows the built-in data sets"
        raise DataError("no such file", hint=hint, where=name) from None
    except IsADirectoryError:
        hint = "Name the files in it one by one"
        raise DataError("this is a folder; expected a text file", hint=hint, where=name) from None
    except PermissionError:
        raise DataError("permission denied", hint="Check the permissions of the file", where=name) from None
    except OSError as error:
        raise DataError(f"cannot open the file: {error.strerror}", where=name) from None
    with stream:
        yield stream


def is_readable_once(path: str | Path) -> bool:
    """Return whether the path is stdin, a pipe, a socket or a device, whose content cannot be read a second time."""
    if str(path) == STDIN:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False  # opening the file reports the problem
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def decompress(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks, decompressed if they begin as a .gz file does."""
    first = next(blocks, b"")
    if not first.startswith(GZIP_MAGIC):
        yield first
        yield from blocks
        return
    with gzip.open(cast("BinaryIO", _BlockStream(_prepend(first, blocks)))) as stream:
        try:
            while block := stream.read(BLOCK_BYTES):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            hint = "Download or compress it again"
            raise DataError(f"the .gz file is damaged ({error})", hint=hint, where=name) from None


def _prepend(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _BlockStream(io.RawIOBase):
    """An iterator of blocks as a stream, for gzip to read from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._buffer or size < 0:
            block = next(self._blocks, b"")
            if not block:
                break
            self._buffer += block
        end = len(self._buffer) if size < 0 else size
        content, self._buffer = self._buffer[:end], self._buffer[end:]
        return content

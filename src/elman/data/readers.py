"""Readers: files, .gz files and stdin to blocks of text, with the place of the first bad byte.

The encoding is the one that the user names, or told by the beginning (encodings.py). CRLF and CR become LF. A block is
about a million characters and ends with a line where lines allow it, so a file larger than memory is no trouble.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from elman.errors import DataError

from .encodings import Notify, detect, is_byte_wise

STDIN = "-"
IN_MEMORY = "memory"
BLOCK_BYTES = 1 << 20
Line = tuple[str, str]  # where it stands, and its text


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What was read: the name that the user gave, the bytes read and their SHA-256 (of the file as it lies on disk)."""

    name: str
    bytes: int
    sha256: str


class Source(Protocol):
    """A text to read once."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def record(self) -> SourceRecord:
        """What was read, once `blocks` has ended."""

    def blocks(self) -> Iterator[str]:
        """Yield its text in blocks."""


@dataclass(frozen=True, slots=True)
class MemoryText:
    """Texts that a Python caller holds, each ending its own line."""

    texts: Sequence[str]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(self.blocks()).encode("utf-8", "surrogatepass")
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def blocks(self) -> Iterator[str]:
        for text in self.texts:
            text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no character
            yield text if text.endswith("\n") else text + "\n"


class TextSource:
    """One text to read once: a path or `-`. After `blocks()` has ended, `record` says what was read."""

    def __init__(self, path: str | Path, *, encoding: str | None = None, notify: Notify = lambda message: None) -> None:
        self._name = "stdin" if str(path) == STDIN else str(path)
        self._path = path
        self._encoding = encoding
        self._notify = notify
        self._hash = hashlib.sha256()
        self._bytes = 0
        if encoding is not None:
            try:
                "".encode(encoding)  # codecs.lookup would take what is no text encoding, such as hex
            except LookupError:
                raise DataError(
                    f"unknown encoding {encoding!r}", hint="Python's names work: utf-8, gb18030, latin-1, utf-16"
                ) from None

    @property
    def name(self) -> str:
        """The path as the user gave it, or `stdin`."""
        return self._name

    @property
    def record(self) -> SourceRecord:
        """What was read so far."""
        return SourceRecord(self.name, self._bytes, self._hash.hexdigest())

    def check(self) -> None:
        """Open the file and look at its beginning: what cannot be text is refused before anything is written."""
        if str(self._path) == STDIN or _is_pipe(Path(self._path)):
            return  # it can be read only once
        with _opened(self._path, self.name) as stream:
            first = stream.read(BLOCK_BYTES)
        if not first.startswith(b"\x1f\x8b") and self._encoding is None:
            detect(first, self.name, lambda message: None)

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks that end with a line where they can."""
        with _opened(self._path, self.name) as stream:
            rest = ""
            for text in self._decoded(_unzipped(self._counted(stream), self.name)):
                text = rest + text
                cut = text.rfind("\n") + 1
                if not cut and len(text) > BLOCK_BYTES:
                    cut = text.rfind(" ") + 1 or len(text)
                rest = text[cut:]
                if cut:
                    yield text[:cut]
            if rest:
                yield rest

    def lines(self) -> Iterator[tuple[str, str | None]]:
        """Yield each line and what is wrong with it: one that cannot be decoded is empty, and the rest goes on.

        In encodings whose line ends are no single byte, such as UTF-16, what cannot be decoded is a DataError.
        """
        with _opened(self._path, self.name) as stream:
            blocks = _unzipped(self._counted(stream), self.name)
            first = next(blocks, b"")
            encoding = self._encoding or detect(first, self.name, self._notify)
            if codecs.lookup(encoding).name == "utf-8-sig":
                encoding = "utf-8"  # the mark is no part of the first line
            if not is_byte_wise(encoding):
                yield from ((line, None) for line in _text_lines(self._decoded(_chain(first, blocks))))
                return
            for number, line in enumerate(_byte_lines(_chain(first.removeprefix(codecs.BOM_UTF8), blocks))):
                try:
                    text = line.decode(encoding)
                except UnicodeDecodeError as error:
                    yield "", f"not {encoding.upper()} at byte {error.start + 1} of the line"
                    continue
                yield (text if number else text.removeprefix("\ufeff")), None

    def _counted(self, stream: BinaryIO) -> Iterator[bytes]:
        while block := stream.read(BLOCK_BYTES):
            self._hash.update(block)
            self._bytes += len(block)
            yield block

    def _decoded(self, blocks: Iterator[bytes]) -> Iterator[str]:
        first = next(blocks, b"")
        encoding = self._encoding or detect(first, self.name, self._notify)
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("strict"), translate=True)
        lines, column, begun = 0, 0, False  # line and column are of the next byte
        for block in _chain(first, blocks):
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                held = len(error.object) - len(block)  # the beginning of a character, from the block before
                in_line = error.start - (before.rfind(b"\n") + 1) + (0 if b"\n" in before else column - held)
                line = lines + before.count(b"\n") + 1
                advice = "try --encoding gb18030" if encoding == "utf-8" else "is it in another encoding?"
                raise DataError(
                    f"not {encoding.upper()} at byte {in_line + 1} of the line",
                    hint=advice,
                    where=f"{self.name}:{line}",
                ) from None
            lines += block.count(b"\n")
            column = len(block) - (block.rfind(b"\n") + 1) + (0 if b"\n" in block else column)
            yield text.removeprefix("\ufeff") if not begun else text
            begun = True


def numbered_lines(source: Source) -> Iterator[Line]:
    """Yield each line of a source with its place, file:line."""
    number = 1
    begun: list[str] = []  # a line that goes on in the next block
    for block in source.blocks():
        first, *others = block.split("\n")
        begun.append(first)
        for other in others:
            yield f"{source.name}:{number}", "".join(begun)
            number += 1
            begun = [other]
    if any(begun):
        yield f"{source.name}:{number}", "".join(begun)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
    yield b""  # tells the decoder that the text has ended


def _byte_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends: LF, CRLF or CR."""
    rest = b""
    for block in blocks:
        lines = (rest + block).splitlines(keepends=True)
        whole = not lines or lines[-1].endswith(b"\n")  # after CR, LF may follow in the next block
        rest = b"" if whole else lines.pop()
        yield from (line.rstrip(b"\r\n") for line in lines)
    if rest:
        yield rest.rstrip(b"\r\n")


def _text_lines(blocks: Iterator[str]) -> Iterator[str]:
    """Yield lines without their ends, which are LF by now."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
    if rest:
        yield rest


def _is_pipe(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # opening it will say why
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


@contextlib.contextmanager
def _opened(path: str | Path, name: str) -> Iterator[BinaryIO]:
    if str(path) == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening is guarded
    except FileNotFoundError:
        raise DataError(
            "no such file", hint="check the path; `elman data list` names built-in texts", where=name
        ) from None
    except IsADirectoryError:
        raise DataError("is a folder, expected a text file", hint="name its files one by one", where=name) from None
    except PermissionError:
        raise DataError("may not be read", hint="check its permissions", where=name) from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", where=name) from None
    with stream:
        yield stream


def _unzipped(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    first = next(blocks, b"")
    if not first.startswith(b"\x1f\x8b"):
        yield first
        yield from blocks
        return
    with gzip.open(cast("BinaryIO", _BlockReader(_chain(first, blocks)))) as stream:
        try:
            while block := stream.read(BLOCK_BYTES):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"a damaged .gz file ({error})", hint="fetch or compress it again", where=name) from None


class _BlockReader(io.RawIOBase):
    """An iterator of blocks as a stream, which is what gzip reads."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._left or (size < 0):
            block = next(self._blocks, b"")
            if not block:
                break
            self._left += block
        end = len(self._left) if size < 0 else size
        taken, self._left = self._left[:end], self._left[end:]
        return taken

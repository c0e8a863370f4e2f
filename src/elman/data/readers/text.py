"""Text sources: files, .gz files, stdin and Python strings as blocks of text or as lines.

The user names the encoding, or it is detected from the beginning of the file (encodings.py). Line ends become LF
(line_ends.py). A zero byte is an error, wherever it is. A block has about a million characters and ends at a line end
if it contains one, so a file may be larger than memory.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Protocol

from elman.errors import DataError

from . import files
from .encodings import (
    ENCODING_HINT,
    Notify,
    detect_encoding,
    encoding_hint,
    has_byte_order_mark,
    has_single_byte_newlines,
    require_mark,
    zero_byte_error,
)
from .files import GZIP_MAGIC, STDIN, decompress, is_readable_once, open_binary
from .line_ends import LineEndTranslator, split_byte_lines
from .signatures import require_no_signature

IN_MEMORY = "memory"
Line = tuple[str, str]  # its place, `file:line`, and its text


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What was read: the name that the user gave, and the size and SHA-256 of the bytes before decompression."""

    name: str
    bytes: int
    sha256: str


class Source(Protocol):
    """A text that can be read once."""

    @property
    def name(self) -> str:
        """The name that errors show."""

    @property
    def record(self) -> SourceRecord:
        """What was read; complete once `blocks` has ended."""

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks."""


@dataclass(frozen=True, slots=True)
class MemoryText:
    """Texts from a Python caller; a line end is added to each text that lacks one."""

    texts: Sequence[str]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        content = "".join(self.blocks()).encode("utf-8", "surrogatepass")
        return SourceRecord(self.name, len(content), hashlib.sha256(content).hexdigest())

    def blocks(self) -> Iterator[str]:
        for text in self.texts:
            text = replace_surrogates(text)
            yield text if text.endswith("\n") else text + "\n"


class TextSource:
    """One text file, or stdin for the path `-`. It can be read once; `record` is complete when reading has ended."""

    def __init__(
        self,
        path: str | Path,
        *,
        encoding: str | None = None,
        notify: Notify = lambda message: None,
        in_pieces: bool = False,
    ) -> None:
        """Name a file. in_pieces: a block is what has arrived from a pipe, however little that is."""
        self._name = "stdin" if str(path) == STDIN else str(path)
        self._path = path
        self._encoding = encoding
        self._notify = notify
        self._in_pieces = in_pieces
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._ahead: Iterator[str] | None = None  # the blocks, if the first one was read ahead
        self.has_mark = False  # it begins with a byte order mark, as far as it was read
        self.hint = ENCODING_HINT  # for a line that cannot be decoded
        if encoding is not None:
            _require_encoding(encoding)

    @property
    def name(self) -> str:
        """The path that the user gave, or `stdin`."""
        return self._name

    @property
    def record(self) -> SourceRecord:
        """What was read so far."""
        return SourceRecord(self.name, self._bytes, self._hash.hexdigest())

    def check(self) -> None:
        """Raise a DataError if the file cannot be opened or its beginning is not text, before anything is written."""
        if is_readable_once(self._path):
            return
        with open_binary(self._path, self.name) as stream:
            first = stream.read(files.BLOCK_BYTES)
        if not first.startswith(GZIP_MAGIC):
            self._encoding_of(first, lambda message: None)

    def first_lines(self, count: int) -> list[Line]:
        """Return the first lines, at most `count` and those of one block, which stay to be read."""
        blocks = self.blocks()
        first = next(blocks, "")
        self._ahead = chain([first] if first else [], blocks)
        return list(islice(numbered_lines(MemoryText([first], self.name)), count)) if first else []

    def close(self) -> None:
        """Close the file, if first lines were read and `blocks` was not called."""
        self._ahead = None

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks; a block ends at a line end if it contains one."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            yield from ahead
            return
        with open_binary(self._path, self.name) as stream:
            rest = ""
            for text in self._decode(decompress(self._read_blocks(stream), self.name)):
                text = rest + text
                end = text.rfind("\n") + 1
                if not end and len(text) > files.BLOCK_BYTES:
                    end = text.rfind(" ") + 1 or len(text)
                rest = text[end:]
                if end:
                    yield text[:end]
            if rest:
                yield rest

    def lines(self) -> Iterator[tuple[str, str | None]]:
        """Yield each line and its problem or None; a line that cannot be decoded is empty, and reading continues.

        In an encoding whose line end is not a single byte, such as UTF-16, the first bad byte is a DataError.
        """
        with open_binary(self._path, self.name) as stream:
            blocks = decompress(self._read_blocks(stream), self.name)
            first = next(blocks, b"")
            encoding = self._encoding_of(first, self._notify)
            if codecs.lookup(encoding).name == "utf-8-sig":
                encoding = "utf-8"  # the byte order mark is removed below
            if not has_single_byte_newlines(encoding):
                yield from ((line, None) for line in _split_text_lines(self._decode(_restart(first, blocks))))
                return
            first = first.removeprefix(codecs.BOM_UTF8)
            for number, line in enumerate(split_byte_lines(_restart(first, blocks))):
                try:
                    text = line.decode(encoding)
                except UnicodeDecodeError as error:
                    if encoding == "utf-8" and self.hint == ENCODING_HINT:
                        self.hint = encoding_hint(first if line in first else line)
                    yield "", f"not {encoding.upper()} at byte {error.start + 1} of the line"
                    continue
                if b"\0" in line:
                    yield "", f"a zero byte at position {line.index(0) + 1} of the line; expected text"
                    continue
                yield (text if number else text.removeprefix("\ufeff")), None

    def _encoding_of(self, first: bytes, notify: Notify) -> str:
        """Return the encoding of a text that begins with these bytes: the one that is named, or the detected one."""
        require_no_signature(first, self.name)
        self.has_mark = has_byte_order_mark(first)
        if self._encoding is None:
            return detect_encoding(first, self.name, notify)
        require_mark(self._encoding, first, self.name)
        return self._encoding

    def _read_blocks(self, stream: BinaryIO) -> Iterator[bytes]:
        # Reading in pieces is done in a thread, which may still wait for data when the program ends. Then it must not
        # hold the lock of a buffered stream.
        read: Callable[[int], bytes] = getattr(stream, "raw", stream).read if self._in_pieces else stream.read
        while block := read(files.BLOCK_BYTES):
            self._hash.update(block)
            self._bytes += len(block)
            yield block

    def _decode(self, blocks: Iterator[bytes]) -> Iterator[str]:
        first = next(blocks, b"")
        encoding = self._encoding_of(first, self._notify)
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        line_ends = LineEndTranslator()
        line, column = 1, 0  # of the next byte
        is_beginning = True
        for block in _restart(first, blocks):
            try:
                text = line_ends.translate(decoder.decode(block, final=not block), is_last=not block)
            except UnicodeDecodeError as error:
                context = b"" if is_beginning else first
                raise self._decoding_error(error, encoding, context, len(block), line, column) from None
            if "\0" in text:
                before = text[: text.index("\0")]
                position = len(before) - (before.rfind("\n") + 1) + (0 if "\n" in before else column) + 1
                raise zero_byte_error(self.name, line + before.count("\n"), position)
            line += block.count(b"\n")
            column = len(block) - (block.rfind(b"\n") + 1) + (0 if b"\n" in block else column)
            yield text.removeprefix("\ufeff") if is_beginning else text
            is_beginning = False

    def _decoding_error(
        self, error: UnicodeDecodeError, encoding: str, first: bytes, block_size: int, line: int, column: int
    ) -> DataError:
        """Return the error for a byte that cannot be decoded; the block begins at `line` and `column`.

        first is the first block of the text, if another block has the error.
        """
        before = error.object[: error.start]
        carried = len(error.object) - block_size  # bytes of a character that begins in the block before
        start_column = 0 if b"\n" in before else column - carried
        byte = error.start - (before.rfind(b"\n") + 1) + start_column + 1
        is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        content = first if first.endswith(error.object) else first + error.object
        hint = encoding_hint(content) if is_utf8 else ENCODING_HINT
        line += before.count(b"\n")
        problem = f"not {encoding.upper()} at byte {byte} of the line"
        if not is_utf8 and "truncated" in error.reason:
            problem = f"the file ends in the middle of a character of {encoding.upper()}"
            hint = "It may have been cut; copy it again"
        return DataError(problem, hint=hint, where=f"{self.name}:{line}")


def numbered_lines(source: Source) -> Iterator[Line]:
    """Yield each line of a source with its place, `file:line`."""
    number = 1
    parts: list[str] = []  # of a line that continues in the next block
    for block in source.blocks():
        first, *others = block.split("\n")
        parts.append(first)
        for other in others:
            yield f"{source.name}:{number}", "".join(parts)
            number += 1
            parts = [other]
    if any(parts):
        yield f"{source.name}:{number}", "".join(parts)


def strip_text(text: str) -> str:
    """Return the text without surrounding white space and with `?` for lone surrogates."""
    return replace_surrogates(text.strip())


def replace_surrogates(text: str) -> str:
    """Return the text with `?` for lone surrogates, which are not characters and cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _require_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)  # codecs.lookup also accepts codecs that do not encode text, such as hex
    except LookupError:
        hint = "Use one of Python's names, such as utf-8, gb18030, latin-1 or utf-16"
        raise DataError(f"unknown encoding {encoding!r}", hint=hint) from None


def _restart(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the first block again, the others, and an empty block, which marks the end for a decoder."""
    if first:
        yield first
    yield from rest
    yield b""


def _split_text_lines(blocks: Iterator[str]) -> Iterator[str]:
    """Yield lines without their ends; all ends are LF."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
    if rest:
        yield rest

"""Reading text line by line: a line that cannot be decoded has a problem, and reading continues."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.data.readers import files
from elman.data.readers.text import SourceRecord, TextSource
from elman.errors import DataError

CHINESE = "时间旅行者对我们讲述一个深奥的问题。\n他的灰色眼睛闪闪发光。\n"


MIN_BLOCK = 4  # a byte order mark must be inside one block


Write = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """Return a function that writes bytes to a file and returns its path."""

    def write(content: bytes, name: str = "book.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def read(path: Path | str, encoding: str | None = None) -> str:
    return "".join(TextSource(path, encoding=encoding).blocks())


def error_of(path: Path | str, encoding: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, encoding)
    return caught.value


BAD_TEXTS = {
    "lines": ("ab\ncdé\n\n中文 x\n", b"\xff", "utf-8"),
    "crlf": ("ab\r\n中\r\ncd\r\n", b"\xc3", "utf-8"),
    "one_line": ("时间x旅行", b"\xff", "utf-8"),
    "mark": ("\ufeffab\n中c\n", b"\xff", None),
    "gb18030": ("ab\n时间x\n旅行 y\n", b"\xff", "gb18030"),
}


def lines(path: Path | str, encoding: str | None = None) -> list[tuple[str, str | None]]:
    return list(TextSource(path, encoding=encoding).lines())


LINES = ["The Time Traveller", "", " était là,\t\u2028\x0b\x85.", "时间旅行者 😀", "the end"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("has_last_end", [True, False], ids=["last_end", "no_last_end"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gz"])
def test_lines_are_the_same_for_any_encoding_line_end_and_block_size(
    file: Write, end: str, has_last_end: bool, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = end.join(LINES) + end * has_last_end
    path = file(gzip.compress(text.encode()) if encoding == "gz" else text.encode(encoding))
    named = encoding if encoding == "gb18030" else None
    assert [line for line, _ in lines(path, named)] == LINES
    assert "\n".join(LINES) + "\n" * has_last_end == read(path, named), "the same text as in blocks"
    for size in (*range(MIN_BLOCK, 24), 1000):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert lines(path, named) == [(line, None) for line in LINES], size


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "mark"])
@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_line_that_cannot_be_decoded_has_a_problem_and_the_others_are_read(
    file: Write, wrap: Callable[[bytes], bytes], mark: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(wrap(mark + "one\n中\n".encode() + b"ab\xffcd\r\nfine\n\xc3"))
    expected = [
        ("one", None),
        ("中", None),
        ("", "not UTF-8 at byte 3 of the line"),
        ("fine", None),
        ("", "not UTF-8 at byte 1 of the line"),
    ]
    for size in (*range(MIN_BLOCK, 30), 1000):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert lines(path) == expected, size


@pytest.mark.parametrize("name", [name for name in BAD_TEXTS if name != "crlf"])  # a single CR ends a line here
def test_the_first_invalid_line_is_the_same_as_for_reading_in_blocks(name: str, file: Write) -> None:
    text, invalid, encoding = BAD_TEXTS[name]
    content = text.encode(encoding or "utf-8")
    for position in range(3 if name == "mark" else 0, len(content) + 1):
        path = file(content[:position] + invalid + content[position + 1 :])
        error = error_of(path, encoding)
        numbered = enumerate(lines(path, encoding), 1)
        number, problem = next((number, problem) for number, (_, problem) in numbered if problem)
        assert error.where == f"{path}:{number}", position
        if name != "mark":  # whose three bytes are not a part of the line
            assert error.message == problem


def test_gb18030_is_also_detected_line_by_line(file: Write) -> None:
    path = file(CHINESE.encode("gb18030"))
    messages: list[str] = []
    decoded = TextSource(path, notify=messages.append).lines()
    assert [line for line, _ in decoded] == CHINESE.splitlines()
    assert messages == [f"{path}: not UTF-8; reading it as GB18030. Use --encoding for another encoding."]
    assert lines(file("\ufeff中\n".encode("gb18030")), "gb18030") == [("中", None)]


def test_lines_are_read_in_the_named_encoding(file: Write) -> None:
    for encoding in ("latin-1", "cp1251", "utf-16-le", "utf-32", "utf-8-sig", "UTF8", "cp037"):
        text = "машина\nвремени" if encoding == "cp1251" else "déjà\nvu"
        assert lines(file(text.encode(encoding)), encoding) == [(line, None) for line in text.split("\n")]


def test_in_utf16_the_first_invalid_byte_ends_reading_with_its_place(file: Write) -> None:
    path = file("ab\ncd\n".encode("utf-16") + b"\x00\xd8x\x00\n\x00")
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}:3: not UTF-16 at byte "):
        lines(path)


def test_lines_of_invalid_files_raise_the_same_errors_as_blocks(file: Write, tmp_path: Path) -> None:
    for path in (file(b"PK\x03\x04\0\0"), tmp_path, tmp_path / "nowhere.txt"):
        with pytest.raises(DataError) as caught:
            lines(path)
        assert str(caught.value) == str(error_of(path))
    whole = gzip.compress(b"a line\n" * 1000)
    with pytest.raises(DataError, match=r"the \.gz file is damaged"):
        lines(file(whole[:-9]))
    assert lines(file(b"")) == []


def test_lines_of_stdin_and_their_record(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "\ufeffone\r\ntwo".encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    source = TextSource("-")
    assert list(source.lines()) == [("one", None), ("two", None)]
    assert source.record == SourceRecord("stdin", len(content), hashlib.sha256(content).hexdigest())

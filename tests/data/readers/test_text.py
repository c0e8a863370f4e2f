"""Reading text: encodings, line ends, .gz, stdin, blocks of any size, and the place of the first invalid byte."""

from __future__ import annotations

import codecs
import errno
import gzip
import hashlib
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.data.readers import files
from elman.data.readers.text import MemoryText, SourceRecord, TextSource
from elman.errors import DataError

STORY = "The Time Traveller\r\nétait là,\n时间旅行者 😀\rthe end"
READ = "The Time Traveller\nétait là,\n时间旅行者 😀\rthe end"  # after LF, a lone CR ends no line
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


@pytest.mark.parametrize(
    "content",
    [
        STORY.encode("utf-8"),
        STORY.encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + STORY.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + STORY.encode("utf-16-be"),
        gzip.compress(STORY.encode("utf-8")),
        gzip.compress(STORY.encode("utf-16")),
        gzip.compress(STORY[:9].encode()) + gzip.compress(STORY[9:].encode()),
    ],
    ids=["utf8", "utf8_bom", "utf16_le", "utf16_be", "gz", "gz_of_utf16", "two_gz_in_one"],
)
def test_the_same_text_is_read_from_any_encoding_and_compression(
    file: Write, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(content)
    assert read(path) == READ
    for size in (*range(MIN_BLOCK, 24), len(content)):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert read(path) == READ, size


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_file_that_was_cut_ends_in_the_middle_of_a_character(file: Write, encoding: str) -> None:
    error = error_of(file(("時間\n" * 300).encode(encoding)[:-1]), encoding)
    assert error.message == f"the file ends in the middle of a character of {encoding.upper()}"


@pytest.mark.parametrize("encoding", ["gb18030", "latin-1", "utf-16-le", "cp1251", "shift-jis"])
def test_the_encoding_that_the_user_names_is_used(file: Write, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"latin-1": "déjà\nvu\n", "cp1251": "машина\nвремени\n", "shift-jis": "時間\n旅行\n"}.get(encoding, CHINESE)
    path = file(text.encode(encoding))
    for size in (1, 2, 3, 1000):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert read(path, encoding) == text


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex", ""])
def test_an_unknown_encoding_raises_an_error_before_reading(encoding: str) -> None:
    with pytest.raises(DataError) as caught:
        TextSource("book.txt", encoding=encoding)
    hint = "Use one of Python's names, such as utf-8, gb18030, latin-1 or utf-16"
    assert str(caught.value) == f"unknown encoding {encoding!r}. {hint}"


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_gb18030_is_detected_and_the_user_is_notified(file: Write, wrap: Callable[[bytes], bytes]) -> None:
    path = file(wrap(CHINESE.encode("gb18030")))
    messages: list[str] = []
    assert "".join(TextSource(path, notify=messages.append).blocks()) == CHINESE
    assert messages == [f"{path}: not UTF-8; reading it as GB18030. Use --encoding for another encoding."]


def test_utf8_is_read_without_a_message(file: Write) -> None:
    messages: list[str] = []
    assert "".join(TextSource(file(CHINESE.encode()), notify=messages.append).blocks()) == CHINESE
    assert messages == []


def test_gb18030_is_detected_even_if_the_block_ends_inside_a_character(
    file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file((CHINESE * 5).encode("gb18030"))
    for size in (40, 41):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert read(path) == CHINESE * 5


@pytest.mark.parametrize(
    "content",
    ["Une soirée très agréable à la fenêtre, déjà.\n".encode("latin-1"), (CHINESE * 3).encode()[:-2] + b"\xff\n"],
    ids=["latin1", "damaged_utf8"],
)
def test_other_bytes_are_not_detected_as_chinese(file: Write, content: bytes) -> None:
    assert error_of(file(content)).message.startswith("not UTF-8 at byte ")


BAD_TEXTS = {
    "lines": ("ab\ncdé\n\n中文 x\n", b"\xff", "utf-8"),
    "crlf": ("ab\r\n中\r\ncd\r\n", b"\xc3", "utf-8"),
    "one_line": ("时间x旅行", b"\xff", "utf-8"),
    "mark": ("\ufeffab\n中c\n", b"\xff", None),
    "gb18030": ("ab\n时间x\n旅行 y\n", b"\xff", "gb18030"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_the_first_invalid_byte_is_located_for_any_position_and_block_size(
    name: str, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference decodes the whole file at once, and counts lines before the byte and bytes since the line end."""
    text, invalid, encoding = BAD_TEXTS[name]
    content = text.encode(encoding or "utf-8")
    encoding_name = (encoding or "utf-8-sig").upper()
    for position in range(3 if name == "mark" else 0, len(content) + 1):
        damaged = content[:position] + invalid + content[position + 1 :]
        with pytest.raises(UnicodeDecodeError) as reference:
            damaged.decode(encoding or "utf-8")
        before = damaged[: reference.value.start]
        line, byte = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        path = file(damaged)
        for size in range(MIN_BLOCK, len(damaged) + 2):
            monkeypatch.setattr(files, "BLOCK_BYTES", size)
            error = error_of(path, encoding)
            assert error.where == f"{path}:{line}", (position, size)
            assert error.message == f"not {encoding_name} at byte {byte} of the line", (position, size)


def test_an_incomplete_character_at_the_end_of_the_file_is_located_at_its_first_byte(
    file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file("ab\nc中😀".encode()[:-1])
    for size in range(MIN_BLOCK, 14):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        error = error_of(path)
        assert (error.where, error.message) == (f"{path}:2", "not UTF-8 at byte 5 of the line")
    monkeypatch.undo()
    assert error_of(path).hint == "The other lines are UTF-8: repair this line, or remove it"


def test_an_invalid_byte_after_the_first_block_is_located(file: Write) -> None:
    lines = ["a line of thirty-one bytes in all"] * 40_000
    path = file("\n".join(lines).encode() + b"\nfine \xe9\n")
    assert path.stat().st_size > files.BLOCK_BYTES
    assert str(error_of(path)) == f"{path}:40001: not UTF-8 at byte 6 of the line. Try --encoding cp1252"
    assert error_of(path, "ascii").hint == "Name the encoding of the file with --encoding"


def test_an_invalid_byte_in_a_gz_file_is_located(file: Write) -> None:
    path = file(gzip.compress(b"one\ntw\xff\n"))
    assert error_of(path).where == f"{path}:2"


@pytest.mark.parametrize(
    "text", [READ, "", "\n\n", "no end", "a " * 50, "中" * 50, "x\n" + "y" * 50 + "\nz\n"], ids=repr
)
def test_blocks_form_the_text_and_end_at_line_ends_if_possible(
    text: str, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(text.encode())
    longest = max(len(line.encode()) for line in text.split("\n"))
    for size in range(MIN_BLOCK, 60):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        blocks = list(TextSource(path).blocks())
        assert "".join(blocks) == text
        assert all(blocks)
        assert max(map(len, blocks), default=0) <= 2 * size
        if longest < size:
            assert all(block.endswith("\n") for block in blocks[:-1])


def test_a_line_longer_than_a_block_is_split_at_a_space(file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(b"abc def " * 20)
    for size in range(5, 20):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        blocks = list(TextSource(path).blocks())
        assert len(blocks) > 4
        assert all(block.endswith(" ") for block in blocks), size


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_the_record_describes_the_file_on_disk(
    file: Write, wrap: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wrap(STORY.encode())
    path = file(content)
    expected = SourceRecord(str(path), len(content), hashlib.sha256(content).hexdigest())
    for size in (MIN_BLOCK, 1000):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        source = TextSource(path)
        source.check()  # counts nothing
        list(source.blocks())
        assert source.record == expected


def test_an_empty_file_has_no_blocks_and_a_record(file: Write) -> None:
    for content in (b"", gzip.compress(b"")):
        source = TextSource(file(content))
        source.check()
        assert list(source.blocks()) == []
        assert source.record.sha256 == hashlib.sha256(content).hexdigest()


def test_a_truncated_gz_file_raises_an_error(file: Write) -> None:
    content = gzip.compress(READ.encode() * 3)
    for end in range(2, len(content)):
        path = file(content[:end])
        error = error_of(path)
        assert (
            error.message
            == "the .gz file is damaged (Compressed file ended before the end-of-stream marker was reached)"
        )
        assert (error.where, error.hint) == (str(path), "Download or compress it again")


def test_a_gz_file_with_a_damaged_byte_returns_the_text_or_raises_an_error(file: Write) -> None:
    """A damaged name or time in the header has no effect."""
    content = gzip.compress(READ.encode(), mtime=0)
    failures = set()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        try:
            assert read(file(bytes(damaged))) == READ
        except DataError:
            failures.add(position)
    assert failures >= {0, 1, 2, *range(10, len(content))}


def test_a_gz_file_with_another_checksum_raises_an_error(file: Write) -> None:
    content = bytearray(gzip.compress(b"text\n"))
    content[-8] ^= 1
    path = file(bytes(content))
    error = error_of(path)
    assert re.fullmatch(r"the \.gz file is damaged \(CRC check failed 0x\w+ != 0x\w+\)", error.message)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_dash_means_stdin(wrap: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    content = wrap(STORY.encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    source = TextSource("-")
    source.check()  # reads nothing, because stdin can be read only once
    assert "".join(source.blocks()) == READ
    assert source.record == SourceRecord("stdin", len(content), hashlib.sha256(content).hexdigest())
    assert not sys.stdin.buffer.closed


def test_errors_in_stdin_name_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\n\xff")))
    hint = "Name the encoding of the file with --encoding"
    assert str(error_of("-")) == f"stdin:2: not UTF-8 at byte 1 of the line. {hint}"


def errors_of(path: Path) -> list[DataError]:
    """Return the errors of reading and of checking."""
    with pytest.raises(DataError) as caught:
        TextSource(path).check()
    return [error_of(path), caught.value]


def test_a_missing_file_raises_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bok.txt"
    for error in errors_of(path):
        assert str(error) == f"{path}: no such file. Check the path. `elman data list` shows the built-in data sets"
        assert error.exit_code == 3


def test_a_folder_raises_an_error(tmp_path: Path) -> None:
    for error in errors_of(tmp_path):
        assert str(error) == f"{tmp_path}: this is a folder; expected a text file. Name the files in it one by one"


def test_a_file_without_read_permission_raises_an_error(file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(b"text")

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    for error in errors_of(path):
        assert str(error) == f"{path}: permission denied. Check the permissions of the file"


def test_other_system_errors_are_quoted() -> None:
    path = Path("x" * 5000)
    for error in errors_of(path):
        assert str(error) == f"{path}: cannot open the file: File name too long"


def test_zero_bytes_are_not_text(file: Write) -> None:
    path = file(b"KP\x03\x04\0\0")
    for error in errors_of(path):
        assert error.message == "a zero byte at position 5 of the line, so this is not text; expected text"
        assert error.hint == (
            "If the file is UTF-16, name --encoding utf-16-le or utf-16-be; "
            "if it is an archive, decompress it (only .gz files are read directly)"
        )
        assert error.where == f"{path}:1"


def test_checking_a_valid_source_shows_no_message(file: Write) -> None:
    for content in (STORY.encode(), gzip.compress(b"text"), CHINESE.encode("gb18030")):
        TextSource(file(content)).check()
    TextSource(file("a\0".encode("utf-16-le")), encoding="utf-16-le").check()


def test_texts_in_memory_end_with_a_line_end_and_have_a_record() -> None:
    source = MemoryText(["one", "two\n", ""])
    assert list(source.blocks()) == list(source.blocks()) == ["one\n", "two\n", "\n"]
    assert source.record == SourceRecord("memory", 9, hashlib.sha256(b"one\ntwo\n\n").hexdigest())


def test_checking_a_pipe_does_not_read_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)  # for reading and writing, so that opening it never waits
    try:
        os.write(pipe, b"all of it\n")
        os.set_blocking(pipe, False)
        TextSource(tmp_path / "pipe").check()
        assert os.read(pipe, 100) == b"all of it\n"
    finally:
        os.close(pipe)


def test_with_a_named_encoding_nothing_is_detected(tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_bytes("héllo 你好\n".encode("utf-16-le"))
    source = TextSource(tmp_path / "wide.txt", encoding="utf-16-le")
    source.check()
    assert "".join(source.blocks()) == "héllo 你好\n"
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    assert "".join(TextSource(tmp_path / "latin.txt", encoding="cp1251").blocks()) == "cafй\n"

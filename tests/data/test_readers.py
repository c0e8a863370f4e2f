"""Reading text: encodings, line ends, .gz, stdin, blocks of any size, and the place of the first bad byte."""

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

from elman.data import readers
from elman.data.readers import MemoryText, SourceRecord, TextSource
from elman.errors import DataError

STORY = "The Time Traveller\r\nétait là,\n时间旅行者 😀\rthe end"
READ = "The Time Traveller\nétait là,\n时间旅行者 😀\nthe end"
CHINESE = "时间旅行者对我们讲述一个深奥的问题。\n他的灰色眼睛闪闪发光。\n"
LEAST_BLOCK = 4  # a byte order mark lies in one block

Write = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """Write bytes to a file, and return its path."""

    def write(content: bytes, name: str = "book.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def read(path: Path | str, encoding: str | None = None) -> str:
    return "".join(TextSource(path, encoding=encoding).blocks())


def refusal(path: Path | str, encoding: str | None = None) -> DataError:
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
def test_the_same_text_is_read_whatever_it_is_wrapped_in(
    file: Write, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(content)
    assert read(path) == READ
    for size in (*range(LEAST_BLOCK, 24), len(content)):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert read(path) == READ, size


@pytest.mark.parametrize("encoding", ["gb18030", "latin-1", "utf-16-le", "cp1251", "shift-jis"])
def test_an_encoding_that_the_user_names_is_the_one_used(
    file: Write, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {"latin-1": "déjà\nvu\n", "cp1251": "машина\nвремени\n", "shift-jis": "時間\n旅行\n"}.get(encoding, CHINESE)
    path = file(text.encode(encoding))
    for size in (1, 2, 3, 1000):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert read(path, encoding) == text


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex", ""])
def test_what_is_no_text_encoding_is_refused_before_reading(encoding: str) -> None:
    with pytest.raises(DataError) as caught:
        TextSource("book.txt", encoding=encoding)
    hint = "Python's names work: utf-8, gb18030, latin-1, utf-16"
    assert str(caught.value) == f"unknown encoding {encoding!r}; {hint}"


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_chinese_text_in_gb18030_is_told_by_its_bytes_and_said(file: Write, wrap: Callable[[bytes], bytes]) -> None:
    path, said = file(wrap(CHINESE.encode("gb18030"))), []
    assert "".join(TextSource(path, notify=said.append).blocks()) == CHINESE
    assert said == [f"{path}: read as GB18030, for it is not UTF-8 (--encoding names another)"]


def test_utf8_is_read_in_silence(file: Write) -> None:
    said: list[str] = []
    assert "".join(TextSource(file(CHINESE.encode()), notify=said.append).blocks()) == CHINESE
    assert said == []


def test_gb18030_is_told_though_the_block_ends_within_a_character(file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file((CHINESE * 5).encode("gb18030"))
    for size in (40, 41):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert read(path) == CHINESE * 5


@pytest.mark.parametrize(
    "content",
    ["Une soirée très agréable à la fenêtre, déjà.\n".encode("latin-1"), (CHINESE * 3).encode()[:-2] + b"\xff\n"],
    ids=["latin1", "damaged_utf8"],
)
def test_other_bytes_are_not_taken_for_chinese(file: Write, content: bytes) -> None:
    assert refusal(file(content)).message.startswith("not UTF-8 at byte ")


BAD_TEXTS = {
    "lines": ("ab\ncdé\n\n中文 x\n", b"\xff", "utf-8"),
    "crlf": ("ab\r\n中\r\ncd\r\n", b"\xc3", "utf-8"),
    "one_line": ("时间x旅行", b"\xff", "utf-8"),
    "mark": ("\ufeffab\n中c\n", b"\xff", None),
    "gb18030": ("ab\n时间x\n旅行 y\n", b"\xff", "gb18030"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_the_first_bad_byte_is_found_wherever_it_lies_and_wherever_blocks_end(
    name: str, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle decodes the whole file at once, and counts lines before the byte and bytes since the last line end."""
    text, bad, encoding = BAD_TEXTS[name]
    content = text.encode(encoding or "utf-8")
    shown = (encoding or "utf-8-sig").upper()
    for place in range(3 if name == "mark" else 0, len(content) + 1):
        damaged = content[:place] + bad + content[place + 1 :]
        with pytest.raises(UnicodeDecodeError) as oracle:
            damaged.decode(encoding or "utf-8")
        before = damaged[: oracle.value.start]
        line, byte = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        path = file(damaged)
        for size in range(LEAST_BLOCK, len(damaged) + 2):
            monkeypatch.setattr(readers, "BLOCK_BYTES", size)
            error = refusal(path, encoding)
            assert error.where == f"{path}:{line}", (place, size)
            assert error.message == f"not {shown} at byte {byte} of the line", (place, size)


def test_a_character_cut_off_by_the_end_of_the_file_is_found_at_its_first_byte(
    file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file("ab\nc中😀".encode()[:-1])
    for size in range(LEAST_BLOCK, 14):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        error = refusal(path)
        assert str(error) == f"{path}:2: not UTF-8 at byte 5 of the line; try --encoding gb18030"


def test_a_bad_byte_beyond_the_first_block_is_found_on_its_line(file: Write) -> None:
    lines = ["a line of thirty bytes, all told"] * 40_000
    path = file("\n".join(lines).encode() + b"\nfine \xe9\n")
    assert path.stat().st_size > readers.BLOCK_BYTES
    assert str(refusal(path)) == f"{path}:40001: not UTF-8 at byte 6 of the line; try --encoding gb18030"
    assert refusal(path, "ascii").hint == "is it in another encoding?"


def test_a_bad_byte_within_a_gz_is_found_on_its_line(file: Write) -> None:
    path = file(gzip.compress(b"one\ntw\xff\n"))
    assert refusal(path).where == f"{path}:2"


@pytest.mark.parametrize(
    "text", [READ, "", "\n\n", "no end", "a " * 50, "中" * 50, "x\n" + "y" * 50 + "\nz\n"], ids=repr
)
def test_blocks_joined_are_the_text_and_end_with_lines_where_lines_allow_it(
    text: str, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(text.encode())
    longest = max(len(line.encode()) for line in text.split("\n"))
    for size in range(LEAST_BLOCK, 60):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        blocks = list(TextSource(path).blocks())
        assert "".join(blocks) == text
        assert all(blocks)
        assert max(map(len, blocks), default=0) <= 2 * size
        if longest < size:
            assert all(block.endswith("\n") for block in blocks[:-1])


def test_a_line_too_long_for_a_block_is_cut_at_a_space(file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(b"abc def " * 20)
    for size in range(5, 20):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        blocks = list(TextSource(path).blocks())
        assert len(blocks) > 4
        assert all(block.endswith(" ") for block in blocks), size


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_the_record_is_of_the_file_as_it_lies_on_disk(
    file: Write, wrap: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wrap(STORY.encode())
    path = file(content)
    expected = SourceRecord(str(path), len(content), hashlib.sha256(content).hexdigest())
    for size in (LEAST_BLOCK, 1000):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        source = TextSource(path)
        source.check()  # looks, and counts nothing
        list(source.blocks())
        assert source.record == expected


def test_an_empty_file_has_no_blocks_and_a_record(file: Write) -> None:
    for content in (b"", gzip.compress(b"")):
        source = TextSource(file(content))
        source.check()
        assert list(source.blocks()) == []
        assert source.record.sha256 == hashlib.sha256(content).hexdigest()


def test_a_truncated_gz_is_refused_wherever_it_ends(file: Write) -> None:
    content = gzip.compress(READ.encode() * 3)
    for end in range(2, len(content)):
        path = file(content[:end])
        error = refusal(path)
        assert error.message == "a damaged .gz file (Compressed file ended before the end-of-stream marker was reached)"
        assert (error.where, error.hint) == (str(path), "fetch or compress it again")


def test_a_gz_with_a_damaged_byte_gives_its_text_or_is_refused(file: Write) -> None:
    """In the header a name or a time may change; beyond it nothing may."""
    content = gzip.compress(READ.encode(), mtime=0)
    refused = set()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        try:
            assert read(file(bytes(damaged))) == READ
        except DataError:
            refused.add(place)
    assert refused >= {0, 1, 2, *range(10, len(content))}


def test_a_gz_whose_checksum_differs_says_so(file: Write) -> None:
    content = bytearray(gzip.compress(b"text\n"))
    content[-8] ^= 1
    path = file(bytes(content))
    error = refusal(path)
    assert re.fullmatch(r"a damaged \.gz file \(CRC check failed 0x\w+ != 0x\w+\)", error.message)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_dash_is_stdin(wrap: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    content = wrap(STORY.encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    source = TextSource("-")
    source.check()  # reads nothing, for it could not be read again
    assert "".join(source.blocks()) == READ
    assert source.record == SourceRecord("stdin", len(content), hashlib.sha256(content).hexdigest())
    assert not sys.stdin.buffer.closed


def test_errors_in_stdin_are_located_in_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\n\xff")))
    assert str(refusal("-")) == "stdin:2: not UTF-8 at byte 1 of the line; try --encoding gb18030"


def both(path: Path) -> list[DataError]:
    """What reading says, and what looking beforehand says."""
    with pytest.raises(DataError) as looked:
        TextSource(path).check()
    return [refusal(path), looked.value]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bok.txt"
    for error in both(path):
        assert str(error) == f"{path}: no such file; check the path; `elman data list` names built-in texts"
        assert error.exit_code == 3


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    for error in both(tmp_path):
        assert str(error) == f"{tmp_path}: is a folder, expected a text file; name its files one by one"


def test_a_file_that_may_not_be_read_says_so(file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(b"text")

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    for error in both(path):
        assert str(error) == f"{path}: may not be read; check its permissions"


def test_what_else_the_system_says_is_handed_on() -> None:
    path = Path("x" * 5000)
    for error in both(path):
        assert str(error) == f"{path}: cannot be opened: File name too long"


def test_zero_bytes_are_no_text(file: Write) -> None:
    path = file(b"PK\x03\x04\0\0")
    for error in both(path):
        assert error.message == "is not text (it holds zero bytes)"
        assert error.hint == "expected UTF-8 text; .gz is read, other archives are not"
        assert error.where == str(path)


def test_a_source_that_is_fine_is_looked_at_in_silence(file: Write) -> None:
    for content in (STORY.encode(), gzip.compress(b"text"), CHINESE.encode("gb18030")):
        TextSource(file(content)).check()
    TextSource(file("a\0".encode("utf-16-le")), encoding="utf-16-le").check()


def test_texts_in_memory_end_their_lines_and_have_a_record() -> None:
    source = MemoryText(["one", "two\n", ""])
    assert list(source.blocks()) == list(source.blocks()) == ["one\n", "two\n", "\n"]
    assert source.record == SourceRecord("memory", 9, hashlib.sha256(b"one\ntwo\n\n").hexdigest())


def test_looking_at_a_pipe_does_not_read_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)  # a reader and a writer, so that nobody who opens it waits
    try:
        os.write(pipe, b"all of it\n")
        os.set_blocking(pipe, False)
        TextSource(tmp_path / "pipe").check()
        assert os.read(pipe, 100) == b"all of it\n"
    finally:
        os.close(pipe)


def test_a_named_encoding_is_not_second_guessed(tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_bytes("héllo 你好\n".encode("utf-16-le"))
    source = TextSource(tmp_path / "wide.txt", encoding="utf-16-le")
    source.check()
    assert "".join(source.blocks()) == "héllo 你好\n"
    with pytest.raises(DataError, match=r"is not text \(it holds zero bytes\)"):
        TextSource(tmp_path / "wide.txt").check()


# Line by line, where one that is damaged is no end of all


def lines(path: Path | str, encoding: str | None = None) -> list[tuple[str, str | None]]:
    return list(TextSource(path, encoding=encoding).lines())


LINES = ["The Time Traveller", "", " était là,\t\u2028\x0b\x85.", "时间旅行者 😀", "the end"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "not_ended"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gz"])
def test_lines_are_the_same_in_any_encoding_with_any_ends_and_in_blocks_of_any_size(
    file: Write, end: str, ended: bool, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = end.join(LINES) + end * ended
    path = file(gzip.compress(text.encode()) if encoding == "gz" else text.encode(encoding))
    named = encoding if encoding == "gb18030" else None
    assert [line for line, _ in lines(path, named)] == LINES
    assert "\n".join(LINES) + "\n" * ended == read(path, named), "as the blocks are, which training reads"
    for size in (*range(LEAST_BLOCK, 24), 1000):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert lines(path, named) == [(line, None) for line in LINES], size


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "mark"])
@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_line_that_cannot_be_decoded_is_told_and_the_rest_is_read(
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
    for size in (*range(LEAST_BLOCK, 30), 1000):
        monkeypatch.setattr(readers, "BLOCK_BYTES", size)
        assert lines(path) == expected, size


@pytest.mark.parametrize("name", [name for name in BAD_TEXTS if name != "crlf"])  # a CR left alone ends a line here
def test_the_first_bad_line_is_the_one_that_reading_in_blocks_stops_at(name: str, file: Write) -> None:
    text, bad, encoding = BAD_TEXTS[name]
    content = text.encode(encoding or "utf-8")
    for place in range(3 if name == "mark" else 0, len(content) + 1):
        path = file(content[:place] + bad + content[place + 1 :])
        error = refusal(path, encoding)
        number, wrong = next((number, wrong) for number, (_, wrong) in enumerate(lines(path, encoding), 1) if wrong)
        assert error.where == f"{path}:{number}", place
        if name != "mark":  # whose three bytes are no part of a line
            assert error.message == wrong


def test_gb18030_is_told_by_its_bytes_and_said_line_by_line_too(file: Write) -> None:
    path, said = file(CHINESE.encode("gb18030")), []
    found = TextSource(path, notify=said.append).lines()
    assert [line for line, _ in found] == CHINESE.splitlines()
    assert said == [f"{path}: read as GB18030, for it is not UTF-8 (--encoding names another)"]
    assert lines(file("\ufeff中\n".encode("gb18030")), "gb18030") == [("中", None)]


def test_a_named_encoding_is_the_one_whose_lines_are_read(file: Write) -> None:
    for encoding in ("latin-1", "cp1251", "utf-16-le", "utf-32", "utf-8-sig", "UTF8", "cp037"):
        text = "машина\nвремени" if encoding == "cp1251" else "déjà\nvu"
        assert lines(file(text.encode(encoding)), encoding) == [(line, None) for line in text.split("\n")]


def test_where_lines_cannot_be_told_apart_the_first_bad_byte_ends_it_with_its_place(file: Write) -> None:
    path = file("ab\ncd\n".encode("utf-16") + b"\x00\xd8x\x00\n\x00")
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}:3: not UTF-16 at byte "):
        lines(path)


def test_lines_of_what_is_no_text_are_refused_as_blocks_are(file: Write, tmp_path: Path) -> None:
    for path in (file(b"PK\x03\x04\0\0"), tmp_path, tmp_path / "nowhere.txt"):
        with pytest.raises(DataError) as caught:
            lines(path)
        assert str(caught.value) == str(refusal(path))
    whole = gzip.compress(b"a line\n" * 1000)
    with pytest.raises(DataError, match=r"a damaged \.gz file"):
        lines(file(whole[:-9]))
    assert lines(file(b"")) == []


def test_lines_of_stdin_and_their_record(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "\ufeffone\r\ntwo".encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    source = TextSource("-")
    assert list(source.lines()) == [("one", None), ("two", None)]
    assert source.record == SourceRecord("stdin", len(content), hashlib.sha256(content).hexdigest())

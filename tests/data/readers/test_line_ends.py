"""Line ends: the first one decides whether a lone CR ends a line or is a character of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers import files
from elman.data.readers.line_ends import LineEndTranslator, split_byte_lines
from elman.data.readers.text import TextSource, numbered_lines

CASES = [
    ("a\nb\rc\nd\n", ["a", "b\rc", "d"]),
    ("a\r\nb\rc\r\nd\r\n", ["a", "b\rc", "d"]),
    ("a\rb\nc", ["a\rb", "c"]),  # in one block, which contains LF
    ("a\rb\rc\r", ["a", "b", "c"]),
    ("a\rb\rc", ["a", "b", "c"]),
    ("a\n\r\nb\n", ["a", "", "b"]),
    ("a\r\r\nb\r\n", ["a\r", "b"]),
    ("10 %\r 20 %\r 30 %\ndone\n", ["10 %\r 20 %\r 30 %", "done"]),
    ("\r\n\r\na", ["", "", "a"]),
    ("a\nb\r", ["a", "b\r"]),
    ("no end", ["no end"]),
    ("\r", [""]),
]


def translated(text: str, size: int) -> str:
    translator = LineEndTranslator()
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    return "".join(
        [translator.translate(block, is_last=False) for block in blocks] + [translator.translate("", is_last=True)]
    )


@pytest.mark.parametrize(("text", "lines"), CASES, ids=[repr(text) for text, _ in CASES])
def test_a_lone_cr_ends_a_line_only_in_a_text_without_lf(text: str, lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    assert [line for line, _ in TextSource(path).lines()] == lines
    assert [line for _, line in numbered_lines(TextSource(path))] == lines


def test_a_file_of_lf_has_as_many_lines_as_wc_counts(tmp_path: Path) -> None:
    content = b"".join(b"line %d\r of many\x0b\x0c\xc2\x85\n" % i for i in range(1000))
    (tmp_path / "text").write_bytes(content)
    assert len(list(TextSource(tmp_path / "text").lines())) == content.count(b"\n")
    assert len(list(numbered_lines(TextSource(tmp_path / "text")))) == content.count(b"\n")


texts = st.text("ab\r\n", max_size=20)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(text=texts.filter(lambda text: "\r" not in text.replace("\r\n", "")), size=st.integers(1, 8))
def test_lf_and_crlf_are_the_same_for_any_block_size(text: str, size: int) -> None:
    expected = io.StringIO(text, newline=None).read()
    assert translated(text, size) == expected
    blocks = [text[i : i + size].encode() for i in range(0, len(text), size)]
    assert [line.decode() for line in split_byte_lines(iter(blocks))] == expected.removesuffix("\n").split("\n")[
        : len(expected) or 0
    ]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(text=texts, size=st.integers(1, 8))
def test_lines_of_bytes_are_those_of_the_text(text: str, size: int) -> None:
    whole = translated(text, size)
    blocks = [text[i : i + size].encode() for i in range(0, len(text), size)]
    lines = whole.split("\n")
    expected = lines[:-1] if lines[-1] == "" else lines
    assert [line.decode() for line in split_byte_lines(iter(blocks))] == expected


def test_the_first_line_end_decides_even_if_a_cr_ends_the_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_bytes(b"abc\r\nd\re\r\n")
    for size in range(4, 12):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert [line for line, _ in TextSource(tmp_path / "text").lines()] == ["abc", "d\re"], size
        assert "".join(TextSource(tmp_path / "text").blocks()) == "abc\nd\re\n", size

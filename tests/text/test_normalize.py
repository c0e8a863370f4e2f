"""Normalization compared with the forms of Unicode and with a cleaning without regular expressions."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text import NORMALIZERS

few = settings(deadline=None, max_examples=50)
texts = st.text(max_size=60)
lines = st.text(alphabet=string.ascii_letters + string.digits + " \t,.'’-é中\n", max_size=60)


def clean_line(line: str) -> str:
    """Return the words of letters a to z in lower case, separated by single spaces."""
    return " ".join("".join(c if c in string.ascii_letters else " " for c in line).split()).lower()


@few
@given(texts)
def test_none_does_not_change_the_text(text: str) -> None:
    assert NORMALIZERS["none"].pieces(text) == [text]
    assert NORMALIZERS["none"].prompt(text) == text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("nfc", "cafe\u0301", "café"),
        ("nfc", "\u1112\u1161\u11ab", "한"),
        ("nfd", "café 한", "cafe\u0301 \u1112\u1161\u11ab"),
        ("nfc", "Å ① ﬁ", "Å ① ﬁ"),  # composed, but not by the compatibility form
        ("lower", "ÀB Ж 中\nX", "àb ж 中\nx"),
        ("lower", "ΟΔΟΣ", "οδος"),  # a sigma at the end of a word has a special form
    ],
)
def test_texts_and_prompts_are_normalized_in_the_same_way(name: str, text: str, expected: str) -> None:
    assert NORMALIZERS[name].pieces(text) == [expected]
    assert NORMALIZERS[name].prompt(text) == expected


def test_textbook_cleans_the_sample_of_the_book() -> None:
    sample = "this is a good story ,\nthat is a pen ."
    assert NORMALIZERS["textbook"].pieces(sample) == ["this is a good story", "that is a pen"]
    one_line = "this is a good story , / that is a pen ."
    assert NORMALIZERS["textbook"].pieces(one_line) == ["this is a good story that is a pen"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("The Time Machine, by H. G. Wells [1898]", "the time machine by h g wells"),
        ("I'll", "i ll"),
        ("naïve 中文 text", "na ve text"),
        ("--1895--", ""),
        ("snake_case", "snake case"),
    ],
)
def test_textbook_deletes_all_characters_but_a_to_z(line: str, expected: str) -> None:
    assert NORMALIZERS["textbook"].pieces(line) == [expected]


@few
@given(lines)
def test_textbook_cleans_line_by_line(block: str) -> None:
    pieces = NORMALIZERS["textbook"].pieces(block)
    assert [piece for piece in pieces if piece] == [c for line in block.split("\n") if (c := clean_line(line))]


@few
@given(texts)
def test_textbook_leaves_only_letters_and_single_inner_spaces(block: str) -> None:
    for piece in NORMALIZERS["textbook"].pieces(block):
        assert set(piece) <= {*string.ascii_lowercase, " "}
        assert piece == " ".join(piece.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Time ", "time "), ("  Time", "time"), ("the\nTime,", "the time "), ("1895", ""), ("", "")],
)
def test_a_textbook_prompt_keeps_only_the_space_at_its_end(text: str, expected: str) -> None:
    assert NORMALIZERS["textbook"].prompt(text) == expected

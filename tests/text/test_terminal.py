"""Text on a terminal: what a terminal would obey is replaced, and nothing else."""

from __future__ import annotations

import unicodedata

import pytest

from elman.text.terminal import replace_control_characters


def test_control_characters_are_replaced() -> None:
    assert replace_control_characters("a\x1b[2Jb\x07\r\x9bc\x00") == "a\ufffd[2Jb\ufffd\ufffd\ufffdc\ufffd"
    controls = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) == "Cc" and chr(i) not in "\n\t"]
    assert replace_control_characters("".join(controls)) == "\ufffd" * 63


def test_characters_that_change_the_direction_are_replaced() -> None:
    controls = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    directions = [chr(i) for i in range(0x110000) if unicodedata.bidirectional(chr(i)) in controls]
    assert replace_control_characters("".join(directions)) == "\ufffd" * 9


@pytest.mark.parametrize(
    "text",
    [
        "plain é 你好\n\ttab 😀",
        "\u3000\u3000床前明月光",
        "« Où va-t-il\u202f?\u00a0»",
        "می\u200cخواهم",
        "👩\u200d👧 क\u094d\u200dष",
        "שלום\u200f!\u200e",
        "co\u00adoperate",
        "10\u2009000\u2003x",
        "🏴\U000e0067\U000e0062\U000e007f",
        "\ue000 a private glyph",
    ],
)
def test_white_space_joiners_and_marks_are_text(text: str) -> None:
    assert replace_control_characters(text) == text

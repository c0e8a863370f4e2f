"""Normalization of text before tokenization.

    none       no change
    nfc        the composed form of Unicode: e + combining acute becomes the single character é
    nfd        the decomposed form: é becomes e + combining acute, and a Korean syllable the letters that it consists of
    lower      lower case
    textbook   line by line, lower case, with a space for every run of characters other than a to z (Zhang et al., Dive
               into Deep Learning, 9.2). It deletes digits, apostrophes and all scripts other than Latin

A block of text becomes a list of pieces, which are tokenized separately. `textbook` makes a piece of every line and
deletes the line ends. At character level the last word of a line and the first word of the next line therefore join, as
in the book; at word level they do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_NOT_A_LETTER = re.compile("[^A-Za-z]+")


class Normalizer(NamedTuple):
    """`pieces` normalizes a block of complete lines, `prompt` the beginning of a text."""

    pieces: Callable[[str], list[str]]
    prompt: Callable[[str], str]


def _one_piece(function: Callable[[str], str]) -> Normalizer:
    return Normalizer(lambda block: [function(block)], function)


def _textbook_lines(block: str) -> list[str]:
    return [_NOT_A_LETTER.sub(" ", line).strip().lower() for line in block.removesuffix("\n").split("\n")]


def _textbook_prompt(text: str) -> str:
    return _NOT_A_LETTER.sub(" ", text).lstrip().lower()  # a space at the end is a part of the prompt


NORMALIZERS: dict[str, Normalizer] = {
    "none": _one_piece(lambda text: text),
    "nfc": _one_piece(lambda text: unicodedata.normalize("NFC", text)),
    "nfd": _one_piece(lambda text: unicodedata.normalize("NFD", text)),
    "lower": _one_piece(str.lower),
    "textbook": Normalizer(_textbook_lines, _textbook_prompt),
}

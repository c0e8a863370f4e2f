"""Normalisation: what happens to text before it is cut into tokens.

    none       nothing
    nfc        Unicode's composed form, so that e + combining acute is the one character é
    lower      lower case
    textbook   lines; every run of what is not a to z becomes one space; lower case (Zhang et al., Dive into Deep
               Learning, 9.2). It deletes digits, apostrophes and every script but the Latin one: know that you want it

A block of text becomes pieces, each cut into tokens by itself: textbook cleaning works line by line and drops the line
ends, so at character level the last word of a line touches the first of the next, as in the book; at word level not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_NOT_A_LETTER = re.compile("[^A-Za-z]+")


class Normalizer(NamedTuple):
    """`pieces` normalises a block of whole lines; `prompt` the beginning of a text that is to be continued."""

    pieces: Callable[[str], list[str]]
    prompt: Callable[[str], str]


def _whole(function: Callable[[str], str]) -> Normalizer:
    return Normalizer(lambda block: [function(block)], function)


def _textbook_lines(block: str) -> list[str]:
    return [_NOT_A_LETTER.sub(" ", line).strip().lower() for line in block.removesuffix("\n").split("\n")]


def _textbook_prompt(text: str) -> str:
    return _NOT_A_LETTER.sub(" ", text).lstrip().lower()  # a space at the end is part of what was typed


NORMALIZERS: dict[str, Normalizer] = {
    "none": _whole(lambda text: text),
    "nfc": _whole(lambda text: unicodedata.normalize("NFC", text)),
    "lower": _whole(str.lower),
    "textbook": Normalizer(_textbook_lines, _textbook_prompt),
}

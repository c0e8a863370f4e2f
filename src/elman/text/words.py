"""What is a word to someone who types: runs of letters and digits, and each Chinese character by itself.

A hyphen or apostrophe inside a word belongs to it; to a character model, which sees no further, a hyphen ends one. Used
to suggest next words, from words or from characters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .tokenizers import BYTE_TOKENS, IDEOGRAPHS, letters

_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_BYTES_IN_WORDS = {
    token for byte, token in enumerate(BYTE_TOKENS) if byte >= 0x80 or (chr(byte).isalnum()) or chr(byte) == "'"
}


@dataclass(frozen=True, slots=True)
class WordParts:
    """For each token: whether it goes on inside a word, and whether it is a whole word."""

    inside: npt.NDArray[np.bool_]
    whole: npt.NDArray[np.bool_]


def is_word(token: str) -> bool:
    """Whether a token of the word level is a word, not punctuation, a line end or `<unk>`."""
    return token[0].isalnum() if token else False


def word_tokens(tokens: Sequence[str]) -> WordParts:
    """Return what single characters and bytes are to words; a byte that has a character beside it is not counted."""
    spelled = {BYTE_TOKENS[ord(token)] for token in tokens if len(token) == 1 and ord(token) < 0x80}
    inside = [_is_letter(token) or (token in _BYTES_IN_WORDS and token not in spelled) for token in tokens]
    whole = [len(token) == 1 and bool(_IDEOGRAPH.match(token)) for token in tokens]
    return WordParts(np.array(inside, bool), np.array(whole, bool))


def starts_inside_word(text: str) -> int:
    """Return where the word begins that the text ends within; len(text) where it ends between words."""
    match = _last_word().search(text)
    return match.start() if match else len(text)


@functools.cache
def _last_word() -> re.Pattern[str]:
    return re.compile(rf"{letters()}(?:['’\-]{letters()})*\Z")


def _is_letter(token: str) -> bool:
    return (
        len(token) == 1
        and (token.isalnum() or token in "'’" or unicodedata.category(token)[0] == "M")
        and not _IDEOGRAPH.match(token)
    )

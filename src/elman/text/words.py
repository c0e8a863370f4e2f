"""Words for suggestions while typing: runs of letters and digits, and single Chinese characters.

A hyphen or apostrophe inside a word is a part of it. For a model of characters, which cannot look ahead, a hyphen ends
a word.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .tokenizers import BYTE_TOKENS, IDEOGRAPHS, letters_pattern

_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_BYTES_IN_WORDS = {
    token for byte, token in enumerate(BYTE_TOKENS) if byte >= 0x80 or chr(byte).isalnum() or chr(byte) == "'"
}


@dataclass(frozen=True, slots=True)
class WordMasks:
    """For each token (V,): whether it can stand inside a word, and whether it is a complete word.

    A token that is neither ends a word.
    """

    inside: npt.NDArray[np.bool_]
    whole: npt.NDArray[np.bool_]


def is_word(token: str) -> bool:
    """Return whether a token of level word is a word, and not punctuation, a line end or `<unk>`."""
    return token[0].isalnum() if token else False


def classify_tokens(tokens: Sequence[str]) -> WordMasks:
    """Return the masks of tokens of level char or byte; a byte that is also there as a character counts as neither."""
    characters = {BYTE_TOKENS[ord(token)] for token in tokens if len(token) == 1 and ord(token) < 0x80}
    inside = [_is_letter(token) or (token in _BYTES_IN_WORDS and token not in characters) for token in tokens]
    whole = [len(token) == 1 and bool(_IDEOGRAPH.match(token)) for token in tokens]
    return WordMasks(np.array(inside, bool), np.array(whole, bool))


def last_word_start(text: str) -> int:
    """Return the index at which the text's last word begins; len(text) if the text does not end inside a word."""
    match = _last_word_pattern().search(text)
    return match.start() if match else len(text)


@functools.cache
def _last_word_pattern() -> re.Pattern[str]:
    return re.compile(rf"{letters_pattern()}(?:['’\-]{letters_pattern()})*\Z")


def _is_letter(token: str) -> bool:
    return (
        len(token) == 1
        and (token.isalnum() or token in "'’" or unicodedata.category(token)[0] == "M")
        and not _IDEOGRAPH.match(token)
    )

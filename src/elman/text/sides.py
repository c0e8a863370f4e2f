"""The sides of a pair: source or target to ids and back, as an encoder-decoder does it.

    char   every Unicode character
    word   what stands between spaces; decoding puts one space between words
    byte   the bytes of UTF-8

Both vocabularies begin with `<unk>`, `<s>` and `</s>`: ids 0, 1 and 2. Text never gives the start or the end: a word
that is written like one of them is unknown. A side comes whole, so encoding adds neither; who pads a batch does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .codec import UNKNOWN_MARK
from .normalize import NORMALIZERS
from .tokenizers import TOKENIZERS, Tokenizer, join
from .vocabulary import END, END_ID, START, START_ID, UNKNOWN, Vocabulary

RESERVED = (UNKNOWN, START, END)

_TOKENIZERS: dict[str, Tokenizer] = {
    "char": TOKENIZERS["char"],
    "word": TOKENIZERS["space"],
    "byte": TOKENIZERS["byte"],
}


def split_side(text: str, *, level: str, normalize: str) -> list[str]:
    """Return the tokens of a side, normalised and cut."""
    return _TOKENIZERS[level].split(NORMALIZERS[normalize].prompt(text))


class SideCodec:
    """One side's text to ids and back."""

    def __init__(self, vocabulary: Vocabulary, *, level: str = "char", normalize: str = "none") -> None:
        """Take a vocabulary that begins with the reserved tokens; another is a ValueError."""
        if vocabulary.tokens[: len(RESERVED)] != RESERVED:
            given = vocabulary.tokens[: len(RESERVED)]
            raise ValueError(f"the vocabulary of a side begins with {RESERVED}, given {given}")
        self.vocabulary = vocabulary
        self.level = level
        self.normalize = normalize
        self._tokenizer = _TOKENIZERS[level]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of the text, normalised and cut, known or not."""
        return split_side(text, level=self.level, normalize=self.normalize)

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Return the ids of the text, without start and end."""
        ids = self.vocabulary.encode(self.tokens(text))
        ids[(ids == START_ID) | (ids == END_ID)] = 0  # words that are written like them
        return ids

    def unknown_tokens(self, text: str) -> list[str]:
        """Return the different tokens of the text that the vocabulary lacks, in the order of their appearance."""
        different = dict.fromkeys(self.tokens(text))
        return [token for token in different if token in RESERVED or token not in self.vocabulary]

    def decode(self, ids: Iterable[Any]) -> str:
        """Return the text of the ids: `<unk>` and bytes that make no character become U+FFFD, start and end nothing."""
        tokens = self.vocabulary.decode(number for number in ids if number not in (START_ID, END_ID))
        return join(self._tokenizer.decoder(), [UNKNOWN_MARK if token == UNKNOWN else token for token in tokens])

"""The sides of a pair: source or target to ids and back, as an encoder-decoder does it.

    char   every Unicode character
    word   what stands between spaces; decoding puts one space between words
    byte   the bytes of UTF-8
    bpe    subwords, by the merges that were learned from the training part

Both vocabularies begin with `<unk>`, `<s>` and `</s>`: ids 0, 1 and 2. Text never gives the start or the end: a word
that is written like one of them is unknown. A side comes whole, so encoding adds neither; who pads a batch does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .codec import UNKNOWN_MARK
from .normalize import NORMALIZERS
from .subwords import SubwordTokenizer
from .tokenizers import TOKENIZERS, Cutter, join
from .vocabulary import END, END_ID, START, START_ID, UNKNOWN, Vocabulary

RESERVED = (UNKNOWN, START, END)

_CUTTERS: dict[str, Callable[[Sequence[str]], Cutter]] = {
    "char": lambda merges: TOKENIZERS["char"],
    "word": lambda merges: TOKENIZERS["space"],
    "byte": lambda merges: TOKENIZERS["byte"],
    "bpe": SubwordTokenizer,
}


class SideCutter:
    """One side's text to tokens."""

    def __init__(self, *, level: str = "char", normalize: str = "none", merges: Sequence[str] = ()) -> None:
        """Take the merges of level bpe; what is no merge is a ValueError."""
        self._cutter = _CUTTERS[level](merges)
        self._normalizer = NORMALIZERS[normalize]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of the text, normalised and cut, known or not."""
        return self._cutter.split(self._normalizer.prompt(text))

    def join(self, tokens: Iterable[str]) -> str:
        """Return the text of the tokens."""
        return join(self._cutter.decoder(), tokens)


class SideCodec:
    """One side's text to ids and back."""

    def __init__(
        self, vocabulary: Vocabulary, *, level: str = "char", normalize: str = "none", merges: Sequence[str] = ()
    ) -> None:
        """Take a vocabulary that begins with the reserved tokens; another is a ValueError."""
        if vocabulary.tokens[: len(RESERVED)] != RESERVED:
            given = vocabulary.tokens[: len(RESERVED)]
            raise ValueError(f"the vocabulary of a side begins with {RESERVED}, given {given}")
        self.vocabulary = vocabulary
        cutter = SideCutter(level=level, normalize=normalize, merges=merges)
        self.tokens, self._join = cutter.tokens, cutter.join

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
        return self._join([UNKNOWN_MARK if token == UNKNOWN else token for token in tokens])

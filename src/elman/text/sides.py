"""The two sides of a pair, source and target: text to ids and back for an encoder-decoder model.

    char   every Unicode character
    word   words between spaces; decoding joins them with single spaces
    byte   the bytes of UTF-8
    bpe    subwords, from merges that were learned on the training set

Decoding composes what the normalization nfd has decomposed.

Both vocabularies begin with `<unk>`, `<s>` and `</s>`: ids 0, 1 and 2. A word of the text that is written like a start
or end token is unknown. Encoding adds no start and end tokens; padding a batch does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .codec import UNKNOWN_MARK
from .normalize import NORMALIZERS
from .subwords import SubwordTokenizer
from .tokenizers import TOKENIZERS, Tokenizer, join_tokens
from .vocabulary import END, END_ID, START, START_ID, UNKNOWN, Vocabulary

RESERVED = (UNKNOWN, START, END)

_TOKENIZERS: dict[str, Callable[[Sequence[str]], Tokenizer]] = {
    "char": lambda merges: TOKENIZERS["char"],
    "word": lambda merges: TOKENIZERS["space"],
    "byte": lambda merges: TOKENIZERS["byte"],
    "bpe": SubwordTokenizer,
}


class SideTokenizer:
    """Text of one side to tokens and back."""

    def __init__(self, *, level: str = "char", normalize: str = "none", merges: Sequence[str] = ()) -> None:
        """Create a tokenizer; `merges` are those of level bpe, and an invalid merge is a ValueError."""
        self._tokenizer = _TOKENIZERS[level](merges)
        self._normalizer = NORMALIZERS[normalize]
        self._composes = normalize == "nfd"

    def split(self, text: str) -> list[str]:
        """Return the tokens of the text after normalization."""
        return self._tokenizer.split(self._normalizer.prompt(text))

    def join(self, tokens: Iterable[str]) -> str:
        """Return the text of the tokens."""
        text = join_tokens(self._tokenizer.decoder(), tokens)
        return unicodedata.normalize("NFC", text) if self._composes else text


class SideCodec:
    """Text of one side to ids and back."""

    def __init__(
        self, vocabulary: Vocabulary, *, level: str = "char", normalize: str = "none", merges: Sequence[str] = ()
    ) -> None:
        """Create a codec; a vocabulary that does not begin with the reserved tokens is a ValueError."""
        first_tokens = vocabulary.tokens[: len(RESERVED)]
        if first_tokens != RESERVED:
            raise ValueError(f"the vocabulary begins with {first_tokens}; expected {RESERVED}")
        self.vocabulary = vocabulary
        self._tokenizer = SideTokenizer(level=level, normalize=normalize, merges=merges)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of the text, which may be unknown to the vocabulary."""
        return self._tokenizer.split(text)

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Return the ids of the text, without start and end tokens."""
        ids = self.vocabulary.encode(self.tokens(text))
        ids[(ids == START_ID) | (ids == END_ID)] = 0  # words that are written like start and end tokens
        return ids

    def unknown_tokens(self, text: str) -> list[str]:
        """Return the distinct tokens of the text that are not in the vocabulary, in the order of appearance."""
        distinct = dict.fromkeys(self.tokens(text))
        return [token for token in distinct if token in RESERVED or token not in self.vocabulary]

    def decode(self, ids: Iterable[Any]) -> str:
        """Return the text of the ids without start and end; `<unk>` and invalid bytes become U+FFFD."""
        tokens = self.vocabulary.decode(number for number in ids if number not in (START_ID, END_ID))
        return self._tokenizer.join([UNKNOWN_MARK if token == UNKNOWN else token for token in tokens])

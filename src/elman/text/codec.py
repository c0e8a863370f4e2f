"""The codec of a model, text to ids and back: a normalizer, a tokenizer and a vocabulary.

Byte fallback (level char): the vocabulary contains the 256 byte tokens, and an unknown character becomes the bytes of
its UTF-8, so decode(encode(text)) == text for every text. Without byte fallback an unknown character is `<unk>`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .normalize import NORMALIZERS
from .tokenizers import BYTE_TOKENS, TOKENIZERS, Decoder, join_tokens
from .vocabulary import UNKNOWN, Vocabulary

UNKNOWN_MARK = "\ufffd"  # stands for `<unk>` in decoded text


class TextCodec:
    """Text to ids and back."""

    def __init__(
        self, vocabulary: Vocabulary, *, level: str = "char", normalize: str = "none", byte_fallback: bool = False
    ) -> None:
        self.vocabulary = vocabulary
        self.level = level
        self.normalize = normalize
        self.byte_fallback = byte_fallback
        self._tokenizer = TOKENIZERS[level]
        self._normalizer = NORMALIZERS[normalize]

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Return the ids of a text of complete lines."""
        return self._look_up(
            [token for piece in self._normalizer.pieces(text) for token in self._tokenizer.split(piece)]
        )

    def encode_prompt(self, text: str) -> npt.NDArray[np.int64]:
        """Return the ids of the beginning of a text; a space at its end is preserved."""
        return self._look_up(self._tokenizer.split(self._normalizer.prompt(text)))

    def unknown_tokens(self, text: str) -> list[str]:
        """Return the distinct tokens of the text that are not in the vocabulary, in the order of appearance."""
        if self.byte_fallback:
            return []
        tokens = self._tokenizer.split(self._normalizer.prompt(text))
        return [token for token in dict.fromkeys(tokens) if token not in self.vocabulary]

    def decode(self, ids: Iterable[Any]) -> str:
        """Return the text of the ids; invalid bytes and `<unk>` become U+FFFD."""
        return join_tokens(self.decoder(), self.vocabulary.decode(ids))

    def decoder(self) -> Decoder:
        """Return a decoder that takes one token at a time."""
        return _MarkingDecoder(self._tokenizer.decoder())

    def _look_up(self, tokens: list[str]) -> npt.NDArray[np.int64]:
        if self.byte_fallback and any(token not in self.vocabulary for token in tokens):
            tokens = [known for token in tokens for known in self._replace_unknown(token)]
        return self.vocabulary.encode(tokens)

    def _replace_unknown(self, token: str) -> Iterable[str]:
        """Return the token, or its byte tokens if it is unknown."""
        if token in self.vocabulary:
            return (token,)
        return [BYTE_TOKENS[byte] for byte in token.encode("utf-8", "surrogatepass")]


class _MarkingDecoder:
    """Decodes `<unk>` as U+FFFD."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def push(self, token: str) -> str:
        return self._decoder.push(UNKNOWN_MARK if token == UNKNOWN else token)

    def flush(self) -> str:
        return self._decoder.flush()

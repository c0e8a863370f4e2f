"""Tokenizers: text to tokens, and tokens back to text one at a time.

    char   every Unicode character
    word   words, numbers, punctuation marks, line ends, and every Chinese or Japanese character. Spaces are not tokens;
           decoding inserts them by the rules of English and Chinese
    space  the words between spaces; decoding joins them with single spaces
    byte   the bytes of UTF-8, written <0x41>: 256 tokens, always lossless

A tokenizer splits text and creates decoders and indexers. An indexer numbers the tokens of a long text by first
appearance, fast and without a vocabulary. A decoder takes one token at a time and returns the text that is complete, so
generated text is always valid Unicode.
"""

from __future__ import annotations

import codecs
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BYTE_OF = {token: bytes([byte]) for byte, token in enumerate(BYTE_TOKENS)}

IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and Chinese characters
STARTS_WITHOUT_SPACE = re.compile(rf"[.,;:!?%)\]}}’”»…—\n、。，；：！？（《「『【〈）》」』】〉{IDEOGRAPHS}]")
ENDS_WITHOUT_SPACE = re.compile(rf"[(\[{{‘“«—\n（《「『【〈、。，；：！？）》」』】〉{IDEOGRAPHS}]$")


@functools.cache
def combining_marks() -> str:
    """Return all combining marks of the basic plane, for a character class of a pattern."""
    points = map(chr, range(0x300, 0x10000))
    return "".join(character for character in points if unicodedata.category(character)[0] == "M")


@functools.cache
def letters_pattern() -> str:
    """Return the pattern of a run of letters, digits and their combining marks, without Chinese and Japanese.

    Python's pattern of a letter excludes combining marks, which would split Hindi, Thai and decomposed accents.
    """
    return rf"(?:(?![{IDEOGRAPHS}])[^\W_][{combining_marks()}]*)+"


@functools.cache
def word_pattern() -> re.Pattern[str]:
    """Return the pattern of one token of level word."""
    return re.compile(rf"[{IDEOGRAPHS}]|{letters_pattern()}(?:['’\-]{letters_pattern()})*|\n|[^\s]")


class Decoder(Protocol):
    """Turns tokens into text, one at a time."""

    def push(self, token: str) -> str:
        """Return the text that this token completes, which may be empty."""

    def flush(self) -> str:
        """Return the remaining text after the last token."""


class Indexer(Protocol):
    """Numbers tokens by first appearance."""

    tokens: list[str]

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        """Return one number a token; tokens[number] is the token."""


class Tokenizer(Protocol):
    """Splits text into tokens, and joins tokens to text."""

    def split(self, text: str) -> list[str]:
        """Return the tokens of the text."""

    def decoder(self) -> Decoder:
        """Return a new decoder."""


class CorpusTokenizer(Tokenizer, Protocol):
    """A tokenizer that also indexes long texts."""

    def indexer(self) -> Indexer:
        """Return a new indexer."""


def join_tokens(decoder: Decoder, tokens: Iterable[str]) -> str:
    """Return the text of all tokens."""
    return "".join([decoder.push(token) for token in tokens]) + decoder.flush()


class CharTokenizer:
    """Every Unicode character is a token; decoding also accepts byte tokens."""

    def split(self, text: str) -> list[str]:
        return list(text)

    def decoder(self) -> Decoder:
        return ByteDecoder()

    def indexer(self) -> Indexer:
        return CharIndexer()


class ByteTokenizer:
    """Every byte of the text's UTF-8 is a token."""

    def split(self, text: str) -> list[str]:
        return [BYTE_TOKENS[byte] for byte in text.encode("utf-8", "surrogatepass")]

    def decoder(self) -> Decoder:
        return ByteDecoder()

    def indexer(self) -> Indexer:
        return ByteIndexer()


class WordTokenizer:
    """Words, numbers, punctuation marks, line ends and single Chinese or Japanese characters are tokens."""

    def split(self, text: str) -> list[str]:
        return word_pattern().findall(text)

    def decoder(self) -> Decoder:
        return WordDecoder()

    def indexer(self) -> Indexer:
        return WordIndexer(self.split)


class SpaceTokenizer:
    """The words between spaces, tabs and line ends are tokens."""

    def split(self, text: str) -> list[str]:
        return text.split()

    def decoder(self) -> Decoder:
        return SpaceDecoder()

    def indexer(self) -> Indexer:
        return WordIndexer(self.split)


class ByteDecoder:
    """Passes characters through and collects bytes until they form a character; invalid bytes become U+FFFD."""

    def __init__(self) -> None:
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: str) -> str:
        byte = _BYTE_OF.get(token)
        return self._bytes.decode(byte) if byte is not None else self.flush() + token

    def flush(self) -> str:
        text = self._bytes.decode(b"", final=True)
        self._bytes.reset()
        return text


class WordDecoder:
    """Inserts spaces, but not before closing punctuation, after opening brackets, or next to Chinese characters."""

    def __init__(self) -> None:
        self._previous = "\n"
        self._in_quotes = False

    def push(self, token: str) -> str:
        if token == '"':
            self._in_quotes = not self._in_quotes
            joins_previous = not self._in_quotes
        else:
            joins_previous = bool(STARTS_WITHOUT_SPACE.match(token))
        after_opening_quote = self._previous == '"' and self._in_quotes and token != '"'
        space = "" if joins_previous or after_opening_quote or ENDS_WITHOUT_SPACE.search(self._previous) else " "
        self._previous = token
        return space + token

    def flush(self) -> str:
        return ""


class SpaceDecoder:
    """Inserts one space between two tokens."""

    def __init__(self) -> None:
        self._space = ""

    def push(self, token: str) -> str:
        text = self._space + token
        self._space = " "
        return text

    def flush(self) -> str:
        return ""


class CharIndexer:
    """Numbers characters with a table of all code points, without a Python loop over the text."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self._number_of = np.full(0x110000, -1, np.int32)

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        numbers = self._number_of[points]
        if numbers.size and numbers.min() < 0:
            new, first = np.unique(points[numbers < 0], return_index=True)
            for point in new[np.argsort(first)]:
                self._number_of[point] = len(self.tokens)
                self.tokens.append(chr(point))
            numbers = self._number_of[points]
        return numbers.astype(np.uint32)


class ByteIndexer:
    """Numbers bytes by their value."""

    def __init__(self) -> None:
        self.tokens = list(BYTE_TOKENS)

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint32)


class WordIndexer:
    """Numbers the tokens that `split` returns with a dict."""

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self._split = split
        self._number_of: dict[str, int] = {}
        self.tokens: list[str] = []

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        words = self._split(text)
        for word in dict.fromkeys(words):
            if word not in self._number_of:
                self._number_of[word] = len(self.tokens)
                self.tokens.append(word)
        return np.fromiter(map(self._number_of.__getitem__, words), np.uint32, len(words))


TOKENIZERS: dict[str, CorpusTokenizer] = {
    "char": CharTokenizer(),
    "word": WordTokenizer(),
    "space": SpaceTokenizer(),
    "byte": ByteTokenizer(),
}

"""Tokenizers: text to tokens, and tokens back to text as they arrive.

    char   every Unicode character
    word   words, numbers, single punctuation marks, line ends; each Chinese or Japanese character by itself.
           Spaces are implied: decoding puts them back where English and Chinese would have them
    space  what stands between spaces, whatever it is made of; decoding puts one space between two tokens
    byte   the bytes of UTF-8, written <0x41>: 256 tokens, lossless by nature

A tokenizer cuts (`split`), makes decoders, and makes indexers: an indexer turns a long text into numbers by first
appearance, fast, before there is a vocabulary. A decoder takes one token at a time and returns the text that is
certain by now, so that generated text is valid Unicode at every moment.
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
_STARTS_WITHOUT_SPACE = re.compile(rf"[.,;:!?%)\]}}’”»…—\n、。，；：！？（《「『【〈）》」』】〉{IDEOGRAPHS}]")
_ENDS_WITHOUT_SPACE = re.compile(rf"[(\[{{‘“«—\n（《「『【〈、。，；：！？）》」』】〉{IDEOGRAPHS}]$")


@functools.cache
def letters() -> str:
    """Return the pattern of a run of letters, digits and the marks on them, Chinese and Japanese left out.

    What Python takes for letters lacks combining marks, without which Hindi, Thai or decomposed accents fall to pieces.
    """
    points = map(chr, range(0x300, 0x10000))
    marks = "".join(character for character in points if unicodedata.category(character)[0] == "M")
    return rf"(?:(?![{IDEOGRAPHS}])[^\W_][{marks}]*)+"


@functools.cache
def word_pattern() -> re.Pattern[str]:
    """Return the pattern of one token of the word level."""
    return re.compile(rf"[{IDEOGRAPHS}]|{letters()}(?:['’\-]{letters()})*|\n|[^\s]")


class Decoder(Protocol):
    """Tokens in, text out, one at a time."""

    def push(self, token: str) -> str:
        """Return the text that this token completes; it may be empty."""

    def flush(self) -> str:
        """Return what is left when no more tokens come."""


class Indexer(Protocol):
    """Numbers tokens by their first appearance."""

    tokens: list[str]

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        """Return one number a token; tokens[number] is its text."""


class Cutter(Protocol):
    """One way of cutting text, and of putting it together again."""

    def split(self, text: str) -> list[str]:
        """Return the tokens of the text."""

    def decoder(self) -> Decoder:
        """Return a fresh decoder."""


class Tokenizer(Cutter, Protocol):
    """One way of cutting text, long texts too."""

    def indexer(self) -> Indexer:
        """Return a fresh indexer."""


def join(decoder: Decoder, tokens: Iterable[str]) -> str:
    """Return the text of all tokens."""
    return "".join([decoder.push(token) for token in tokens]) + decoder.flush()


class CharTokenizer:
    """Every Unicode character is a token; byte tokens, where a text has them, are decoded too."""

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
    """Words, numbers, punctuation marks, line ends and single Chinese or Japanese characters."""

    def split(self, text: str) -> list[str]:
        return word_pattern().findall(text)

    def decoder(self) -> Decoder:
        return WordDecoder()

    def indexer(self) -> Indexer:
        return WordIndexer(self.split)


class SpaceTokenizer:
    """What stands between spaces, tabs and line ends."""

    def split(self, text: str) -> list[str]:
        return text.split()

    def decoder(self) -> Decoder:
        return SpaceDecoder()

    def indexer(self) -> Indexer:
        return WordIndexer(self.split)


class ByteDecoder:
    """Characters pass through; bytes are held until they make a character; bytes that never will become U+FFFD."""

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
    """Puts the spaces back: none before closing punctuation, after opening brackets, or beside Chinese characters."""

    def __init__(self) -> None:
        self._previous = "\n"
        self._quoted = False

    def push(self, token: str) -> str:
        if token == '"':
            self._quoted = not self._quoted
            glued = not self._quoted
        else:
            glued = bool(_STARTS_WITHOUT_SPACE.match(token))
        after_opening_quote = self._previous == '"' and self._quoted and token != '"'
        space = "" if glued or after_opening_quote or _ENDS_WITHOUT_SPACE.search(self._previous) else " "
        self._previous = token
        return space + token

    def flush(self) -> str:
        return ""


class SpaceDecoder:
    """Puts one space between two tokens."""

    def __init__(self) -> None:
        self._space = ""

    def push(self, token: str) -> str:
        text = self._space + token
        self._space = " "
        return text

    def flush(self) -> str:
        return ""


class CharIndexer:
    """Numbers characters through a table over all code points: no Python loop over the text."""

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
    """The number of a byte is the byte."""

    def __init__(self) -> None:
        self.tokens = list(BYTE_TOKENS)

    def index(self, text: str) -> npt.NDArray[np.uint32]:
        return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint32)


class WordIndexer:
    """Numbers words, or whatever `split` gives, through a dict."""

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


TOKENIZERS: dict[str, Tokenizer] = {
    "char": CharTokenizer(),
    "word": WordTokenizer(),
    "space": SpaceTokenizer(),
    "byte": ByteTokenizer(),
}

"""The tokens of one side of the pairs, chosen from its texts: words, subwords or characters.

    word   symbols: phones, tags, commands. There are few different ones, each is repeated, and a new text has hardly
           ever one that the texts do not have
    bpe    sentences of a language that writes spaces between words: rare words and inflected forms are composed of
           subwords, so that no word is unknown
    char   everything else: single words, names, codes, numbers, dates, and languages without spaces

The chance that a new text has a symbol of its own is estimated by the share of the texts that have one now (Good, 1953:
the probability of unseen events is the share of events seen once). Short texts of long symbols, such as `Zeta USB-C`,
are not read by words even if few symbols repeat: their characters are a sequence of moderate length, and a new name is
spelled from known characters.

Korean is decomposed (NFD): a syllable is two or three letters, of which there are 67, where there are 11,172 syllables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from .config import Level, Normalization

MAX_SYMBOLS, SYMBOL_REPEATS = 1000, 20
MAX_UNSEEN = 0.01  # share of the texts with a symbol that no other text has
SHORT_SYMBOL = 3.0  # characters of a symbol, on average over the texts
LONG_TEXT = 6.0  # symbols of a text, on average
SENTENCE = 4.0  # words of a sentence, on average
MIN_SENTENCES = 200  # fewer do not tell which subwords are worth a token
MAX_SUBWORDS, MIN_SUBWORDS, WORDS_PER_SUBWORD = 4_000, 100, 80
SAMPLE = 20_000  # texts that are looked at
KOREAN = 0.5  # least share of the characters
_HANGUL = re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")


def choose_level(texts: Sequence[str], *, subwords: bool = True) -> Level:
    """Return the level for the texts of one side; without `subwords`, sentences are read by characters."""
    sample = _sample(texts)
    words = [text.split() for text in sample]
    num_words = sum(map(len, words))
    if not num_words:
        return "char"
    if _are_symbols(words, num_words):
        return "word"
    are_sentences = len(sample) >= MIN_SENTENCES and num_words >= SENTENCE * len(sample)
    return "bpe" if are_sentences and subwords else "char"


def choose_normalization(sides: Iterable[Sequence[str]]) -> Normalization:
    """Return nfd if one of the sides is mostly Korean, else none."""
    for texts in sides:
        characters = "".join("".join(_sample(texts)).split())
        if len(_HANGUL.findall(characters)) > KOREAN * len(characters):
            return "nfd"
    return "none"


def number_of_subwords(texts: Sequence[str]) -> int:
    """Return how many subwords the texts are worth: each should be seen about WORDS_PER_SUBWORD times."""
    num_words = sum(len(text.split()) for text in texts)
    return max(MIN_SUBWORDS, min(MAX_SUBWORDS, num_words // WORDS_PER_SUBWORD))


def _are_symbols(words: Sequence[Sequence[str]], num_words: int) -> bool:
    """Return whether the words are symbols: see the top of this file."""
    texts_with: Counter[str] = Counter()
    for text in words:
        texts_with.update(set(text))
        if len(texts_with) > MAX_SYMBOLS:
            return False
    mean_symbols = num_words / len(words)
    if mean_symbols < 2.0 or num_words < SYMBOL_REPEATS * len(texts_with):
        return False
    unseen = sum(any(texts_with[word] == 1 for word in text) for text in words)
    if unseen > MAX_UNSEEN * len(words):
        return False
    mean_length = sum(len(word) for text in words for word in text) / num_words
    return mean_length <= SHORT_SYMBOL or mean_symbols >= LONG_TEXT


def _sample(texts: Sequence[str]) -> Sequence[str]:
    """Return at most SAMPLE texts, evenly spaced: a sorted file begins with one kind of text."""
    return texts[:: max(1, -(-len(texts) // SAMPLE))]

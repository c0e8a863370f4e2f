"""Subwords compared with the package tokenizers, which learns the merges, and decoding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.subwords import WORD_START, SubwordTokenizer, learn_merges
from elman.text.tokenizers import join_tokens

TEXTS = [
    "the lowest of the low, and the newest of the new",
    "lower and lower; newer, wider and wider!",
    "widest 床前明月光 疑是地上霜 床前明月光",
]
SIZE = 60


@pytest.fixture(scope="module")
def merges() -> tuple[str, ...]:
    pytest.importorskip("tokenizers", reason="needs the extra bpe")
    return learn_merges(TEXTS * 5, SIZE)


words = st.text(st.sampled_from("lowerstnidh ,;!床前明月光é" + WORD_START), max_size=30)


def pieces_of(word: str) -> list[str]:
    """Return the marked pieces of a word: runs of letters, and runs of one punctuation mark."""
    runs = ["".join(run) for _, run in itertools.groupby(word, lambda c: "letter" if c.isalpha() else c)]
    return [WORD_START + runs[0], *runs[1:]]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(text=words)
def test_subwords_equal_those_of_the_package_tokenizers(merges: tuple[str, ...], text: str) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    characters = sorted({character for merge in merges for character in merge} | set("lowerstnidh,;!床前明月光é▁"))
    subwords = dict.fromkeys([*characters, *(merge.replace(" ", "") for merge in merges)])
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    reference = Tokenizer(models.BPE({subword: number for number, subword in enumerate(subwords)}, pairs))
    reference.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marked = " ".join(piece for word in text.replace(WORD_START, " ").split() for piece in pieces_of(word))
    assert SubwordTokenizer(merges).split(text) == reference.encode(marked).tokens


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(text=words)
def test_joined_subwords_are_the_words_with_single_spaces(merges: tuple[str, ...], text: str) -> None:
    tokenizer = SubwordTokenizer(merges)
    assert join_tokens(tokenizer.decoder(), tokenizer.split(text)) == " ".join(text.replace(WORD_START, " ").split())


def test_frequent_words_are_one_token_and_the_vocabulary_has_the_requested_size(merges: tuple[str, ...]) -> None:
    tokenizer = SubwordTokenizer(merges)
    assert tokenizer.split("the the") == ["▁the", "▁the"]
    assert tokenizer.split("床前明月光") == ["▁床前明月光"]
    characters = {character for text in TEXTS for word in text.split() for character in WORD_START + word}
    assert len(characters) + len(merges) == SIZE


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("it.", ["▁it", "."]),
        ("don't!?", ["▁don't", "!", "?"]),
        ("wait...", ["▁wait", "..."]),
        ('"Yes,"', ['▁"', "Yes", ",", '"']),
        ("2026-11-29", ["▁2", "0", "2", "6", "-", "1", "1", "-", "2", "9"]),
        ("USB-C_2m", ["▁USB", "-", "C", "_", "2", "m"]),
        ("床前，明月", ["▁床前", "，", "明月"]),
        ("हिन्दी।", ["▁हिन्दी", "।"]),
        ("it’s", ["▁it’s"]),
        ("'quoted'", ["▁'", "quoted", "'"]),
    ],
)
def test_a_word_that_is_merged_as_far_as_possible_has_these_pieces(word: str, pieces: list[str]) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra bpe")
    tokenizer = SubwordTokenizer(learn_merges([word] * 50, 200))
    assert tokenizer.split(word) == pieces
    assert join_tokens(tokenizer.decoder(), tokenizer.split(f"{word} {word}")) == f"{word} {word}"


def test_the_same_texts_give_the_same_merges(merges: tuple[str, ...]) -> None:
    assert learn_merges(TEXTS * 5, SIZE) == merges


def test_without_merges_words_are_split_into_characters() -> None:
    assert SubwordTokenizer(()).split("ab c") == ["▁", "a", "b", "▁", "c"]
    assert SubwordTokenizer(()).split(" ") == []


def test_merges_are_applied_by_rank_and_then_from_the_left() -> None:
    tokenizer = SubwordTokenizer(["b c", "a b", "a bc", "a a"])
    assert tokenizer.split("abc") == ["▁", "abc"]
    assert tokenizer.split("aaa") == ["▁", "aa", "a"]


def test_a_merge_that_is_not_a_pair_raises_an_error() -> None:
    for merge in ("a", "a b c", " b", ""):
        with pytest.raises(ValueError, match=f"invalid merge {merge!r}; expected two subwords separated by a space"):
            SubwordTokenizer(["a b", merge])


def test_a_full_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.text.subwords._CACHED_WORDS", 3)
    tokenizer = SubwordTokenizer(["a b"])
    texts = [f"ab{number}" for number in np.random.default_rng(0).integers(9, size=30)]
    assert [tokenizer.split(text) for text in texts] == [["▁", "ab", text[2:]] for text in texts]

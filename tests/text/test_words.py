"""Words while typing, compared with the words of the tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.tokenizers import BYTE_TOKENS, TOKENIZERS
from elman.text.words import classify_tokens, is_word, last_word_start

IDEOGRAPHS = "中の𠀀"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the time trav", "trav"),
        ("don't", "don't"),
        ("I said ’t mother-in-la", "mother-in-la"),
        ("say 'hello", "hello"),  # a quotation mark before a word is not a part of it
        ("a--b", "b"),
        ("snake_ca", "ca"),
        ("x2", "x2"),
        ("中文abc", "abc"),
        ("hello ", ""),
        ("hello\n", ""),
        ("hello.", ""),
        ("don'", ""),
        ("mother-", ""),
        ("abc中", ""),
        ("", ""),
    ],
)
def test_the_last_word_of_a_text(text: str, word: str) -> None:
    assert text[last_word_start(text) :] == word


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="ab1_ \n.'’-" + IDEOGRAPHS, max_size=12))
def test_a_text_ends_inside_its_last_token_if_that_is_a_word_of_letters(text: str) -> None:
    last = (TOKENIZERS["word"].split(text) or [""])[-1]
    is_inside = text.endswith(last) and is_word(last) and last not in IDEOGRAPHS
    assert last_word_start(text) == len(text) - (len(last) if is_inside else 0)


@pytest.mark.parametrize("token", ["a", "Time", "don't", "3", "中", "の", "é"])
def test_letters_digits_and_ideographs_are_words(token: str) -> None:
    assert is_word(token)


@pytest.mark.parametrize("token", ["", ".", "\n", "<unk>", "'", "-", "。", "_"])
def test_punctuation_line_ends_and_unknown_are_not_words(token: str) -> None:
    assert not is_word(token)


def test_characters_are_inside_a_word_or_complete_words_or_end_a_word() -> None:
    tokens = ["<unk>", "a", "Z", "7", "é", "'", "’", "中", "の", " ", ".", "\n", "_", "ab"]
    masks = classify_tokens(tokens)
    assert [t for t, inside in zip(tokens, masks.inside, strict=True) if inside] == ["a", "Z", "7", "é", "'", "’"]
    assert [t for t, whole in zip(tokens, masks.whole, strict=True) if whole] == ["中", "の"]


def test_bytes_inside_words_are_letters_digits_apostrophes_and_bytes_of_longer_characters() -> None:
    masks = classify_tokens(BYTE_TOKENS)
    inside = {byte for byte in range(256) if masks.inside[byte]}
    assert inside == {byte for byte in range(128) if chr(byte).isalnum() or chr(byte) == "'"} | set(range(128, 256))
    assert not masks.whole.any()

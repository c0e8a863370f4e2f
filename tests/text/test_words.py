"""Words as someone types them, in the tokenizer's own sense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.tokenizers import BYTE_TOKENS, TOKENIZERS
from elman.text.words import is_word, starts_inside_word, word_tokens

IDEOGRAPHS = "中の𠀀"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the time trav", "trav"),
        ("don't", "don't"),
        ("I said ’t mother-in-la", "mother-in-la"),
        ("say 'hello", "hello"),  # a quotation mark in front is no part of the word
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
def test_the_word_that_a_text_ends_within(text: str, word: str) -> None:
    assert text[starts_inside_word(text) :] == word


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="ab1_ \n.'’-" + IDEOGRAPHS, max_size=12))
def test_a_text_ends_within_its_last_token_where_that_is_a_word_of_letters(text: str) -> None:
    last = (TOKENIZERS["word"].split(text) or [""])[-1]
    within = text.endswith(last) and is_word(last) and last not in IDEOGRAPHS
    assert starts_inside_word(text) == len(text) - (len(last) if within else 0)


@pytest.mark.parametrize("token", ["a", "Time", "don't", "3", "中", "の", "é"])
def test_letters_digits_and_ideographs_are_words(token: str) -> None:
    assert is_word(token)


@pytest.mark.parametrize("token", ["", ".", "\n", "<unk>", "'", "-", "。", "_"])
def test_punctuation_line_ends_and_unknown_are_no_words(token: str) -> None:
    assert not is_word(token)


def test_characters_go_on_inside_a_word_or_are_one_or_end_one() -> None:
    tokens = ["<unk>", "a", "Z", "7", "é", "'", "’", "中", "の", " ", ".", "\n", "_", "ab"]
    parts = word_tokens(tokens)
    assert [t for t, inside in zip(tokens, parts.inside, strict=True) if inside] == ["a", "Z", "7", "é", "'", "’"]
    assert [t for t, whole in zip(tokens, parts.whole, strict=True) if whole] == ["中", "の"]


def test_bytes_inside_words_are_letters_digits_apostrophes_and_all_of_longer_characters() -> None:
    parts = word_tokens(BYTE_TOKENS)
    inside = {byte for byte in range(256) if parts.inside[byte]}
    assert inside == {byte for byte in range(128) if chr(byte).isalnum() or chr(byte) == "'"} | set(range(128, 256))
    assert not parts.whole.any()

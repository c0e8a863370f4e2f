"""The order and limits of a vocabulary, and the numbers of the textbook for The Time Machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text import NORMALIZERS, TOKENIZERS, Vocabulary

few = settings(deadline=None, max_examples=60)
tokens = st.lists(st.sampled_from("abcdef"), max_size=30)


def order_by_count(sequence: list[str], min_frequency: int) -> list[str]:
    frequent = {token for token in sequence if sequence.count(token) >= min_frequency}
    return sorted(frequent, key=lambda token: (-sequence.count(token), sequence.index(token)))


@few
@given(tokens, st.integers(0, 4))
def test_tokens_are_ordered_by_descending_count_and_then_by_first_appearance(
    sequence: list[str], min_frequency: int
) -> None:
    vocabulary = Vocabulary.from_tokens(sequence, min_frequency=min_frequency)
    assert vocabulary.tokens == ("<unk>", *order_by_count(sequence, min_frequency))


def test_the_sample_of_the_textbook() -> None:
    sample = NORMALIZERS["textbook"].pieces("this is a good story ,\nthat is a pen .")
    words = [word for line in sample for word in TOKENIZERS["word"].split(line)]
    expected = ("<unk>", "is", "a", "this", "good", "story", "that", "pen")
    assert Vocabulary.from_tokens(words).tokens == expected


@few
@given(tokens, st.integers(1, 8))
def test_a_limited_vocabulary_is_the_beginning_of_the_complete_one(sequence: list[str], size: int) -> None:
    counts = {token: sequence.count(token) for token in dict.fromkeys(sequence)}
    complete = Vocabulary.from_counts(counts, reserved=["<pad>"])
    assert Vocabulary.from_counts(counts, reserved=["<pad>"], max_size=size).tokens == complete.tokens[:size]


def test_reserved_tokens_follow_unknown_in_the_given_order_for_any_counts() -> None:
    vocabulary = Vocabulary.from_counts({"a": 1, "<s>": 9, "b": 2}, reserved=["</s>", "<s>"], min_frequency=2)
    assert vocabulary.tokens == ("<unk>", "</s>", "<s>", "b")


def test_a_text_with_the_unknown_token_adds_no_second_one() -> None:
    assert Vocabulary.from_tokens(["a", "<unk>", "<unk>", "a", "a"]).tokens == ("<unk>", "a")


def test_a_token_with_the_count_zero_is_omitted() -> None:
    assert Vocabulary.from_counts({"a": 0, "b": 1}, min_frequency=0).tokens == ("<unk>", "b")


@few
@given(tokens, tokens)
def test_known_tokens_are_restored_and_others_are_unknown(known: list[str], others: list[str]) -> None:
    vocabulary = Vocabulary.from_tokens(known)
    ids = vocabulary.encode(others)
    assert ids.dtype == np.int64
    assert ids.shape == (len(others),)
    assert vocabulary.decode(ids) == [token if token in known else "<unk>" for token in others]
    assert ids.tolist() == [vocabulary[token] for token in others]
    assert [token in vocabulary for token in others] == [token in known for token in others]
    assert len(vocabulary) == len(set(known)) + 1


@pytest.mark.parametrize("tokens", [[], ["a", "<unk>"]], ids=["nothing", "another_first"])
def test_a_vocabulary_that_does_not_begin_with_unknown_raises_an_error(tokens: list[str]) -> None:
    expected = f"the vocabulary begins with {tuple(tokens[:1])}; expected '<unk>'"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        Vocabulary(tokens)


def test_a_vocabulary_with_duplicates_raises_an_error() -> None:
    with pytest.raises(ValueError, match=r"^the vocabulary contains 2 duplicates; expected distinct tokens$"):
        Vocabulary(["<unk>", "a", "b", "a", "b"])


@pytest.fixture(scope="module")
def time_machine() -> list[str]:
    """Return the lines of the book after the cleaning of the textbook."""
    folder = os.environ.get("ELMAN_DATA")
    if folder is None:
        pytest.skip("ELMAN_DATA is not set")
    book = Path(folder) / "timemachine" / "timemachine.txt"
    if not book.is_file():
        pytest.skip("the folder of ELMAN_DATA does not contain timemachine/timemachine.txt")
    return NORMALIZERS["textbook"].pieces(book.read_text("utf-8-sig"))


@pytest.mark.parametrize(("level", "length", "size"), [("char", 170_580, 28), ("word", 32_775, 4_580)])
def test_the_time_machine_has_the_numbers_of_the_textbook(
    time_machine: list[str], level: str, length: int, size: int
) -> None:
    """Zhang et al., Dive into Deep Learning, 9.2."""
    sequence = [token for line in time_machine for token in TOKENIZERS[level].split(line)]
    vocabulary = Vocabulary.from_tokens(sequence)
    assert (len(sequence), len(vocabulary)) == (length, size)
    first_tokens = {"char": ("<unk>", " ", "e", "t"), "word": ("<unk>", "the", "i", "and")}
    assert vocabulary.tokens[:4] == first_tokens[level]

"""The sides of a pair: text to ids and back, and text that never becomes a start or end token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from elman.tasks.language_model.config import LanguageModelTextConfig
from elman.text import TOKENIZERS, Vocabulary
from elman.text.sides import RESERVED, SideCodec, SideTokenizer
from elman.text.tokenizers import BYTE_TOKENS, join_tokens
from elman.text.vocabulary import END, END_ID, START, START_ID, UNKNOWN

few = settings(deadline=None, max_examples=80)
texts = st.text(max_size=40)
CHARACTERS = SideCodec(Vocabulary((*RESERVED, *"abc é中")))
WORDS = SideCodec(Vocabulary((*RESERVED, "HH", "AH0", "床前", "明月光")), level="word")
BYTES = SideCodec(Vocabulary((*RESERVED, *BYTE_TOKENS)), level="byte")
ALL = {"char": CHARACTERS, "word": WORDS, "byte": BYTES}


def test_the_reserved_tokens_have_fixed_ids() -> None:
    vocabulary = Vocabulary(RESERVED)
    assert [vocabulary[token] for token in (UNKNOWN, START, END)] == [0, START_ID, END_ID]


@few
@given(texts)
def test_bytes_restore_any_text(text: str) -> None:
    assert BYTES.decode(BYTES.encode(text)) == text
    assert not {0, START_ID, END_ID} & set(BYTES.encode(text).tolist())
    assert len(BYTES.encode(text)) == len(text.encode())


@few
@given(texts)
def test_every_unknown_character_becomes_one_replacement_mark(text: str) -> None:
    assert CHARACTERS.decode(CHARACTERS.encode(text)) == "".join(c if c in "abc é中" else "\ufffd" for c in text)


@few
@given(st.lists(st.sampled_from(["HH", "AH0", "床前", "明月光", "hh", "明月"]), max_size=8))
def test_words_are_restored_with_single_spaces(words: list[str]) -> None:
    known = [word if word in WORDS.vocabulary else "\ufffd" for word in words]
    for separator in (" ", "  ", "\t", "\u3000"):
        assert WORDS.decode(WORDS.encode(separator.join(words))) == " ".join(known)


@few
@given(st.lists(st.sampled_from([*RESERVED, "a", "HH", "<0x41>", " "]), max_size=8))
def test_text_never_becomes_a_start_or_end_token(pieces: list[str]) -> None:
    for codec in ALL.values():
        for text in ("".join(pieces), " ".join(pieces)):
            assert not {START_ID, END_ID} & set(codec.encode(text).tolist())


def test_a_word_that_is_written_like_a_reserved_token_is_unknown() -> None:
    text = "HH </s> <s> AH0 <unk>"
    assert WORDS.encode(text).tolist() == [WORDS.vocabulary["HH"], 0, 0, WORDS.vocabulary["AH0"], 0]
    assert WORDS.unknown_tokens(text) == ["</s>", "<s>", "<unk>"]
    assert WORDS.tokens(text) == text.split()


def test_start_and_end_tokens_decode_to_nothing() -> None:
    for codec in ALL.values():
        last = len(codec.vocabulary) - 1
        assert codec.decode([START_ID, last, END_ID]) == codec.decode([last])
        assert codec.decode([START_ID, END_ID]) == codec.decode([]) == ""
        assert codec.encode("").tolist() == []


def test_invalid_bytes_decode_to_replacement_marks() -> None:
    ids = BYTES.encode("中")
    assert BYTES.decode(ids[:2]) == "\ufffd"
    assert BYTES.decode([*ids[:1], 0, *ids]) == "\ufffd\ufffd中"


@pytest.mark.parametrize("level", ALL)
@pytest.mark.parametrize(("normalize", "text", "normalized"), [("nfc", "e\u0301", "é"), ("lower", "ÀB", "àb")])
def test_normalization_is_applied_before_tokenization(level: str, normalize: str, text: str, normalized: str) -> None:
    expected = SideTokenizer(level=level, normalize="none").split(normalized)
    assert SideTokenizer(level=level, normalize=normalize).split(text) == expected
    codec = SideCodec(Vocabulary((*RESERVED, *dict.fromkeys(expected))), level=level, normalize=normalize)
    assert codec.tokens(text) == expected
    assert codec.decode(codec.encode(text)) == normalized
    assert codec.unknown_tokens(text) == []


@pytest.mark.parametrize("level", ["char", "byte", "bpe"])
def test_decoding_composes_what_nfd_has_decomposed(level: str) -> None:
    side = SideTokenizer(level=level, normalize="nfd")
    tokens = side.split("국물 café")
    assert "국" not in tokens
    assert side.join(tokens) == "국물 café"
    if level == "char":
        assert tokens[:3] == ["\u1100", "\u116e", "\u11a8"]


def test_unknown_tokens_are_distinct_and_in_the_order_of_appearance() -> None:
    assert CHARACTERS.unknown_tokens("zabyz") == ["z", "y"]
    assert WORDS.unknown_tokens("床前 明月 AH0 月 明月") == ["明月", "月"]
    assert BYTES.unknown_tokens("zabyz") == []


def test_a_vocabulary_without_the_reserved_tokens_raises_an_error() -> None:
    for tokens in ((UNKNOWN, *"abc"), (UNKNOWN, END, START), (UNKNOWN,)):
        with pytest.raises(ValueError) as caught:
            SideCodec(Vocabulary(tokens))
        assert str(caught.value) == f"the vocabulary begins with {tokens[:3]}; expected ('<unk>', '<s>', '</s>')"


def test_level_space_splits_and_joins_at_spaces_only() -> None:
    space = TOKENIZERS["space"]
    assert space.split(" don't  stop,\t明月光。\nnow\u3000") == ["don't", "stop,", "明月光。", "now"]
    assert join_tokens(space.decoder(), ["don't", "stop,", "明月光。"]) == "don't stop, 明月光。"


def test_a_language_model_has_no_level_space() -> None:
    with pytest.raises(ValidationError, match="'char', 'word' or 'byte'"):
        LanguageModelTextConfig.model_validate({"level": "space"})


def test_unknown_levels_and_normalizers_raise_errors() -> None:
    with pytest.raises(KeyError, match="space"):
        SideCodec(Vocabulary(RESERVED), level="space")
    with pytest.raises(KeyError, match="nfkc"):
        SideTokenizer(level="char", normalize="nfkc")

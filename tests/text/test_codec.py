"""The codec of a model: text to ids and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text import TextCodec, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

few = settings(deadline=None, max_examples=80)
texts = st.text(max_size=40)
BYTES = TextCodec(Vocabulary(("<unk>", *BYTE_TOKENS)), level="byte")
FALLBACK = TextCodec(Vocabulary(("<unk>", *BYTE_TOKENS, *"abc é中")), byte_fallback=True)
CHARACTERS = TextCodec(Vocabulary(("<unk>", *"abc é中")))
WORDS = TextCodec(Vocabulary(("<unk>", "the", "time", ",", "中", '"')), level="word")
ALL = {"bytes": BYTES, "fallback": FALLBACK, "characters": CHARACTERS, "words": WORDS}


@few
@given(texts)
def test_bytes_and_byte_fallback_restore_any_text(text: str) -> None:
    for codec in (BYTES, FALLBACK):
        assert codec.decode(codec.encode(text)) == text
        assert codec.decode(codec.encode_prompt(text)) == text
        assert 0 not in codec.encode(text)


@few
@given(st.text(alphabet="abcxyé中国😀", max_size=40))
def test_byte_fallback_replaces_exactly_the_unknown_characters(text: str) -> None:
    vocabulary = FALLBACK.vocabulary
    expected = [
        number
        for character in text
        for number in (
            [vocabulary[character]]
            if character in vocabulary
            else [vocabulary[BYTE_TOKENS[byte]] for byte in character.encode()]
        )
    ]
    assert FALLBACK.encode(text).tolist() == expected


@few
@given(texts)
def test_without_byte_fallback_every_unknown_character_becomes_one_replacement_mark(text: str) -> None:
    ids = CHARACTERS.encode(text)
    assert [number == 0 for number in ids] == [character not in "abc é中" for character in text]
    assert CHARACTERS.decode(ids) == "".join(c if c in "abc é中" else "\ufffd" for c in text)


@few
@given(st.data())
def test_any_generated_ids_decode_to_valid_unicode_at_every_step(data: st.DataObject) -> None:
    for codec in ALL.values():
        ids = data.draw(st.lists(st.integers(0, len(codec.vocabulary) - 1), max_size=20))
        decoder = codec.decoder()
        pieces = [*[decoder.push(token) for token in codec.vocabulary.decode(ids)], decoder.flush()]
        for end in range(len(pieces) + 1):
            "".join(pieces[:end]).encode("utf-8")
        assert "".join(pieces) == codec.decode(ids)


def test_unknown_words_decode_to_the_replacement_mark() -> None:
    ids = WORDS.encode("the clock, the time")
    assert ids.tolist() == [1, 0, 3, 1, 2]
    assert WORDS.decode(ids) == "the \ufffd, the time"


def test_a_lone_surrogate_decodes_to_replacement_marks() -> None:
    for codec in (BYTES, FALLBACK):
        assert codec.decode(codec.encode("a\ud800b")) == "a\ufffd\ufffd\ufffdb"


def test_empty_text_has_no_ids() -> None:
    for codec in ALL.values():
        assert codec.encode("").tolist() == []
        assert codec.decode([]) == ""


def test_textbook_lines_join_at_character_level_and_not_at_word_level() -> None:
    characters = TextCodec(Vocabulary(("<unk>", *"abc ")), normalize="textbook")
    words = TextCodec(Vocabulary(("<unk>", "a", "b")), level="word", normalize="textbook")
    assert characters.decode(characters.encode("A, b.\nC c\n")) == "a bc c"
    assert words.decode(words.encode("a\nb")) == "a b"


def test_a_prompt_keeps_the_space_at_its_end_and_a_line_does_not() -> None:
    codec = TextCodec(Vocabulary(("<unk>", *"time ")), normalize="textbook")
    assert codec.decode(codec.encode_prompt("Time ")) == "time "
    assert codec.decode(codec.encode("Time ")) == "time"


@pytest.mark.parametrize("normalize", ["nfc", "lower"])
def test_normalization_is_applied_before_the_look_up(normalize: str) -> None:
    codec = TextCodec(Vocabulary(("<unk>", "é")), normalize=normalize)
    text = {"nfc": "e\u0301", "lower": "É"}[normalize]
    assert codec.encode(text).tolist() == codec.encode_prompt(text).tolist() == [1]
    assert codec.unknown_tokens(text) == []


def test_unknown_tokens_are_distinct_and_in_the_order_of_appearance() -> None:
    assert CHARACTERS.unknown_tokens("zabyz") == ["z", "y"]
    assert WORDS.unknown_tokens("time to go, to the time") == ["to", "go"]
    assert FALLBACK.unknown_tokens("zabyz") == []
    assert BYTES.unknown_tokens("zabyz") == []


def test_unknown_levels_and_normalizers_raise_errors() -> None:
    with pytest.raises(KeyError, match="sentence"):
        TextCodec(Vocabulary(["<unk>"]), level="sentence")
    with pytest.raises(KeyError, match="nfkc"):
        TextCodec(Vocabulary(["<unk>"]), normalize="nfkc")

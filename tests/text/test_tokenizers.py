"""Splitting and joining text: lossless where it should be, and decoders that return valid Unicode at every step."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.text.tokenizers import BYTE_TOKENS, TOKENIZERS, ByteDecoder, CorpusTokenizer, Decoder, join_tokens

few = settings(deadline=None, max_examples=60)
texts = st.text(max_size=40)
prose = st.text(alphabet="ab1_ \n.,!'’‘-\"“”()中の。（—é\u0301", max_size=30)


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> CorpusTokenizer:
    return TOKENIZERS[str(request.param)]


def decode_each(decoder: Decoder, tokens: Sequence[str]) -> list[str]:
    """Return the text of each token, and the remaining text last."""
    return [*[decoder.push(token) for token in tokens], decoder.flush()]


def test_there_are_256_byte_tokens_that_name_their_byte() -> None:
    assert len(set(BYTE_TOKENS)) == 256
    assert (BYTE_TOKENS[0], BYTE_TOKENS[0x41], BYTE_TOKENS[255]) == ("<0x00>", "<0x41>", "<0xFF>")


@few
@given(texts)
def test_characters_and_bytes_restore_the_text(text: str) -> None:
    for name in ("char", "byte"):
        assert join_tokens(TOKENIZERS[name].decoder(), TOKENIZERS[name].split(text)) == text


@few
@given(texts)
def test_text_is_split_into_characters_or_bytes(text: str) -> None:
    assert TOKENIZERS["char"].split(text) == list(text)
    assert TOKENIZERS["byte"].split(text) == [f"<0x{byte:02X}>" for byte in text.encode()]


@few
@given(st.lists(texts, max_size=4))
def test_an_indexer_numbers_the_tokens_of_split(blocks: list[str]) -> None:
    for tokenizer in TOKENIZERS.values():
        indexer = tokenizer.indexer()
        numbers = [indexer.index(block) for block in blocks]
        assert all(array.dtype == "uint32" for array in numbers)
        assert [[indexer.tokens[n] for n in array] for array in numbers] == [tokenizer.split(b) for b in blocks]


@few
@given(st.lists(texts, max_size=4))
def test_characters_and_words_are_numbered_by_first_appearance(blocks: list[str]) -> None:
    for name in ("char", "word"):
        indexer = TOKENIZERS[name].indexer()
        distinct = dict.fromkeys(token for block in blocks for token in TOKENIZERS[name].split(block))
        for block in blocks:
            indexer.index(block)
        assert indexer.tokens == list(distinct)


def test_bytes_are_numbered_by_their_value() -> None:
    indexer = TOKENIZERS["byte"].indexer()
    assert indexer.index("A中").tolist() == list("A中".encode())
    assert indexer.tokens == list(BYTE_TOKENS)


def test_every_indexer_and_decoder_has_its_own_state(tokenizer: CorpusTokenizer) -> None:
    first = tokenizer.indexer()
    first.index("ab")
    assert tokenizer.indexer().index("b").tolist() == [98 if tokenizer is TOKENIZERS["byte"] else 0]
    decoder = tokenizer.decoder()
    decoder.push(BYTE_TOKENS["中".encode()[0]])
    assert tokenizer.decoder().push("x") == "x"


@few
@given(st.binary(max_size=30))
def test_bytes_decode_as_in_python_with_replacement(content: bytes) -> None:
    assert join_tokens(ByteDecoder(), [BYTE_TOKENS[byte] for byte in content]) == content.decode("utf-8", "replace")


@few
@given(st.lists(st.one_of(st.sampled_from(BYTE_TOKENS), st.characters(exclude_categories=["Cs"])), max_size=30))
def test_every_prefix_of_characters_and_bytes_is_valid_unicode(tokens: list[str]) -> None:
    pieces = decode_each(ByteDecoder(), tokens)
    for end in range(len(pieces) + 1):
        "".join(pieces[:end]).encode("utf-8")
    assert "".join(pieces) == join_tokens(ByteDecoder(), tokens)


def test_a_character_is_complete_with_its_last_byte() -> None:
    assert decode_each(ByteDecoder(), [BYTE_TOKENS[b] for b in "é中😀".encode()]) == [
        *["", "é"],
        *["", "", "中"],
        *["", "", "", "😀"],
        "",
    ]


def test_an_incomplete_character_becomes_one_replacement_mark() -> None:
    first, second, _ = (BYTE_TOKENS[byte] for byte in "中".encode())
    assert decode_each(ByteDecoder(), [first, second, "a"]) == ["", "", "\ufffda", ""]
    assert decode_each(ByteDecoder(), [first, second]) == ["", "", "\ufffd"]


def test_a_decoder_can_be_used_after_flush() -> None:
    decoder = ByteDecoder()
    decoder.push(BYTE_TOKENS[0xE4])
    assert decoder.flush() == "\ufffd"
    assert decode_each(decoder, [BYTE_TOKENS[b] for b in "中".encode()]) == ["", "", "中", ""]


def test_a_byte_order_mark_is_an_ordinary_character() -> None:
    text = codecs.BOM_UTF8.decode() + "a"
    for name in ("char", "byte"):
        assert join_tokens(TOKENIZERS[name].decoder(), TOKENIZERS[name].split(text)) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It's the time-traveller’s clock.", ["It's", "the", "time-traveller’s", "clock", "."]),
        ("rock 'n' roll", ["rock", "'", "n", "'", "roll"]),
        ("the dogs' well--known", ["the", "dogs", "'", "well", "-", "-", "known"]),
        ("mother-in-law -x y-", ["mother-in-law", "-", "x", "y", "-"]),
        ("3.14 x_1", ["3", ".", "14", "x", "_", "1"]),
        ("naïve Ünal Ёлка 한국어", ["naïve", "Ünal", "Ёлка", "한국어"]),
        ("a\t b\u3000\r c", ["a", "b", "c"]),
        ("a\n\nb\n", ["a", "\n", "\n", "b", "\n"]),
        ("我爱北京。", ["我", "爱", "北", "京", "。"]),
        ("ひらカナ漢", ["ひ", "ら", "カ", "ナ", "漢"]),
        ("𠀀𰀀x", ["𠀀", "𰀀", "x"]),
        ("用GPT写诗v2", ["用", "GPT", "写", "诗", "v2"]),
        ("don't中don't", ["don't", "中", "don't"]),
        ("a-中", ["a", "-", "中"]),
        ("<unk> <0x41>", ["<", "unk", ">", "<", "0x41", ">"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_text_is_split_into_words(text: str, tokens: list[str]) -> None:
    assert TOKENIZERS["word"].split(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world! It's 5; no: (six) [seven] {eight}…",
        '"Hi," he said. "Bye."',
        "“Hi,” he said, ‘now’ or never",
        "one line\nanother line\n\nand (a third)\n",
        "我爱北京（首都）。你呢？“好！”《书》",
        "他说——好……《书》、GPT《书》",
        "用GPT写诗，写了3首。",
        "ひらがなとカタカナ。",
        "100%",
    ],
)
def test_spaces_are_restored_by_the_rules_of_english_and_chinese(text: str) -> None:
    assert join_tokens(TOKENIZERS["word"].decoder(), TOKENIZERS["word"].split(text)) == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["a", "b"], "a b"),
        (["3", ".", "14"], "3. 14"),  # the original spacing is lost
        (["a", "-", "b"], "a - b"),
        (['"', '"', "a"], '"" a'),
        (["a", '"', "b", '"', '"', "c", '"'], 'a "b" "c"'),
        (["GPT", "中", "GPT"], "GPT中GPT"),
        ([".", "a"], ". a"),
    ],
)
def test_the_spacing_between_tokens(tokens: list[str], text: str) -> None:
    assert join_tokens(TOKENIZERS["word"].decoder(), tokens) == text


@settings(deadline=None, max_examples=200)
@given(prose)
def test_decoded_words_are_split_into_the_same_words(text: str) -> None:
    tokens = TOKENIZERS["word"].split(text)
    assert TOKENIZERS["word"].split(join_tokens(TOKENIZERS["word"].decoder(), tokens)) == tokens


@few
@given(prose)
def test_words_contain_all_characters_but_spaces(text: str) -> None:
    assert "".join(TOKENIZERS["word"].split(text)) == text.replace(" ", "")

"""The corpus on disk: its ids are the text, its vocabulary is the training part's, its files are checked."""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from elman.data import readers
from elman.data.readers import MemoryText, TextSource
from elman.errors import DataError, ModelError
from elman.tasks.language_model import preparation
from elman.tasks.language_model.corpus import Corpus, MemoryTokens, TextConfig, TokenFile
from elman.tasks.language_model.preparation import prepare
from elman.text import NORMALIZERS, TOKENIZERS
from elman.text.tokenizers import BYTE_TOKENS, join

BOOK = "The Time Traveller (for so it will be convenient to speak of him)\nwas expounding a recondite matter.\n" * 5
CHARACTERS = TextConfig()
FALLBACK = TextConfig(byte_fallback=True)


def prepared(folder: Path, text: str, config: TextConfig = CHARACTERS, **choices: Any) -> Corpus:
    return prepare(folder, [MemoryText([text])], config, **choices)


def ids_of(corpus: Corpus, name: str) -> np.ndarray:
    return np.concatenate(list(corpus.ids(name).chunks()))


def text_of(corpus: Corpus, config: TextConfig, name: str) -> str:
    return config.codec(corpus.vocabulary).decode(ids_of(corpus, name))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("normalize", NORMALIZERS)
@pytest.mark.parametrize(("level", "fallback"), [("char", False), ("char", True), ("byte", False), ("word", False)])
def test_the_ids_are_those_of_the_text(tmp_path: Path, level: str, fallback: bool, normalize: str) -> None:
    config = TextConfig(level=level, normalize=normalize, byte_fallback=fallback)
    corpus = prepared(tmp_path, BOOK + "ÀÉ中文!" * 10, config, min_frequency=1)
    tokens = [
        t
        for piece in NORMALIZERS[normalize].pieces(BOOK + "ÀÉ中文!" * 10 + "\n")
        for t in TOKENIZERS[level].split(piece)
    ]
    split = int(len(tokens) * 0.9)
    for name, expected in (("train", tokens[:split]), ("valid", tokens[split:])):
        known = [token if token in corpus.vocabulary else "\ufffd" for token in expected]
        assert text_of(corpus, config, name) == join(TOKENIZERS[level].decoder(), expected if fallback else known)
    if not fallback:
        assert (corpus.train.tokens, corpus.valid.tokens) == (split, len(tokens) - split)
        codec = config.codec(corpus.vocabulary)
        everything = np.concatenate([ids_of(corpus, "train"), ids_of(corpus, "valid")])
        np.testing.assert_array_equal(everything, codec.encode(BOOK + "ÀÉ中文!" * 10 + "\n"))


@settings(deadline=None, max_examples=40)
@given(st.floats(0.01, 0.6), st.integers(40, 400))
def test_the_training_part_is_the_first_n_times_one_minus_f_tokens(
    tmp_path_factory: pytest.TempPathFactory, fraction: float, length: int
) -> None:
    text = "ab" * (length // 2) + "\n"
    total, split = len(text), int(len(text) * (1 - fraction))
    if split < 16 or total - split < 2:
        return
    corpus = prepared(tmp_path_factory.getbasetemp() / "fractions", text, valid_fraction=fraction)
    assert (corpus.train.tokens, corpus.valid.tokens) == (split, total - split)
    assert text_of(corpus, CHARACTERS, "train") == text[:split]


def test_a_tenth_is_held_out_and_of_a_long_text_no_more_than_is_useful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepared(tmp_path, "ab" * 500).valid.tokens == 101  # of 1001
    monkeypatch.setattr(preparation, "AUTOMATIC_VALID_TOKENS", 60)
    assert prepared(tmp_path, "ab" * 500).valid.tokens == 60
    assert prepared(tmp_path, "ab" * 500, valid_fraction=0.5).valid.tokens == 501


def test_the_vocabulary_knows_nothing_of_the_held_out_part(tmp_path: Path) -> None:
    text = "abab" * 22 + "ab" + "zzzzzzzzz\n"
    corpus = prepared(tmp_path, text, min_frequency=1, valid_fraction=0.1)
    assert corpus.vocabulary.tokens == ("<unk>", "a", "b")
    assert ids_of(corpus, "valid").tolist() == [0] * 10
    other = prepared(tmp_path / "other", text[:90] + "ababababa\n", min_frequency=1, valid_fraction=0.1)
    assert other.vocabulary.tokens == corpus.vocabulary.tokens
    np.testing.assert_array_equal(ids_of(other, "train"), ids_of(corpus, "train"))


def test_texts_of_their_own_are_held_out_whole(tmp_path: Path) -> None:
    train, valid = [MemoryText(["ab" * 20, "ba"]), MemoryText(["aa"], name="more")], [MemoryText(["abz"], name="valid")]
    corpus = prepare(tmp_path, train, CHARACTERS, valid=valid)
    assert text_of(corpus, CHARACTERS, "train") == "ab" * 20 + "\nba\naa\n"
    assert text_of(corpus, CHARACTERS, "valid") == "ab\ufffd\n"
    assert [source.name for source in corpus.sources] == ["memory", "more", "valid"]
    assert corpus.sources == tuple(source.record for source in (*train, *valid))


def test_the_beginning_of_the_vocabulary_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    texts = [MemoryText(["aab" * 9]), MemoryText(["bbbc" * 9])]
    one = prepare(tmp_path / "one", texts, CHARACTERS, valid=texts)
    two = prepare(tmp_path / "two", texts[::-1], CHARACTERS, valid=texts)
    assert one.vocabulary.tokens == two.vocabulary.tokens == ("<unk>", "b", "a", "c", "\n")


@pytest.mark.parametrize(("kinds", "dtype"), [(254, "uint8"), (255, "uint8"), (256, "uint16")])
def test_ids_lie_in_the_smallest_type_that_holds_them(tmp_path: Path, kinds: int, dtype: str) -> None:
    """The vocabulary is the kinds and `<unk>`: 256 tokens still fit a byte."""
    text = "".join(chr(0x4E00 + i) for i in range(kinds - 1)) + "\n"
    corpus = prepare(tmp_path, [MemoryText([text])], CHARACTERS, valid=[MemoryText([text])])
    assert (len(corpus.vocabulary), corpus.train.dtype, corpus.valid.dtype) == (kinds + 1, dtype, dtype)
    assert (tmp_path / "train.ids").stat().st_size == kinds * np.dtype(dtype).itemsize
    assert text_of(corpus, CHARACTERS, "train") == text


@pytest.mark.parametrize(("kinds", "kept"), [(999, True), (1001, False)])
def test_a_large_vocabulary_leaves_out_what_was_seen_once_and_a_small_one_does_not(
    tmp_path: Path, kinds: int, kept: bool
) -> None:
    characters = "".join(chr(0x4E00 + i) for i in range(kinds - 2))  # and a line end, and x
    train = MemoryText([characters + characters[:500] + "xx", "x"])
    corpus = prepare(tmp_path, [train], CHARACTERS, valid=[MemoryText(["xx"])])
    assert len(corpus.vocabulary) == 1 + (kinds if kept else 500 + 2)
    assert (characters[-1] in corpus.vocabulary) == kept
    assert characters[0] in corpus.vocabulary
    everything = prepare(tmp_path, [train], CHARACTERS, valid=[MemoryText(["xx"])], min_frequency=1)
    assert len(everything.vocabulary) == 1 + kinds


def test_the_vocabulary_can_be_limited_by_frequency_and_by_size(tmp_path: Path) -> None:
    text = "a" * 30 + "b" * 20 + "c" * 10 + "d"
    for choices, expected in (
        ({"min_frequency": 10}, "abc"),
        ({"min_frequency": 11}, "ab"),
        ({"vocabulary_size": 3}, "ab"),
        ({}, "abcd\n"),
    ):
        corpus = prepare(tmp_path, [MemoryText([text])], CHARACTERS, valid=[MemoryText([text])], **choices)
        assert corpus.vocabulary.tokens == ("<unk>", *expected)


@pytest.mark.parametrize(
    ("level", "text", "message"),
    [
        ("char", "abc", "3 characters to train on and 1 held out, expected at least 16 and 2"),
        ("char", "ab" * 8, "15 characters to train on and 2 held out, expected at least 16 and 2"),
        ("word", "one two", "2 words to train on and 1 held out, expected at least 16 and 2"),
        ("byte", "中中", "6 bytes to train on and 1 held out, expected at least 16 and 2"),
    ],
)
def test_a_text_that_is_too_short_says_how_short(tmp_path: Path, level: str, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, text, TextConfig(level=level))
    assert str(caught.value) == f"memory: {message}; name more text, or another --valid-fraction"


def test_a_held_out_part_that_is_too_short_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "ab" * 2000, valid_fraction=0.0001)
    assert caught.value.message == "4,000 characters to train on and 1 held out, expected at least 16 and 2"


def test_no_text_at_all_names_its_sources(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        prepare(tmp_path / "data", [TextSource(empty), TextSource(empty)], CHARACTERS)
    hint = "name a file with some pages of text"
    assert str(caught.value) == f"{empty}, {empty}: is empty, expected text; {hint}"


def test_stdin_is_read_once_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(BOOK.encode())))
    corpus = prepare(tmp_path, [TextSource("-")], CHARACTERS)
    assert text_of(corpus, CHARACTERS, "train") == BOOK[: int(len(BOOK) * 0.9)]
    (source,) = corpus.sources
    assert (source.name, source.bytes) == ("stdin", len(BOOK))
    assert source.sha256 == hashlib.sha256(BOOK.encode()).hexdigest()


def test_the_folder_holds_what_was_promised_and_opens_as_it_was(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, BOOK)
    assert {path.name for path in tmp_path.iterdir()} == {"train.ids", "valid.ids", "vocabulary.json", "corpus.json"}
    opened = Corpus.open(tmp_path)
    assert opened.vocabulary.tokens == corpus.vocabulary.tokens
    assert replace(opened, vocabulary=corpus.vocabulary) == corpus
    for name, part in (("train", corpus.train), ("valid", corpus.valid)):
        assert part.sha256 == hashlib.sha256((tmp_path / f"{name}.ids").read_bytes()).hexdigest()


@pytest.mark.parametrize("config", [CHARACTERS, FALLBACK, TextConfig(level="word")], ids=["char", "fallback", "word"])
def test_the_size_of_blocks_and_chunks_changes_no_byte(
    tmp_path: Path, config: TextConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "book.txt"
    path.write_text(BOOK + "中文\n" * 20, "utf-8")

    def files() -> dict[str, bytes]:
        prepare(tmp_path / "data", [TextSource(path)], config, seed=3)
        return files_of(tmp_path / "data")

    expected = files()
    for size in (5, 64, 100):
        monkeypatch.setattr(preparation, "CHUNK_TOKENS", size)
        monkeypatch.setattr(readers, "BLOCK_BYTES", 10 * size)
        assert files() == expected


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", ["train", "valid"])
@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
    ],
    ids=["bit", "missing", "short", "empty"],
)
def test_a_damaged_file_of_ids_is_refused(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    prepared(tmp_path, BOOK)
    damage(tmp_path / f"{name}.ids")
    corpus = Corpus.open(tmp_path)
    with pytest.raises(ModelError) as caught:
        corpus.ids(name)
    assert str(caught.value) == f"{tmp_path / name}.ids: differs from what was written; train again"
    assert len(corpus.ids("valid" if name == "train" else "train")) > 0


@pytest.mark.parametrize("name", ["corpus.json", "vocabulary.json"])
@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"tokens": ["a"]}', '{"tokens": 3}', '{"train": 3}'])
def test_damaged_records_are_refused(tmp_path: Path, name: str, content: str | None) -> None:
    prepared(tmp_path, BOOK)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(ModelError) as caught:
        Corpus.open(tmp_path)
    assert caught.value.message.startswith("damaged training data (")
    assert (caught.value.where, caught.value.hint) == (str(tmp_path), "train again")


def test_byte_fallback_is_for_characters() -> None:
    for level in ("word", "byte"):
        with pytest.raises(ValidationError, match=f"byte_fallback is for level 'char', given level '{level}'"):
            TextConfig(level=level, byte_fallback=True)


def spelled(corpus: Corpus, name: str) -> list[str]:
    return [token for token in corpus.vocabulary.decode(ids_of(corpus, name)) if token in BYTE_TOKENS]


def test_the_training_part_spells_every_character_about_twenty_times(tmp_path: Path) -> None:
    frequent = {"a": 4000, "é": 1000, "中": 300, "b": 250}  # once in 200, 50, 15 and, at most, 10
    text = "".join(character * count for character, count in frequent.items())
    corpus = prepare(tmp_path, [MemoryText([text])], FALLBACK, valid=[MemoryText([text])], seed=1)
    assert text_of(corpus, FALLBACK, "train") == text + "\n"
    tokens = spelled(corpus, "train")
    for character in frequent:
        for byte in character.encode():
            # Binomial of mean 20: outside 4 to 60 at one seed in 300,000, and the seed is fixed.
            assert 4 <= tokens.count(BYTE_TOKENS[byte]) <= 60
    assert {token for c in frequent for token in TOKENIZERS["byte"].split(c)} >= set(tokens) - {BYTE_TOKENS[10]}


def test_the_held_out_part_spells_only_what_the_vocabulary_lacks(tmp_path: Path) -> None:
    valid = "abé中a"
    corpus = prepare(tmp_path, [MemoryText(["ab" * 500])], FALLBACK, valid=[MemoryText([valid])])
    assert spelled(corpus, "valid") == TOKENIZERS["byte"].split("é中")
    assert text_of(corpus, FALLBACK, "valid") == valid + "\n"
    np.testing.assert_array_equal(ids_of(corpus, "valid"), FALLBACK.codec(corpus.vocabulary).encode(valid + "\n"))


def test_a_rare_character_of_the_training_part_is_always_spelled(tmp_path: Path) -> None:
    text = "ab" * 500 + "é"
    corpus = prepare(tmp_path, [MemoryText([text])], FALLBACK, valid=[MemoryText(["ab"])], min_frequency=2)
    assert "é" not in corpus.vocabulary
    assert text_of(corpus, FALLBACK, "train") == text + "\n"
    assert set(TOKENIZERS["byte"].split("é")) <= set(spelled(corpus, "train"))


def test_the_same_seed_gives_the_same_bytes_and_another_spells_elsewhere(tmp_path: Path) -> None:
    text = "ab" * 2000
    one, again, other = (
        (prepared(tmp_path / name, text, FALLBACK, seed=seed), files_of(tmp_path / name))[1]
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )
    assert one == again
    assert one["train.ids"] != other["train.ids"]
    assert one["valid.ids"] == other["valid.ids"]


@pytest.fixture
def token_file(tmp_path: Path) -> tuple[TokenFile, np.ndarray]:
    """A file of many pages, and its ids."""
    ids = np.random.default_rng(2).integers(0, 60_000, 20_000).astype(np.uint16)
    (tmp_path / "x.ids").write_bytes(ids.tobytes())
    return TokenFile(tmp_path / "x.ids", ids.dtype, len(ids)), ids


def test_rows_are_slices_of_the_file_before_and_after_its_pages_are_released(
    token_file: tuple[TokenFile, np.ndarray],
) -> None:
    tokens, ids = token_file
    assert len(tokens) == len(ids)
    rng = np.random.default_rng(3)
    for _ in range(50):
        length = int(rng.integers(1, 500))
        starts = rng.integers(0, len(ids) - length + 1, size=4).tolist()
        rows = tokens.rows(starts, length)
        assert rows.dtype == np.int64
        np.testing.assert_array_equal(rows, [ids[start : start + length] for start in starts])
        np.testing.assert_array_equal(MemoryTokens(ids.astype(np.int64)).rows(starts, length), rows)


def test_rows_that_were_read_outlive_the_release(token_file: tuple[TokenFile, np.ndarray]) -> None:
    tokens, ids = token_file
    kept = tokens.rows([0, 100], 300)
    for _ in range(50):
        tokens.rows([5], 5)
    np.testing.assert_array_equal(kept, [ids[:300], ids[100:400]])


@pytest.mark.parametrize("size", [1, 7, 4096, 19_999, 20_000, 20_001])
def test_chunks_are_all_ids_in_order(tmp_path: Path, token_file: tuple[TokenFile, np.ndarray], size: int) -> None:
    tokens, ids = token_file
    chunks = list(tokens.chunks(size))
    np.testing.assert_array_equal(np.concatenate(chunks), ids)
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}


def test_the_vocabulary_is_written_as_it_reads(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "中文é" * 20)
    content = (tmp_path / "vocabulary.json").read_text("utf-8")
    assert json.loads(content) == {"tokens": list(corpus.vocabulary.tokens)}
    assert "中" in content


def test_a_vocabulary_that_was_changed_is_refused(tmp_path: Path) -> None:
    prepared(tmp_path, BOOK)
    path = tmp_path / "vocabulary.json"
    content = path.read_bytes()
    assert content.count(b'"T"') == 1
    path.write_bytes(content.replace(b'"T"', b'"U"'))  # still a vocabulary, but not this one
    with pytest.raises(ModelError) as caught:
        Corpus.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: damaged training data (vocabulary.json differs from what was written); train again"
    )


def test_every_part_knows_how_many_tokens_are_unknown(tmp_path: Path) -> None:
    text = MemoryText(["ab" * 500 + "é中"])
    corpus = prepare(tmp_path, [text], CHARACTERS, valid=[MemoryText(["abéxyz"])], min_frequency=2)
    assert (corpus.train.unknown, corpus.valid.unknown) == (3, 5)  # é, 中 and the line's end; é, x, y, z and the end
    for name, part in (("train", corpus.train), ("valid", corpus.valid)):
        assert part.unknown == np.count_nonzero(ids_of(corpus, name) == 0)
    assert Corpus.open(tmp_path).train.unknown == 3


def test_what_is_spelled_in_bytes_is_not_unknown(tmp_path: Path) -> None:
    text = MemoryText(["ab" * 500 + "é中"])
    corpus = prepare(tmp_path, [text], FALLBACK, valid=[MemoryText(["abéxyz"])], min_frequency=2)
    assert (corpus.train.unknown, corpus.valid.unknown) == (0, 0)


@pytest.mark.parametrize("choice", [{"min_frequency": 1000}, {"vocabulary_size": 1}])
def test_a_vocabulary_of_nothing_but_unk_is_refused(tmp_path: Path, choice: dict[str, int]) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "abc " * 100, **choice)
    assert str(caught.value) == (
        "memory: leaves no token but `<unk>` in the vocabulary; lower min_frequency or raise vocabulary_size"
    )


def test_numbers_in_memory_are_given_as_wide_ids() -> None:
    rows = MemoryTokens(np.arange(200, dtype=np.uint8)).rows([0, 150], 50)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, [np.arange(50), np.arange(150, 200)])

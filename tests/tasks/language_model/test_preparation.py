"""The preparation of a corpus: its ids are those of the text, its vocabulary that of the training set."""

import hashlib
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers import files as readers
from elman.errors import DataError
from elman.tasks.language_model import preparation
from elman.tasks.language_model.config import LanguageModelReaderConfig
from elman.tasks.language_model.config import LanguageModelTextConfig as TextConfig
from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.readers import open_source
from elman.text import NORMALIZERS, TOKENIZERS
from elman.text.tokenizers import BYTE_TOKENS, join_tokens

from .corpora import memory, prepared

BOOK = "The Time Traveller (for so it will be convenient to speak of him)\nwas expounding a recondite matter.\n" * 5


CHARACTERS = TextConfig()


FALLBACK = TextConfig(byte_fallback=True)


Name = Literal["train", "valid"]


Ids = npt.NDArray[Any]


NAMES: tuple[Name, Name] = ("train", "valid")


def file_source(path: Path | str) -> Any:
    return open_source(path, LanguageModelReaderConfig(), lambda message: None)


def ids_of(corpus: LanguageModelCorpus, name: Name) -> Ids:
    return np.concatenate(list(corpus.ids(name).chunks()))


def text_of(corpus: LanguageModelCorpus, config: TextConfig, name: Name) -> str:
    return config.codec(corpus.vocabulary).decode(ids_of(corpus, name))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("normalize", [name for name in NORMALIZERS if name != "nfd"])  # seq2seq composes it again
@pytest.mark.parametrize(("level", "fallback"), [("char", False), ("char", True), ("byte", False), ("word", False)])
def test_the_ids_are_those_of_the_text(tmp_path: Path, level: str, fallback: bool, normalize: str) -> None:
    config = TextConfig.model_validate({"level": level, "normalize": normalize, "byte_fallback": fallback})
    corpus = prepared(tmp_path, BOOK + "ÀÉ中文!" * 10, min_frequency=1, **config.model_dump())
    tokens = [
        t
        for piece in NORMALIZERS[normalize].pieces(BOOK + "ÀÉ中文!" * 10 + "\n")
        for t in TOKENIZERS[level].split(piece)
    ]
    split = int(len(tokens) * 0.9)
    for name, expected in zip(NAMES, (tokens[:split], tokens[split:]), strict=True):
        known = [token if token in corpus.vocabulary else "\ufffd" for token in expected]
        assert text_of(corpus, config, name) == join_tokens(
            TOKENIZERS[level].decoder(), expected if fallback else known
        )
    if not fallback:
        assert (corpus.train_set.tokens, corpus.valid_set.tokens) == (split, len(tokens) - split)
        codec = config.codec(corpus.vocabulary)
        everything = np.concatenate([ids_of(corpus, "train"), ids_of(corpus, "valid")])
        np.testing.assert_array_equal(everything, codec.encode(BOOK + "ÀÉ中文!" * 10 + "\n"))


@settings(deadline=None, max_examples=40)
@given(st.floats(0.01, 0.6), st.integers(40, 400))
def test_the_training_set_is_the_beginning_of_the_text_in_the_right_proportion(
    tmp_path_factory: pytest.TempPathFactory, fraction: float, length: int
) -> None:
    text = "ab" * (length // 2) + "\n"
    total, split = len(text), int(len(text) * (1 - fraction))
    if split < 16 or total - split < 2:
        return
    corpus = prepared(tmp_path_factory.getbasetemp() / "fractions", text, valid_fraction=fraction)
    assert (corpus.train_set.tokens, corpus.valid_set.tokens) == (split, total - split)
    assert text_of(corpus, CHARACTERS, "train") == text[:split]


def test_the_validation_set_is_a_tenth_and_limited_for_a_long_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepared(tmp_path, "ab" * 500).valid_set.tokens == 101  # of 1001
    monkeypatch.setattr(preparation, "AUTOMATIC_VALID_TOKENS", 60)
    assert prepared(tmp_path, "ab" * 500).valid_set.tokens == 60
    assert prepared(tmp_path, "ab" * 500, valid_fraction=0.5).valid_set.tokens == 501


def test_the_vocabulary_does_not_depend_on_the_validation_set(tmp_path: Path) -> None:
    text = "abab" * 22 + "ab" + "zzzzzzzzz\n"
    corpus = prepared(tmp_path, text, min_frequency=1, valid_fraction=0.1)
    assert corpus.vocabulary.tokens == ("<unk>", "a", "b")
    assert ids_of(corpus, "valid").tolist() == [0] * 10
    other = prepared(tmp_path / "other", text[:90] + "ababababa\n", min_frequency=1, valid_fraction=0.1)
    assert other.vocabulary.tokens == corpus.vocabulary.tokens
    np.testing.assert_array_equal(ids_of(other, "train"), ids_of(corpus, "train"))


def test_a_validation_text_is_used_as_a_whole(tmp_path: Path) -> None:
    train, valid = [memory("ab" * 20, "ba"), memory("aa", name="more")], [memory("abz", name="valid")]
    corpus = prepared(tmp_path, *train, valid=valid)
    assert text_of(corpus, CHARACTERS, "train") == "ab" * 20 + "\nba\naa\n"
    assert text_of(corpus, CHARACTERS, "valid") == "ab\ufffd\n"
    assert [source.name for source in corpus.sources] == ["memory", "more", "valid"]
    assert corpus.sources == tuple(source.record for source in (*train, *valid))


def test_the_vocabulary_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    texts = ["aab" * 9, "bbbc" * 9]
    one = prepared(tmp_path / "one", *texts, valid=texts)
    two = prepared(tmp_path / "two", *texts[::-1], valid=texts)
    assert one.vocabulary.tokens == two.vocabulary.tokens == ("<unk>", "b", "a", "c", "\n")


@pytest.mark.parametrize(("kinds", "dtype"), [(254, "uint8"), (255, "uint8"), (256, "uint16")])
def test_ids_have_the_smallest_type_that_holds_them(tmp_path: Path, kinds: int, dtype: str) -> None:
    """The vocabulary holds the kinds and `<unk>`; 256 tokens still fit into a byte."""
    text = "".join(chr(0x4E00 + i) for i in range(kinds - 1)) + "\n"
    corpus = prepared(tmp_path, text, valid=[text])
    assert (len(corpus.vocabulary), corpus.train_set.dtype, corpus.valid_set.dtype) == (kinds + 1, dtype, dtype)
    assert (tmp_path / "train.ids").stat().st_size == kinds * np.dtype(dtype).itemsize
    assert text_of(corpus, CHARACTERS, "train") == text


@pytest.mark.parametrize(("kinds", "complete"), [(999, True), (1001, False)])
def test_only_a_large_vocabulary_leaves_out_characters_that_occur_once(
    tmp_path: Path, kinds: int, complete: bool
) -> None:
    characters = "".join(chr(0x4E00 + i) for i in range(kinds - 2))  # and a line end, and x
    train = memory(characters + characters[:500] + "xx", "x")
    corpus = prepared(tmp_path, train, valid=["xx"])
    assert len(corpus.vocabulary) == 1 + (kinds if complete else 500 + 2)
    assert (characters[-1] in corpus.vocabulary) == complete
    assert characters[0] in corpus.vocabulary
    everything = prepared(tmp_path, train, valid=["xx"], min_frequency=1)
    assert len(everything.vocabulary) == 1 + kinds


def test_the_vocabulary_can_be_limited_by_frequency_and_by_size(tmp_path: Path) -> None:
    text = "a" * 30 + "b" * 20 + "c" * 10 + "d"
    choices: list[tuple[dict[str, Any], str]] = [
        ({"min_frequency": 10}, "abc"),
        ({"min_frequency": 11}, "ab"),
        ({"vocabulary_size": 3}, "ab"),
        ({}, "abcd\n"),
    ]
    for options, expected in choices:
        corpus = prepared(tmp_path, text, valid=[text], **options)
        assert corpus.vocabulary.tokens == ("<unk>", *expected)


@pytest.mark.parametrize(
    ("level", "text", "message"),
    [
        ("char", "abcd", "3 characters for the training set and 2 for the validation set; expected at least 16 and 2"),
        (
            "char",
            "ab" * 10,
            "15 characters for the training set and 6 for the validation set; expected at least 16 and 2",
        ),
        (
            "word",
            "one two three",
            "3 words for the training set and 1 for the validation set; expected at least 16 and 2",
        ),
        ("byte", "中中", "5 bytes for the training set and 2 for the validation set; expected at least 16 and 2"),
    ],
)
def test_a_text_that_is_too_short_is_an_error_with_both_sizes(
    tmp_path: Path, level: str, text: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, text, level=level, valid_fraction=0.25)
    hint = "Name more text, or train on all of it with --valid-fraction 0"
    assert str(caught.value) == f"memory: {message}. {hint}"


def test_a_validation_set_that_is_too_short_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "ab" * 2000, valid_fraction=0.0001)
    assert (
        caught.value.message
        == "4,000 characters for the training set and 1 for the validation set; expected at least 16 and 2"
    )


def test_empty_sources_are_an_error_with_their_names(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        prepared(tmp_path / "data", file_source(empty), file_source(empty))
    hint = "Name a file with some pages of text"
    assert str(caught.value) == f"{empty}, {empty}: is empty; expected text. {hint}"


def test_standard_input_is_read_once_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(BOOK.encode())))
    corpus = prepared(tmp_path, file_source("-"))
    assert text_of(corpus, CHARACTERS, "train") == BOOK[: int(len(BOOK) * 0.9)]
    (source,) = corpus.sources
    assert (source.name, source.bytes) == ("stdin", len(BOOK))
    assert source.sha256 == hashlib.sha256(BOOK.encode()).hexdigest()


@pytest.mark.parametrize("config", [CHARACTERS, FALLBACK, TextConfig(level="word")], ids=["char", "fallback", "word"])
def test_the_files_do_not_depend_on_the_size_of_blocks_and_chunks(
    tmp_path: Path, config: TextConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "book.txt"
    path.write_text(BOOK + "中文\n" * 20, "utf-8")

    def files() -> dict[str, bytes]:
        prepared(tmp_path / "data", file_source(path), seed=3, **config.model_dump())
        return files_of(tmp_path / "data")

    expected = files()
    for size in (5, 64, 100):
        monkeypatch.setattr(preparation, "CHUNK_TOKENS", size)
        monkeypatch.setattr(readers, "BLOCK_BYTES", 10 * size)
        assert files() == expected


def byte_tokens(corpus: LanguageModelCorpus, name: Name) -> list[str]:
    return [token for token in corpus.vocabulary.decode(ids_of(corpus, name)) if token in BYTE_TOKENS]


def test_the_training_set_has_every_character_about_twenty_times_as_bytes(tmp_path: Path) -> None:
    frequent = {"a": 4000, "é": 1000, "中": 300, "b": 250}  # once in 200, 50, 15 and, at most, 10
    text = "".join(character * count for character, count in frequent.items())
    corpus = prepared(tmp_path, text, valid=[text], byte_fallback=True, seed=1)
    assert text_of(corpus, FALLBACK, "train") == text + "\n"
    tokens = byte_tokens(corpus, "train")
    for character in frequent:
        for byte in character.encode():
            # Binomial of mean 20: outside 4 to 60 at one seed in 300,000, and the seed is fixed.
            assert 4 <= tokens.count(BYTE_TOKENS[byte]) <= 60
    assert {token for c in frequent for token in TOKENIZERS["byte"].split(c)} >= set(tokens) - {BYTE_TOKENS[10]}


def test_the_validation_set_has_only_unknown_characters_as_bytes(tmp_path: Path) -> None:
    valid = "abé中a"
    corpus = prepared(tmp_path, "ab" * 500, valid=[valid], byte_fallback=True)
    assert byte_tokens(corpus, "valid") == TOKENIZERS["byte"].split("é中")
    assert text_of(corpus, FALLBACK, "valid") == valid + "\n"
    np.testing.assert_array_equal(ids_of(corpus, "valid"), FALLBACK.codec(corpus.vocabulary).encode(valid + "\n"))


def test_a_rare_character_of_the_training_set_is_always_written_as_bytes(tmp_path: Path) -> None:
    text = "ab" * 500 + "é"
    corpus = prepared(tmp_path, text, valid=["ab"], byte_fallback=True, min_frequency=2)
    assert "é" not in corpus.vocabulary
    assert text_of(corpus, FALLBACK, "train") == text + "\n"
    assert set(TOKENIZERS["byte"].split("é")) <= set(byte_tokens(corpus, "train"))


def test_the_seed_determines_which_characters_are_written_as_bytes(tmp_path: Path) -> None:
    text = "ab" * 2000
    one, again, other = (
        (prepared(tmp_path / name, text, byte_fallback=True, seed=seed), files_of(tmp_path / name))[1]
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )
    assert one == again
    assert one["train.ids"] != other["train.ids"]
    assert one["valid.ids"] == other["valid.ids"]


def test_the_unknown_tokens_of_both_sets_are_counted(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "ab" * 500 + "é中", valid=["abéxyz"], min_frequency=2)
    # é, 中 and the line end; é, x, y, z and the line end
    assert (corpus.train_set.unknown, corpus.valid_set.unknown) == (3, 5)
    for name, tokens in zip(NAMES, (corpus.train_set, corpus.valid_set), strict=True):
        assert tokens.unknown == np.count_nonzero(ids_of(corpus, name) == 0)
    assert LanguageModelCorpus.open(tmp_path).train_set.unknown == 3


def test_a_character_that_is_written_as_bytes_is_not_unknown(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "ab" * 500 + "é中", valid=["abéxyz"], byte_fallback=True, min_frequency=2)
    assert (corpus.train_set.unknown, corpus.valid_set.unknown) == (0, 0)


@pytest.mark.parametrize("choice", [{"min_frequency": 1000}, {"vocabulary_size": 1}])
def test_a_vocabulary_of_unk_alone_is_an_error(tmp_path: Path, choice: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, "abc " * 100, **choice)
    assert str(caught.value) == (
        "memory: the vocabulary has no token but `<unk>`; expected at least one. "
        "Lower min_frequency or raise vocabulary_size"
    )

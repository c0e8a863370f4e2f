"""The corpus on disk: files are checked against their checksums, ids are read in rows and chunks."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from elman.errors import ModelError
from elman.tasks.language_model.corpus import LanguageModelCorpus, MemoryTokens, TokenFile

from .corpora import prepared

BOOK = "The Time Traveller (for so it will be convenient to speak of him)\nwas expounding a recondite matter.\n" * 5


Name = Literal["train", "valid"]


Ids = npt.NDArray[Any]


def test_a_corpus_folder_has_four_files_and_opens_as_it_was_written(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, BOOK)
    assert {path.name for path in tmp_path.iterdir()} == {"train.ids", "valid.ids", "vocabulary.json", "corpus.json"}
    opened = LanguageModelCorpus.open(tmp_path)
    assert opened.vocabulary.tokens == corpus.vocabulary.tokens
    assert replace(opened, vocabulary=corpus.vocabulary) == corpus
    for name, tokens in (("train", corpus.train_set), ("valid", corpus.valid_set)):
        assert tokens.sha256 == hashlib.sha256((tmp_path / f"{name}.ids").read_bytes()).hexdigest()


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
def test_a_damaged_file_of_ids_is_an_error(tmp_path: Path, name: Name, damage: Callable[[Path], None]) -> None:
    prepared(tmp_path, BOOK)
    damage(tmp_path / f"{name}.ids")
    corpus = LanguageModelCorpus.open(tmp_path)
    with pytest.raises(ModelError) as caught:
        corpus.ids(name)
    assert str(caught.value) == f"{tmp_path / name}.ids: differs from what was written. Train again"
    assert len(corpus.ids("valid" if name == "train" else "train")) > 0


@pytest.mark.parametrize("name", ["corpus.json", "vocabulary.json"])
@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"tokens": ["a"]}', '{"tokens": 3}', '{"train": 3}'])
def test_a_damaged_record_is_an_error(tmp_path: Path, name: str, content: str | None) -> None:
    prepared(tmp_path, BOOK)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(ModelError) as caught:
        LanguageModelCorpus.open(tmp_path)
    assert caught.value.message.startswith("damaged training data (")
    assert (caught.value.where, caught.value.hint) == (str(tmp_path), "Train again")


@pytest.fixture
def token_file(tmp_path: Path) -> tuple[TokenFile, Ids]:
    """A file of many pages, and its ids."""
    ids = np.random.default_rng(2).integers(0, 60_000, 20_000).astype(np.uint16)
    (tmp_path / "x.ids").write_bytes(ids.tobytes())
    return TokenFile(tmp_path / "x.ids", ids.dtype, len(ids), int(ids.max()) + 1), ids


def test_rows_are_slices_of_the_file_before_and_after_its_pages_are_released(
    token_file: tuple[TokenFile, Ids],
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


def test_rows_stay_valid_after_their_pages_are_released(token_file: tuple[TokenFile, Ids]) -> None:
    tokens, ids = token_file
    rows = tokens.rows([0, 100], 300)
    for _ in range(50):
        tokens.rows([5], 5)
    np.testing.assert_array_equal(rows, [ids[:300], ids[100:400]])


@pytest.mark.parametrize("size", [1, 7, 4096, 19_999, 20_000, 20_001])
def test_chunks_are_all_ids_in_order(tmp_path: Path, token_file: tuple[TokenFile, Ids], size: int) -> None:
    tokens, ids = token_file
    chunks = list(tokens.chunks(size))
    np.testing.assert_array_equal(np.concatenate(chunks), ids)
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}


def test_vocabulary_json_is_readable(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "中文é" * 20)
    content = (tmp_path / "vocabulary.json").read_text("utf-8")
    assert json.loads(content) == {"tokens": list(corpus.vocabulary.tokens)}
    assert "中" in content


def test_a_vocabulary_that_was_changed_is_an_error(tmp_path: Path) -> None:
    prepared(tmp_path, BOOK)
    path = tmp_path / "vocabulary.json"
    content = path.read_bytes()
    assert content.count(b'"T"') == 1
    path.write_bytes(content.replace(b'"T"', b'"U"'))  # still a valid vocabulary
    with pytest.raises(ModelError) as caught:
        LanguageModelCorpus.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: damaged training data (vocabulary.json differs from what was written). Train again"
    )


def test_ids_in_memory_are_read_as_64_bit_integers() -> None:
    rows = MemoryTokens(np.arange(200, dtype=np.uint8)).rows([0, 150], 50)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, [np.arange(50), np.arange(150, 200)])


def test_an_id_that_the_vocabulary_lacks_is_an_error(tmp_path: Path, token_file: tuple[TokenFile, Ids]) -> None:
    _, ids = token_file
    tokens = TokenFile(tmp_path / "x.ids", ids.dtype, len(ids), int(ids.max()))
    with pytest.raises(ModelError, match=rf"x\.ids: has the id {ids.max()}; expected at most {ids.max() - 1}"):
        list(tokens.chunks())


def test_ids_of_a_wrong_size_are_not_read_and_a_link_is_not_followed(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, BOOK)
    path = tmp_path / "train.ids"
    with path.open("ab") as stream:
        stream.truncate(1 << 40)  # to hash it would take an hour
    with pytest.raises(ModelError, match=r"train\.ids: differs from what was written"):
        corpus.ids("train")
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ModelError, match=r"train\.ids: differs from what was written"):
        corpus.ids("train")

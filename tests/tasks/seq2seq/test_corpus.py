"""The corpus folder of an encoder-decoder: it holds what was read, and damage to any file is found."""

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.text import SourceRecord
from elman.errors import DataError, ModelError
from elman.tasks.seq2seq.config import SideConfig
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus, group_by_source, without_repeated_targets
from elman.tasks.seq2seq.defaults import resolve
from elman.tasks.seq2seq.preparation import prepare
from elman.tasks.seq2seq.readers import Pair, open_source

from .models import POEM, numbered_pairs, poem_corpus_of, training_pairs

few = settings(deadline=None, max_examples=40)
CHARACTERS = SideConfig()
WORDS = SideConfig(level="word")


def prepared_from(path: Path, folder: Path) -> Seq2SeqCorpus:
    """Prepare the pairs of a file."""
    config = resolve({})
    return prepare(folder, {}, config, [open_source(path, config.data, print)], [], print)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "again"):
        poem_corpus_of(tmp_path / name, POEM, split_seed=3)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]


@pytest.mark.parametrize(("tokens", "dtype"), [(252, "uint8"), (253, "uint8"), (254, "uint16")])
def test_ids_have_the_smallest_type_that_holds_them(tmp_path: Path, tokens: int, dtype: str) -> None:
    """The vocabulary also has three reserved tokens; 256 tokens fit into a byte."""
    source = "".join(chr(0x4E00 + i) for i in range(tokens))
    corpus = poem_corpus_of(tmp_path, [(source, "x"), ("一", "y")], valid=[("一", "x")])
    assert len(corpus.source_vocabulary) == tokens + 3
    assert corpus.dtypes == {"source": dtype, "target": "uint8"}
    assert (tmp_path / "train.source.ids").stat().st_size == (tokens + 1) * np.dtype(dtype).itemsize
    assert training_pairs(corpus)[0] == (source, "x")
    assert corpus.train().sources[0].dtype == np.int64


def test_a_malformed_line_leaves_no_corpus_that_could_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tx\nb y\n", "utf-8")
    with pytest.raises(DataError, match="has one column"):
        prepared_from(path, tmp_path / "data")
    with pytest.raises(ModelError):
        Seq2SeqCorpus.open(tmp_path / "data")


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_the_corpus_records_the_name_size_and_hash_of_the_file(tmp_path: Path, wrap: Any) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(wrap("".join(f"{s}\t{t}\r\n" for s, t in POEM).encode()))
    (record,) = prepared_from(path, tmp_path / "data").sources
    content = path.read_bytes()
    assert record == SourceRecord(str(path), len(content), hashlib.sha256(content).hexdigest())


def test_the_folder_has_the_documented_files_and_opens_as_it_was_written(tmp_path: Path) -> None:
    corpus = poem_corpus_of(tmp_path, POEM, source_level="char", target_level="byte", normalize="nfc")
    ids = {f"train.{side}.{kind}" for side in ("source", "target") for kind in ("ids", "ends")}
    assert {path.name for path in tmp_path.iterdir()} == {*ids, "valid.jsonl", "vocabulary.json", "corpus.json"}
    opened = Seq2SeqCorpus.open(tmp_path)
    assert opened.text.source == SideConfig(normalize="nfc")
    assert opened.text.target == SideConfig(level="byte", normalize="nfc")
    assert opened.source_vocabulary.tokens == corpus.source_vocabulary.tokens
    assert opened.target_vocabulary.tokens == corpus.target_vocabulary.tokens
    same_vocabularies = replace(
        opened, source_vocabulary=corpus.source_vocabulary, target_vocabulary=corpus.target_vocabulary
    )
    assert same_vocabularies == corpus
    assert opened.valid() == corpus.valid()


def test_the_text_of_the_validation_set_is_not_normalized(tmp_path: Path) -> None:
    strange = ('A\u2028B\u0085 \\ "e\u0301"', ("X  Y", "中\r\nZ"))
    corpus = poem_corpus_of(tmp_path, numbered_pairs(9), target_level="char", normalize="lower", valid=[strange])
    assert corpus.valid() == [Pair(*strange)]
    assert "中" in (tmp_path / "valid.jsonl").read_text("utf-8")


def test_lengths_and_ids_of_the_training_set_agree(tmp_path: Path) -> None:
    ids = poem_corpus_of(tmp_path, POEM).train()
    for lengths, lists in ((ids.source_lengths, ids.sources), (ids.target_lengths, ids.targets)):
        assert lengths.dtype == np.int64
        assert lengths.tolist() == [len(lists[i]) for i in range(len(ids))]


def test_a_flipped_bit_in_any_file_is_found(tmp_path: Path) -> None:
    poem_corpus_of(tmp_path, POEM)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for place in range(len(content)):
            damaged = bytearray(content)
            damaged[place] ^= 1 << (place % 8)
            path.write_bytes(bytes(damaged))
            with pytest.raises(ModelError) as caught:
                Seq2SeqCorpus.open(tmp_path)
            assert caught.value.message.startswith("damaged training data ("), (path, place)
            assert (caught.value.where, caught.value.hint) == (str(tmp_path), "Train again")
        path.write_bytes(content)
    Seq2SeqCorpus.open(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "short", "empty", "long"])
def test_a_damaged_file_is_found_and_named(tmp_path: Path, damage: str) -> None:
    poem_corpus_of(tmp_path, POEM)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            path.write_bytes({"short": content[:-1], "empty": b"", "long": content + b"\n"}[damage])
        with pytest.raises(ModelError) as caught:
            Seq2SeqCorpus.open(tmp_path)
        if path.name != "corpus.json":
            message = f"{path.name} differs from what was written"
            assert (message in caught.value.message) == (damage != "missing")
            assert path.name in caught.value.message
        path.write_bytes(content)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "3", "[" * 100_000, '{"sha256": 3}', '{"sha256": "", "files": 3}']
)
def test_a_record_of_another_form_is_an_error(tmp_path: Path, content: str) -> None:
    poem_corpus_of(tmp_path, POEM)
    (tmp_path / "corpus.json").write_text(content)
    with pytest.raises(ModelError, match=r"damaged training data \("):
        Seq2SeqCorpus.open(tmp_path)


def test_the_vocabularies_are_readable_json(tmp_path: Path) -> None:
    corpus = poem_corpus_of(tmp_path, POEM)
    content = (tmp_path / "vocabulary.json").read_text("utf-8")
    assert json.loads(content) == {
        "source": list(corpus.source_vocabulary.tokens),
        "target": list(corpus.target_vocabulary.tokens),
    }
    assert "明" in content


@few
@given(st.lists(st.tuples(st.sampled_from(["a b", "a  b", "A b", "c"]), st.sampled_from("xyz")), max_size=12))
def test_grouping_gives_the_first_form_of_each_source_with_all_its_different_targets(
    pairs: list[tuple[str, str]],
) -> None:
    items = [Pair(source, (target,)) for source, target in pairs]
    for side in (CHARACTERS, WORDS, SideConfig(level="byte", normalize="lower")):
        seen = {source: tuple(side.tokenizer().split(source)) for source, _ in pairs}
        expected: dict[tuple[str, ...], tuple[str, list[str]]] = {}
        for source, target in pairs:
            expected.setdefault(seen[source], (source, []))[1].append(target)
        examples = [without_repeated_targets(pair) for pair in group_by_source(items, side).values()]
        assert examples == [Pair(source, tuple(dict.fromkeys(texts))) for source, texts in expected.values()]


def test_subwords_come_from_the_training_set_and_are_stored(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra bpe")
    train = [(f"The lowest of {word}s", f"die niedrigsten {word}en") for word in ("tree", "house", "river", "lamp")] * 5
    choices = {"source_level": "bpe", "target_level": "bpe", "normalize": "lower", "vocabulary_size": 60}
    corpus = poem_corpus_of(tmp_path, train, valid=[("unseen xylophones", "zzzzz")], **choices)
    again = Seq2SeqCorpus.open(tmp_path)
    for name, vocabulary in (("source", again.source_vocabulary), ("target", again.target_vocabulary)):
        side = getattr(again.text, name)
        assert side == getattr(corpus.text, name)
        assert side.merges
        codec = side.codec(vocabulary)
        for pair in train:
            text = pair[name == "target"]
            assert codec.decode(codec.encode(text)) == text.lower()
            assert not codec.unknown_tokens(text)
    assert "▁lowest" in again.source_vocabulary
    assert not any("z" in token or "x" in token for token in again.target_vocabulary.tokens)
    ids = again.train().sources[0]
    assert again.text.source.codec(again.source_vocabulary).decode(ids) == "the lowest of trees"

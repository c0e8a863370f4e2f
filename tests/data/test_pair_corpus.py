"""Pairs on disk: their ids are the texts, whole sources are held out, and a flipped bit in any file is found."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.readers.text import TextSource
from elman.errors import DataError, ModelError
from elman.tasks.language_model.preparation import RARE_FROM_KINDS
from elman.tasks.seq2seq import preparation as pair_preparation
from elman.tasks.seq2seq.corpus import Example, PairCorpus, PairPart, SideConfig, SidePart, grouped
from elman.tasks.seq2seq.preparation import prepare_pairs
from elman.tasks.seq2seq.readers import MemoryPairs, Pair, read_pairs

few = settings(deadline=None, max_examples=40)
CHARACTERS = SideConfig()
WORDS = SideConfig(level="word")
POEM = [
    ("床前明月光", "chuáng qián míng yuè guāng"),
    ("疑是地上霜", "yí shì dì shàng shuāng"),
    ("举头望明月", "jǔ tóu wàng míng yuè"),
    ("低头思故乡", "dī tóu sī gù xiāng"),
    ("白日依山尽", "bái rì yī shān jìn"),
    ("长", "cháng"),
    ("长", "zhǎng"),
]
Given = Sequence[tuple[str, str | Sequence[str]]]


def prepared(
    folder: Path, pairs: Given, source: SideConfig = CHARACTERS, target: SideConfig = WORDS, **choices: Any
) -> PairCorpus:
    train, valid = MemoryPairs(pairs), choices.pop("valid", None)
    held_out = None if valid is None else MemoryPairs(valid, name="valid")
    everything = [train] if held_out is None else [train, held_out]
    return prepare_pairs(
        folder,
        train.pairs(),
        source,
        target,
        valid=None if held_out is None else held_out.pairs(),
        records=lambda: [each.record for each in everything],
        **choices,
    )


def refusal(folder: Path, pairs: Given, **choices: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        prepared(folder, pairs, **choices)
    assert not (folder / "pairs.json").exists()
    return caught.value


def learned(corpus: PairCorpus) -> list[tuple[str, str]]:
    """The training part as text."""
    ids = corpus.train()
    source = corpus.source_side.codec(corpus.source_vocabulary)
    target = corpus.target_side.codec(corpus.target_vocabulary)
    return [(source.decode(ids.source(i)), target.decode(ids.target(i))) for i in range(len(ids))]


def numbered(count: int) -> list[tuple[str, str]]:
    return [(str(i), f"t{i % 7}") for i in range(count)]


@pytest.mark.parametrize("target", ["char", "word", "byte"])
@pytest.mark.parametrize("source", ["char", "word", "byte"])
def test_training_and_held_out_part_are_the_pairs(tmp_path: Path, source: str, target: str) -> None:
    corpus = prepared(tmp_path, POEM, SideConfig(level=source), SideConfig(level=target), valid_fraction=0.4)
    held_out = [(example.source, text) for example in corpus.valid() for text in example.targets]
    assert sorted(learned(corpus) + held_out) == sorted(POEM)
    assert corpus.valid_part.count == len(corpus.valid()) == 3  # of 6 sources
    assert corpus.train_part.count == len(corpus.train()) == len(learned(corpus))


@few
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=8, max_size=40),
    st.integers(0, 9),
    st.floats(0.05, 0.6),
)
def test_no_held_out_source_is_in_the_training_part(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], seed: int, fraction: float
) -> None:
    pairs = [*pairs, ("i", "x"), ("j", "y"), ("k", "x"), ("k", "y"), ("l", "x"), ("l", "y")]
    total = len(dict(pairs))
    folder = tmp_path_factory.getbasetemp() / "pairs"
    corpus = prepared(folder, pairs, target=SideConfig(level="byte"), valid_fraction=fraction, seed=seed)
    sources = {source for source, _ in learned(corpus)}
    held_out = corpus.valid()
    assert not sources & {example.source for example in held_out}
    assert len(held_out) == total - int(total * (1 - fraction))
    for example in held_out:
        references = dict.fromkeys(target for source, target in pairs if source == example.source)
        assert example.targets == tuple(references)
    assert sorted(learned(corpus)) == sorted(pair for pair in pairs if pair[0] in sources)


def test_sources_that_look_alike_to_the_model_are_held_out_together(tmp_path: Path) -> None:
    pairs = [(spelled, f"t{i % 3}") for i in range(8) for spelled in (f"W{i} a", f"w{i}  a", f"w{i} A")]
    lower = SideConfig(level="word", normalize="lower")
    corpus = prepared(tmp_path, pairs, lower, valid_fraction=0.3)
    assert len(corpus.valid()) == 3  # of 8
    seen = {source for source, _ in learned(corpus)}
    assert len(seen) == 5
    assert not seen & {" ".join(lower.cutter().tokens(example.source)) for example in corpus.valid()}


def test_a_tenth_of_the_sources_is_held_out_and_of_many_no_more_than_is_useful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [*numbered(200), *((str(i), "again") for i in range(100))]
    assert prepared(tmp_path, pairs).valid_part.count == 20  # of sources, not of pairs
    assert pair_preparation.AUTOMATIC_VALID_SOURCES == 5_000
    monkeypatch.setattr(pair_preparation, "AUTOMATIC_VALID_SOURCES", 12)
    assert prepared(tmp_path, pairs).valid_part.count == 12
    assert prepared(tmp_path, pairs, valid_fraction=0.5).valid_part.count == 100


def test_the_seed_chooses_what_is_held_out(tmp_path: Path) -> None:
    held_out = [prepared(tmp_path, numbered(200), seed=seed).valid() for seed in (1, 1, 2)]
    assert held_out[0] == held_out[1]
    assert {example.source for example in held_out[0]} != {example.source for example in held_out[2]}


def test_the_held_out_part_is_in_random_order(tmp_path: Path) -> None:
    for choices in ({"valid_fraction": 0.5}, {"valid": numbered(100)}):
        places = [int(example.source) for example in prepared(tmp_path, numbered(200), **choices).valid()]
        assert len(set(places)) == 100
        assert places not in (sorted(places), sorted(places, reverse=True))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "again"):
        prepared(tmp_path / name, POEM, seed=3)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]


def test_the_vocabularies_know_nothing_of_the_held_out_part(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, [("ab", "x y"), ("ba", "y")], valid=[("abc", "x z z"), ("d", ["y", "w"])])
    assert corpus.source_vocabulary.tokens == ("<unk>", "<s>", "</s>", "a", "b")
    assert corpus.target_vocabulary.tokens == ("<unk>", "<s>", "</s>", "y", "x")
    assert corpus.train_part == PairPart(2, SidePart(4, 0, 2), SidePart(3, 0, 2))
    assert corpus.valid_part == PairPart(2, SidePart(4, 2, 3), SidePart(5, 3, 3))


def test_texts_of_their_own_are_held_out_whole_and_grouped_by_source(tmp_path: Path) -> None:
    valid = [("长", "cháng"), ("山", "shān"), ("长", ["zhǎng", "cháng"])]
    corpus = prepared(tmp_path, POEM, valid=valid)
    assert sorted(learned(corpus)) == sorted(POEM)
    examples = [Example("山", ("shān",)), Example("长", ("cháng", "zhǎng"))]
    assert sorted(corpus.valid(), key=lambda example: example.source) == examples
    assert [record.name for record in corpus.sources] == ["memory", "valid"]
    assert corpus.sources == (MemoryPairs(POEM).record, MemoryPairs(valid, name="valid").record)


def test_held_out_sources_that_were_learned_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    prepared(tmp_path, numbered(3000), valid=numbered(2000)[1500:] + [("x", "y")] * 3, notify=said.append)
    assert said == ["500 of the 501 held-out sources are in the training data too"]
    prepared(tmp_path, numbered(1200), valid=[*numbered(1100), ("1", "again")], notify=said.append)
    assert said[1:] == ["1,100 of the 1,100 held-out sources are in the training data too"]
    for choices in ({}, {"valid": [("x", "y")]}):
        prepared(tmp_path, numbered(50), notify=said.append, **choices)
    assert len(said) == 2


def test_a_pair_of_several_targets_is_several_pairs_in_training(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, [("a", ["x", "y", "x"]), ("b", "z")], valid=[("c", ["z", "z"])])
    assert learned(corpus) == [("a", "x"), ("a", "y"), ("a", "x"), ("b", "z")]
    assert corpus.valid() == [Example("c", ("z",))]


def test_the_longest_ratio_counts_both_ends(tmp_path: Path) -> None:
    pairs = [("abcd", "x x"), ("ab", "x y x y x"), ("abcdefghi", "x y x y x y")]
    corpus = prepared(tmp_path, pairs, valid=[("a", "x x x x x x x x")])
    assert corpus.longest_ratio == max((len(t.split()) + 1) / (len(s) + 1) for s, t in pairs) == 2.0
    assert (corpus.train_part.source.longest, corpus.train_part.target.longest) == (9, 6)
    assert corpus.valid_part.target.longest == 8


@pytest.mark.parametrize(("kinds", "dtype"), [(252, "uint8"), (253, "uint8"), (254, "uint16")])
def test_ids_lie_in_the_smallest_type_that_holds_them(tmp_path: Path, kinds: int, dtype: str) -> None:
    """The vocabulary is the kinds and three reserved tokens: 256 of them fit a byte."""
    source = "".join(chr(0x4E00 + i) for i in range(kinds))
    corpus = prepared(tmp_path, [(source, "x"), ("一", "y")], valid=[("一", "x")])
    assert len(corpus.source_vocabulary) == kinds + 3
    assert corpus.dtypes == {"source": dtype, "target": "uint8"}
    assert (tmp_path / "train.source.ids").stat().st_size == (kinds + 1) * np.dtype(dtype).itemsize
    assert learned(corpus)[0] == (source, "x")
    assert corpus.train().source(0).dtype == np.int64


@pytest.mark.parametrize(("kinds", "kept"), [(RARE_FROM_KINDS - 1, True), (RARE_FROM_KINDS, False)])
def test_a_large_vocabulary_leaves_out_what_was_seen_once_and_a_small_one_does_not(
    tmp_path: Path, kinds: int, kept: bool
) -> None:
    words = [f"w{i}" for i in range(kinds)]
    pairs = [("a", " ".join(words)), ("b", " ".join(words[:500]))]
    corpus = prepared(tmp_path, pairs, valid=[("c", "w1")])
    assert len(corpus.target_vocabulary) == 3 + (kinds if kept else 500)
    assert corpus.train_part.target.unknown == (0 if kept else kinds - 500)
    assert len(prepared(tmp_path, pairs, valid=[("c", "w1")], min_frequency=1).target_vocabulary) == 3 + kinds


def test_the_vocabularies_can_be_limited_by_frequency_and_by_size(tmp_path: Path) -> None:
    pairs = [("aaab", "x x x y z"), ("aab", "x y")]
    for choices, source, target in (
        ({"min_frequency": 2}, "ab", "xy"),
        ({"min_frequency": 1}, "ab", "xyz"),
        ({"vocabulary_size": 5}, "ab", "xy"),
    ):
        corpus = prepared(tmp_path, pairs, valid=[("c", "x")], **choices)
        assert corpus.source_vocabulary.tokens[3:] == tuple(source)
        assert corpus.target_vocabulary.tokens[3:] == tuple(target)
    limited = prepared(tmp_path, pairs, SideConfig(level="byte"), valid=[("c", "x")], min_frequency=2)
    assert len(limited.source_vocabulary) == 3 + 256


def test_words_that_are_written_like_reserved_tokens_are_unknown(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, [("<s> a", "x </s> y"), ("<unk>", "y")], WORDS, valid=[("b", "y")])
    assert learned(corpus) == [("\ufffd a", "x \ufffd y"), ("\ufffd", "y")]
    assert (corpus.train_part.source.unknown, corpus.train_part.target.unknown) == (2, 1)


COLUMNS = "are the columns right? see --columns"
LIMITS = "lower min_frequency or raise vocabulary_size"


@pytest.mark.parametrize(
    ("pairs", "choices", "message"),
    [
        ([], {}, "memory: holds no pairs, expected some; write SOURCE TAB TARGET, a pair a line"),
        (
            [("a", "x"), ("a", "y")],
            {},
            "memory: all pairs have one source, expected different ones; "
            "is the first column the source? --columns picks others",
        ),
        (
            numbered(10),
            {"valid_fraction": 0.0},
            "memory: 10 sources to train on and 0 held out, expected at least 1 and 1; name another --valid-fraction",
        ),
        (
            numbered(2000),
            {"valid_fraction": 1.0},
            "memory: 0 sources to train on and 2,000 held out, expected at least 1 and 1; "
            "name another --valid-fraction",
        ),
        (
            numbered(10),
            {"valid": []},
            "memory, valid: 10 sources to train on and 0 held out, expected at least 1 and 1; "
            "name a --valid that holds pairs",
        ),
        (
            [("a", "x"), ("b", "x x")],
            {"valid": [("c", "y")]},
            f"memory, valid: the targets have a vocabulary of 1, expected at least 2 different tokens; {COLUMNS}",
        ),
        (
            [("a", "x x y"), ("b", "x z")],
            {"valid_fraction": 0.5, "min_frequency": 9},
            f"memory: the sources have a vocabulary of 0, expected at least 1 different tokens; {LIMITS}",
        ),
        (
            [("aa", "x x y"), ("aa b", "x z")],
            {"valid": [("c", "y")], "min_frequency": 2},
            f"memory, valid: the targets have a vocabulary of 1, expected at least 2 different tokens; {LIMITS}",
        ),
        (
            [("a", "x y"), ("b", "x y")],
            {"valid": [("c", "y")], "vocabulary_size": 4},
            f"memory, valid: the targets have a vocabulary of 1, expected at least 2 different tokens; {LIMITS}",
        ),
        (
            [("a", "x y"), ("b", "x y")],
            {"valid": [("c", "y")], "vocabulary_size": 2},
            f"memory, valid: the sources have a vocabulary of 0, expected at least 1 different tokens; {LIMITS}",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    tmp_path: Path, pairs: Given, choices: dict[str, Any], message: str
) -> None:
    assert str(refusal(tmp_path / "data", pairs, **choices)) == message


def test_a_malformed_line_leaves_nothing_that_could_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tx\nb y\n", "utf-8")
    source = TextSource(path)
    with pytest.raises(DataError, match="has one column"):
        prepare_pairs(tmp_path / "data", read_pairs(source), CHARACTERS, WORDS, records=lambda: [source.record])
    with pytest.raises(ModelError):
        PairCorpus.open(tmp_path / "data")


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gz"])
def test_what_was_read_is_recorded_once_it_was_read(tmp_path: Path, wrap: Any) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(wrap("".join(f"{s}\t{t}\r\n" for s, t in POEM).encode()))
    source = TextSource(path)
    corpus = prepare_pairs(tmp_path / "data", read_pairs(source), CHARACTERS, WORDS, records=lambda: [source.record])
    (record,) = corpus.sources
    assert record == source.record
    assert (record.name, record.bytes) == (str(path), path.stat().st_size)


def test_the_folder_holds_what_was_promised_and_opens_as_it_was(tmp_path: Path) -> None:
    source, target = SideConfig(normalize="nfc"), SideConfig(level="byte", normalize="lower")
    corpus = prepared(tmp_path, POEM, source, target)
    ids = {f"train.{side}.{kind}" for side in ("source", "target") for kind in ("ids", "ends")}
    assert {path.name for path in tmp_path.iterdir()} == {*ids, "valid.jsonl", "vocabulary.json", "pairs.json"}
    opened = PairCorpus.open(tmp_path)
    assert (opened.source_side, opened.target_side) == (source, target)
    assert opened.source_vocabulary.tokens == corpus.source_vocabulary.tokens
    assert opened.target_vocabulary.tokens == corpus.target_vocabulary.tokens
    same = {"source_vocabulary": corpus.source_vocabulary, "target_vocabulary": corpus.target_vocabulary}
    assert replace(opened, **same) == corpus
    assert opened.valid() == corpus.valid()


def test_the_text_of_the_held_out_part_is_not_normalised(tmp_path: Path) -> None:
    lower = SideConfig(normalize="lower")
    strange = ('A\u2028B\u0085 \\ "e\u0301"', ("X  Y", "中\r\nZ"))
    corpus = prepared(tmp_path, numbered(9), lower, lower, valid=[strange])
    assert corpus.valid() == [Example(*strange)]
    assert "中" in (tmp_path / "valid.jsonl").read_text("utf-8")


def test_lengths_and_ids_of_the_training_part_agree(tmp_path: Path) -> None:
    ids = prepared(tmp_path, POEM).train()
    for lengths, one in ((ids.source_lengths, ids.source), (ids.target_lengths, ids.target)):
        assert lengths.dtype == np.int64
        assert lengths.tolist() == [len(one(i)) for i in range(len(ids))]


def test_a_flipped_bit_in_any_file_is_found(tmp_path: Path) -> None:
    prepared(tmp_path, POEM)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for place in range(len(content)):
            damaged = bytearray(content)
            damaged[place] ^= 1 << (place % 8)
            path.write_bytes(bytes(damaged))
            with pytest.raises(ModelError) as caught:
                PairCorpus.open(tmp_path)
            assert caught.value.message.startswith("damaged training data ("), (path, place)
            assert (caught.value.where, caught.value.hint) == (str(tmp_path), "train again")
        path.write_bytes(content)
    PairCorpus.open(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "short", "empty", "long"])
def test_a_damaged_file_is_found_and_named(tmp_path: Path, damage: str) -> None:
    prepared(tmp_path, POEM)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            path.write_bytes({"short": content[:-1], "empty": b"", "long": content + b"\n"}[damage])
        with pytest.raises(ModelError) as caught:
            PairCorpus.open(tmp_path)
        if path.name != "pairs.json":
            told = f"{path.name} differs from what was written"
            assert (told in caught.value.message) == (damage != "missing")
            assert path.name in caught.value.message
        path.write_bytes(content)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "3", "[" * 100_000, '{"sha256": 3}', '{"sha256": "", "files": 3}']
)
def test_a_record_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    prepared(tmp_path, POEM)
    (tmp_path / "pairs.json").write_text(content)
    with pytest.raises(ModelError, match=r"damaged training data \("):
        PairCorpus.open(tmp_path)


def test_the_vocabularies_are_written_as_they_read(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, POEM)
    content = (tmp_path / "vocabulary.json").read_text("utf-8")
    assert json.loads(content) == {
        "source": list(corpus.source_vocabulary.tokens),
        "target": list(corpus.target_vocabulary.tokens),
    }
    assert "明" in content


@few
@given(st.lists(st.tuples(st.sampled_from(["a b", "a  b", "A b", "c"]), st.sampled_from("xyz")), max_size=12))
def test_grouping_keeps_the_first_of_each_source_and_all_its_different_targets(pairs: list[tuple[str, str]]) -> None:
    given_pairs = [Pair(source, (target,), "item") for source, target in pairs]
    for side in (None, CHARACTERS, WORDS, SideConfig(level="byte", normalize="lower")):
        seen = {source: tuple((side or CHARACTERS).cutter().tokens(source)) for source, _ in pairs}
        expected = {}
        for source, target in pairs:
            expected.setdefault(seen[source], (source, []))[1].append(target)
        examples = list(grouped(given_pairs, side))
        assert examples == [Example(source, tuple(dict.fromkeys(texts))) for source, texts in expected.values()]


def test_a_shuffled_file_is_split_as_large(tmp_path: Path) -> None:
    pairs = [(str(i // 2), f"t{i}") for i in range(300)]
    random.Random(1).shuffle(pairs)
    corpus = prepared(tmp_path, pairs)
    assert (corpus.train_part.count, corpus.valid_part.count) == (270, 15)
    assert {len(example.targets) for example in corpus.valid()} == {2}


def test_subwords_are_learned_from_the_training_part_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra bpe")
    side = SideConfig(level="bpe", normalize="lower")
    train = [(f"The lowest of {word}s", f"die niedrigsten {word}en") for word in ("tree", "house", "river", "lamp")] * 5
    corpus = prepared(tmp_path, train, side, side, valid=[("unseen xylophones", "zzzzz")], vocabulary_size=60)
    again = PairCorpus.open(tmp_path)
    for name, vocabulary in (("source", again.source_vocabulary), ("target", again.target_vocabulary)):
        learned = getattr(again, f"{name}_side")
        assert learned == getattr(corpus, f"{name}_side")
        assert learned.merges
        codec = learned.codec(vocabulary)
        for pair in train:
            text = pair[name == "target"]
            assert codec.decode(codec.encode(text)) == text.lower()
            assert not codec.unknown_tokens(text)
    assert "▁lowest" in again.source_vocabulary
    assert not any("z" in token or "x" in token for token in again.target_vocabulary.tokens)
    ids = again.train().source(0)
    assert again.source_side.codec(again.source_vocabulary).decode(ids) == "the lowest of trees"

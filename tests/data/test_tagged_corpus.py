"""The tagged corpus: no sentence is in both parts, every tag is learned, and the folder gives back what was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError, ModelError
from elman.tasks.tagger.corpus import TaggedCorpus, TokenConfig
from elman.tasks.tagger.preparation import prepare_tagged
from elman.tasks.tagger.readers import MemoryTagged

Items = list[tuple[list[str], list[str]]]
ITEMS: Items = [([f"The{i % 40}", "cat", f"{i}"], ["DET", "NOUN", "NUM"]) for i in range(100)]
SPANS: Items = [(["Ann", "Lee", "left", f"{i}"], ["B-PER", "I-PER", "O", "O"]) for i in range(20)]


def prepared(folder: Path, items: Items, *, valid: Items | None = None, **options: Any) -> TaggedCorpus:
    held = [MemoryTagged(each) for each in (items, valid or [])]
    return prepare_tagged(
        folder,
        held[0].tagged(),
        valid=held[1].tagged() if valid is not None else None,
        records=lambda: [each.record for each in held],
        **options,
    )


def learned(corpus: TaggedCorpus) -> list[tuple[str, ...]]:
    return [each.tokens for each in corpus._read("train.jsonl")]


def test_no_sentence_is_in_both_parts_even_if_it_comes_again(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS * 3, valid_fraction=0.2)
    held_out = [each.tokens for each in corpus.valid()]
    assert not set(learned(corpus)) & set(held_out)
    assert len(learned(corpus)) + len(held_out) == 300
    assert 60 <= len(held_out) <= 62
    assert corpus.valid_part.tokens == 3 * len(held_out)


def test_every_tag_keeps_a_sentence_to_be_learned_from(tmp_path: Path) -> None:
    rare: Items = [([f"w{i}"], [f"T{i}"]) for i in range(30)]
    corpus = prepared(tmp_path / "data", [*ITEMS, *rare], valid_fraction=0.9)
    assert set(corpus.labels) == {"DET", "NOUN", "NUM", *(f"T{i}" for i in range(30))}
    assert {tokens for (tokens,) in [t for t in learned(corpus) if len(t) == 1]} == {f"w{i}" for i in range(30)}


def test_what_is_held_out_depends_on_the_seed_alone(tmp_path: Path) -> None:
    chosen = [prepared(tmp_path / str(n), ITEMS, seed=seed).valid() for n, seed in enumerate((0, 0, 1))]
    assert chosen[0] == chosen[1] != chosen[2]


def test_ids_say_what_was_read(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS)
    ids, labels = corpus.train()
    assert ids.forms is not None
    assert ids.characters is not None
    for i, tokens in enumerate(learned(corpus)):
        assert corpus.words.decode(ids.words[i]) == [token.lower() for token in tokens]
        spelled = ["".join(corpus.characters.decode(ids.characters[form])) for form in ids.forms[i]]
        assert spelled == list(tokens)
        assert [corpus.labels[label] for label in labels[i]] == ["DET", "NOUN", "NUM"]
    assert len(ids.characters) == len({token for tokens in learned(corpus) for token in tokens})
    assert np.array_equal(ids.words.lengths, ids.forms.lengths)


def test_rare_words_of_a_large_vocabulary_are_left_out(tmp_path: Path) -> None:
    many: Items = [([f"word{i}", "twice"], ["X", "Y"]) for i in range(1200)]
    assert set(prepared(tmp_path / "many", many).words.tokens) == {"<unk>", "twice"}
    assert len(prepared(tmp_path / "all", many, min_frequency=1).words) == 1082
    points: Items = [([chr(0x4E00 + i), "的"], ["X", "Y"]) for i in range(1200)]
    assert len(prepared(tmp_path / "characters", points).words) == 1082
    assert len(prepared(tmp_path / "some", many, min_frequency=1, vocabulary_size=10).words) == 10


def test_the_level_is_told_by_the_tokens(tmp_path: Path) -> None:
    phrases: Items = [(["银", "行"], ["yín", "háng"]), (["行", "银"], ["háng", "yín"]), (["行"], ["háng"])]
    assert prepared(tmp_path / "char", phrases).text == TokenConfig(level="char")
    assert prepared(tmp_path / "word", ITEMS).text == TokenConfig(level="word")
    assert prepared(tmp_path / "given", phrases, level="word").text.level == "word"
    assert TokenConfig(level="char").cut("银 行\n") == ["银", "行"]
    assert TokenConfig().cut(" a  b ") == ["a", "b"]


def test_schemes_are_told_and_one_that_is_broken_forbids_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    assert prepared(tmp_path / "bio", SPANS).scheme == "bio"
    assert prepared(tmp_path / "none", ITEMS).scheme == "none"
    broken = [*SPANS, (["x", "y"], ["O", "I-PER"])]
    assert prepared(tmp_path / "loose", broken * 2, valid=SPANS, notify=said.append).scheme == "loose"
    assert any("'I-PER' after 'O' is not BIO" in line for line in said)
    ends: Items = [(["a", "b"], ["B-X", "E-X"]), (["a"], ["B-X"]), (["c"], ["S-X"])]
    assert prepared(tmp_path / "ends", ends * 2, valid=ends, notify=said.append).scheme == "loose"
    assert "item 1: an end after 'B-X' is not BIOES: no tag is taken for impossible after another" in said


def test_a_break_in_the_held_out_part_forbids_nothing_either(tmp_path: Path) -> None:
    said: list[str] = []
    broken: Items = [(["x", "y"], ["O", "I-PER"])]
    assert prepared(tmp_path / "data", SPANS, valid=broken, notify=said.append).scheme == "loose"
    assert "item 0: 'I-PER' after 'O' is not BIO: no tag is taken for impossible after another" in said


def test_what_comes_again_too_often_is_learned_and_alike_words_stay_together(tmp_path: Path) -> None:
    often: Items = [*ITEMS, *[(["Yes", "."], ["NOUN", "NUM"])] * 400]
    for seed in range(5):
        corpus = prepared(tmp_path / str(seed), often, valid_fraction=0.1, seed=seed)
        assert len(corpus.valid()) == 50
        assert ("Yes", ".") in learned(corpus)
    cased: Items = [([word, f"{i}"], ["NOUN", "NUM"]) for i in range(30) for word in ("Cat", "cat")]
    corpus = prepared(tmp_path / "cased", cased, valid_fraction=0.2)
    lower = [
        {tuple(t.lower() for t in tokens) for tokens in part}
        for part in (learned(corpus), [e.tokens for e in corpus.valid()])
    ]
    assert not lower[0] & lower[1]


@pytest.mark.parametrize(
    ("items", "valid", "expected"),
    [
        ([], None, "holds no sentences"),
        ([(["a", "b"], ["X", "X"])] * 5, None, "all tokens have the tag 'X', expected two tags or more"),
        ([(["a"], ["X"])], [(["a"], ["X"])], "all tokens have the tag 'X'"),
        (ITEMS, [(["a", "b"], ["NOUN", "VERB"])], "item 0: the tag 'VERB' is never seen in training; expected one of"),
        (ITEMS, [], "leaves no sentence to hold out"),
        ([([str(i % 7)], [f"t{i % 3}"]) for i in range(50)], None, "leaves no sentence to hold out"),
        ([([str(i)], [f"t{i}"]) for i in range(200)], [], "200 different tags of 200 tokens, expected some that come"),
        ([(["a", "b"], ["X", "Y"])], None, "leaves no sentence to hold out, expected at least 1; give more"),
    ],
)
def test_what_cannot_be_learned_from_is_told(items: Items, valid: Items | None, expected: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        prepared(tmp_path / "data", items, valid=valid)
    assert expected in str(raised.value)
    assert not (tmp_path / "data").exists()


def test_sentences_that_are_in_both_files_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    prepared(tmp_path / "data", ITEMS, valid=[*ITEMS[:2], (["new"], ["NOUN"])], notify=said.append)
    assert said == ["2 of the 3 held-out sentences are in the training data too"]


def test_a_changed_folder_is_refused(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS)
    path = corpus.folder / "valid.jsonl"
    path.write_text(path.read_text().replace("NOUN", "DET "))
    with pytest.raises(ModelError, match=r"damaged training data \(valid.jsonl differs"):
        TaggedCorpus.open(corpus.folder)

"""The corpus of a tagger: no sentence is in both sets, every tag is trained, and the folder holds what was read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from elman.data.checksummed_record import checksummed_bytes, read_record
from elman.errors import DataError, ModelError
from elman.tasks.tagger.config import TaggerTextConfig
from elman.tasks.tagger.corpus import TaggerCorpus

from .models import Items, corpus_of

ITEMS = [([f"The{i % 40}", "cat", f"{i}"], ["DET", "NOUN", "NUM"]) for i in range(100)]
SPANS = [(["Ann", "Lee", "left", f"{i}"], ["B-PER", "I-PER", "O", "O"]) for i in range(20)]


def training_sentences(corpus: TaggerCorpus) -> list[tuple[str, ...]]:
    return [sentence.tokens for sentence in corpus._read("train.jsonl")]


def test_no_sentence_is_in_both_sets_even_if_it_is_repeated(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS * 3, valid_fraction=0.2)
    valid = [sentence.tokens for sentence in corpus.valid()]
    assert not set(training_sentences(corpus)) & set(valid)
    assert len(training_sentences(corpus)) + len(valid) == 300
    assert 60 <= len(valid) <= 62
    assert corpus.valid_set.tokens == 3 * len(valid)


def test_every_tag_keeps_a_sentence_in_the_training_set(tmp_path: Path) -> None:
    rare = [([f"w{i}"], [f"T{i}"]) for i in range(30)]
    corpus = corpus_of(tmp_path / "data", [*ITEMS, *rare], valid_fraction=0.9)
    assert set(corpus.labels) == {"DET", "NOUN", "NUM", *(f"T{i}" for i in range(30))}
    single_words = {tokens[0] for tokens in training_sentences(corpus) if len(tokens) == 1}
    assert single_words == {f"w{i}" for i in range(30)}


def test_the_split_depends_on_its_seed_alone(tmp_path: Path) -> None:
    first, same, other = (
        corpus_of(tmp_path / str(number), ITEMS, split_seed=seed).valid() for number, seed in enumerate((0, 0, 1))
    )
    assert first == same != other


def test_ids_stand_for_the_tokens_that_were_read(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    ids, labels = corpus.train()
    assert ids.distinct_tokens is not None
    assert ids.characters is not None
    for i, tokens in enumerate(training_sentences(corpus)):
        assert corpus.words.decode(ids.words[i]) == [token.lower() for token in tokens]
        character_ids = [ids.characters[number] for number in ids.distinct_tokens[i]]
        assert ["".join(corpus.characters.decode(row)) for row in character_ids] == list(tokens)
        assert [corpus.labels[label] for label in labels[i]] == ["DET", "NOUN", "NUM"]
    assert len(ids.characters) == len({token for tokens in training_sentences(corpus) for token in tokens})
    assert np.array_equal(ids.words.lengths, ids.distinct_tokens.lengths)
    assert corpus.train(with_characters=False)[0].characters is None


def test_rare_words_of_a_large_vocabulary_are_left_out(tmp_path: Path) -> None:
    many = [([f"word{i}", "twice"], ["X", "Y"]) for i in range(1200)]
    assert set(corpus_of(tmp_path / "many", many).words.tokens) == {"<unk>", "twice"}
    assert len(corpus_of(tmp_path / "all", many, min_frequency=1).words) == 1082
    characters = [([chr(0x4E00 + i), "的"], ["X", "Y"]) for i in range(1200)]
    assert len(corpus_of(tmp_path / "characters", characters).words) == 1082
    assert len(corpus_of(tmp_path / "some", many, min_frequency=1, vocabulary_size=10).words) == 10


def test_a_character_level_vocabulary_without_characters_is_an_error(tmp_path: Path) -> None:
    characters = [([chr(0x4E00 + i), chr(0x5E00 + i)], ["X", "Y"]) for i in range(20)]
    with pytest.raises(DataError, match="the vocabulary has no token but `<unk>`; expected at least one"):
        corpus_of(tmp_path / "data", characters, min_frequency=9)
    assert len(corpus_of(tmp_path / "words", ITEMS, min_frequency=999).words) == 1  # their characters remain


def test_the_level_is_char_if_every_token_is_a_character(tmp_path: Path) -> None:
    phrases = [(["银", "行"], ["yín", "háng"]), (["行", "银"], ["háng", "yín"]), (["行"], ["háng"])]
    assert corpus_of(tmp_path / "char", phrases).text == TaggerTextConfig(level="char")
    assert corpus_of(tmp_path / "word", ITEMS).text == TaggerTextConfig(level="word")
    assert corpus_of(tmp_path / "given", phrases, level="word").text.level == "word"


def test_the_scheme_is_detected_and_one_that_is_violated_forbids_nothing(tmp_path: Path) -> None:
    messages: list[str] = []
    assert corpus_of(tmp_path / "bio", SPANS).scheme == "bio"
    assert corpus_of(tmp_path / "none", ITEMS).scheme == "none"
    broken = [*SPANS, (["x", "y"], ["O", "I-PER"])]
    assert corpus_of(tmp_path / "unconstrained", broken * 2, SPANS, notify=messages.append).scheme == "unconstrained"
    assert any("'I-PER' after 'O' violates BIO" in message for message in messages)
    ends = [(["a", "b"], ["B-X", "E-X"]), (["a"], ["B-X"]), (["c"], ["S-X"])]
    assert corpus_of(tmp_path / "ends", ends * 2, ends, notify=messages.append).scheme == "unconstrained"
    expected = "item 1: the end of the sentence after 'B-X' violates BIOES, so every tag may follow every other tag"
    assert expected in messages


def test_a_violation_in_the_validation_set_forbids_nothing_either(tmp_path: Path) -> None:
    messages: list[str] = []
    broken = [(["x", "y"], ["O", "I-PER"])]
    assert corpus_of(tmp_path / "data", SPANS, broken, notify=messages.append).scheme == "unconstrained"
    assert "item 0: 'I-PER' after 'O' violates BIO, so every tag may follow every other tag" in messages


def test_a_frequent_sentence_stays_in_the_training_set(tmp_path: Path) -> None:
    frequent = [*ITEMS, *[(["Yes", "."], ["NOUN", "NUM"])] * 400]
    for seed in range(5):
        corpus = corpus_of(tmp_path / str(seed), frequent, valid_fraction=0.1, split_seed=seed)
        assert len(corpus.valid()) == 50
        assert ("Yes", ".") in training_sentences(corpus)


def test_sentences_whose_words_are_equal_are_in_the_same_set(tmp_path: Path) -> None:
    cased = [([word, f"{i}"], ["NOUN", "NUM"]) for i in range(30) for word in ("Cat", "cat")]
    corpus = corpus_of(tmp_path / "cased", cased, valid_fraction=0.2)
    train, valid = (
        {tuple(token.lower() for token in tokens) for tokens in sentences}
        for sentences in (training_sentences(corpus), [sentence.tokens for sentence in corpus.valid()])
    )
    assert not train & valid


NO_VALID = "no sentence is left for the validation set; expected at least one"


@pytest.mark.parametrize(
    ("items", "valid", "expected"),
    [
        ([], None, "no sentences; expected at least one"),
        ([(["a", "b"], ["X", "X"])] * 5, None, "all tokens have the tag 'X'; expected two tags or more"),
        ([(["a"], ["X"])], [(["a"], ["X"])], "all tokens have the tag 'X'"),
        (ITEMS, [(["a", "b"], ["NOUN", "VERB"])], "item 0: the tag 'VERB' is not in the training set; expected one of"),
        (ITEMS, [], NO_VALID),
        (
            [([str(i)], [f"t{i}"]) for i in range(200)],
            [],
            "200 different tags for 200 tokens; expected tags that repeat",
        ),
    ],
)
def test_data_that_a_tagger_cannot_learn_is_an_error(
    items: Items, valid: Items | None, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        corpus_of(tmp_path / "data", items, valid)
    assert expected in str(raised.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("count", [7, 5])
def test_sentences_that_are_all_needed_in_the_training_set_are_trained_without_a_validation_set(
    count: int, tmp_path: Path
) -> None:
    items = [([str(i % count)], [f"t{i % count}"]) for i in range(50)]
    messages: list[str] = []
    corpus = corpus_of(tmp_path / "data", items, notify=messages.append)
    assert not corpus.has_validation_set
    assert len(training_sentences(corpus)) == len(corpus.valid()) == 50
    assert "no validation set (50 sentences are too few, or too much alike, for one)" in messages[-1]
    with pytest.raises(DataError, match=f"{NO_VALID}. Train on all sentences with --valid-fraction 0"):
        corpus_of(tmp_path / "asked", items, valid_fraction=0.1)


def test_sentences_of_both_files_are_counted(tmp_path: Path) -> None:
    messages: list[str] = []
    corpus_of(tmp_path / "data", ITEMS, [*ITEMS[:2], (["new"], ["NOUN"])], notify=messages.append)
    assert messages == ["2 of the 3 sentences of the validation set are in the training set too"]


def test_a_changed_folder_is_damaged(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    path = corpus.folder / "valid.jsonl"
    path.write_text(path.read_text().replace("NOUN", "DET "))
    with pytest.raises(ModelError, match=r"damaged training data \(valid.jsonl differs"):
        TaggerCorpus.open(corpus.folder)


def test_a_sentence_far_longer_than_the_others_is_left_out_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    long = (["cat"] * 3_000, ["NOUN"] * 3_000)
    corpus = corpus_of(tmp_path / "long", [*ITEMS, long], notify=messages.append)
    expected = "1 of 101 sentences: longer than max_length, 1,000 tokens, and left out; the longest, with 3,000 tokens"
    assert [message for message in messages if "max_length" in message] == [f"{expected}, is at item 100"]
    assert training_sentences(corpus) == training_sentences(corpus_of(tmp_path / "short", ITEMS))
    assert corpus.max_length == 1_000
    assert corpus_of(tmp_path / "all", [*ITEMS, long], max_length=0, valid_fraction=0.0).train_set.longest == 3_000
    with pytest.raises(DataError, match="all examples are longer than max_length, 2 tokens"):
        corpus_of(tmp_path / "none", ITEMS, max_length=2)


def test_a_token_of_very_many_characters_is_cut(tmp_path: Path) -> None:
    items = [*ITEMS, (["c" * 30_000, "cat"], ["NOUN", "NOUN"])]
    tokens, _ = corpus_of(tmp_path, items, valid_fraction=0.0).train()
    assert tokens.characters is not None
    assert tokens.characters.lengths.max() == 1_000


@pytest.mark.parametrize(
    "line",
    ["[]", "{", '{"tokens": "ab", "tags": ["X"]}', '{"tokens": ["a"]}', '{"tokens": [1], "tags": [2]}', "[" * 100_000],
)
def test_an_example_of_another_form_is_damage(tmp_path: Path, line: str) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    (corpus.folder / "valid.jsonl").write_text(line + "\n")
    with pytest.raises(ModelError, match=r"^[^\n]*: damaged training data \([^\n]*\)\. Train again$"):
        corpus.valid()


def test_a_config_with_mistakes_in_the_record_is_damage_on_one_line(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    record = read_record(corpus.folder, "corpus.json")
    record["text"] = {"level": "x" * 10_000, "normalize": 3}
    (corpus.folder / "corpus.json").write_bytes(checksummed_bytes(record))
    with pytest.raises(ModelError, match="damaged training data") as caught:
        TaggerCorpus.open(corpus.folder)
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["corpus.json", "valid.jsonl", "vocabulary.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    (corpus.folder / name).unlink()
    os.mkfifo(corpus.folder / name)
    with pytest.raises(ModelError, match=r"damaged training data \(.*this is not a plain file"):
        TaggerCorpus.open(corpus.folder)


def test_a_file_of_another_size_is_damage_before_it_is_read(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    os.truncate(corpus.folder / "valid.jsonl", 1 << 40)  # to hash it would take an hour
    with pytest.raises(ModelError, match=r"damaged training data \(valid.jsonl differs"):
        TaggerCorpus.open(corpus.folder)


def test_a_record_of_an_earlier_version_has_no_sizes(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    record = read_record(corpus.folder, "corpus.json")
    del record["sizes"]
    (corpus.folder / "corpus.json").write_bytes(checksummed_bytes(record))
    assert TaggerCorpus.open(corpus.folder).valid() == corpus.valid()

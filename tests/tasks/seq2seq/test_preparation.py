"""Preparation of pairs: the split is by source, and levels and vocabularies come from the training data alone."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.corpora.vocabularies import MANY_TOKENS
from elman.errors import DataError, ModelError
from elman.tasks.seq2seq import preparation
from elman.tasks.seq2seq.config import MAX_RATIO, Seq2SeqReaderConfig, SideConfig
from elman.tasks.seq2seq.corpus import PairSet, Seq2SeqCorpus, SideCounts
from elman.tasks.seq2seq.defaults import resolve
from elman.tasks.seq2seq.readers import MemoryPairs, Pair, open_source

from .commands import random_words, target_of
from .models import POEM, Items, corpus_of, numbered_pairs, poem_corpus_of, training_pairs

few = settings(deadline=None, max_examples=40)


def error_of(folder: Path, pairs: Items, **choices: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        poem_corpus_of(folder, pairs, **choices)
    assert not (folder / "corpus.json").exists()
    return caught.value


@pytest.mark.parametrize("target", ["char", "word", "byte"])
@pytest.mark.parametrize("source", ["char", "word", "byte"])
def test_training_set_and_validation_set_are_the_pairs(tmp_path: Path, source: str, target: str) -> None:
    corpus = poem_corpus_of(tmp_path, POEM, source_level=source, target_level=target, valid_fraction=0.4)
    validation = [(example.source, text) for example in corpus.valid() for text in example.targets]
    assert sorted(training_pairs(corpus) + validation) == sorted(POEM)
    assert corpus.valid_set.count == len(corpus.valid()) == 3  # of 6 sources
    assert corpus.train_set.count == len(corpus.train()) == len(training_pairs(corpus))


@few
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=8, max_size=40),
    st.integers(0, 9),
    st.floats(0.05, 0.6),
)
def test_no_source_of_the_validation_set_is_in_the_training_set(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], seed: int, fraction: float
) -> None:
    pairs = [*pairs, ("i", "x"), ("j", "y"), ("k", "x"), ("k", "y"), ("l", "x"), ("l", "y")]
    total = len(dict(pairs))
    folder = tmp_path_factory.getbasetemp() / "pairs"
    corpus = poem_corpus_of(folder, pairs, target_level="byte", valid_fraction=fraction, split_seed=seed)
    sources = {source for source, _ in training_pairs(corpus)}
    validation = corpus.valid()
    assert not sources & {example.source for example in validation}
    assert len(validation) == total - int(total * (1 - fraction))
    for example in validation:
        references = dict.fromkeys(target for source, target in pairs if source == example.source)
        assert example.targets == tuple(references)
    assert sorted(training_pairs(corpus)) == sorted(pair for pair in pairs if pair[0] in sources)


def test_sources_with_the_same_tokens_are_one_source_in_the_split(tmp_path: Path) -> None:
    pairs = [(spelled, f"t{i % 3}") for i in range(8) for spelled in (f"W{i} a", f"w{i}  a", f"w{i} A")]
    lower = SideConfig(level="word", normalize="lower")
    corpus = poem_corpus_of(tmp_path, pairs, source_level="word", normalize="lower", valid_fraction=0.3)
    assert len(corpus.valid()) == 3  # of 8
    seen = {source for source, _ in training_pairs(corpus)}
    assert len(seen) == 5
    assert not seen & {" ".join(lower.tokenizer().split(example.source)) for example in corpus.valid()}


def test_a_tenth_of_the_sources_is_the_validation_set_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [*numbered_pairs(200), *((str(i), "again") for i in range(100))]
    assert poem_corpus_of(tmp_path, pairs).valid_set.count == 20  # of sources, not of pairs
    assert preparation.MAX_VALID_SOURCES == 5_000
    monkeypatch.setattr(preparation, "MAX_VALID_SOURCES", 12)
    assert poem_corpus_of(tmp_path, pairs).valid_set.count == 12
    assert poem_corpus_of(tmp_path, pairs, valid_fraction=0.5).valid_set.count == 100


def test_the_split_seed_chooses_the_validation_set(tmp_path: Path) -> None:
    sets = [poem_corpus_of(tmp_path, numbered_pairs(200), split_seed=seed).valid() for seed in (1, 1, 2)]
    assert sets[0] == sets[1]
    assert {example.source for example in sets[0]} != {example.source for example in sets[2]}


def test_the_validation_set_is_in_random_order(tmp_path: Path) -> None:
    both: list[dict[str, Any]] = [{"valid_fraction": 0.5}, {"valid": numbered_pairs(100)}]
    for choices in both:
        places = [int(example.source) for example in poem_corpus_of(tmp_path, numbered_pairs(200), **choices).valid()]
        assert len(set(places)) == 100
        assert places not in (sorted(places), sorted(places, reverse=True))


def test_the_vocabularies_come_from_the_training_set_alone(tmp_path: Path) -> None:
    corpus = poem_corpus_of(tmp_path, [("ab", "x y"), ("ba", "y")], valid=[("abc", "x z z"), ("d", ["y", "w"])])
    assert corpus.source_vocabulary.tokens == ("<unk>", "<s>", "</s>", "a", "b")
    assert corpus.target_vocabulary.tokens == ("<unk>", "<s>", "</s>", "y", "x")
    assert corpus.train_set == PairSet(2, SideCounts(4, 0, 2), SideCounts(3, 0, 2))
    assert corpus.valid_set == PairSet(2, SideCounts(4, 2, 3), SideCounts(5, 3, 3))


def test_separate_validation_pairs_are_all_used_and_grouped_by_source(tmp_path: Path) -> None:
    valid = [("长", "cháng"), ("山", "shān"), ("长", ["zhǎng", "cháng"])]
    corpus = poem_corpus_of(tmp_path, POEM, valid=valid)
    assert sorted(training_pairs(corpus)) == sorted(POEM)
    examples = [Pair("山", ("shān",)), Pair("长", ("cháng", "zhǎng"))]
    assert sorted(corpus.valid(), key=lambda example: example.source) == examples
    assert [record.name for record in corpus.sources] == ["memory", "valid"]
    assert corpus.sources == (MemoryPairs(POEM).record, MemoryPairs(valid, name="valid").record)


def test_sources_that_are_in_both_sets_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    poem_corpus_of(
        tmp_path, numbered_pairs(3000), valid=numbered_pairs(2000)[1500:] + [("x", "y")] * 3, notify=messages.append
    )
    assert messages == ["500 of the 501 sources of the validation set are in the training set too"]
    poem_corpus_of(
        tmp_path, numbered_pairs(1200), valid=[*numbered_pairs(1100), ("1", "again")], notify=messages.append
    )
    assert messages[1:] == ["1,100 of the 1,100 sources of the validation set are in the training set too"]
    for choices in ({}, {"valid": [("x", "y")]}):
        poem_corpus_of(tmp_path, numbered_pairs(50), notify=messages.append, **choices)
    assert len(messages) == 2


def test_a_source_with_several_targets_is_several_pairs_in_the_training_set(tmp_path: Path) -> None:
    corpus = poem_corpus_of(tmp_path, [("a", ["x", "y", "x"]), ("b", "z")], valid=[("c", ["z", "z"])])
    assert training_pairs(corpus) == [("a", "x"), ("a", "y"), ("a", "x"), ("b", "z")]
    assert corpus.valid() == [Pair("c", ("z",))]


def test_the_longest_ratio_counts_the_end_tokens_of_both_sides(tmp_path: Path) -> None:
    pairs = [("abcd", "x x"), ("ab", "x y x y x"), ("abcdefghi", "x y x y x y")]
    corpus = poem_corpus_of(tmp_path, pairs, valid=[("a", "x x x x x x x x")])
    assert corpus.text.longest_ratio == max((len(t.split()) + 1) / (len(s) + 1) for s, t in pairs) == 2.0
    assert (corpus.train_set.source.longest, corpus.train_set.target.longest) == (9, 6)
    assert corpus.valid_set.target.longest == 8


@pytest.mark.parametrize(("tokens", "complete"), [(MANY_TOKENS - 1, True), (MANY_TOKENS, False)])
def test_a_large_vocabulary_leaves_out_tokens_that_occur_once_and_a_small_one_does_not(
    tmp_path: Path, tokens: int, complete: bool
) -> None:
    words = [f"w{i}" for i in range(tokens)]
    pairs = [("a", " ".join(words)), ("b", " ".join(words[:500]))]
    corpus = poem_corpus_of(tmp_path, pairs, valid=[("c", "w1")])
    assert len(corpus.target_vocabulary) == 3 + (tokens if complete else 500)
    assert corpus.train_set.target.unknown == (0 if complete else tokens - 500)
    assert len(poem_corpus_of(tmp_path, pairs, valid=[("c", "w1")], min_frequency=1).target_vocabulary) == 3 + tokens


def test_the_vocabularies_can_be_limited_by_frequency_and_by_size(tmp_path: Path) -> None:
    pairs = [("aaab", "x x x y z"), ("aab", "x y")]
    for choices, source, target in (
        ({"min_frequency": 2}, "ab", "xy"),
        ({"min_frequency": 1}, "ab", "xyz"),
        ({"vocabulary_size": 5}, "ab", "xy"),
    ):
        corpus = poem_corpus_of(tmp_path, pairs, valid=[("c", "x")], **choices)
        assert corpus.source_vocabulary.tokens[3:] == tuple(source)
        assert corpus.target_vocabulary.tokens[3:] == tuple(target)
    limited = poem_corpus_of(tmp_path, pairs, source_level="byte", valid=[("c", "x")], min_frequency=2)
    assert len(limited.source_vocabulary) == 3 + 256


def test_words_that_look_like_reserved_tokens_are_unknown(tmp_path: Path) -> None:
    corpus = poem_corpus_of(tmp_path, [("<s> a", "x </s> y"), ("<unk>", "y")], source_level="word", valid=[("b", "y")])
    assert training_pairs(corpus) == [("\ufffd a", "x \ufffd y"), ("\ufffd", "y")]
    assert (corpus.train_set.source.unknown, corpus.train_set.target.unknown) == (2, 1)


COLUMNS = "Check the columns; see --columns"
LIMITS = "Lower min_frequency or raise vocabulary_size"


@pytest.mark.parametrize(
    ("pairs", "choices", "message"),
    [
        ([], {}, "memory: has no pairs; expected some. Write SOURCE TAB TARGET on each line"),
        (
            [("a", "x"), ("a", "y")],
            {},
            "memory: all pairs have the same source; expected different sources. "
            "Check that the first column is the source; --columns names other columns",
        ),
        (
            numbered_pairs(10),
            {"valid_fraction": 1e-17},
            "memory: 10 sources in the training set and 0 in the validation set; expected at least 1 in each. "
            "Choose another --valid-fraction",
        ),
        (
            numbered_pairs(2000),
            {"valid_fraction": 0.9999},
            "memory: 0 sources in the training set and 2,000 in the validation set; expected at least 1 in each. "
            "Choose another --valid-fraction",
        ),
        (
            numbered_pairs(10),
            {"valid": []},
            "memory, valid: 10 sources in the training set and 0 in the validation set; expected at least 1 in each. "
            "Name a --valid that has pairs",
        ),
        (
            [("a", "x"), ("b", "x x")],
            {"valid": [("c", "y")]},
            f"memory, valid: the targets have 1 different tokens in the vocabulary; expected at least 2. {COLUMNS}",
        ),
        (
            [("a", "x x y"), ("b", "x z")],
            {"valid_fraction": 0.5, "min_frequency": 9},
            f"memory: the sources have 0 different tokens in the vocabulary; expected at least 1. {LIMITS}",
        ),
        (
            [("aa", "x x y"), ("aa b", "x z")],
            {"valid": [("c", "y")], "min_frequency": 2},
            f"memory, valid: the targets have 1 different tokens in the vocabulary; expected at least 2. {LIMITS}",
        ),
        (
            [("a", "x y"), ("b", "x y")],
            {"valid": [("c", "y")], "vocabulary_size": 4},
            f"memory, valid: the targets have 1 different tokens in the vocabulary; expected at least 2. {LIMITS}",
        ),
        (
            [("a", "x y"), ("b", "x y")],
            {"valid": [("c", "y")], "vocabulary_size": 2},
            f"memory, valid: the sources have 0 different tokens in the vocabulary; expected at least 1. {LIMITS}",
        ),
    ],
)
def test_pairs_that_nothing_can_be_learned_from_are_an_error(
    tmp_path: Path, pairs: Items, choices: dict[str, Any], message: str
) -> None:
    assert str(error_of(tmp_path / "data", pairs, **choices)) == message


def test_the_size_of_the_split_does_not_depend_on_the_order(tmp_path: Path) -> None:
    pairs = [(str(i // 2), f"t{i}") for i in range(300)]
    random.Random(1).shuffle(pairs)
    corpus = poem_corpus_of(tmp_path, pairs)
    assert (corpus.train_set.count, corpus.valid_set.count) == (270, 15)
    assert {len(example.targets) for example in corpus.valid()} == {2}


def test_the_levels_are_chosen_from_the_training_data_unless_they_are_given(tmp_path: Path) -> None:
    pairs = [(f"a{i}b", "HH AH L OW") for i in range(30)] + [("x", "HH L")]
    corpus = corpus_of(tmp_path, pairs)
    assert (corpus.text.source.level, corpus.text.target.level) == ("char", "word")
    corpus = corpus_of(tmp_path, pairs, source_level="byte", target_level="char")
    assert (corpus.text.source.level, corpus.text.target.level) == ("byte", "char")


def test_the_targets_of_a_small_dictionary_are_phones(tmp_path: Path) -> None:
    """Their phones are too few for the rule of the texts."""
    words = [f"{a}{b}" for a in "AEIOU" for b in "KT"]
    path = tmp_path / "small.dict"
    path.write_text(";;; words\n" + "".join(f"{word}  {word[0]}{word[0]}1 {word[1]}\n" for word in words))
    corpus = prepare_files(tmp_path / "corpus", path)
    assert (corpus.text.source.level, corpus.text.target.level) == ("char", "word")
    assert prepare_files(tmp_path / "char", path, target_level="char").text.target.level == "char"


def prepare_files(folder: Path, path: Path, **data: Any) -> Seq2SeqCorpus:
    values = {"data": data}
    source = open_source(path, Seq2SeqReaderConfig(), lambda message: None)
    return preparation.prepare(folder, values, resolve(values), [source], [], lambda message: None)


def test_sentences_are_split_into_subwords_and_korean_into_letters(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra bpe")
    rng = random.Random(0)
    names = ["".join(rng.choices("abcdefgh", k=5)) for _ in range(400)]
    pairs = [(f"{name}은 국물을 산다", f"{name} buys soup, not rice.") for name in names]
    corpus = corpus_of(tmp_path, pairs)
    assert (corpus.text.source.level, corpus.text.target.level) == ("char", "bpe")
    assert corpus.text.source.normalize == corpus.text.target.normalize == "nfd"
    assert "\u1100" in corpus.source_vocabulary
    assert "국" not in corpus.source_vocabulary
    assert {"▁soup", ",", "."} <= set(corpus.target_vocabulary.tokens)
    (first, *_) = corpus.valid()
    assert (
        corpus.text.target.codec(corpus.target_vocabulary).decode(
            corpus.text.target.codec(corpus.target_vocabulary).encode(first.targets[0])
        )
        == first.targets[0]
    )
    assert corpus_of(tmp_path, pairs, normalize="none").text.source.normalize == "none"


def test_sentences_are_split_into_characters_where_subwords_cannot_be_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.tasks.seq2seq.preparation.find_spec", lambda name: None)
    pairs = [(str(i), f"sentence {i} is about number {i} and {i * i}.") for i in range(300)]
    assert corpus_of(tmp_path, pairs).text.target.level == "char"


def test_further_targets_are_an_error_in_the_training_data_and_references_in_the_validation_data(
    tmp_path: Path,
) -> None:
    pairs: Items = [("a", ["x", "y"]), ("b", "z")]
    with pytest.raises(DataError, match=r"item 0: has 2 targets; expected 1\. Use --extra-targets to train on all of"):
        corpus_of(tmp_path, pairs)
    assert corpus_of(tmp_path, [("c", "x"), ("b", "z")], pairs).valid_set.target.tokens == 3


LONG = ("l" * 3_000, "t " * 3_000)
SHORT = [(source, target_of(source)) for source in random_words(200)]


def test_a_pair_far_longer_than_the_others_is_left_out_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    corpus = corpus_of(tmp_path / "long", [*SHORT[:20], LONG, *SHORT[20:]], notify=messages.append)
    expected = "1 of 201 pairs: longer than max_length, 1,000 tokens, and left out; the longest, with 3,000 tokens"
    assert [message for message in messages if "max_length" in message] == [f"{expected}, is at item 20"]
    without = corpus_of(tmp_path / "short", SHORT)
    assert (corpus.max_length, without.max_length) == (1_000, 1_000)
    assert training_pairs(corpus) == training_pairs(without)
    assert corpus.valid() == without.valid()
    assert corpus.target_vocabulary.tokens == without.target_vocabulary.tokens


def test_no_limit_and_a_given_one(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "all", [*SHORT, LONG], max_length=0, valid_fraction=0.0)
    assert corpus.max_length is None
    assert corpus.train_set.source.longest == 3_000
    few_letters = corpus_of(tmp_path / "few", SHORT, max_length=3, valid_fraction=0.0)
    assert set(training_pairs(few_letters)) == {pair for pair in SHORT if len(pair[0]) <= 3}
    assert "all examples are longer than max_length, 2 tokens" in str(
        error_of(tmp_path / "none", [("abc", "x y z"), ("abcd", "x")] * 6, max_length=2)
    )


def test_pairs_of_a_validation_file_are_all_scored(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, SHORT, valid=[LONG, ("abc", "x")])
    assert [len(pair.source) for pair in corpus.valid()] in ([3_000, 3], [3, 3_000])


def test_targets_that_are_very_long_for_their_source_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    corpus = corpus_of(tmp_path, [("a", "x" * 600), ("b", "y")], valid_fraction=0, notify=messages.append)
    assert corpus.text.longest_ratio > MAX_RATIO
    assert corpus.text.longest_target(1) == 2 * MAX_RATIO + 10
    expected = "targets of more than 250 tokens for each token of the source are cut there in predictions"
    assert expected in messages


@pytest.mark.parametrize("line", ["[]", '{"source": 3, "targets": ["a"]}', '{"source": "a", "targets": "b"}'])
def test_an_example_of_another_form_is_damage(tmp_path: Path, line: str) -> None:
    corpus = poem_corpus_of(tmp_path, [("a", "x"), ("b", "z")], valid=[("c", "z")])
    (corpus.folder / "valid.jsonl").write_text(line + "\n")
    with pytest.raises(ModelError, match=r"damaged training data \("):
        corpus.valid()


@pytest.mark.parametrize("damage", ["ends", "order", "id", "count"])
def test_ids_that_do_not_fit_together_are_damage(tmp_path: Path, damage: str) -> None:
    corpus = poem_corpus_of(tmp_path, [("ab", "x"), ("b", "z")], valid=[("c", "z")])
    ends = np.fromfile(corpus.folder / "train.source.ends", np.int64)
    changed = {"ends": ends + 1, "order": np.array([3, 2, 3]), "count": ends[-1:]}.get(damage, ends)
    changed.astype(np.int64).tofile(corpus.folder / "train.source.ends")
    if damage == "id":
        path = corpus.folder / "train.source.ids"
        path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(ModelError, match=r"damaged training data \(train\.source\."):
        corpus.train()

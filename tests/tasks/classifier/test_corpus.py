"""The corpus of a classifier: no text is in both sets, every label gives its share, and the folder holds all texts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from elman.errors import DataError, ModelError
from elman.tasks.classifier.config import ClassifierReaderConfig, ClassifierTextConfig
from elman.tasks.classifier.corpus import ClassifierCorpus
from elman.tasks.classifier.defaults import resolve
from elman.tasks.classifier.preparation import prepare
from elman.tasks.classifier.readers import open_source
from elman.text.tokenizers import BYTE_TOKENS

from .models import Items, corpus_of

ITEMS = [(f"text {i}", "even" if i % 2 == 0 else "odd") for i in range(100)] + [
    (f"rare {i}", "rare") for i in range(10)
]


def texts_of(corpus: ClassifierCorpus) -> tuple[set[str], set[str]]:
    """Return the texts of the training set and of the validation set."""
    lines = (corpus.folder / "train.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["text"] for line in lines}, {example.text for example in corpus.valid()}


def test_every_label_gives_its_share_and_no_text_is_in_both_sets(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS, valid_fraction=0.2)
    train, valid = texts_of(corpus)
    assert train | valid == {text for text, _ in ITEMS}
    assert not train & valid
    assert Counter(example.label for example in corpus.valid()) == {"even": 10, "odd": 10, "rare": 2}
    assert corpus.labels == ("even", "odd", "rare")
    assert corpus.label_counts == (40, 40, 8)
    assert (corpus.train_set.count, corpus.valid_set.count) == (88, 22)


def test_the_only_text_of_a_label_stays_in_the_training_set(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", [*ITEMS, ("alone", "single")], valid_fraction=0.9)
    assert "alone" in texts_of(corpus)[0]
    assert corpus.label_counts[corpus.labels.index("single")] == 1


def test_few_texts_give_one_validation_text(tmp_path: Path) -> None:
    few = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]
    assert corpus_of(tmp_path / "few", few, valid_fraction=0.1).valid_set.count == 1
    assert corpus_of(tmp_path / "small", few, valid_fraction=1e-9).valid_set.count == 1


def test_the_split_depends_on_its_seed_alone(tmp_path: Path) -> None:
    chosen = [texts_of(corpus_of(tmp_path / str(n), ITEMS, split_seed=seed))[1] for n, seed in enumerate((0, 0, 1))]
    assert chosen[0] == chosen[1] != chosen[2]
    order = [[example.text for example in ClassifierCorpus.open(tmp_path / str(n)).valid()] for n in (0, 1)]
    assert order[0] == order[1]


def test_ids_stand_for_the_tokens_that_were_read(tmp_path: Path) -> None:
    sentences = [(f"The CAT sat on mat {i}, twice", label) for i, (_, label) in enumerate(ITEMS)]
    for name, items in (("char", ITEMS), ("word", sentences)):
        corpus = corpus_of(tmp_path / name, items)
        assert corpus.text == ClassifierTextConfig.model_validate(
            {"level": name, "normalize": "lower" if name == "word" else "none"}
        )
        texts, labels = corpus.train(with_characters=name == "word")
        lines = [json.loads(line) for line in (corpus.folder / "train.jsonl").read_text("utf-8").splitlines()]
        for i, line in enumerate(lines):
            tokens = list(line["text"]) if name == "char" else line["text"].replace(",", " ,").split()
            assert corpus.vocabulary.decode(texts.words[i]) == [token.lower() for token in tokens]
            assert corpus.labels[labels[i]] == line["label"]
            if texts.distinct_tokens is not None and texts.characters is not None:
                character_ids = [texts.characters[number] for number in texts.distinct_tokens[i]]
                assert ["".join(corpus.characters.decode(ids)) for ids in character_ids] == tokens
        assert (texts.distinct_tokens is None) == (name == "char")
        assert corpus.train_set.tokens == len(texts.words.ids)
        assert corpus.train_set.longest == texts.words.lengths.max()


def test_the_level_is_word_if_half_of_the_texts_have_several_words(tmp_path: Path) -> None:
    def level_of(texts: list[str], **options: Any) -> str:
        items = [(f"{text}{i}", "xy"[i % 2]) for i, text in enumerate(texts * 4)]
        return corpus_of(tmp_path / f"{len(list(tmp_path.iterdir()))}", items, **options).text.level

    assert level_of(["Anna", "Jean Paul"]) == "char"
    assert level_of(["win a prize now", "see you"]) == "word"
    assert level_of(["win a prize now", "see you", "at"]) == "char"
    assert level_of(["我今天把车洗了", "车被人洗了"]) == "char"
    assert level_of(["win a prize now"], level="char") == "char"
    assert level_of(["Anna"], level="word") == "word"


def test_repeated_examples_count_once_and_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    corpus = corpus_of(tmp_path / "data", [*ITEMS, *ITEMS[:7]], notify=messages.append)
    assert corpus.train_set.count + corpus.valid_set.count == len(ITEMS)
    assert messages == ["7 of 117 texts repeat an earlier text and its label, and are left out"]


def test_a_text_with_two_labels_is_two_examples_in_one_set(tmp_path: Path) -> None:
    items = [(f"t{i}", label) for i in range(30) for label in ("a", "b")]
    corpus = corpus_of(tmp_path / "data", items, valid_fraction=0.5)
    train, valid = texts_of(corpus)
    assert not train & valid
    assert (corpus.train_set.count, corpus.valid_set.count) == (30, 30)


def test_a_label_that_shares_its_only_text_stays_in_the_training_set(tmp_path: Path) -> None:
    items = [(f"a{i}", "A") for i in range(6)] + [(f"c{i}", "C") for i in range(6)] + [("a3", "B")]
    for seed in range(20):
        corpus = corpus_of(tmp_path / str(seed), items, valid_fraction=0.5, split_seed=seed)
        assert corpus.labels == ("A", "B", "C")


def test_texts_that_are_equal_after_normalization_are_one_text(tmp_path: Path) -> None:
    items = [
        (text, label) for i in range(9) for text, label in ((f"Win {i}", "x"), (f"WIN {i}", "x"), (f"no {i}", "y"))
    ]
    corpus = corpus_of(tmp_path / "data", items, normalize="lower", valid_fraction=0.5)
    assert corpus.train_set.count + corpus.valid_set.count == 18
    train, valid = ({text.lower() for text in texts} for texts in texts_of(corpus))
    assert not train & valid


def test_the_vocabulary_is_that_of_the_training_set(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS, valid=[("text q", "odd"), ("text 1", "odd")], level="word")
    assert "q" not in corpus.vocabulary
    assert corpus.valid_set.unknown == 1
    assert corpus.train_set.unknown == 0
    rare = corpus_of(tmp_path / "rare", ITEMS, level="word", min_frequency=5)
    assert set(rare.vocabulary.tokens) == {"<unk>", "text", "rare"}
    assert corpus_of(tmp_path / "byte", ITEMS, level="byte").vocabulary.tokens[1:] == BYTE_TOKENS
    lower = corpus_of(tmp_path / "lower", [("AB", "x"), ("ab", "y"), ("Ba", "x"), ("bA", "y")], normalize="lower")
    assert set(lower.vocabulary.tokens) == {"<unk>", "a", "b"}


def test_texts_of_both_files_are_counted(tmp_path: Path) -> None:
    messages: list[str] = []
    valid = [("text 1", "odd"), ("text 2", "odd"), ("new", "even")]
    corpus = corpus_of(tmp_path / "data", ITEMS, valid=valid, notify=messages.append)
    assert messages == ["2 of the 3 texts of the validation set are in the training set too"]
    assert corpus.train_set.count == len(ITEMS)


@pytest.mark.parametrize(
    ("items", "options", "expected"),
    [
        ([], {}, "memory: no texts; expected at least one"),
        ([("a", "x"), ("b", "x")], {}, "all texts have the label 'x'; expected two labels or more. Check the columns"),
        (
            [(f"t{i}", f"l{i}") for i in range(30)],
            {},
            "30 different labels for 30 texts; expected labels that repeat",
        ),
        (
            ITEMS,
            {"valid": [("new", "strange")]},
            "item 0: the label 'strange' is not in the training set; expected one of",
        ),
        (
            ITEMS,
            {"valid": []},
            "no text is left for the validation set; expected at least one. Name a --valid that has texts",
        ),
        (
            ITEMS,
            {"min_frequency": 1000},
            "the vocabulary has no token but `<unk>`; expected at least one. Lower min_frequency",
        ),
    ],
)
def test_data_that_a_classifier_cannot_learn_is_an_error(
    items: Items, options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        corpus_of(tmp_path / "data", items, **options)
    assert expected in str(raised.value)


def test_a_changed_file_is_damaged_data(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "data", ITEMS)
    for name in ("train.jsonl", "valid.jsonl", "vocabulary.json", "corpus.json"):
        content = (corpus.folder / name).read_bytes()
        (corpus.folder / name).write_bytes(content.replace(b"e", b"E", 1))
        with pytest.raises(ModelError, match="damaged training data"):
            ClassifierCorpus.open(corpus.folder)
        (corpus.folder / name).write_bytes(content)
    assert ClassifierCorpus.open(corpus.folder).train_set == corpus.train_set


def test_a_text_far_longer_than_the_others_is_cut_in_training_and_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    items = [*ITEMS, ("long " * 3_000, "even")]
    corpus = corpus_of(tmp_path / "data", items, notify=messages.append, valid_fraction=0.0, level="word")
    expected = "1 of 111 texts: longer than max_length, 1,000 tokens, and cut; the longest, with 3,000 tokens"
    assert [message for message in messages if "max_length" in message] == [f"{expected}, is at item 110"]
    texts, labels = corpus.train()
    assert texts.words.lengths.tolist() == [2] * 110 + [1_000]
    assert len(labels) == 111
    assert corpus.train_set.longest == 1_000
    assert corpus.train_set.tokens == 220 + 1_000
    assert corpus.valid()[[len(e.text) for e in corpus.valid()].index(14_999)].label == "even"  # whole in validation


def test_max_length_is_an_option_and_0_means_no_limit(tmp_path: Path) -> None:
    items = [*ITEMS, ("long " * 3_000, "even")]
    every = corpus_of(tmp_path / "all", items, max_length=0, level="word")
    assert every.max_length is None
    one = corpus_of(tmp_path / "one", items, max_length=1, level="word")
    assert set(one.train()[0].words.lengths.tolist()) == {1}


def test_labels_that_look_like_mistakes_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    labels = ["bill", "ship"] * 10 + ["Bill", "NaN", "NaN", "odd"]
    items = [(f"text {number}", label) for number, label in enumerate(labels)]
    corpus_of(tmp_path / "data", items, notify=messages.append, valid_fraction=0.0)
    assert [message for message in messages if "label" in message] == [
        "the labels Bill, bill differ only in upper and lower case. Is it one label?",
        "the label 'NaN' may be a missing value; leave out its rows if it is one",
        "labels of a single text, which cannot be learned: Bill, odd",
    ]
    messages.clear()
    corpus_of(tmp_path / "fine", ITEMS, notify=messages.append)
    assert messages == []


def test_a_folder_of_one_class_is_refused_without_a_word_about_columns(tmp_path: Path) -> None:
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "French.txt").write_text("Abel\nZoé\n" * 9, "utf-8")
    values: dict[str, Any] = {"data": {}}
    source = open_source(tmp_path / "names", ClassifierReaderConfig(), lambda message: None)
    with pytest.raises(DataError, match=r"all texts have the label 'French'; .* Put one file for each class into it"):
        prepare(tmp_path / "corpus", values, resolve(values), [source], [], lambda message: None)


@pytest.mark.parametrize(
    "line", ["[]", '{"text": 3, "label": "a"}', '{"text": "a"}', '{"text": "a", "label": "b", "weight": "x"}']
)
def test_an_example_of_another_form_is_damage(tmp_path: Path, line: str) -> None:
    corpus = corpus_of(tmp_path / "data", [(f"text {n}", "ab"[n % 2]) for n in range(40)])
    (corpus.folder / "valid.jsonl").write_text(line + "\n")
    with pytest.raises(ModelError, match=r"damaged training data \("):
        corpus.valid()

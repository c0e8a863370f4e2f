"""The labelled corpus: what is learned and what is held out share no text, and every label gives its share."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from elman.errors import DataError, ModelError
from elman.tasks.classifier.corpus import LabelledCorpus, LabelTextConfig
from elman.tasks.classifier.preparation import prepare_labelled
from elman.tasks.classifier.readers import MemoryLabelled
from elman.text.tokenizers import BYTE_TOKENS

ITEMS = [(f"text {i}", "even" if i % 2 == 0 else "odd") for i in range(100)] + [
    (f"rare {i}", "rare") for i in range(10)
]


def prepared(
    folder: Path, items: list[tuple[str, str]], *, valid: list[tuple[str, str]] | None = None, **options: Any
) -> LabelledCorpus:
    held = [MemoryLabelled(each) for each in (items, valid or [])]
    return prepare_labelled(
        folder,
        held[0].labelled(),
        valid=held[1].labelled() if valid is not None else None,
        records=lambda: [each.record for each in held],
        **options,
    )


def parts(corpus: LabelledCorpus) -> tuple[set[str], set[str]]:
    lines = (corpus.folder / "train.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["text"] for line in lines}, {each.text for each in corpus.valid()}


def test_every_label_gives_its_share_and_no_text_is_in_both_parts(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS, valid_fraction=0.2)
    learned, held_out = parts(corpus)
    assert learned | held_out == {text for text, _ in ITEMS}
    assert not learned & held_out
    assert Counter(each.label for each in corpus.valid()) == {"even": 10, "odd": 10, "rare": 2}
    assert corpus.labels == ("even", "odd", "rare")
    assert corpus.label_counts == (40, 40, 8)
    assert (corpus.train_part.count, corpus.valid_part.count) == (88, 22)


def test_a_label_of_one_text_stays_in_training(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", [*ITEMS, ("alone", "single")], valid_fraction=0.9)
    assert "alone" in parts(corpus)[0]
    assert corpus.label_counts[corpus.labels.index("single")] == 1


def test_of_few_texts_one_is_held_out(tmp_path: Path) -> None:
    few = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]
    assert prepared(tmp_path / "few", few).valid_part.count == 1
    assert prepared(tmp_path / "small", few, valid_fraction=1e-9).valid_part.count == 1


def test_what_is_held_out_depends_on_the_seed_alone(tmp_path: Path) -> None:
    chosen = [parts(prepared(tmp_path / str(n), ITEMS, seed=seed))[1] for n, seed in enumerate((0, 0, 1))]
    assert chosen[0] == chosen[1] != chosen[2]
    order = [[each.text for each in LabelledCorpus.open(tmp_path / str(n)).valid()] for n in (0, 1)]
    assert order[0] == order[1]


def test_ids_are_those_of_the_vocabularies_and_labels_those_of_the_alphabet(tmp_path: Path) -> None:
    spelled = [(f"The CAT sat on mat {i}, twice", label) for i, (_, label) in enumerate(ITEMS)]
    for name, items in (("char", ITEMS), ("word", spelled)):
        corpus = prepared(tmp_path / name, items)
        assert corpus.text == LabelTextConfig(level=name, normalize="lower" if name == "word" else "none")
        texts, labels = corpus.train(spelled=name == "word")
        lines = [json.loads(line) for line in (corpus.folder / "train.jsonl").read_text("utf-8").splitlines()]
        for i, line in enumerate(lines):
            tokens = list(line["text"]) if name == "char" else line["text"].replace(",", " ,").split()
            assert corpus.vocabulary.decode(texts.words[i]) == [each.lower() for each in tokens]
            assert corpus.labels[labels[i]] == line["label"]
            if texts.forms is not None and texts.characters is not None:
                forms = [corpus.characters.decode(texts.characters[form]) for form in texts.forms[i]]
                assert ["".join(form) for form in forms] == tokens
        assert (texts.forms is None) == (name == "char")
        assert corpus.train_part.tokens == len(texts.words.ids)
        assert corpus.train_part.longest == texts.words.lengths.max()


def test_the_level_is_told_by_the_texts(tmp_path: Path) -> None:
    def level_of(texts: list[str], **options: Any) -> str:
        items = [(f"{text}{i}", "xy"[i % 2]) for i, text in enumerate(texts * 4)]
        return prepared(tmp_path / f"{len(list(tmp_path.iterdir()))}", items, **options).text.level

    assert level_of(["Anna", "Jean Paul"]) == "char"
    assert level_of(["win a prize now", "see you"]) == "word"
    assert level_of(["win a prize now", "see you", "at"]) == "char"
    assert level_of(["我今天把车洗了", "车被人洗了"]) == "char"
    assert level_of(["win a prize now"], level="char") == "char"
    assert level_of(["Anna"], level="word") == "word"


def test_words_are_composed_before_they_are_cut_and_spelled_but_keep_their_capitals() -> None:
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    assert LabelTextConfig(level="word", normalize="nfc").cut(f"{apart}, {composed}") == [composed, ",", composed]
    lower = LabelTextConfig(level="word", normalize="lower")
    assert lower.cut(composed) == [composed]
    assert lower.word(composed) == composed.lower()
    assert LabelTextConfig(normalize="lower").cut("Ab") == ["a", "b"]


def test_repeated_examples_count_once_and_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    corpus = prepared(tmp_path / "data", [*ITEMS, *ITEMS[:7]], notify=said.append)
    assert corpus.train_part.count + corpus.valid_part.count == len(ITEMS)
    assert said == ["7 of 117 texts come again with the same label: each is taken once"]


def test_a_text_of_two_labels_is_two_examples_on_one_side(tmp_path: Path) -> None:
    items = [(f"t{i}", label) for i in range(30) for label in ("a", "b")]
    corpus = prepared(tmp_path / "data", items, valid_fraction=0.5)
    learned, held_out = parts(corpus)
    assert not learned & held_out
    assert (corpus.train_part.count, corpus.valid_part.count) == (30, 30)


def test_a_label_that_shares_its_only_text_is_never_held_out_whole(tmp_path: Path) -> None:
    items = [(f"a{i}", "A") for i in range(6)] + [(f"c{i}", "C") for i in range(6)] + [("a3", "B")]
    for seed in range(20):
        corpus = prepared(tmp_path / str(seed), items, valid_fraction=0.5, seed=seed)
        assert corpus.labels == ("A", "B", "C")


def test_texts_that_look_alike_to_the_model_are_one(tmp_path: Path) -> None:
    items = [
        (text, label) for i in range(9) for text, label in ((f"Win {i}", "x"), (f"WIN {i}", "x"), (f"no {i}", "y"))
    ]
    corpus = prepared(tmp_path / "data", items, normalize="lower", valid_fraction=0.5)
    assert corpus.train_part.count + corpus.valid_part.count == 18
    learned, held_out = ({text.lower() for text in part} for part in parts(corpus))
    assert not learned & held_out


def test_the_vocabulary_knows_nothing_of_what_is_held_out(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS, valid=[("text q", "odd"), ("text 1", "odd")], level="word")
    assert "q" not in corpus.vocabulary
    assert corpus.valid_part.unknown == 1
    assert corpus.train_part.unknown == 0
    rare = prepared(tmp_path / "rare", ITEMS, level="word", min_frequency=5)
    assert set(rare.vocabulary.tokens) == {"<unk>", "text", "rare"}
    assert prepared(tmp_path / "byte", ITEMS, level="byte").vocabulary.tokens[1:] == BYTE_TOKENS
    lower = prepared(tmp_path / "lower", [("AB", "x"), ("ab", "y"), ("Ba", "x"), ("bA", "y")], normalize="lower")
    assert set(lower.vocabulary.tokens) == {"<unk>", "a", "b"}


def test_a_given_held_out_part_is_told_of_what_it_shares(tmp_path: Path) -> None:
    said: list[str] = []
    valid = [("text 1", "odd"), ("text 2", "odd"), ("new", "even")]
    corpus = prepared(tmp_path / "data", ITEMS, valid=valid, notify=said.append)
    assert said == ["2 of the 3 held-out texts are in the training data too"]
    assert corpus.train_part.count == len(ITEMS)


@pytest.mark.parametrize(
    ("items", "options", "expected"),
    [
        ([], {}, "memory, memory: holds no texts, expected some"),
        ([("a", "x"), ("b", "x")], {}, "all texts have the label 'x', expected two labels or more; is it the right"),
        (
            [(f"t{i}", f"l{i}") for i in range(30)],
            {},
            "30 different labels of 30 texts, expected a few",
        ),
        (ITEMS, {"valid": [("new", "strange")]}, "item 0: the label 'strange' is never seen in training; expected one"),
        (ITEMS, {"valid": []}, "leaves no text to hold out, expected at least 1; name a --valid that holds texts"),
        (ITEMS, {"min_frequency": 1000}, "leaves no token but `<unk>` in the vocabulary; lower min_frequency"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    items: list[tuple[str, str]], options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        prepared(tmp_path / "data", items, **options)
    assert expected in str(raised.value)


def test_a_changed_file_is_damaged_data(tmp_path: Path) -> None:
    corpus = prepared(tmp_path / "data", ITEMS)
    for name in ("train.jsonl", "valid.jsonl", "vocabulary.json", "labelled.json"):
        content = (corpus.folder / name).read_bytes()
        (corpus.folder / name).write_bytes(content.replace(b"e", b"E", 1))
        with pytest.raises(ModelError, match="damaged training data"):
            LabelledCorpus.open(corpus.folder)
        (corpus.folder / name).write_bytes(content)
    assert LabelledCorpus.open(corpus.folder).train_part == corpus.train_part

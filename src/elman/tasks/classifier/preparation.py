"""Preparation of labelled texts: texts and labels to a labelled corpus.

A text that comes again with the same label is one example. Whole texts are held out, so that none of them is in the
training part, and every label gives its share of them. The vocabulary and the labels know nothing of the held-out part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from elman.checkpoint.sealed import json_bytes, write_synced
from elman.data.encodings import Notify
from elman.data.readers import SourceRecord
from elman.data.records import shown_names
from elman.data.sealed_record import file_sha256, sealed
from elman.errors import DataError
from elman.tasks.classifier.corpus import RECORD, LabelledCorpus, LabelledPart, LabelledText, LabelTextConfig
from elman.tasks.classifier.readers import Labelled
from elman.tasks.language_model.preparation import AUTOMATIC_VALID_SHARE, RARE_FROM_KINDS
from elman.text import Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.vocabulary import UNKNOWN

AUTOMATIC_VALID_TEXTS = 5_000
WORDS_OF_A_TEXT = 4  # or more, between spaces, of half of the texts: they are read word by word
MIN_LABELS = 2  # of a single one there is nothing to choose
MANY_LABELS, MANY_LABELS_PER_TEXT = 20, 0.5  # more of them, one for every second text, are no classes
FILES = ("train.jsonl", "valid.jsonl", "vocabulary.json")


def prepare_labelled(
    folder: Path,
    train: Iterable[Labelled],
    *,
    level: Literal["char", "word", "byte"] | None = None,
    normalize: Literal["none", "nfc", "lower"] | None = None,
    valid: Iterable[Labelled] | None = None,
    valid_fraction: float | None = None,
    min_frequency: int | None = None,
    vocabulary_size: int | None = None,
    seed: int = 0,
    records: Callable[[], Sequence[SourceRecord]],
    notify: Notify = lambda message: None,
) -> LabelledCorpus:
    """Read the examples, write the folder, and open it.

    level None is word where half of the texts have WORDS_OF_A_TEXT words or more between spaces, else char. normalize
    None looks words up in lower case, their characters being read as they stand, and leaves other tokens as they are.
    The held-out part is `valid`, or valid_fraction of the texts of each label, chosen by the seed; None is a tenth, at
    most 5,000 in all. min_frequency None keeps every token of a small vocabulary, and of a large one those seen twice.
    `records` is asked once everything is read.
    """
    learned, given = list(train), None if valid is None else list(valid)
    if level is None:
        level = "word" if _are_of_words(learned) else "char"
    text = LabelTextConfig(level=level, normalize=normalize or ("lower" if level == "word" else "none"))
    learned = _different(learned, text, notify)
    given = None if given is None else _different(given, text, notify)
    sources = records()
    where = ", ".join(record.name for record in sources)
    if not learned:
        raise DataError("holds no texts, expected some", hint="write a text and its label a line", where=where)
    rng = np.random.default_rng([seed, 0x1ABE1])
    if given is None:
        learned, held_out = _split(learned, valid_fraction, text, rng)
    else:
        held_out = [given[i] for i in rng.permutation(len(given))]
        _tell_shared(learned, held_out, text, notify)
    labels = _labels(learned, held_out, where)
    if not held_out:
        hint = "give more texts" if given is None else "name a --valid that holds texts"
        raise DataError("leaves no text to hold out, expected at least 1", hint=hint, where=where)
    vocabulary, characters = _vocabularies(learned, text, min_frequency, vocabulary_size, where)
    folder.mkdir(parents=True, exist_ok=True)
    counts = Counter(example.label for example in learned)
    record = {
        "train": asdict(_write(folder / "train.jsonl", learned, text, vocabulary)),
        "valid": asdict(_write(folder / "valid.jsonl", held_out, text, vocabulary)),
    }
    named = {"tokens": vocabulary.tokens, "characters": characters.tokens, "labels": labels}
    write_synced(folder / "vocabulary.json", json_bytes({name: list(tokens) for name, tokens in named.items()}))
    about = {
        **record,
        "sources": [asdict(each) for each in sources],
        "text": text.model_dump(mode="json"),
        "label_counts": [counts[label] for label in labels],
        "files": {name: file_sha256(folder / name) for name in FILES},
    }
    write_synced(folder / RECORD, sealed(about))
    return LabelledCorpus.open(folder)


def _are_of_words(examples: list[Labelled]) -> bool:
    """Whether texts are words between spaces, and several of them."""
    several = sum(len(example.text.split()) >= WORDS_OF_A_TEXT for example in examples)
    return several > 0 and 2 * several >= len(examples)


def _different(examples: list[Labelled], text: LabelTextConfig, notify: Notify) -> list[Labelled]:
    """The examples, each once, in the order of appearance."""
    found: dict[tuple[str, str], Labelled] = {}
    for example in examples:
        found.setdefault((text.seen(example.text), example.label), example)
    if repeated := len(examples) - len(found):
        notify(f"{repeated:,} of {len(examples):,} texts come again with the same label: each is taken once")
    return list(found.values())


def _split(
    examples: list[Labelled], fraction: float | None, text: LabelTextConfig, rng: np.random.Generator
) -> tuple[list[Labelled], list[Labelled]]:
    """What is learned, in order, and what is held out, in random order: whole texts, a share of each label's."""
    share = AUTOMATIC_VALID_SHARE if fraction is None else fraction
    if fraction is None and share * len(examples) > AUTOMATIC_VALID_TEXTS:
        share = AUTOMATIC_VALID_TEXTS / len(examples)
    keys = [text.seen(example.text) for example in examples]
    first_label = {key: example.label for key, example in zip(reversed(keys), reversed(examples), strict=True)}
    texts: dict[str, list[str]] = {}  # of each label, the last first; a text of several labels is of its first
    for key, label in first_label.items():
        texts.setdefault(label, []).append(key)
    chosen: set[str] = set()
    for label in sorted(texts):
        of_label = texts[label]
        wanted = share * len(of_label)
        count = min(int(wanted) + bool(rng.random() < wanted % 1.0), len(of_label) - 1)
        chosen.update(of_label[i] for i in rng.permutation(len(of_label))[:count])
    if not chosen:  # of few texts, one
        chosen.update(max(texts.values(), key=len)[1:2])
    known = {example.label for key, example in zip(keys, examples, strict=True) if key not in chosen}
    chosen -= {key for key, example in zip(keys, examples, strict=True) if example.label not in known}
    held_out = [example for key, example in zip(keys, examples, strict=True) if key in chosen]
    learned = [example for key, example in zip(keys, examples, strict=True) if key not in chosen]
    return learned, [held_out[i] for i in rng.permutation(len(held_out))]


def _tell_shared(learned: list[Labelled], held_out: list[Labelled], text: LabelTextConfig, notify: Notify) -> None:
    known = {text.seen(example.text) for example in learned}
    if shared := sum(text.seen(example.text) in known for example in held_out):
        notify(f"{shared:,} of the {len(held_out):,} held-out texts are in the training data too")


def _labels(learned: list[Labelled], held_out: list[Labelled], where: str) -> list[str]:
    """The labels of the training part, in the order of the alphabet."""
    labels = sorted({example.label for example in learned})
    if len(labels) < MIN_LABELS:
        hint = "is it the right column? --label names another"
        raise DataError(f"all texts have the label {labels[0]!r}, expected two labels or more", hint=hint, where=where)
    if len(labels) > max(MANY_LABELS, MANY_LABELS_PER_TEXT * len(learned)):
        told = f"{len(labels):,} different labels of {len(learned):,} texts, expected a few that come again and again"
        raise DataError(told, hint="are text and label the right way round? see --text and --label", where=where)
    known = set(labels)
    strange = next((example for example in held_out if example.label not in known), None)
    if strange is not None:
        what = f"the label {strange.label!r} is never seen in training"
        raise DataError(what, hint=f"expected one of {shown_names(labels)}", where=strange.where)
    return labels


def _vocabularies(
    examples: list[Labelled], text: LabelTextConfig, min_frequency: int | None, max_size: int | None, where: str
) -> tuple[Vocabulary, Vocabulary]:
    """The tokens, and the characters of words; of other tokens there are none."""
    if text.level == "byte":
        return Vocabulary((UNKNOWN, *BYTE_TOKENS)), Vocabulary((UNKNOWN,))
    counts: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for example in examples:
        tokens = text.cut(example.text)
        counts.update(map(text.word, tokens))
        if text.level == "word":
            characters.update(chain.from_iterable(tokens))
    if min_frequency is None:
        min_frequency = 1 if len(counts) < RARE_FROM_KINDS else 2
    vocabulary = Vocabulary.from_counts(counts, min_frequency=min_frequency, max_size=max_size)
    if len(vocabulary) < 2:
        hint = "lower min_frequency or raise vocabulary_size"
        raise DataError("leaves no token but `<unk>` in the vocabulary", hint=hint, where=where)
    rare = 1 if len(characters) < RARE_FROM_KINDS else 2
    return vocabulary, Vocabulary.from_counts(characters, min_frequency=rare)


def _write(path: Path, examples: list[Labelled], text: LabelTextConfig, vocabulary: Vocabulary) -> LabelledPart:
    """Write examples as lines, and count them."""

    def lines() -> Iterator[str]:
        for example in examples:
            yield json.dumps(asdict(LabelledText(example.text, example.label)), ensure_ascii=False) + "\n"

    write_synced(path, "".join(lines()).encode())
    ids_of = (vocabulary.encode(map(text.word, text.cut(each.text))) for each in examples)
    counts = [(len(ids), int((ids == 0).sum())) for ids in ids_of]
    tokens, unknown = (sum(column) for column in zip(*counts, strict=True))
    return LabelledPart(len(examples), tokens, unknown, max(length for length, _ in counts))

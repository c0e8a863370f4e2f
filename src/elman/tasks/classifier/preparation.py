"""Preparation of the corpus of a classifier: labelled texts to a corpus folder.

A text that occurs several times with the same label is one example, whose weight is the mean of the weights. The split
is by text, so that no validation text is in the training set, and every label gives its share of the validation set.
Vocabulary and labels are those of the training set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Protocol

import numpy as np
import numpy.typing as npt

from elman.config import Values
from elman.data.corpora.folder import (
    source_names,
    write_examples,
    write_record,
)
from elman.data.corpora.labels import (
    LabelRules,
    label_set,
    report_doubtful_labels,
    require_known_labels,
    without_validation_set,
)
from elman.data.corpora.lengths import choose_max_length, report_long_examples
from elman.data.corpora.split import (
    AUTOMATIC_VALID_EXAMPLES,
    AUTOMATIC_VALID_SHARE,
    has_split,
    in_random_order,
    report_no_validation_set,
    report_overlap,
)
from elman.data.corpora.vocabularies import (
    build_vocabulary,
    least_frequency,
    report_unknown_tokens,
    require_tokens,
    write_vocabularies,
)
from elman.data.readers.encodings import Notify
from elman.data.sources import ExampleSource, common_layout
from elman.errors import DataError
from elman.text import Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.vocabulary import UNKNOWN

from .config import ClassifierDataConfig, ClassifierRun, ClassifierTextConfig
from .corpus import FILES, RECORD, ClassifierCorpus, TextSet
from .folders import FOLDER_HINT
from .readers import LabelledText

Ids = npt.NDArray[np.int64]

MIN_WORDS = 4  # words of a text, between spaces; if half of the texts have them, tokens are words
LABEL_RULES = LabelRules(
    label="label",
    example="text",
    many=20,
    many_share=0.5,
    other_column_hint="Check the columns: --text and --label name them",
)


class StartModel(Protocol):
    """What the corpus takes from a model from which training continues."""

    text: ClassifierTextConfig
    vocabulary: Vocabulary
    characters: Vocabulary
    labels: tuple[str, ...]


def prepare(
    folder: Path,
    values: Values,
    run: ClassifierRun,
    train_sources: Sequence[ExampleSource[LabelledText]],
    valid_sources: Sequence[ExampleSource[LabelledText]],
    notify: Notify,
    start: StartModel | None = None,
) -> ClassifierCorpus:
    """Read the sources, write the corpus folder, and open it; without valid_sources, split off the validation set.

    start is the model from which training continues, whose tokens and labels are used.
    """
    config = run.data
    train = [example for source in train_sources for example in source.examples()]
    valid = [example for source in valid_sources for example in source.examples()]
    text = start.text if start is not None else _text_config(config, train)
    train, valid = _without_repetitions(train, text, notify), _without_repetitions(valid, text, notify)
    sources = [source.record for source in (*train_sources, *valid_sources)]
    where = source_names(sources)
    if not train:
        raise DataError("no texts; expected at least one", hint="Write a text and its label on each line", where=where)
    layout, has_validation_set = common_layout(train_sources), True
    rules = replace(LABEL_RULES, other_column_hint=FOLDER_HINT) if layout.format == "folder" else LABEL_RULES
    rng = np.random.default_rng([config.split_seed, 0x1ABE1])
    if valid_sources:
        valid = in_random_order(valid, rng)
        report_overlap(_keys(train, text), _keys(valid, text), "texts", notify)
    elif has_split(len(train), config.valid_fraction):
        train, valid = _split(train, config.valid_fraction, text.normalized, rng)
    if not (valid or valid_sources or config.valid_fraction):
        valid, has_validation_set = in_random_order(train, rng), False
        rules = without_validation_set(rules, len(train), config.valid_fraction)
        report_no_validation_set(len(train), "texts", config.valid_fraction, notify)
    counts = Counter(example.label for example in train)
    if start is not None:
        labels = start.labels
        require_known_labels(((example.label, example.where) for example in (*train, *valid)), labels, "label")
    else:
        valid_labels = ((example.label, example.where) for example in valid)
        labels = label_set(counts, valid_labels, rules, examples=len(train), where=where)
        of_valid = Counter(example.label for example in valid if has_validation_set)
        report_doubtful_labels(counts + of_valid, rules, notify)
    if not valid:
        hint = "Name a --valid that has texts" if valid_sources else "Train on all texts with --valid-fraction 0"
        raise DataError("no text is left for the validation set; expected at least one", hint=hint, where=where)
    max_length = _max_length(train, text, config.max_length, notify)
    if start is not None:
        vocabulary, characters = start.vocabulary, start.characters
    else:
        vocabulary, characters = _vocabularies(train, text, config, where)
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in (("train.jsonl", train), ("valid.jsonl", valid)):
        write_examples(folder / name, map(_fields, examples))
    tokens = {"tokens": vocabulary.tokens, "characters": characters.tokens, "labels": labels}
    write_vocabularies(folder, tokens)
    record = {
        "train": asdict(_counted(train, text, vocabulary, max_length)),
        "valid": asdict(_counted(valid, text, vocabulary)),
        "text": text.model_dump(mode="json"),
        "label_counts": [counts[label] for label in labels],
        "has_validation_set": has_validation_set,
        "max_length": max_length,
        "layout": layout.model_dump(mode="json"),
    }
    write_record(folder, RECORD, record, sources, FILES)
    corpus = ClassifierCorpus.open(folder)
    if start is not None:
        report_unknown_tokens(corpus.train_set.unknown, corpus.train_set.tokens, "tokens", notify)
    return corpus


def _text_config(config: ClassifierDataConfig, examples: Sequence[LabelledText]) -> ClassifierTextConfig:
    """Return the tokenization: words if half of the texts or more have several words, else characters."""
    several = sum(len(example.text.split()) >= MIN_WORDS for example in examples)
    level = config.level or ("word" if several > 0 and 2 * several >= len(examples) else "char")
    return ClassifierTextConfig(level=level, normalize=config.normalize or ("lower" if level == "word" else "none"))


def _keys(examples: Sequence[LabelledText], text: ClassifierTextConfig) -> list[str]:
    return [text.normalized(example.text) for example in examples]


def _without_repetitions(
    examples: Sequence[LabelledText], text: ClassifierTextConfig, notify: Notify
) -> list[LabelledText]:
    groups: dict[tuple[str, str], list[LabelledText]] = {}
    for example in examples:
        groups.setdefault((text.normalized(example.text), example.label), []).append(example)
    if repeated := len(examples) - len(groups):
        notify(f"{repeated:,} of {len(examples):,} texts repeat an earlier text and its label, and are left out")
    return [replace(group[0], weight=fmean(example.weight for example in group)) for group in groups.values()]


def _fields(example: LabelledText) -> dict[str, str | float]:
    """Return what is written of an example."""
    weight = {} if example.weight == 1.0 else {"weight": example.weight}
    return {"text": example.text, "label": example.label, **weight}


def _split(
    examples: Sequence[LabelledText], fraction: float | None, key: Callable[[str], str], rng: np.random.Generator
) -> tuple[list[LabelledText], list[LabelledText]]:
    """Return the training set, in order, and a share of the texts of each label as validation set, in random order."""
    share = AUTOMATIC_VALID_SHARE if fraction is None else fraction
    if fraction is None and share * len(examples) > AUTOMATIC_VALID_EXAMPLES:
        share = AUTOMATIC_VALID_EXAMPLES / len(examples)
    keys = [key(example.text) for example in examples]
    first_label = {key: example.label for key, example in zip(reversed(keys), reversed(examples), strict=True)}
    texts_of: dict[str, list[str]] = {}  # a text that has several labels counts for the first
    for text, label in first_label.items():
        texts_of.setdefault(label, []).append(text)
    chosen: set[str] = set()
    for label in sorted(texts_of):
        texts = texts_of[label]
        size = share * len(texts)
        count = min(int(size) + bool(rng.random() < size % 1.0), len(texts) - 1)
        chosen.update(texts[i] for i in rng.permutation(len(texts))[:count])
    if not chosen:  # there are few texts
        chosen.update(max(texts_of.values(), key=len)[1:2])
    trained = {example.label for key, example in zip(keys, examples, strict=True) if key not in chosen}
    chosen -= {key for key, example in zip(keys, examples, strict=True) if example.label not in trained}
    train = [example for key, example in zip(keys, examples, strict=True) if key not in chosen]
    valid = [example for key, example in zip(keys, examples, strict=True) if key in chosen]
    return train, in_random_order(valid, rng)


def _vocabularies(
    examples: Sequence[LabelledText], text: ClassifierTextConfig, config: ClassifierDataConfig, where: str
) -> tuple[Vocabulary, Vocabulary]:
    """Return the vocabulary of tokens, and that of the characters of words, which is empty at other levels."""
    if text.level == "byte":
        return Vocabulary((UNKNOWN, *BYTE_TOKENS)), Vocabulary((UNKNOWN,))
    counts: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for example in examples:
        tokens = text.tokenize(example.text)
        counts.update(map(text.word, tokens))
        if text.level == "word":
            characters.update(chain.from_iterable(tokens))
    vocabulary = build_vocabulary(counts, min_frequency=config.min_frequency, max_size=config.vocabulary_size)
    require_tokens(vocabulary, where)
    return vocabulary, build_vocabulary(characters, min_frequency=least_frequency(len(characters)))


def _max_length(
    examples: Sequence[LabelledText], text: ClassifierTextConfig, max_length: int | None, notify: Notify
) -> int | None:
    """Return how many tokens of a training text are read, and report the texts that have more; None: all are read."""
    lengths = [len(text.tokenize(example.text)) for example in examples]
    limit = choose_max_length(lengths, max_length)
    if limit is not None:
        longest = examples[lengths.index(max(lengths))].where
        report_long_examples(lengths, limit, "texts", "cut", notify, longest)
    return limit


def _counted(
    examples: Sequence[LabelledText],
    text: ClassifierTextConfig,
    vocabulary: Vocabulary,
    max_length: int | None = None,
) -> TextSet:
    ids_of = (vocabulary.encode(map(text.word, text.tokenize(example.text)[:max_length])) for example in examples)
    counts = [(len(ids), int((ids == 0).sum())) for ids in ids_of]
    tokens, unknown = (sum(column) for column in zip(*counts, strict=True))
    return TextSet(len(examples), tokens, unknown, max(length for length, _ in counts))

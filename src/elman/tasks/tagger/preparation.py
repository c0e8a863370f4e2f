"""Preparation of the corpus of a tagger: tagged sentences to a corpus folder.

The split is by sentence: sentences whose words are equal are in the same set, and every tag has a sentence in the
training set. Vocabularies and labels are those of the training set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np

from elman.config import Values
from elman.data.corpora.folder import (
    source_names,
    write_examples,
    write_record,
)
from elman.data.corpora.labels import LabelRules, label_set, require_known_labels, without_validation_set
from elman.data.corpora.lengths import choose_max_length, report_long_examples, require_short_examples
from elman.data.corpora.split import (
    has_split,
    in_random_order,
    report_no_validation_set,
    report_overlap,
    validation_size,
)
from elman.data.corpora.vocabularies import (
    build_vocabulary,
    report_unknown_tokens,
    require_tokens,
    write_vocabularies,
)
from elman.data.readers.encodings import Notify
from elman.data.sources import ExampleSource, common_layout
from elman.errors import DataError
from elman.text import Vocabulary
from elman.text.spans import Scheme, detect_scheme, first_violation

from .config import TaggerConfig, TaggerDataConfig, TaggerRun, TaggerTextConfig
from .corpus import FILES, RECORD, SentenceSet, TaggerCorpus
from .readers import TaggedSentence

TAG_RULES = LabelRules(
    label="tag",
    example="token",
    many=35,
    many_share=0.3,
    other_column_hint="Check the column: --column names another one",
)


class StartModel(Protocol):
    """What the corpus takes from a model from which training continues."""

    config: TaggerConfig
    text: TaggerTextConfig
    words: Vocabulary
    characters: Vocabulary
    labels: tuple[str, ...]


def prepare(
    folder: Path,
    values: Values,
    run: TaggerRun,
    train_sources: Sequence[ExampleSource[TaggedSentence]],
    valid_sources: Sequence[ExampleSource[TaggedSentence]],
    notify: Notify,
    start: StartModel | None = None,
) -> TaggerCorpus:
    """Read the sources, write the corpus folder, and open it; without valid_sources, split off the validation set.

    start is the model from which training continues, whose words, characters and tags are used.
    """
    config = run.data
    train = [example for source in train_sources for example in source.examples()]
    valid = [example for source in valid_sources for example in source.examples()]
    sources = [source.record for source in (*train_sources, *valid_sources)]
    where = source_names(sources)
    if not train:
        hint = "Give tokens and tags as CoNLL-U, columns, lines or JSON lines (see --format)"
        raise DataError("no sentences; expected at least one", hint=hint, where=where)
    train, max_length = _without_long_sentences(train, config.max_length, where, notify)
    text = start.text if start is not None else _text_config(config, train)
    has_validation_set, rules = True, TAG_RULES
    rng = np.random.default_rng([config.split_seed, 0x7A6])
    if valid_sources:
        valid = in_random_order(valid, rng)
        report_overlap(_keys(train, text), _keys(valid, text), "sentences", notify)
    elif has_split(len(train), config.valid_fraction):
        train, valid = _split(train, text, config.valid_fraction, rng)
    if not (valid or valid_sources or config.valid_fraction):
        valid, has_validation_set = in_random_order(train, rng), False
        rules = without_validation_set(rules, len(train), config.valid_fraction)
        report_no_validation_set(len(train), "sentences", config.valid_fraction, notify)
    labels = _labels(train, valid, rules, where) if start is None else start.labels
    if not valid:
        everything = "Train on all sentences with --valid-fraction 0"
        hint = "Name a --valid that has sentences" if valid_sources else everything
        raise DataError("no sentence is left for the validation set; expected at least one", hint=hint, where=where)
    if start is not None:
        _require_tags_of(start, (*train, *valid))
        words, characters, scheme = start.words, start.characters, start.config.scheme
    else:
        words, characters = _vocabularies(train, text, config)
        scheme = _scheme([*train, *valid], labels, notify)
    if text.level == "char":  # a word that is unknown still has its characters
        require_tokens(words, where)
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in (("train.jsonl", train), ("valid.jsonl", valid)):
        write_examples(folder / name, ({"tokens": example.tokens, "tags": example.tags} for example in examples))
    write_vocabularies(folder, {"words": words.tokens, "characters": characters.tokens, "labels": labels})
    record = {
        "train": asdict(_counted(train, text, words)),
        "valid": asdict(_counted(valid, text, words)),
        "text": text.model_dump(mode="json"),
        "has_validation_set": has_validation_set,
        "max_length": max_length,
        "layout": common_layout(train_sources).model_dump(mode="json"),
        "scheme": scheme,
    }
    write_record(folder, RECORD, record, sources, FILES)
    corpus = TaggerCorpus.open(folder)
    if start is not None:
        report_unknown_tokens(corpus.train_set.unknown, corpus.train_set.tokens, "tokens", notify)
    return corpus


def _without_long_sentences(
    examples: Sequence[TaggedSentence], max_length: int | None, where: str, notify: Notify
) -> tuple[list[TaggedSentence], int | None]:
    """Return the sentences that are not longer than the limit, and the limit."""
    lengths = [len(example.tokens) for example in examples]
    limit = choose_max_length(lengths, max_length)
    if limit is None:
        return list(examples), None
    longest = examples[lengths.index(max(lengths))].where(0)
    report_long_examples(lengths, limit, "sentences", "left out", notify, longest)
    short = [example for example, length in zip(examples, lengths, strict=True) if length <= limit]
    require_short_examples(len(short), limit, where)
    return short, limit


def _text_config(config: TaggerDataConfig, examples: Sequence[TaggedSentence]) -> TaggerTextConfig:
    """Return the tokenization: characters if every token is one, else words."""
    only_characters = all(len(token) == 1 for example in examples for token in example.tokens)
    level = config.level or ("char" if only_characters else "word")
    return TaggerTextConfig(level=level, normalize=config.normalize)


def _key(example: TaggedSentence, text: TaggerTextConfig) -> tuple[str, ...]:
    """Return the words of a sentence as the model looks them up."""
    return tuple(map(text.word, example.tokens))


def _keys(examples: Iterable[TaggedSentence], text: TaggerTextConfig) -> list[tuple[str, ...]]:
    return [_key(example, text) for example in examples]


def _split(
    examples: Sequence[TaggedSentence], text: TaggerTextConfig, fraction: float | None, rng: np.random.Generator
) -> tuple[list[TaggedSentence], list[TaggedSentence]]:
    """Return the training set, in order, and the validation set, in random order.

    Sentences with equal words are chosen together, and stay in the training set if there are too many of them.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, key in enumerate(_keys(examples, text)):
        groups.setdefault(key, []).append(index)
    remaining = Counter(tag for example in examples for tag in example.tags)  # in the training set
    size = max(1, validation_size(len(examples), fraction))
    candidates = list(groups.values())
    chosen: list[int] = []
    for number in rng.permutation(len(candidates)):
        if len(chosen) >= size:
            break
        group = candidates[number]
        tags = Counter(tag for index in group for tag in examples[index].tags)
        if len(group) <= max(1, size - len(chosen)) and all(remaining[tag] > count for tag, count in tags.items()):
            remaining -= tags
            chosen += group
    in_valid = set(chosen)
    train = [example for index, example in enumerate(examples) if index not in in_valid]
    return train, [examples[index] for index in chosen]


def _labels(
    train: Sequence[TaggedSentence], valid: Sequence[TaggedSentence], rules: LabelRules, where: str
) -> tuple[str, ...]:
    tags = [tag for example in train for tag in example.tags]
    valid_tags = ((tag, example.where(index)) for example in valid for index, tag in enumerate(example.tags))
    return label_set(tags, valid_tags, rules, examples=len(tags), where=where)


def _require_tags_of(start: StartModel, examples: Sequence[TaggedSentence]) -> None:
    """Raise a DataError for a tag that the model lacks, or that its scheme forbids where it is."""
    tags = ((tag, example.where(index)) for example in examples for index, tag in enumerate(example.tags))
    require_known_labels(tags, start.labels, "tag")
    for example in examples:
        index = first_violation(example.tags, start.config.scheme)
        if index is not None:
            last = min(index, len(example.tags) - 1)
            problem = f"the tag {example.tags[last]!r} violates {start.config.scheme.upper()}, the scheme of the model"
            hint = "Correct the tags, or train a new model, which has no scheme then"
            raise DataError(problem, hint=hint, where=example.where(last))


def _scheme(examples: Iterable[TaggedSentence], labels: Sequence[str], notify: Notify) -> Scheme:
    """Return the scheme of the tags; if a sentence violates it, the one that forbids nothing."""
    scheme = detect_scheme(labels)
    for example in examples:
        index = first_violation(example.tags, scheme)
        if index is not None:
            tag = repr(example.tags[index]) if index < len(example.tags) else "the end of the sentence"
            position = f"after {example.tags[index - 1]!r}" if index else "at the beginning"
            where = example.where(min(index, len(example.tags) - 1))
            notify(f"{where}: {tag} {position} violates {scheme.upper()}, so every tag may follow every other tag")
            return "unconstrained"
    return scheme


def _vocabularies(
    examples: Iterable[TaggedSentence], text: TaggerTextConfig, config: TaggerDataConfig
) -> tuple[Vocabulary, Vocabulary]:
    """Return the vocabularies of words and of characters."""
    tokens = Counter(token for example in examples for token in example.tokens)
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for token, count in tokens.items():
        words[text.word(token)] += count
        for character in token:
            characters[character] += count
    # A rare word may be left out, since its characters remain; a character that is a token has nothing else.
    least = config.min_frequency or (1 if text.level == "char" else None)
    vocabulary = build_vocabulary(words, min_frequency=least, max_size=config.vocabulary_size)
    return vocabulary, build_vocabulary(characters)


def _counted(examples: Sequence[TaggedSentence], text: TaggerTextConfig, words: Vocabulary) -> SentenceSet:
    lengths = [len(example.tokens) for example in examples]
    unknown = sum(text.word(token) not in words for example in examples for token in example.tokens)
    return SentenceSet(len(examples), sum(lengths), unknown, max(lengths))

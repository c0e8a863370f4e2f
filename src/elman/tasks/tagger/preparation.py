"""Preparation of tagged sentences: tokens and tags to a tagged corpus.

Whole sentences are held out, so that none of them is in the training part, and every tag keeps a sentence to be learned
from. The vocabularies know nothing of the held-out part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
from elman.tasks.language_model.preparation import AUTOMATIC_VALID_SHARE, RARE_FROM_KINDS
from elman.tasks.tagger.corpus import RECORD, TaggedCorpus, TaggedPart, TaggedSentence, TokenConfig
from elman.tasks.tagger.readers import Tagged
from elman.text import Vocabulary
from elman.text.spans import Scheme, first_break, scheme_of

AUTOMATIC_VALID_SENTENCES = 5_000
MIN_LABELS = 2  # of a single one there is nothing to choose
MANY_LABELS, MANY_LABELS_PER_TOKEN = 50, 0.3  # more of them, one for every third token, are no tags
FILES = ("train.jsonl", "valid.jsonl", "vocabulary.json")


def prepare_tagged(
    folder: Path,
    train: Iterable[Tagged],
    *,
    level: Literal["word", "char"] | None = None,
    normalize: Literal["none", "nfc", "lower"] = "lower",
    valid: Iterable[Tagged] | None = None,
    valid_fraction: float | None = None,
    min_frequency: int | None = None,
    vocabulary_size: int | None = None,
    seed: int = 0,
    records: Callable[[], Sequence[SourceRecord]],
    notify: Notify = lambda message: None,
) -> TaggedCorpus:
    """Read the sentences, write the folder, and open it.

    level None is char where every token is one character. The held-out part is `valid`, or valid_fraction of the
    sentences, chosen by the seed; None is a tenth, at most 5,000. min_frequency None keeps every word of a small
    vocabulary, and of a large one those seen twice; characters, which nothing spells, are all kept. `records` is asked
    once everything is read.
    """
    learned = list(train)
    given = None if valid is None else list(valid)
    sources = records()
    where = ", ".join(record.name for record in sources)
    if not learned:
        hint = "expected tokens and tags: CoNLL-U, columns, lines or JSON; see --format"
        raise DataError("holds no sentences", hint=hint, where=where)
    if level is None:
        level = "char" if all(len(token) == 1 for each in learned for token in each.tokens) else "word"
    text = TokenConfig(level=level, normalize=normalize)
    rng = np.random.default_rng([seed, 0x7A6])
    if given is None:
        learned, held_out = _split(learned, text, valid_fraction, rng)
    else:
        held_out = [given[i] for i in rng.permutation(len(given))]
        _tell_shared(learned, held_out, text, notify)
    labels = _labels(learned, held_out, where)
    if not held_out:
        hint = "give more sentences" if given is None else "name a --valid that holds sentences"
        raise DataError("leaves no sentence to hold out, expected at least 1", hint=hint, where=where)
    words, characters = _vocabularies(learned, text, min_frequency, vocabulary_size)
    if level == "char" and len(words) < 2:
        hint = "lower min_frequency or raise vocabulary_size"
        raise DataError("leaves no token but `<unk>` in the vocabulary", hint=hint, where=where)
    folder.mkdir(parents=True, exist_ok=True)
    named = {"words": words.tokens, "characters": characters.tokens, "labels": labels}
    write_synced(folder / "vocabulary.json", json_bytes({name: list(tokens) for name, tokens in named.items()}))
    record = {
        "train": asdict(_write(folder / "train.jsonl", learned, text, words)),
        "valid": asdict(_write(folder / "valid.jsonl", held_out, text, words)),
        "sources": [asdict(each) for each in sources],
        "text": text.model_dump(mode="json"),
        "scheme": _scheme([*learned, *held_out], labels, notify),
        "files": {name: file_sha256(folder / name) for name in FILES},
    }
    write_synced(folder / RECORD, sealed(record))
    return TaggedCorpus.open(folder)


def _split(
    sentences: list[Tagged], text: TokenConfig, fraction: float | None, rng: np.random.Generator
) -> tuple[list[Tagged], list[Tagged]]:
    """What is learned, in order, and what is held out, in random order: whole sentences, all whose words are alike.

    Sentences that come again more often than there is room for are learned.
    """
    share = AUTOMATIC_VALID_SHARE if fraction is None else fraction
    kinds: dict[tuple[str, ...], list[int]] = {}
    for index, sentence in enumerate(sentences):
        kinds.setdefault(_words(sentence, text), []).append(index)
    left = Counter(tag for each in sentences for tag in each.tags)
    wanted = max(1, round(share * len(sentences)))
    if fraction is None:
        wanted = min(wanted, AUTOMATIC_VALID_SENTENCES)
    alike = list(kinds.values())
    chosen: list[int] = []
    for kind in rng.permutation(len(alike)):
        if len(chosen) >= wanted:
            break
        taken = Counter(tag for index in alike[kind] for tag in sentences[index].tags)
        if len(alike[kind]) <= max(wanted - len(chosen), 1) and all(left[tag] > count for tag, count in taken.items()):
            left -= taken
            chosen += alike[kind]
    held_out = set(chosen)
    learned = [each for index, each in enumerate(sentences) if index not in held_out]
    return learned, [sentences[i] for i in chosen]


def _words(sentence: Tagged, text: TokenConfig) -> tuple[str, ...]:
    """A sentence as the model looks it up, by which sentences are told apart."""
    return tuple(map(text.word, sentence.tokens))


def _tell_shared(learned: list[Tagged], held_out: list[Tagged], text: TokenConfig, notify: Notify) -> None:
    known = {_words(each, text) for each in learned}
    if shared := sum(_words(each, text) in known for each in held_out):
        notify(f"{shared:,} of the {len(held_out):,} held-out sentences are in the training data too")


def _labels(learned: list[Tagged], held_out: list[Tagged], where: str) -> tuple[str, ...]:
    """The tags of the training part, in the order of the alphabet."""
    labels = tuple(sorted({tag for each in learned for tag in each.tags}))
    tokens = sum(len(each.tags) for each in learned)
    if len(labels) < MIN_LABELS:
        hint = "is it the right column? --column names another"
        raise DataError(f"all tokens have the tag {labels[0]!r}, expected two tags or more", hint=hint, where=where)
    if len(labels) > max(MANY_LABELS, MANY_LABELS_PER_TOKEN * tokens):
        told = f"{len(labels):,} different tags of {tokens:,} tokens, expected some that come again and again"
        raise DataError(told, hint="are they tags? --column names another column", where=where)
    known = set(labels)
    for sentence in held_out:
        for index, tag in enumerate(sentence.tags):
            if tag not in known:
                what = f"the tag {tag!r} is never seen in training"
                raise DataError(what, hint=f"expected one of {shown_names(labels)}", where=sentence.where(index))
    return labels


def _scheme(sentences: list[Tagged], labels: Sequence[str], notify: Notify) -> Scheme:
    """How the tags are written; a file that breaks its scheme has none that would forbid anything."""
    scheme = scheme_of(labels)
    for sentence in sentences:
        place = first_break(sentence.tags, scheme)
        if place is not None:
            tag = f"{sentence.tags[place]!r}" if place < len(sentence.tags) else "an end"
            before = f"after {sentence.tags[place - 1]!r}" if place else "at the beginning"
            where = sentence.where(min(place, len(sentence.tags) - 1))
            notify(f"{where}: {tag} {before} is not {scheme.upper()}: no tag is taken for impossible after another")
            return "loose"
    return scheme


def _vocabularies(
    learned: list[Tagged], text: TokenConfig, min_frequency: int | None, vocabulary_size: int | None
) -> tuple[Vocabulary, Vocabulary]:
    tokens = Counter(chain.from_iterable(each.tokens for each in learned))
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for token, count in tokens.items():
        words[text.word(token)] += count
        for character in token:
            characters[character] += count
    rare_words = 2 if text.level == "word" and len(words) >= RARE_FROM_KINDS else 1  # characters tell what they are
    rare_characters = 2 if len(characters) >= RARE_FROM_KINDS else 1
    return (
        Vocabulary.from_counts(words, min_frequency=min_frequency or rare_words, max_size=vocabulary_size),
        Vocabulary.from_counts(characters, min_frequency=rare_characters),
    )


def _write(path: Path, sentences: list[Tagged], text: TokenConfig, words: Vocabulary) -> TaggedPart:
    """Write sentences as lines, and count them."""
    examples = [TaggedSentence(each.tokens, each.tags) for each in sentences]
    lines = "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in examples)
    write_synced(path, lines.encode())
    lengths = [len(each.tokens) for each in examples]
    unknown = sum(text.word(token) not in words for each in examples for token in each.tokens)
    return TaggedPart(len(examples), sum(lengths), unknown, max(lengths))

"""The corpus of a tagger: tagged sentences on disk, in a training set and a validation set.

corpus.json                 sources, counts, tokenization, the scheme of the tags, and the checksum of each file
vocabulary.json             words (vocabulary entries), characters, labels in alphabetical order
train.jsonl, valid.jsonl    {"tokens": [...], "tags": [...]} on each line; the validation set in random order
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elman.data.batches.padded import IdLists
from elman.data.batches.token_characters import TokenIds
from elman.data.checksummed_record import read_record
from elman.data.corpora.folder import (
    damage_errors,
    read_examples,
    source_records,
    text_fields,
)
from elman.data.corpora.vocabularies import (
    read_vocabularies,
)
from elman.data.layout import UNKNOWN, Layout
from elman.data.readers.text import SourceRecord
from elman.text import Vocabulary
from elman.text.spans import Scheme

from .config import TaggerTextConfig
from .readers import TaggedSentence

RECORD = "corpus.json"
FILES = ("train.jsonl", "valid.jsonl", "vocabulary.json")


@dataclass(frozen=True, slots=True)
class SentenceSet:
    """The counts of a training or validation set: sentences, tokens, unknown words, tokens of the longest sentence."""

    count: int
    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class TaggerCorpus:
    """A corpus folder."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    text: TaggerTextConfig
    scheme: Scheme
    words: Vocabulary
    characters: Vocabulary
    labels: tuple[str, ...]
    train_set: SentenceSet
    valid_set: SentenceSet
    has_validation_set: bool = True  # if not, valid_set is the training set
    max_length: int | None = None  # in tokens, of a sentence of the training set; None: no limit
    layout: Layout = UNKNOWN  # of the training files

    @classmethod
    def open(cls, folder: Path) -> TaggerCorpus:
        """Open a corpus folder; every file is checked against its checksum."""
        with damage_errors(folder):
            record, vocabularies = read_record(folder, RECORD), read_vocabularies(folder)
            return cls(
                folder=folder,
                sources=source_records(record),
                text=TaggerTextConfig(**record["text"]),
                scheme=record["scheme"],
                words=Vocabulary(vocabularies["words"]),
                characters=Vocabulary(vocabularies["characters"]),
                labels=tuple(vocabularies["labels"]),
                train_set=SentenceSet(**record["train"]),
                valid_set=SentenceSet(**record["valid"]),
                has_validation_set=record.get("has_validation_set", True),
                max_length=record.get("max_length"),
                layout=Layout(**record.get("layout", {})),
            )

    def train(self, *, with_characters: bool = True) -> tuple[TokenIds, IdLists]:
        """Return the training set as ids: the tokens of the sentences, and their labels."""
        number = {label: i for i, label in enumerate(self.labels)}
        sentences = self._read("train.jsonl")
        lists = (sentence.tokens for sentence in sentences)
        tokens = TokenIds.from_tokens(lists, self.text.word, self.words, self.characters if with_characters else None)
        labels = (np.array([number[tag] for tag in sentence.tags], np.int64) for sentence in sentences)
        return tokens, IdLists.from_arrays(labels)

    def valid(self) -> list[TaggedSentence]:
        """Return the validation set, in random order."""
        return self._read("valid.jsonl")

    def _read(self, name: str) -> list[TaggedSentence]:
        with damage_errors(self.folder):
            examples = read_examples(self.folder / name)
            return [TaggedSentence(text_fields(fields, "tokens"), text_fields(fields, "tags")) for fields in examples]

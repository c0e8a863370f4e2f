"""The corpus of a classifier: texts and labels on disk, in a training set and a validation set.

corpus.json                 sources, counts, tokenization, and the checksum of each file
vocabulary.json             tokens (vocabulary entries), characters, labels in alphabetical order
train.jsonl, valid.jsonl    {"text": ..., "label": ...} on each line, with "weight" where it is not 1; the
validation set in random order
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elman.data.batches.token_characters import TokenIds
from elman.data.checksummed_record import read_record
from elman.data.corpora.folder import (
    damage_errors,
    read_examples,
    source_records,
    text_field,
)
from elman.data.corpora.vocabularies import (
    read_vocabularies,
)
from elman.data.layout import UNKNOWN, Layout
from elman.data.readers.text import SourceRecord
from elman.text import Vocabulary

from .config import ClassifierTextConfig
from .readers import LabelledText

Ids = npt.NDArray[np.int64]

RECORD = "corpus.json"
FILES = ("train.jsonl", "valid.jsonl", "vocabulary.json")


@dataclass(frozen=True, slots=True)
class TextSet:
    """The counts of a training or validation set: texts, tokens, unknown tokens, and tokens of the longest text."""

    count: int
    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class ClassifierCorpus:
    """A corpus folder. `label_counts` are the texts of each label in the training set."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    text: ClassifierTextConfig
    vocabulary: Vocabulary
    characters: Vocabulary
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]
    train_set: TextSet
    valid_set: TextSet
    has_validation_set: bool = True  # if not, valid_set is the training set
    max_length: int | None = None  # tokens of a text of the training set that are read; None: all
    layout: Layout = UNKNOWN  # of the training files

    @classmethod
    def open(cls, folder: Path) -> ClassifierCorpus:
        """Open a corpus folder; every file is checked against its checksum."""
        with damage_errors(folder):
            record, vocabularies = read_record(folder, RECORD), read_vocabularies(folder)
            return cls(
                folder=folder,
                sources=source_records(record),
                text=ClassifierTextConfig(**record["text"]),
                vocabulary=Vocabulary(vocabularies["tokens"]),
                characters=Vocabulary(vocabularies["characters"]),
                labels=tuple(vocabularies["labels"]),
                label_counts=tuple(record["label_counts"]),
                train_set=TextSet(**record["train"]),
                valid_set=TextSet(**record["valid"]),
                has_validation_set=record.get("has_validation_set", True),
                max_length=record.get("max_length"),
                layout=Layout(**record.get("layout", {})),
            )

    def train(self, *, with_characters: bool = True) -> tuple[TokenIds, Ids]:
        """Return the training set as ids: the tokens of the texts, and the labels (N,)."""
        number = {label: i for i, label in enumerate(self.labels)}
        examples = self._read("train.jsonl")
        lists = (self.text.tokenize(example.text)[: self.max_length] for example in examples)
        tokens = TokenIds.from_tokens(
            lists, self.text.word, self.vocabulary, self.characters if with_characters else None
        )
        return tokens, np.array([number[example.label] for example in examples], np.int64)

    def weights(self) -> npt.NDArray[np.float32]:
        """Return the weight (N,) of each text of the training set in the loss; their mean is 1."""
        weights = np.array([example.weight for example in self._read("train.jsonl")])
        scaled: npt.NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
        return scaled

    def valid(self) -> list[LabelledText]:
        """Return the validation set as text, in random order."""
        return self._read("valid.jsonl")

    def _read(self, name: str) -> list[LabelledText]:
        with damage_errors(self.folder):
            return [
                LabelledText(
                    text_field(fields, "text"), text_field(fields, "label"), weight=float(fields.get("weight", 1.0))
                )
                for fields in read_examples(self.folder / name)
            ]

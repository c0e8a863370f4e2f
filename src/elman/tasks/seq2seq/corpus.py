"""The corpus of an encoder-decoder: pairs on disk, as ids in the training set and as text in the validation set.

    corpus.json                             sources, counts, tokenization, and the checksum of each file
    vocabulary.json                         the tokens of source and target
    train.source.ids, train.target.ids      ids, one pair after another, in the smallest type that holds them
    train.source.ends, train.target.ends    the position where the ids of each pair end
    valid.jsonl                             {"source": ..., "targets": [...]} on each line, in random order

preparation.py writes the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.batches.padded import IdLists, PairIds
from elman.data.checksummed_record import read_record
from elman.data.corpora.folder import damage_errors, read_examples, source_records, text_field, text_fields
from elman.data.corpora.vocabularies import read_vocabularies
from elman.data.layout import UNKNOWN, Layout
from elman.data.readers.text import SourceRecord
from elman.text import Vocabulary

from .config import Seq2SeqTextConfig, SideConfig
from .readers import Pair

RECORD = "corpus.json"


@dataclass(frozen=True, slots=True)
class SideCounts:
    """The counts of one side of a set, over all targets: tokens, unknown tokens, and tokens of the longest text."""

    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class PairSet:
    """The counts of a set: pairs of the training set, or sources of the validation set."""

    count: int
    source: SideCounts
    target: SideCounts


@dataclass(frozen=True, slots=True)
class Seq2SeqCorpus:
    """A corpus folder. `dtypes` are the types of the ids of source and target."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    text: Seq2SeqTextConfig
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train_set: PairSet
    valid_set: PairSet
    dtypes: Mapping[str, str]
    has_validation_set: bool = True  # if not, valid_set is the training set
    max_length: int | None = None  # in tokens, of a text of the training set; None: no limit
    layout: Layout = UNKNOWN  # of the training files

    @classmethod
    def open(cls, folder: Path) -> Seq2SeqCorpus:
        """Open a corpus folder; every file is checked against its checksum."""
        with damage_errors(folder):
            record, vocabularies = read_record(folder, RECORD), read_vocabularies(folder)
            return cls(
                folder=folder,
                sources=source_records(record),
                text=Seq2SeqTextConfig(**record["text"]),
                source_vocabulary=Vocabulary(vocabularies["source"]),
                target_vocabulary=Vocabulary(vocabularies["target"]),
                train_set=_pair_set(record["train"]),
                valid_set=_pair_set(record["valid"]),
                has_validation_set=record.get("has_validation_set", True),
                max_length=record.get("max_length"),
                layout=Layout(**record.get("layout", {})),
                dtypes=record["dtypes"],
            )

    def train(self) -> PairIds:
        """Return the training set; its ids stay on disk until they are used."""
        with damage_errors(self.folder):
            source = self._lists("source", len(self.source_vocabulary))
            target = self._lists("target", len(self.target_vocabulary))
            if len(source) != len(target):
                raise ValueError("train.source.ids does not fit train.target.ids")
            return PairIds(source, target)

    def valid(self) -> list[Pair]:
        """Return the validation set as text, in random order."""
        with damage_errors(self.folder):
            examples = read_examples(self.folder / "valid.jsonl")
            return [Pair(text_field(fields, "source"), text_fields(fields, "targets")) for fields in examples]

    def _lists(self, side: str, num_tokens: int) -> IdLists:
        """Return the ids of the texts of a side; ids and ends that do not fit are a ValueError."""
        ids = np.asarray(np.memmap(self.folder / f"train.{side}.ids", np.dtype(self.dtypes[side]), "r"))
        lists = IdLists(ids, np.fromfile(self.folder / f"train.{side}.ends", np.int64))
        fits = len(lists) > 0 and lists.lengths.min() >= 0 and lists.ends[-1] == len(ids)
        if not fits or ids.dtype.kind != "u" or ids.max(initial=0) >= num_tokens:
            raise ValueError(f"train.{side}.ids does not fit")
        return lists


def group_by_source(pairs: Iterable[Pair], side: SideConfig) -> dict[str, Pair]:
    """Return one pair for each different source with all its targets, repeated ones too, in the order of appearance.

    Sources with the same tokens are the same source; the keys are the tokens with spaces between them. A source
    has the other columns of its first pair.
    """
    sources: dict[str, Pair] = {}
    targets: dict[str, list[str]] = {}
    tokenizer = side.tokenizer()
    for pair in pairs:
        key = " ".join(tokenizer.split(pair.source))  # different lists of tokens of one level give different keys
        sources.setdefault(key, pair)
        targets.setdefault(key, []).extend(pair.targets)
    return {
        key: Pair(pair.source, tuple(targets[key]), pair.where, other_columns=pair.other_columns)
        for key, pair in sources.items()
    }


def without_repeated_targets(pair: Pair) -> Pair:
    """Return the pair with each of its targets once."""
    return Pair(pair.source, tuple(dict.fromkeys(pair.targets)), pair.where)


def _pair_set(record: Mapping[str, Any]) -> PairSet:
    return PairSet(record["count"], SideCounts(**record["source"]), SideCounts(**record["target"]))

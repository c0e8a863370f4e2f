"""The pair corpus: pairs as ids on disk in a training part, and as text in a held-out part.

    pairs.json                              what was read and counted, and the hash of each file
    vocabulary.json                         the tokens of source and target
    train.source.ids, train.target.ids      ids, one pair after the other, in the smallest type that holds them
    train.source.ends, train.target.ends    where each pair's ids end
    valid.jsonl                             examples: a source and all its targets

pair_preparation.py writes the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.config import Config
from elman.data.padded import IdLists, PairIds
from elman.data.readers import SourceRecord
from elman.data.sealed_record import read_record
from elman.errors import ModelError
from elman.tasks.seq2seq.readers import Pair
from elman.text import Vocabulary
from elman.text.sides import SideCodec, SideCutter

Ids = npt.NDArray[np.int64]
Texts = Sequence[tuple[str, str]]  # source and target


class SideConfig(Config):
    """How one side of a pair becomes ids."""

    level: Literal["char", "word", "byte", "bpe"] = "char"  # word: what stands between spaces
    normalize: Literal["none", "nfc", "lower"] = "none"
    merges: tuple[str, ...] = ()  # of bpe: `left right`, in the order in which they were learned

    def codec(self, vocabulary: Vocabulary) -> SideCodec:
        """The codec of this side under a vocabulary."""
        return SideCodec(vocabulary, level=self.level, normalize=self.normalize, merges=self.merges)

    def cutter(self) -> SideCutter:
        """What cuts texts of this side."""
        return SideCutter(level=self.level, normalize=self.normalize, merges=self.merges)


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out source and its references, any of which is right."""

    source: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SidePart:
    """One side of a part, all targets counted: tokens, how many of them are `<unk>`, and the most of one text."""

    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class PairPart:
    """One part: its pairs in training, its examples held out."""

    count: int
    source: SidePart
    target: SidePart


@dataclass(frozen=True, slots=True)
class PairCorpus:
    """A prepared folder. `longest_ratio` is the largest (target tokens + 1) / (source tokens + 1) of training."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    source_side: SideConfig
    target_side: SideConfig
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train_part: PairPart
    valid_part: PairPart
    dtypes: Mapping[str, str]  # of the ids of source and target
    longest_ratio: float

    @classmethod
    def open(cls, folder: Path) -> PairCorpus:
        """Open a prepared folder; every file is checked against its hash."""
        try:
            record = read_record(folder, "pairs.json")
            listed = json.loads((folder / "vocabulary.json").read_bytes())
            return cls(
                folder=folder,
                sources=tuple(SourceRecord(**source) for source in record["sources"]),
                source_side=SideConfig(**record["sides"]["source"]),
                target_side=SideConfig(**record["sides"]["target"]),
                source_vocabulary=Vocabulary(listed["source"]),
                target_vocabulary=Vocabulary(listed["target"]),
                train_part=_part(record["train"]),
                valid_part=_part(record["valid"]),
                dtypes=record["dtypes"],
                longest_ratio=record["longest_ratio"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None

    def train(self) -> PairIds:
        """The training part; its ids stay on disk until they are used."""
        return PairIds(self._lists("source"), self._lists("target"))

    def valid(self) -> list[Example]:
        """The held-out part as text, in random order."""
        lines = (self.folder / "valid.jsonl").read_text("utf-8").split("\n")[:-1]
        examples = map(json.loads, lines)
        return [Example(example["source"], tuple(example["targets"])) for example in examples]

    def _lists(self, side: str) -> IdLists:
        ids = np.memmap(self.folder / f"train.{side}.ids", np.dtype(self.dtypes[side]), "r")
        return IdLists(np.asarray(ids), np.fromfile(self.folder / f"train.{side}.ends", np.int64))


def grouped(pairs: Iterable[Pair], side: SideConfig | None = None) -> Iterator[Example]:
    """Yield each source once, in the order of appearance, with all its different targets.

    Sources are told by the tokens that they have on a side, or by their text.
    """
    for example in by_source(pairs, side or SideConfig()).values():
        yield references_of(example)


def by_source(pairs: Iterable[Pair], side: SideConfig) -> dict[str, Example]:
    """Return the sources by what a model sees of them, each with all its targets, repeated ones too."""
    groups: dict[str, tuple[str, list[str]]] = {}
    cutter = side.cutter()
    for pair in pairs:
        seen = " ".join(cutter.tokens(pair.source))  # no two lists of tokens of one level look the same
        groups.setdefault(seen, (pair.source, []))[1].extend(pair.targets)
    return {seen: Example(source, tuple(targets)) for seen, (source, targets) in groups.items()}


def references_of(example: Example) -> Example:
    """Return the example with each of its targets once."""
    return Example(example.source, tuple(dict.fromkeys(example.targets)))


def _part(record: Mapping[str, Any]) -> PairPart:
    return PairPart(record["count"], SidePart(**record["source"]), SidePart(**record["target"]))

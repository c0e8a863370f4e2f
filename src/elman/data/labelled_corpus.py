"""The labelled corpus: texts and their labels on disk in a training and a held-out part.

    labelled.json               what was read and counted, and the hash of each file
    vocabulary.json             the tokens, and the labels in the order of the alphabet
    train.jsonl, valid.jsonl    {"text": ..., "label": ...} a line; the held-out part in random order

label_preparation.py writes the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ModelError
from elman.text import Vocabulary

from .corpus import TextConfig
from .padded import IdLists
from .readers import SourceRecord
from .sealed_record import read_record

Ids = npt.NDArray[np.int64]
RECORD = "labelled.json"


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its label."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """One part: its texts, their tokens, how many of these are `<unk>`, and the most of one text."""

    count: int
    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """A prepared folder. `label_counts` are the texts of each label in the training part."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    text: TextConfig
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]
    train_part: LabelledPart
    valid_part: LabelledPart

    @classmethod
    def open(cls, folder: Path) -> LabelledCorpus:
        """Open a prepared folder; every file is checked against its hash."""
        try:
            record = read_record(folder, RECORD)
            listed = json.loads((folder / "vocabulary.json").read_bytes())
            return cls(
                folder=folder,
                sources=tuple(SourceRecord(**source) for source in record["sources"]),
                text=TextConfig(**record["text"]),
                vocabulary=Vocabulary(listed["tokens"]),
                labels=tuple(listed["labels"]),
                label_counts=tuple(record["label_counts"]),
                train_part=LabelledPart(**record["train"]),
                valid_part=LabelledPart(**record["valid"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None

    def train(self) -> tuple[IdLists, Ids]:
        """The training part as ids: of the texts' tokens, and of the labels (N,)."""
        number = {label: i for i, label in enumerate(self.labels)}
        codec = self.text.codec(self.vocabulary)
        examples = self._read("train.jsonl")
        texts = IdLists.of(codec.encode_prompt(example.text) for example in examples)
        return texts, np.array([number[example.label] for example in examples], np.int64)

    def valid(self) -> list[LabelledText]:
        """The held-out part as text, in random order."""
        return self._read("valid.jsonl")

    def _read(self, name: str) -> list[LabelledText]:
        lines = (self.folder / name).read_text("utf-8").split("\n")[:-1]
        objects: list[Mapping[str, Any]] = [json.loads(line) for line in lines]
        return [LabelledText(each["text"], each["label"]) for each in objects]

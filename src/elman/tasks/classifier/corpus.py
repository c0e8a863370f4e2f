"""The labelled corpus: texts and their labels on disk in a training and a held-out part.

    labelled.json               what was read and counted, how texts are cut, and the hash of each file
    vocabulary.json             tokens (as the model looks them up), characters, labels in the order of the alphabet
    train.jsonl, valid.jsonl    {"text": ..., "label": ...} a line; the held-out part in random order

label_preparation.py writes the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.config import Config
from elman.data.readers import SourceRecord
from elman.data.sealed_record import read_record
from elman.data.spelled import TokenIds
from elman.errors import ModelError
from elman.text import NORMALIZERS, Vocabulary
from elman.text.tokenizers import TOKENIZERS

Ids = npt.NDArray[np.int64]
RECORD = "labelled.json"


class LabelTextConfig(Config):
    """What the tokens of a text are, and how each is looked up: words in lower case are spelled as they stand."""

    level: Literal["char", "word", "byte"] = "char"
    normalize: Literal["none", "nfc", "lower"] = "none"

    def cut(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        spelled_as_it_stands = self.level == "word" and self.normalize == "lower"
        return TOKENIZERS[self.level].split(text if spelled_as_it_stands else self.seen(text))

    def word(self, token: str) -> str:
        """Return what a token is looked up as."""
        return self.seen(token) if self.level == "word" else token

    def seen(self, text: str) -> str:
        """Return a text as the model looks it up, by which texts are told apart."""
        return NORMALIZERS[self.normalize].prompt(text)


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
    text: LabelTextConfig
    vocabulary: Vocabulary
    characters: Vocabulary
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
                text=LabelTextConfig(**record["text"]),
                vocabulary=Vocabulary(listed["tokens"]),
                characters=Vocabulary(listed["characters"]),
                labels=tuple(listed["labels"]),
                label_counts=tuple(record["label_counts"]),
                train_part=LabelledPart(**record["train"]),
                valid_part=LabelledPart(**record["valid"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None

    def train(self, *, spelled: bool = True) -> tuple[TokenIds, Ids]:
        """The training part as ids: the texts' tokens, spelled or not, and the labels (N,)."""
        number = {label: i for i, label in enumerate(self.labels)}
        examples = self._read("train.jsonl")
        characters = self.characters if spelled else None
        lists = (self.text.cut(example.text) for example in examples)
        tokens = TokenIds.of(lists, self.text.word, self.vocabulary, characters)
        return tokens, np.array([number[example.label] for example in examples], np.int64)

    def valid(self) -> list[LabelledText]:
        """The held-out part as text, in random order."""
        return self._read("valid.jsonl")

    def _read(self, name: str) -> list[LabelledText]:
        lines = (self.folder / name).read_text("utf-8").split("\n")[:-1]
        objects: list[Mapping[str, Any]] = [json.loads(line) for line in lines]
        return [LabelledText(each["text"], each["label"]) for each in objects]

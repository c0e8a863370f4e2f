"""The tagged corpus: sentences as tokens and tags on disk in a training and a held-out part.

    tagged.json                 what was read and counted, how tokens are cut and their tags written, a hash a file
    vocabulary.json             words (as the model looks them up), characters, labels in the order of the alphabet
    train.jsonl, valid.jsonl    {"tokens": [...], "tags": [...]} a line; the held-out part in random order

tag_preparation.py writes the folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from elman.config import Config
from elman.data.padded import IdLists
from elman.data.readers import SourceRecord
from elman.data.sealed_record import read_record
from elman.data.spelled import TokenIds
from elman.errors import ModelError
from elman.text import NORMALIZERS, Vocabulary
from elman.text.spans import Scheme

RECORD = "tagged.json"


class TokenConfig(Config):
    """What the tokens of a sentence are, and how a word is looked up; its characters are read as they stand."""

    level: Literal["word", "char"] = "word"  # of a sentence as text: what stands between spaces, or characters
    normalize: Literal["none", "nfc", "lower"] = "lower"  # of the word that is looked up

    def cut(self, text: str) -> list[str]:
        """Return the tokens of a sentence."""
        return text.split() if self.level == "word" else [each for each in text if not each.isspace()]

    def word(self, token: str) -> str:
        """Return the word that a token is looked up as."""
        return NORMALIZERS[self.normalize].prompt(token)


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The tokens of a sentence, and the tag of each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaggedPart:
    """One part: its sentences, their tokens, how many of these are unknown words, and the most of one sentence."""

    count: int
    tokens: int
    unknown: int
    longest: int


@dataclass(frozen=True, slots=True)
class TaggedCorpus:
    """A prepared folder."""

    folder: Path
    sources: tuple[SourceRecord, ...]
    text: TokenConfig
    scheme: Scheme
    words: Vocabulary
    characters: Vocabulary
    labels: tuple[str, ...]
    train_part: TaggedPart
    valid_part: TaggedPart

    @classmethod
    def open(cls, folder: Path) -> TaggedCorpus:
        """Open a prepared folder; every file is checked against its hash."""
        try:
            record = read_record(folder, RECORD)
            listed = json.loads((folder / "vocabulary.json").read_bytes())
            return cls(
                folder=folder,
                sources=tuple(SourceRecord(**source) for source in record["sources"]),
                text=TokenConfig(**record["text"]),
                scheme=record["scheme"],
                words=Vocabulary(listed["words"]),
                characters=Vocabulary(listed["characters"]),
                labels=tuple(listed["labels"]),
                train_part=TaggedPart(**record["train"]),
                valid_part=TaggedPart(**record["valid"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None

    def train(self, *, spelled: bool = True) -> tuple[TokenIds, IdLists]:
        """The training part as ids: the sentences' tokens, spelled or not, and their labels."""
        sentences = self._read("train.jsonl")
        number = {label: i for i, label in enumerate(self.labels)}
        characters = self.characters if spelled else None
        tokens = TokenIds.of((each.tokens for each in sentences), self.text.word, self.words, characters)
        return tokens, IdLists.of(np.array([number[tag] for tag in each.tags], np.int64) for each in sentences)

    def valid(self) -> list[TaggedSentence]:
        """The held-out part, in random order."""
        return self._read("valid.jsonl")

    def _read(self, name: str) -> list[TaggedSentence]:
        lines = (self.folder / name).read_text("utf-8").split("\n")[:-1]
        objects = map(json.loads, lines)
        return [TaggedSentence(tuple(each["tokens"]), tuple(each["tags"])) for each in objects]

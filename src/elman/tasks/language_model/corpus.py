"""The corpus: a text as ids on disk in a training and a held-out part, read without being loaded.

    corpus.json       what was read, and the hash of each file      vocabulary.json   the tokens
    train.ids         the ids, in the smallest type that holds them
    valid.ids

preparation.py writes the folder. What was read is released again, so memory does not grow with the text.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from elman.config import Config
from elman.data.readers import SourceRecord
from elman.errors import ModelError
from elman.text import TextCodec, Vocabulary

Ids = npt.NDArray[np.int64]

CHUNK_TOKENS = 1 << 20


class TextConfig(Config):
    """How text becomes ids: what a model needs to read and write text."""

    level: Literal["char", "word", "byte"] = "char"
    normalize: Literal["none", "nfc", "lower", "textbook"] = "none"
    byte_fallback: bool = False  # char level: spell what the vocabulary lacks in bytes

    def codec(self, vocabulary: Vocabulary) -> TextCodec:
        """The codec of this text under a vocabulary."""
        return TextCodec(vocabulary, level=self.level, normalize=self.normalize, byte_fallback=self.byte_fallback)

    @model_validator(mode="after")
    def _fallback_is_for_characters(self) -> Self:
        if self.byte_fallback and self.level != "char":
            raise ValueError(f"byte_fallback is for level 'char', given level {self.level!r}")
        return self


@dataclass(frozen=True, slots=True)
class Part:
    """One file of ids: its tokens, how many of them are `<unk>`, their type, and the SHA-256 of the file."""

    tokens: int
    unknown: int
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """A prepared folder: `train.ids`, `valid.ids`, `vocabulary.json`, and `corpus.json`, which is this record."""

    folder: Path
    train: Part
    valid: Part
    sources: tuple[SourceRecord, ...]
    vocabulary: Vocabulary

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        """Open a prepared folder; `ids` checks each part against its hash."""
        try:
            record: dict[str, Any] = json.loads((folder / "corpus.json").read_text("utf-8"))
            listed = (folder / "vocabulary.json").read_bytes()
            if hashlib.sha256(listed).hexdigest() != record["vocabulary"]:
                raise ValueError("vocabulary.json differs from what was written")
            vocabulary = Vocabulary(json.loads(listed)["tokens"])
            parts = {name: Part(**record[name]) for name in ("train", "valid")}
            sources = tuple(SourceRecord(**source) for source in record["sources"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"damaged training data ({error})", hint="train again", where=str(folder)) from None
        return cls(folder, parts["train"], parts["valid"], sources, vocabulary)

    def ids(self, name: str) -> TokenFile:
        """The ids of the part `train` or `valid`, checked against their hash."""
        part: Part = getattr(self, name)
        path = self.folder / f"{name}.ids"
        if not path.is_file() or _sha256(path) != part.sha256:
            raise ModelError("differs from what was written", hint="train again", where=str(path))
        return TokenFile(path, np.dtype(part.dtype), part.tokens)


class TokenFile:
    """Ids in a memory-mapped file. What was read is released again, so memory does not grow with what was seen."""

    def __init__(self, path: Path, dtype: np.dtype[Any], tokens: int) -> None:
        self._tokens = tokens
        with path.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._ids = np.frombuffer(self._map, dtype, tokens)

    def __len__(self) -> int:
        return self._tokens

    def rows(self, starts: Iterable[int], length: int) -> Ids:
        """Return (B, length) ids, one row from each start; rows must lie inside the file."""
        rows = np.stack([self._ids[start : start + length] for start in starts]).astype(np.int64)
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)  # a row of 100 bytes may have mapped a megabyte
        return rows

    def chunks(self, size: int = CHUNK_TOKENS) -> Iterator[Ids]:
        """Yield all ids in order."""
        for start in range(0, self._tokens, size):
            yield self.rows([start], min(size, self._tokens - start))[0]


class MemoryTokens:
    """Ids in memory, read like a TokenFile."""

    def __init__(self, ids: npt.NDArray[np.integer[Any]]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def rows(self, starts: Iterable[int], length: int) -> Ids:
        """Return (B, length) ids, one row from each start."""
        return np.stack([self._ids[start : start + length] for start in starts]).astype(np.int64)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

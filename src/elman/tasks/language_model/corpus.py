"""The corpus of a language model: training set and validation set as ids on disk, read without loading them.

    corpus.json             sources, and the checksum of each file
    vocabulary.json         the tokens
    train.ids, valid.ids    ids, in the smallest type that holds them

preparation.py writes the folder. Pages of a file that were read are released again, so memory does not grow with the
text.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.checkpoint.regular_files import open_regular_file, read_regular_file
from elman.checkpoint.serialization import parse_json
from elman.data.checksummed_record import MAX_RECORD_BYTES
from elman.data.corpora.folder import damage_errors, source_records, text_fields
from elman.data.readers.text import SourceRecord
from elman.errors import ModelError
from elman.text import Vocabulary

Ids = npt.NDArray[np.int64]

CHUNK_TOKENS = 1 << 20
RECORD = "corpus.json"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A file of ids: its tokens, how many of them are `<unk>`, their type, and the SHA-256 of the file."""

    tokens: int
    unknown: int
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LanguageModelCorpus:
    """A corpus folder."""

    folder: Path
    train_set: TokenSet
    valid_set: TokenSet
    sources: tuple[SourceRecord, ...]
    vocabulary: Vocabulary
    has_validation_set: bool = True  # if not, valid_set is the training set

    @classmethod
    def open(cls, folder: Path) -> LanguageModelCorpus:
        """Open a corpus folder; `ids` checks each part against its hash."""
        with damage_errors(folder):
            record = parse_json(read_regular_file(folder, RECORD, max_bytes=MAX_RECORD_BYTES), folder / RECORD)
            tokens = read_regular_file(folder, "vocabulary.json", max_bytes=MAX_RECORD_BYTES)
            if hashlib.sha256(tokens).hexdigest() != record["vocabulary"]:
                raise ValueError("vocabulary.json differs from what was written")
            return cls(
                folder=folder,
                train_set=TokenSet(**record["train"]),
                valid_set=TokenSet(**record["valid"]),
                sources=source_records(record),
                vocabulary=Vocabulary(text_fields(parse_json(tokens, folder / "vocabulary.json"), "tokens")),
                has_validation_set=record.get("has_validation_set", True),
            )

    def ids(self, name: Literal["train", "valid"]) -> TokenFile:
        """Return the ids of the training or the validation set; the file is checked against its checksum."""
        tokens = {"train": self.train_set, "valid": self.valid_set}[name]
        path = self.folder / f"{name}.ids"
        with damage_errors(self.folder):
            dtype = np.dtype(tokens.dtype)
            if dtype.kind != "u":
                raise ValueError(f"{path.name} holds {dtype}")
        is_intact = False
        with contextlib.suppress(ModelError), open_regular_file(self.folder, path.name) as stream:
            has_size = os.fstat(stream.fileno()).st_size == tokens.tokens * dtype.itemsize
            is_intact = has_size and hashlib.file_digest(stream, "sha256").hexdigest() == tokens.sha256
        if not is_intact:
            raise ModelError("differs from what was written", hint="Train again", where=str(path))
        return TokenFile(path, dtype, tokens.tokens, len(self.vocabulary))


class TokenFile:
    """Ids in a memory-mapped file. Pages that were read are released again, so memory does not grow."""

    def __init__(self, path: Path, dtype: np.dtype[Any], tokens: int, vocabulary_size: int) -> None:
        """Map a file of so many tokens; an id that the vocabulary lacks is a ModelError when it is read."""
        self._path, self._tokens, self._vocabulary_size = path, tokens, vocabulary_size
        with path.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._ids = np.frombuffer(self._map, dtype, tokens)

    def __len__(self) -> int:
        return self._tokens

    def rows(self, starts: Iterable[int], length: int) -> Ids:
        """Return (B, length) ids, one row from each start; rows must lie inside the file."""
        rows = np.stack([self._ids[start : start + length] for start in starts]).astype(np.int64)
        if rows.size and rows.max() >= self._vocabulary_size:
            problem = f"has the id {rows.max()}; expected at most {self._vocabulary_size - 1}"
            raise ModelError(problem, hint="Train again", where=str(self._path))
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

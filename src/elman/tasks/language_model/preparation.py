"""Preparation: a text to a corpus, in one pass over the text, whatever its size.

That pass writes the provisional number of each token (by first appearance) to a file; counting the training part gives
the vocabulary; a second pass over the numbers, not the text, writes the final ids in the smallest type that holds them.
So stdin and .gz are read once, a text larger than memory is no trouble, and the vocabulary knows nothing of the
held-out part.

Byte fallback. A character that the vocabulary lacks is spelled in bytes. So that the byte tokens are learned, every
character of the training part is spelled now and then too: about SPELLED_PER_CHARACTER times in all, never more often
than SPELLED_SHARE of its occurrences.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint.sealed import sync_file, write_synced
from elman.data.readers import Source
from elman.errors import DataError
from elman.tasks.language_model.corpus import CHUNK_TOKENS, Corpus, Ids, Part, TextConfig
from elman.text import NORMALIZERS, TOKENIZERS, UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

SPELLED_PER_CHARACTER = 20.0
SPELLED_SHARE = 0.1
RARE_FROM_KINDS = 1000  # a larger vocabulary leaves out what was seen once, so that `<unk>` is learned
MIN_TRAIN_TOKENS = 16
MIN_VALID_TOKENS = 2
AUTOMATIC_VALID_SHARE = 0.1
AUTOMATIC_VALID_TOKENS = 250_000
NOUNS = {"char": "characters", "word": "words", "byte": "bytes"}


def prepare(
    folder: Path,
    train: Iterable[Source],
    text: TextConfig,
    *,
    valid: Iterable[Source] = (),
    valid_fraction: float | None = None,
    min_frequency: int | None = None,
    vocabulary_size: int | None = None,
    seed: int = 0,
) -> Corpus:
    """Read the texts, write the folder, and open it.

    The held-out part is `valid`, or the last valid_fraction of the tokens; None is a tenth, at most 250,000.
    min_frequency None keeps every token of a small vocabulary, and of a large one those seen twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    train, valid = list(train), list(valid)
    indexer = TOKENIZERS[text.level].indexer()
    pieces = NORMALIZERS[text.normalize].pieces
    numbers_path = folder / "numbers.tmp"
    with numbers_path.open("wb") as stream:
        totals = []
        for sources in (train, valid):
            before = stream.tell()
            for source in sources:
                for block in source.blocks():
                    for piece in pieces(block):
                        stream.write(indexer.index(piece).tobytes())
            totals.append((stream.tell() - before) // 4)
    split = totals[0] if valid else totals[0] - _held_out_tokens(totals[0], valid_fraction)
    _check_sizes(train, split, sum(totals) - split, text.level)
    counts = _count(_numbers(numbers_path, 0, split), len(indexer.tokens))
    vocabulary = _vocabulary(indexer.tokens, counts, text, min_frequency, vocabulary_size)
    if len(vocabulary) < 2:
        hint = "lower min_frequency or raise vocabulary_size"
        raise DataError("leaves no token but `<unk>` in the vocabulary", hint=hint, where=_told(train))
    encode = _Encoder(indexer.tokens, counts, vocabulary, text, seed)
    parts = {
        "train": _write_ids(folder / "train.ids", _numbers(numbers_path, 0, split), encode.train, len(vocabulary)),
        "valid": _write_ids(
            folder / "valid.ids", _numbers(numbers_path, split, sum(totals)), encode.exact, len(vocabulary)
        ),
    }
    numbers_path.unlink()
    listed = _json({"tokens": list(vocabulary.tokens)})
    write_synced(folder / "vocabulary.json", listed)
    records = [asdict(source.record) for source in (*train, *valid)]
    record = {name: asdict(part) for name, part in parts.items()}
    digest = hashlib.sha256(listed).hexdigest()
    write_synced(folder / "corpus.json", _json({**record, "sources": records, "vocabulary": digest}))
    return Corpus.open(folder)


def _held_out_tokens(total: int, fraction: float | None) -> int:
    if fraction is not None:
        return total - int(total * (1.0 - fraction))
    return min(total - int(total * (1.0 - AUTOMATIC_VALID_SHARE)), AUTOMATIC_VALID_TOKENS)


def _check_sizes(sources: list[Source], train: int, valid: int, level: str) -> None:
    where = _told(sources)
    if train + valid == 0:
        raise DataError("is empty, expected text", hint="name a file with some pages of text", where=where)
    if train < MIN_TRAIN_TOKENS or valid < MIN_VALID_TOKENS:
        noun = NOUNS[level]
        least = f"expected at least {MIN_TRAIN_TOKENS} and {MIN_VALID_TOKENS}"
        raise DataError(
            f"{train:,} {noun} to train on and {valid:,} held out, {least}",
            hint="name more text, or another --valid-fraction",
            where=where,
        )


def _told(sources: list[Source]) -> str:
    return ", ".join(source.name for source in sources)


def _numbers(path: Path, start: int, end: int) -> Iterator[npt.NDArray[np.uint32]]:
    """Yield provisional numbers in chunks: read, not mapped, so that what was read does not stay resident."""
    with path.open("rb") as stream:
        stream.seek(4 * start)
        for first in range(start, end, CHUNK_TOKENS):
            yield np.fromfile(stream, np.uint32, min(CHUNK_TOKENS, end - first))


def _count(numbers: Iterator[npt.NDArray[np.uint32]], kinds: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(kinds, np.int64)
    for chunk in numbers:
        counts += np.bincount(chunk, minlength=kinds)
    return counts


def _vocabulary(
    tokens: list[str],
    counts: npt.NDArray[np.int64],
    text: TextConfig,
    min_frequency: int | None,
    max_size: int | None,
) -> Vocabulary:
    if text.level == "byte":
        return Vocabulary((UNKNOWN, *BYTE_TOKENS))
    if min_frequency is None:
        min_frequency = 1 if np.count_nonzero(counts) < RARE_FROM_KINDS else 2
    return Vocabulary.from_counts(
        dict(zip(tokens, counts.tolist(), strict=True)),
        min_frequency=min_frequency,
        max_size=max_size,
        reserved=BYTE_TOKENS if text.byte_fallback else (),
    )


class _Encoder:
    """Provisional numbers to final ids."""

    def __init__(
        self,
        tokens: list[str],
        counts: npt.NDArray[np.int64],
        vocabulary: Vocabulary,
        text: TextConfig,
        seed: int,
    ) -> None:
        self._id_of = vocabulary.encode(tokens)
        self._fallback = text.byte_fallback
        self._rng = np.random.default_rng([seed, 0x5BE11])
        if self._fallback:
            self._spelling = [vocabulary.encode(TOKENIZERS["byte"].split(token)) for token in tokens]
            self._lengths = np.array([len(ids) for ids in self._spelling], np.int64)
            self._share = np.minimum(SPELLED_SHARE, SPELLED_PER_CHARACTER / np.maximum(counts, 1))

    def exact(self, numbers: npt.NDArray[np.uint32]) -> Ids:
        """Ids as the codec gives them."""
        ids = self._id_of[numbers]
        return self._spell(numbers, ids, ids == 0) if self._fallback else ids

    def train(self, numbers: npt.NDArray[np.uint32]) -> Ids:
        """Ids with some characters spelled in bytes, where there is a byte fallback."""
        ids = self._id_of[numbers]
        if not self._fallback:
            return ids
        return self._spell(numbers, ids, (ids == 0) | (self._rng.random(len(ids)) < self._share[numbers]))

    def _spell(self, numbers: npt.NDArray[np.uint32], ids: Ids, spelled: npt.NDArray[np.bool_]) -> Ids:
        lengths = np.where(spelled, self._lengths[numbers], 1)
        result = np.repeat(ids, lengths)
        starts = np.cumsum(lengths) - lengths
        for position in np.flatnonzero(spelled):
            spelling = self._spelling[numbers[position]]
            result[starts[position] : starts[position] + len(spelling)] = spelling
        return result


def _write_ids(
    path: Path,
    numbers: Iterator[npt.NDArray[np.uint32]],
    encode: Callable[[npt.NDArray[np.uint32]], Ids],
    vocabulary_size: int,
) -> Part:
    dtype = np.min_scalar_type(vocabulary_size - 1)
    tokens, unknown, digest = 0, 0, hashlib.sha256()
    with path.open("wb") as stream:
        for chunk in numbers:
            ids = encode(chunk).astype(dtype)
            stream.write(ids.tobytes())
            digest.update(ids.tobytes())
            tokens += len(ids)
            unknown += int(np.count_nonzero(ids == 0))
    sync_file(path)
    return Part(tokens, unknown, dtype.name, digest.hexdigest())


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()

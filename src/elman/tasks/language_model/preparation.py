"""Preparation of a language model's corpus: texts to ids, in one pass over the text, whatever its size.

The pass writes the provisional number of each token (by first appearance) to a file. The counts of the training set
give the vocabulary. A second pass, over the numbers and not over the text, writes the final ids in the smallest type
that holds them. So standard input and .gz files are read once, a text may be larger than memory, and the vocabulary is
that of the training set alone.

Byte fallback: a character that the vocabulary lacks is written as bytes. To learn the byte tokens, every character of
the training set is sometimes written as bytes too: about BYTES_PER_CHARACTER times in all, and never more often than
MAX_BYTES_SHARE of its occurrences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from elman.checkpoint.durable_files import sync_file, write_synced
from elman.checkpoint.serialization import json_bytes
from elman.config import Values
from elman.data.corpora.folder import source_names
from elman.data.corpora.split import has_split, report_no_validation_set, validation_size
from elman.data.corpora.vocabularies import build_vocabulary, report_unknown_tokens, require_tokens
from elman.data.readers.encodings import Notify
from elman.data.sources import ExampleSource
from elman.errors import DataError
from elman.tasks.descriptions import LEVEL_NOUNS
from elman.text import NORMALIZERS, TOKENIZERS, UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

from .config import LanguageModelDataConfig, LanguageModelRun, LanguageModelTextConfig
from .corpus import CHUNK_TOKENS, RECORD, Ids, LanguageModelCorpus, TokenSet

Numbers = npt.NDArray[np.uint32]

BYTES_PER_CHARACTER = 20.0
MAX_BYTES_SHARE = 0.1
MIN_TRAIN_TOKENS = 16
MIN_VALID_TOKENS = 2
MIN_SPLIT_TOKENS = MIN_TRAIN_TOKENS + MIN_VALID_TOKENS  # with fewer tokens, there is no automatic split
AUTOMATIC_VALID_TOKENS = 250_000


class StartModel(Protocol):
    """What the corpus takes from a model from which training continues."""

    vocabulary: Vocabulary


def prepare(
    folder: Path,
    values: Values,
    run: LanguageModelRun,
    train_sources: Sequence[ExampleSource[str]],
    valid_sources: Sequence[ExampleSource[str]],
    notify: Notify,
    start: StartModel | None = None,
) -> LanguageModelCorpus:
    """Read the texts, write the corpus folder, and open it.

    Without valid_sources, the end of the text is the validation set, or there is none. start is the model from which
    training continues, whose vocabulary is used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counted = count_tokens(folder / "numbers.tmp", run.data, train_sources, valid_sources, notify, start)
    numbers, vocabulary, split = counted.numbers, counted.vocabulary, counted.split
    encoder = _Encoder(numbers.tokens, counted.counts, vocabulary, run.data.text, run.seed)
    size = len(vocabulary)
    record = {
        "train": asdict(_write_ids(folder / "train.ids", numbers.chunks(0, split), encoder.for_training, size)),
        "valid": asdict(_write_ids(folder / "valid.ids", numbers.chunks(*counted.valid), encoder.exact, size)),
    }
    numbers.delete()
    tokens = json_bytes({"tokens": list(vocabulary.tokens)})
    write_synced(folder / "vocabulary.json", tokens)
    sources = [asdict(source.record) for source in (*train_sources, *valid_sources)]
    whole = {
        **record,
        "has_validation_set": counted.has_validation_set,
        "sources": sources,
        "vocabulary": hashlib.sha256(tokens).hexdigest(),
    }
    write_synced(folder / RECORD, json_bytes(whole))
    corpus = LanguageModelCorpus.open(folder)
    if start is not None:
        noun = LEVEL_NOUNS[run.data.level]
        report_unknown_tokens(corpus.train_set.unknown, corpus.train_set.tokens, noun, notify)
    return corpus


class CountedTokens(NamedTuple):
    """The tokens of all texts, where the training set ends, its counts by number, and the vocabulary.

    valid is where the validation set begins and ends; without one, where the training set does.
    """

    numbers: NumberFile
    split: int
    valid: tuple[int, int]
    has_validation_set: bool
    counts: npt.NDArray[np.int64]
    vocabulary: Vocabulary


def count_tokens(
    path: Path,
    data: LanguageModelDataConfig,
    train_sources: Sequence[ExampleSource[str]],
    valid_sources: Sequence[ExampleSource[str]],
    notify: Notify,
    start: StartModel | None = None,
) -> CountedTokens:
    """Read the texts, split off the validation set, and build the vocabulary. path is that of a temporary file."""
    text = data.text
    numbers = NumberFile(path, text)
    total = numbers.write(train_sources)
    valid_total = numbers.write(valid_sources)
    has_validation_set = bool(valid_sources) or has_split(total, data.valid_fraction, at_least=MIN_SPLIT_TOKENS)
    noun, where = LEVEL_NOUNS[text.level], source_names(source.record for source in train_sources)
    if has_validation_set:
        at_most = AUTOMATIC_VALID_TOKENS
        split = total if valid_sources else total - validation_size(total, data.valid_fraction, at_most=at_most)
        valid = (split, total + valid_total)
        _check_sizes(split, total + valid_total - split, noun, where)
    else:
        split, valid = total, (0, total)
        _check_whole(total, noun, where)
        report_no_validation_set(total, noun, data.valid_fraction, notify)
    if not any(token.strip() for token in numbers.tokens):
        hint = "Name a file with some pages of text"
        raise DataError("has nothing but white space; expected text", hint=hint, where=where)
    counts = numbers.counts(0, split)
    vocabulary = _vocabulary(numbers.tokens, counts, text, data) if start is None else start.vocabulary
    require_tokens(vocabulary, where)
    return CountedTokens(numbers, split, valid, has_validation_set, counts, vocabulary)


def _check_sizes(train: int, valid: int, noun: str, where: str) -> None:
    if train + valid == 0:
        raise DataError("is empty; expected text", hint="Name a file with some pages of text", where=where)
    if train < MIN_TRAIN_TOKENS or valid < MIN_VALID_TOKENS:
        least = f"expected at least {MIN_TRAIN_TOKENS} and {MIN_VALID_TOKENS}"
        problem = f"{train:,} {noun} for the training set and {valid:,} for the validation set; {least}"
        hint = "Name more text, or train on all of it with --valid-fraction 0"
        raise DataError(problem, hint=hint, where=where)


def _check_whole(total: int, noun: str, where: str) -> None:
    if total == 0:
        raise DataError("is empty; expected text", hint="Name a file with some pages of text", where=where)
    if total < MIN_VALID_TOKENS:
        problem = f"{total:,} {noun} for the training set; expected at least {MIN_VALID_TOKENS}, an input and a target"
        raise DataError(problem, hint="Name more text", where=where)


class NumberFile:
    """The tokens of all texts as provisional numbers, in a temporary file."""

    def __init__(self, path: Path, text: LanguageModelTextConfig) -> None:
        self._path = path
        self._indexer = TOKENIZERS[text.level].indexer()
        self._pieces = NORMALIZERS[text.normalize].pieces
        path.unlink(missing_ok=True)

    @property
    def tokens(self) -> list[str]:
        """The token of each number."""
        return self._indexer.tokens

    def write(self, sources: Iterable[ExampleSource[str]]) -> int:
        """Append the numbers of texts, and return how many there are."""
        with self._path.open("ab") as stream:
            start = stream.tell()
            for source in sources:
                for block in source.examples():
                    for piece in self._pieces(block):
                        stream.write(self._indexer.index(piece).tobytes())
            return (stream.tell() - start) // 4

    def chunks(self, start: int, end: int) -> Iterator[Numbers]:
        """Yield the numbers in chunks. They are read and not mapped, so that they do not stay in memory."""
        with self._path.open("rb") as stream:
            stream.seek(4 * start)
            for first in range(start, end, CHUNK_TOKENS):
                yield np.fromfile(stream, np.uint32, min(CHUNK_TOKENS, end - first))

    def counts(self, start: int, end: int) -> npt.NDArray[np.int64]:
        """Return how often each number occurs."""
        counts = np.zeros(len(self.tokens), np.int64)
        for chunk in self.chunks(start, end):
            counts += np.bincount(chunk, minlength=len(counts))
        return counts

    def delete(self) -> None:
        self._path.unlink()


def _vocabulary(
    tokens: list[str],
    counts: npt.NDArray[np.int64],
    text: LanguageModelTextConfig,
    data: LanguageModelDataConfig,
) -> Vocabulary:
    if text.level == "byte":
        return Vocabulary((UNKNOWN, *BYTE_TOKENS))
    return build_vocabulary(
        {token: count for token, count in zip(tokens, counts.tolist(), strict=True) if count},
        min_frequency=data.min_frequency,
        max_size=data.vocabulary_size,
        reserved=BYTE_TOKENS if text.byte_fallback else (),
    )


class _Encoder:
    """Provisional numbers to final ids."""

    def __init__(
        self,
        tokens: list[str],
        counts: npt.NDArray[np.int64],
        vocabulary: Vocabulary,
        text: LanguageModelTextConfig,
        seed: int,
    ) -> None:
        self._id_of = vocabulary.encode(tokens)
        self._fallback = text.byte_fallback
        self._rng = np.random.default_rng([seed, 0x5BE11])
        if self._fallback:
            self._bytes_of = [vocabulary.encode(TOKENIZERS["byte"].split(token)) for token in tokens]
            self._num_bytes = np.array([len(ids) for ids in self._bytes_of], np.int64)
            self._bytes_share = np.minimum(MAX_BYTES_SHARE, BYTES_PER_CHARACTER / np.maximum(counts, 1))

    def exact(self, numbers: Numbers) -> Ids:
        """Return ids as the codec gives them."""
        ids = self._id_of[numbers]
        return self._with_bytes(numbers, ids, ids == 0) if self._fallback else ids

    def for_training(self, numbers: Numbers) -> Ids:
        """Return ids with some characters written as bytes, if there is a byte fallback."""
        ids = self._id_of[numbers]
        if not self._fallback:
            return ids
        chosen = self._rng.random(len(ids)) < self._bytes_share[numbers]
        return self._with_bytes(numbers, ids, (ids == 0) | chosen)

    def _with_bytes(self, numbers: Numbers, ids: Ids, as_bytes: npt.NDArray[np.bool_]) -> Ids:
        lengths = np.where(as_bytes, self._num_bytes[numbers], 1)
        result = np.repeat(ids, lengths)
        starts = np.cumsum(lengths) - lengths
        for position in np.flatnonzero(as_bytes):
            byte_ids = self._bytes_of[numbers[position]]
            result[starts[position] : starts[position] + len(byte_ids)] = byte_ids
        return result


def _write_ids(
    path: Path, numbers: Iterator[Numbers], encode: Callable[[Numbers], Ids], vocabulary_size: int
) -> TokenSet:
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
    return TokenSet(tokens, unknown, dtype.name, digest.hexdigest())

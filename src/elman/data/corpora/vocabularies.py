"""Vocabularies: built from the counts of the training set, written to disk and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from elman.checkpoint.durable_files import write_synced
from elman.checkpoint.regular_files import read_regular_file
from elman.checkpoint.serialization import json_bytes, parse_json
from elman.data.checksummed_record import MAX_RECORD_BYTES
from elman.data.readers.encodings import Notify
from elman.errors import DataError
from elman.text import Vocabulary

from .folder import text_fields

MANY_TOKENS = 1000  # from this number on, a vocabulary leaves out tokens that occur once, so that `<unk>` is learned
VOCABULARIES = "vocabulary.json"


def least_frequency(num_tokens: int) -> int:
    """Return the least count of a token in a vocabulary where the user gives none."""
    return 1 if num_tokens < MANY_TOKENS else 2


def build_vocabulary(
    counts: Mapping[str, int],
    *,
    min_frequency: int | None = None,
    max_size: int | None = None,
    reserved: Sequence[str] = (),
) -> Vocabulary:
    """Return the tokens that occur min_frequency times or more, the most frequent first, at most max_size of them."""
    least = least_frequency(len(counts)) if min_frequency is None else min_frequency
    return Vocabulary.from_counts(counts, min_frequency=least, max_size=max_size, reserved=reserved)


def require_tokens(vocabulary: Vocabulary, where: str) -> None:
    """Raise a DataError if the vocabulary holds `<unk>` alone."""
    if len(vocabulary) < 2:
        hint = "Lower min_frequency or raise vocabulary_size"
        raise DataError("the vocabulary has no token but `<unk>`; expected at least one", hint=hint, where=where)


def write_vocabularies(folder: Path, vocabularies: Mapping[str, Sequence[str]]) -> None:
    """Write vocabularies by name to one file of a corpus folder."""
    tokens = {name: list(tokens) for name, tokens in vocabularies.items()}
    write_synced(folder / VOCABULARIES, json_bytes(tokens))


def read_vocabularies(folder: Path) -> dict[str, list[str]]:
    """Return the tokens of each vocabulary of a corpus folder, by name."""
    vocabularies = parse_json(
        read_regular_file(folder, VOCABULARIES, max_bytes=MAX_RECORD_BYTES), folder / VOCABULARIES
    )
    return {name: list(text_fields(vocabularies, name)) for name in vocabularies}


def report_unknown_tokens(unknown: int, total: int, noun: str, notify: Notify) -> None:
    """Report how many tokens of the training set the model from which training continues does not know."""
    if unknown:
        notify(f"{unknown:,} of {total:,} {noun} of the training set are not in the vocabulary of the model: `<unk>`")

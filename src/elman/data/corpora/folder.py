"""The folder of a corpus: examples as JSON lines, vocabularies, and a record with the checksum of every file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from elman.checkpoint.durable_files import write_synced
from elman.checkpoint.regular_files import read_regular_file
from elman.checkpoint.serialization import parse_json, shown
from elman.data.checksummed_record import checksummed_bytes, file_sha256
from elman.data.readers.text import SourceRecord
from elman.errors import ModelError


@contextlib.contextmanager
def damage_errors(folder: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a corpus is opened into a ModelError about damaged training data."""
    try:
        yield
    except (ModelError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        text = f"{Path(error.where or '').name}: {error.message}" if isinstance(error, ModelError) else str(error)
        problem = shown(text.partition("\n")[0])
        raise ModelError(f"damaged training data ({problem})", hint="Train again", where=str(folder)) from None


def write_examples(path: Path, examples: Iterable[Mapping[str, Any]]) -> None:
    """Write the fields of examples as JSON lines."""
    lines = (json.dumps(dict(fields), ensure_ascii=False) + "\n" for fields in examples)
    write_synced(path, "".join(lines).encode())


def read_examples(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the fields of the examples that write_examples has written; other lines are a ModelError."""
    with damage_errors(path.parent):
        for line in read_regular_file(path.parent, path.name).split(b"\n")[:-1]:
            yield parse_json(line, path)


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a text among the fields of an example; anything else is a TypeError."""
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"{name!r} is not a text")
    return value


def text_fields(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts among the fields of an example; anything else is a TypeError."""
    values = fields[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name!r} is not a list of texts")
    return tuple(values)


def write_record(
    folder: Path, name: str, record: dict[str, Any], sources: Sequence[SourceRecord], files: Sequence[str]
) -> None:
    """Write the record of a corpus with its sources and the checksums of its files; it is written last."""
    whole = {
        **record,
        "sources": [asdict(source) for source in sources],
        "files": {file: file_sha256(folder / file) for file in files},
        "sizes": {file: (folder / file).stat().st_size for file in files},
    }
    write_synced(folder / name, checksummed_bytes(whole))


def source_records(record: dict[str, Any]) -> tuple[SourceRecord, ...]:
    """Return the sources of a record that read_record has read."""
    return tuple(SourceRecord(**source) for source in record["sources"])


def source_names(records: Iterable[SourceRecord]) -> str:
    """Return the names of sources, as an error shows them."""
    return ", ".join(record.name for record in records)

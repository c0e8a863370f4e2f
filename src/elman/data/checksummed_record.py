"""The JSON record of a prepared folder: it contains its own SHA-256 and those of the files next to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.checkpoint.regular_files import open_regular_file, read_regular_file
from elman.checkpoint.serialization import json_bytes, parse_json

MAX_RECORD_BYTES = 1 << 28


def checksummed_bytes(record: Mapping[str, Any]) -> bytes:
    """Return the record as JSON with its own SHA-256 under the key `sha256`."""
    return json_bytes({**record, "sha256": hashlib.sha256(json_bytes(record)).hexdigest()})


def _parse_checksummed(content: bytes, path: Path) -> dict[str, Any]:
    """Return the record without its SHA-256; a record that was changed is a ValueError."""
    record = parse_json(content, path)
    del record["sha256"]
    if checksummed_bytes(record) != content:
        raise ValueError("the record differs from what was written")
    return record


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """Return a folder's record; a ValueError if the record or one of the files that it lists was changed."""
    content = read_regular_file(folder, name, max_bytes=MAX_RECORD_BYTES)
    record = _parse_checksummed(content, folder / name)
    sizes = record.get("sizes", {})  # records of earlier versions have none
    for file, digest in record["files"].items():
        with open_regular_file(folder, file) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != sizes.get(file, size):
                raise ValueError(f"{file} differs from what was written")
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        if checksum != digest:
            raise ValueError(f"{file} differs from what was written")
    return record


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""The record of a prepared folder, with its own hash in it, and the hashes of the files beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.checkpoint.sealed import json_bytes


def sealed(record: Mapping[str, Any]) -> bytes:
    """Return the bytes of a record with its own hash in it: there is no file that could hold it."""
    return json_bytes({**record, "sha256": hashlib.sha256(json_bytes(record)).hexdigest()})


def unsealed(content: bytes) -> dict[str, Any]:
    """Return the record; one that is not as it was written is a ValueError."""
    record: dict[str, Any] = json.loads(content)
    del record["sha256"]
    if sealed(record) != content:
        raise ValueError("the record differs from what was written")
    return record


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """Return the record of a folder; a file that is not as the record's hash of it says is a ValueError."""
    record = unsealed((folder / name).read_bytes())
    for file, digest in record["files"].items():
        if file_sha256(folder / file) != digest:
            raise ValueError(f"{file} differs from what was written")
    return record


def file_sha256(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

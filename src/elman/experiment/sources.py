"""The source arguments of a run, as they are recorded in its request and read by resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman.data.readers.files import STDIN
from elman.data.readers.text import IN_MEMORY
from elman.data.sources import ParallelFiles, SourceArgument
from elman.errors import DataError

PARTS = ("train", "valid")


def to_request(sources: Sequence[SourceArgument]) -> list[Any]:
    """Return sources as JSON for the request of a run, whose paths hold from any folder: `resume` may run elsewhere.

    Parallel files are a pair of paths, and what is in memory is its name.
    """
    return [_as_json(source) for source in sources]


def _as_json(source: SourceArgument) -> Any:
    if isinstance(source, ParallelFiles):
        return [_absolute(source.source), _absolute(source.target)]
    return _absolute(source) if isinstance(source, str | Path) else source.name


def _absolute(path: str | Path) -> str:
    return str(path) if str(path) == STDIN else str(Path(path).absolute())


def from_request(request: dict[str, Any], run: Path) -> dict[str, list[SourceArgument]]:
    """Return the sources of a request; standard input and examples in memory cannot be read again."""
    parts = request["sources"]
    if any(source in (STDIN, IN_MEMORY) for part in parts.values() for source in part):
        hint = "Train again with --overwrite, giving the text again"
        raise DataError("was stopped before its text was read, and the text is gone", hint=hint, where=str(run))
    return {
        part: [ParallelFiles(*source) if isinstance(source, list) else source for source in parts.get(part, [])]
        for part in PARTS
    }

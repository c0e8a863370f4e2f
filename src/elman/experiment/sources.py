"""The source arguments of a run: located before anything is written, recorded in the request, and read by resume."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman.data import datasets
from elman.data.readers.files import STDIN
from elman.data.readers.text import IN_MEMORY
from elman.data.sources import ParallelFiles, SourceArgument
from elman.errors import DataError

PARTS = ("train", "valid")


def located(source: SourceArgument) -> SourceArgument:
    """Return a source whose path holds from any folder; the cached file of a data set where no file has that name."""
    if isinstance(source, ParallelFiles):
        return ParallelFiles(_located_path(source.source), _located_path(source.target))
    return _located_path(source) if isinstance(source, str | Path) else source


def _located_path(source: str | Path) -> str | Path:
    if str(source) == STDIN:
        return source
    path = Path(source)
    try:
        path.exists()
    except (OSError, ValueError):
        hint = "A str is a path; give the texts themselves as a list: [text]"
        raise DataError(f"{str(source)[:40]!r}... is no path", hint=hint) from None
    if not path.exists() and str(source) in datasets.DATA_SETS:
        return datasets.local_path(str(source))
    if not path.exists() and (near := difflib.get_close_matches(str(source), datasets.DATA_SETS, n=1)):
        raise DataError("no such file", hint=f"Did you mean the data set {near[0]!r}?", where=str(source))
    return path.absolute() if path.exists() else path


def to_request(sources: Sequence[SourceArgument]) -> list[Any]:
    """Return sources as JSON for the request of a run: paths, pairs of paths, or the name of what is in memory."""
    return [_as_json(source) for source in sources]


def _as_json(source: SourceArgument) -> Any:
    if isinstance(source, ParallelFiles):
        return [str(source.source), str(source.target)]
    return str(source) if isinstance(source, str | Path) else source.name


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

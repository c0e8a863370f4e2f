"""Sources and targets in Python, as a source of examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from elman.data.sources import ParallelFiles, located
from elman.errors import ArgumentError
from elman.models.text_arguments import require_column
from elman.tasks.arguments import paired, rows_of

from .config import Seq2SeqReaderConfig as ReaderConfig
from .readers import MemoryPairs, Pair, open_source

Pairs = str | Path | Iterable[Any]  # a path, sources, (source, target) pairs, or a DataFrame
Targets = str | Path | Iterable[str | Sequence[str]]


def source_of(sources: Pairs, targets: Targets | None = None) -> str | Path | ParallelFiles | MemoryPairs:
    """Return the arguments of `fit` as a source: a path, two parallel files, or pairs in memory."""
    if isinstance(sources, str | Path):
        if targets is None:
            return sources
        if isinstance(targets, str | Path):
            return ParallelFiles(sources, targets)
    if isinstance(sources, str | Path) or isinstance(targets, str | Path):
        raise ArgumentError("sources and targets: given a path and a list; expected two paths or two lists")
    if targets is not None:
        require_column(sources)
        require_column(targets)
        return MemoryPairs(paired(sources, targets, "sources and targets"))
    names, columns = ("source", "target"), getattr(sources, "columns", ())
    if hasattr(sources, "itertuples") and not set(names) <= set(columns):  # a DataFrame with other names
        return MemoryPairs(list(sources.itertuples(index=False, name=None)))
    return MemoryPairs(rows_of(sources, names))


def examples_of(
    sources: Pairs | Iterable[Pair], targets: Targets | None = None, reader: ReaderConfig | None = None
) -> list[Pair]:
    """Return the examples of the arguments of `evaluate`, which are those of `fit`, or examples already."""
    if targets is None and not isinstance(sources, str | Path) and not hasattr(sources, "itertuples"):
        sources = list(sources)
        if all(isinstance(item, Pair) for item in sources):
            return sources
    source = located(source_of(sources, targets))
    return list(open_source(source, reader or ReaderConfig(), lambda message: None).examples())

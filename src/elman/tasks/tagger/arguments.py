"""Sentences and tags in Python, as a source of examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from elman.data.sources import located
from elman.errors import ArgumentError
from elman.models.text_arguments import require_column
from elman.tasks.arguments import paired, rows_of

from .config import TaggerReaderConfig as ReaderConfig
from .readers import MemorySentences, TaggedSentence, open_source

Sentences = str | Path | Iterable[Any]  # a path, sentences, (tokens, tags) pairs, or a DataFrame
Tags = Iterable[Sequence[str]]


def source_of(sentences: Sentences, tags: Tags | None = None) -> str | Path | MemorySentences:
    """Return the arguments of `fit` as a source: a path, or pairs in memory."""
    if isinstance(sentences, str | Path):
        if tags is not None:
            hint = "Give a path alone, or two lists"
            raise ArgumentError("sentences and tags: given a path and tags; expected a path alone", hint=hint)
        return sentences
    if tags is None:
        return MemorySentences(rows_of(sentences, ("tokens", "tags")))
    require_column(sentences)
    require_column(tags)
    return MemorySentences(paired(sentences, tags, "sentences and tags"))


def examples_of(
    sentences: Sentences, tags: Tags | None = None, reader: ReaderConfig | None = None
) -> list[TaggedSentence | tuple[Any, Any]]:
    """Return the examples of the arguments of `evaluate`, which are those of `fit`, or examples already.

    Pairs in memory are returned as they are: the model splits texts into tokens.
    """
    if tags is None and not isinstance(sentences, str | Path) and not hasattr(sentences, "itertuples"):
        return [item if isinstance(item, TaggedSentence) else _pair(item) for item in sentences]
    source = source_of(sentences, tags)
    if isinstance(source, MemorySentences):
        return [_pair(item) for item in source.items]
    return list(open_source(located(source), reader or ReaderConfig(), lambda message: None).examples())


def _pair(item: Any) -> Any:
    """Return a pair in memory, of a row of an array as a tuple."""
    return tuple(item.tolist()) if hasattr(item, "tolist") else item

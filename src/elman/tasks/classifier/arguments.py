"""Texts and labels in Python, as a source of examples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from elman.data.sources import located
from elman.errors import ArgumentError
from elman.models.text_arguments import require_column
from elman.tasks.arguments import one_for_each, paired, rows_of

from .config import ClassifierReaderConfig as ReaderConfig
from .readers import LabelledText, MemoryTexts, open_source

Texts = str | Path | Iterable[Any]  # a path, texts, (text, label) pairs, or a DataFrame


def source_of(texts: Texts, labels: Iterable[Any] | None = None) -> str | Path | MemoryTexts:
    """Return the arguments of `fit` as a source: a path, or pairs in memory."""
    if isinstance(texts, str | Path):
        if labels is not None:
            raise ArgumentError("texts and labels: given a path and labels; expected a path alone, or two lists")
        return texts
    if labels is None:
        return MemoryTexts(rows_of(texts, ("text", "label")))
    require_column(texts)
    require_column(labels)
    return MemoryTexts(paired(texts, one_for_each(labels, "labels"), "texts and labels"))


def examples_of(
    texts: Texts | Iterable[LabelledText], labels: Iterable[Any] | None = None, reader: ReaderConfig | None = None
) -> list[LabelledText]:
    """Return the examples of the arguments of `evaluate`, which are those of `fit`, or examples already."""
    if labels is None and not isinstance(texts, str | Path) and not hasattr(texts, "itertuples"):
        texts = list(texts)
        if all(isinstance(item, LabelledText) for item in texts):
            return texts
    source = located(source_of(texts, labels))
    return list(open_source(source, reader or ReaderConfig(), lambda message: None).examples())

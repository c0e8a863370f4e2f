"""Texts in Python, as a source of examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from elman.data.readers.files import STDIN
from elman.data.sources import located
from elman.errors import DataError
from elman.models.text_arguments import require_texts

from .config import LanguageModelReaderConfig as ReaderConfig
from .readers import MemoryTexts, open_source

Text = str | Path | Iterable[str]  # a path, or texts


def source_of(text: Text) -> str | Path | MemoryTexts:
    """Return an argument of `fit` as a source: a path, or texts in memory."""
    return text if isinstance(text, str | Path) else MemoryTexts(require_texts(text))


def examples_of(text: Text, reader: ReaderConfig | None = None) -> Iterator[str]:
    """Return the blocks of the argument of `evaluate`, which is that of `fit`."""
    source = located(source_of(text))
    if isinstance(source, str | Path) and str(source) != STDIN and not Path(source).exists():
        raise DataError("no such file", hint="A str is a path; give texts as a list: [text]", where=str(text)[:40])
    return open_source(source, reader or ReaderConfig(), lambda message: None).examples()

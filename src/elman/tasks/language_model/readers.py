"""Readers of texts: files and Python objects to blocks of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elman.data.readers.encodings import Notify
from elman.data.readers.text import MemoryText, SourceRecord, TextSource
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source

from .config import LanguageModelReaderConfig as ReaderConfig


@dataclass(frozen=True, slots=True)
class MemoryTexts:
    """Texts that a Python caller holds."""

    texts: MemoryText

    @property
    def name(self) -> str:
        return self.texts.name

    @property
    def record(self) -> SourceRecord:
        return self.texts.record

    def check(self) -> None:
        """Check nothing: the texts are strings."""

    def examples(self) -> Iterator[str]:
        """Yield the texts, each with a line end."""
        return self.texts.blocks()


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[str]:
    """Return the blocks of a text file, or of texts in memory."""
    if isinstance(source, MemoryTexts):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a text file, or texts")
    return FileExamples(open_text(source, reader.encoding, notify), TextSource.blocks)

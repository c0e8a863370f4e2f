"""Readers of texts: files and Python objects to blocks of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from elman.data.readers.encodings import Notify
from elman.data.readers.text import IN_MEMORY, MemoryText, SourceRecord, TextSource
from elman.data.sources import ExampleSource, FileExamples, SourceArgument, open_text, unsupported_source

from .config import LanguageModelReaderConfig as ReaderConfig


@dataclass(frozen=True, slots=True)
class MemoryTexts:
    """Texts that a Python caller holds."""

    texts: Sequence[str]
    name: str = IN_MEMORY

    @property
    def record(self) -> SourceRecord:
        return MemoryText(self.texts, self.name).record

    def check(self) -> None:
        """Check nothing: the texts are strings."""

    def examples(self) -> Iterator[str]:
        """Yield the texts, each with a line end."""
        return MemoryText(self.texts, self.name).blocks()


def open_source(source: SourceArgument, reader: ReaderConfig, notify: Notify) -> ExampleSource[str]:
    """Return the blocks of a text file, or of texts in memory."""
    if isinstance(source, MemoryTexts):
        return source
    if not isinstance(source, str | Path):
        raise unsupported_source(source, "a text file, or texts")
    return FileExamples(open_text(source, reader.encoding, notify), TextSource.blocks)

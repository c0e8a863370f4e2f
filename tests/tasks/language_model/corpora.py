"""Corpora of a language model from texts in memory, and a generated text that can be learned but not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.config import Values
from elman.data.sources import ExampleSource
from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.defaults import resolve
from elman.tasks.language_model.preparation import prepare
from elman.tasks.language_model.readers import MemoryTexts

WORDS = ("ab", "cad", "beef", "deaf", "face", "a", "你好")


def memory(*texts: str, name: str = "memory") -> MemoryTexts:
    """Return texts as a source."""
    return MemoryTexts(texts, name)


def prepared(
    folder: Path,
    *sources: str | ExampleSource[str],
    valid: Sequence[str | ExampleSource[str]] = (),
    seed: int = 0,
    **data: Any,
) -> LanguageModelCorpus:
    """Return the corpus of texts; `data` holds values of the table `data` of the config."""
    values: Values = {"seed": seed, "data": data}
    train, validation = ([memory(s) if isinstance(s, str) else s for s in part] for part in (sources, valid))
    return prepare(folder, values, resolve(values), train, validation, lambda message: None)


def small_text(words: int = 600, seed: int = 0) -> str:
    """Return words of three lengths in a random order."""
    order = np.random.default_rng(seed).integers(0, len(WORDS), words)
    return " ".join(WORDS[index] + ("\n" if index == 3 else "") for index in order) + "\n"


def small_corpus(folder: Path) -> LanguageModelCorpus:
    """Return the corpus of the small text."""
    return prepared(folder / "data", small_text())

"""A small corpus from a generated text: words of three lengths, in an order that can be learned but not guessed."""

from pathlib import Path
from typing import Any

import numpy as np

from elman.data.readers import TextSource
from elman.tasks.language_model.corpus import Corpus, TextConfig
from elman.tasks.language_model.preparation import prepare

WORDS = ("ab", "cad", "beef", "deaf", "face", "a", "你好")


def small_text(words: int = 600, seed: int = 0) -> str:
    order = np.random.default_rng(seed).integers(0, len(WORDS), words)
    return " ".join(WORDS[index] + ("\n" if index == 3 else "") for index in order) + "\n"


def small_corpus(folder: Path, text: str | None = None, **options: Any) -> Corpus:
    path = folder / "text.txt"
    path.write_text(small_text() if text is None else text, "utf-8")
    return prepare(folder / "data", [TextSource(path)], TextConfig(), **options)

"""Predictions for a group of texts, or for each of them where the memory does not suffice for all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def computed(compute: Callable[[list[str]], Iterable[T]], texts: list[str]) -> list[T | None]:
    """Return what `compute` gives for the texts, and None for a text that alone needs more memory than there is."""
    try:
        return list(compute(texts))
    except MemoryError:
        if len(texts) == 1:
            return [None]
        return [result for text in texts for result in computed(compute, [text])]


def memory_error(text: str) -> str:
    """Return what was wrong with a text that needs more memory than there is."""
    return f"{len(text):,} characters need more memory than there is; expected a shorter text"

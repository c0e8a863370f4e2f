"""What callers give to be predicted: several texts, each of them text."""

from __future__ import annotations

from collections.abc import Iterable

from elman.errors import DataError


def listed(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list; one text alone, or what is no text, is a DataError."""
    if isinstance(texts, str):
        raise DataError(f"one text, {texts[:40]!r}, expected several", hint="give a list: [text]")
    found = list(texts)
    wrong = next((f"item {i} is {text!r}" for i, text in enumerate(found) if not isinstance(text, str)), None)
    if wrong:
        raise DataError(f"{wrong}, expected text", hint="leave out what is missing")
    return found

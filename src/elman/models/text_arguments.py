"""The texts that callers give to a predictor, checked."""

from __future__ import annotations

from collections.abc import Iterable

from elman.errors import DataError


def require_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list; a single text, or an item that is not a text, is a DataError."""
    if isinstance(texts, str):
        raise DataError(f"one text, {texts[:40]!r}; expected several", hint="Give a list: [text]")
    items = list(texts)
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise DataError(f"item {number} is {item!r}; expected text", hint="Leave out missing values")
    return items

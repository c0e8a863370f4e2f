"""The texts that callers give to a predictor, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from elman.data.readers.text import strip_text
from elman.errors import ArgumentError, DataError


def require_column(value: Any) -> None:
    """Raise a ArgumentError if a DataFrame is given where one column of it is expected."""
    if hasattr(value, "columns") and hasattr(value, "itertuples"):
        columns = [str(column) for column in value.columns]
        hint = f'Give one column of it: frame["{columns[0] if columns else "text"}"]'
        raise ArgumentError(f"given a DataFrame with the columns {', '.join(columns)}; expected one column", hint=hint)


def require_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list; a single text, a DataFrame, or an item that is not a text, is an error."""
    if isinstance(texts, str):
        raise DataError(f"one text, {texts[:40]!r}; expected several", hint="Give a list: [text]")
    require_column(texts)
    items = list(texts)
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise DataError(f"item {number} is {item!r}; expected text", hint="Leave out missing values")
    return items


def require_full_texts(texts: Iterable[str], noun: str = "text") -> list[str]:
    """Return the texts without spaces around them, as files are read; an empty one is a DataError that has the noun."""
    stripped = [strip_text(text) for text in require_texts(texts)]
    for number, text in enumerate(stripped):
        if not text:
            raise DataError(f"item {number} is empty; expected a {noun}", hint="Leave out empty ones")
    return stripped


def require_prompt(prompt: str) -> None:
    """Raise a DataError for a prompt that is no text."""
    if not isinstance(prompt, str):
        raise DataError(f"the prompt is {prompt!r}; expected text", hint='Give "" for no prompt')

"""The texts that callers give to a predictor, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from elman.data.readers.excerpts import shorten
from elman.data.readers.text import strip_text
from elman.errors import ArgumentError, DataError


def require_column(value: Any) -> None:
    """Raise an ArgumentError for a DataFrame or a dict, of which one column is expected, and for what has no items."""
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        hint = f"Give one value of it: data[{keys[0] if keys else 'text'!r}]"
        raise ArgumentError(f"given a dict with the keys {', '.join(keys)}; expected one column", hint=hint)
    if hasattr(value, "columns") and hasattr(value, "itertuples"):
        columns = [str(column) for column in value.columns]
        hint = f'Give one column of it: frame["{columns[0] if columns else "text"}"]'
        raise ArgumentError(f"given a DataFrame with the columns {', '.join(columns)}; expected one column", hint=hint)
    is_list = isinstance(value, Iterable) or hasattr(value, "__array__")
    if not is_list or getattr(value, "ndim", 1) == 0:
        hint = "Give a list, an array or a column of a DataFrame"
        raise ArgumentError(f"given {value!r}; expected a list", hint=hint)


def require_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list; a single text, a DataFrame, or an item that is not a text, is an error."""
    if isinstance(texts, str):
        raise DataError(f"one text, {texts[:40]!r}; expected several", hint="Give a list: [text]")
    require_column(texts)
    items: list[Any] = list(texts)
    for number, item in enumerate(items):
        if not isinstance(item, str):
            hint = "Leave out missing values" if _is_missing(item) else "Give a list of str, one for each text"
            raise DataError(f"item {number} is {shorten(repr(item))}; expected text", hint=hint)
    return items


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or one of pandas' missing values."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def require_full_texts(texts: Iterable[str], noun: str = "text") -> list[str]:
    """Return the texts without spaces around them, as files are read; an empty one is a DataError that has the noun."""
    stripped = [strip_text(text) for text in require_texts(texts)]
    for number, text in enumerate(stripped):
        if not text:
            raise DataError(f"item {number} is empty; expected a {noun}", hint="Leave out empty ones")
    return stripped


def require_numbers(**values: Any) -> None:
    """Raise an ArgumentError for an argument that is neither a number nor None."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ArgumentError(f"{name}: given {value!r}; expected a number")


def require_whole_numbers(least: int, **values: Any) -> None:
    """Raise an ArgumentError for an argument that is neither a whole number of `least` or more, nor None."""
    for name, value in values.items():
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        if value is not None and (not is_whole or value < least):
            raise ArgumentError(f"{name}: given {value!r}; expected a whole number, {least} or more")


def require_prompt(prompt: str) -> None:
    """Raise a DataError for a prompt that is no text."""
    if not isinstance(prompt, str):
        raise DataError(f"the prompt is {prompt!r}; expected text", hint='Give "" for no prompt')

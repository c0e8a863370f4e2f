"""Excerpts of values and lists of names, short enough for an error message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MAX_CHARACTERS = 40


def shorten(text: str) -> str:
    """Return the text, or the beginning of a long text."""
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def shorten_json(value: Any) -> str:
    """Return the value as JSON, or the beginning of long JSON."""
    return shorten(json.dumps(value, ensure_ascii=False))


def list_names(names: Sequence[str], limit: int = 10) -> str:
    """Return the names as a comma-separated list; beyond the limit, only how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit:,} more" if len(names) > limit else "")

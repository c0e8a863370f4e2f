"""An error as a person reads it: on the command line, and on the page of the studio."""

from __future__ import annotations

from elman.errors import Explained
from elman.translations import current_language, translate


def describe_error(error: Explained) -> str:
    """Return where an error is, its message and its hint, in the language of the command."""
    if current_language() == "en":
        return f"{error.where}: {translate(error.explanation)}" if error.where else translate(error.explanation)
    from elman.translations.catalogue import as_sentences

    parts = [translate(part) for part in (error.message, error.hint) if part]
    explanation = as_sentences(*parts, "") if len(parts) > 1 else parts[0]
    return f"{error.where}: {explanation}" if error.where else explanation

"""The two languages of what people read: English and Chinese. A Text is a text in both."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

Language = Literal["en", "zh"]


class Text(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def in_language(self, language: Language) -> str:
        """Return the text in one language."""
        return self.zh if language == "zh" else self.en


def environment_language() -> Language:
    """Return the language of the environment: that of LC_ALL, LC_MESSAGES or LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.startswith("zh") else "en"
    return "en"

"""The explanation of a lab in a language: what it shows, and its equations.

In English it is the docstring of the lab. In Chinese it is explanations/NAME.zh.md, in the markup of docstrings:
paragraphs, lists, names in backticks, and indented lines that hold equations and tables. The first line of the file is
a comment with the hash of the docstring that it explains, so a test notices when the docstring has changed.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from pathlib import Path

from .lab import Lab, Language

FOLDER = Path(__file__).parent / "explanations"
WIDE = "\u2026\u3000-\u303f\u3400-\u9fff\uff00-\uffef"  # Chinese characters and punctuation
# The end of a line inside a Chinese paragraph. A browser would show it as a space.
BREAK = re.compile(rf"(?<=[{WIDE}])\n *(?=[{WIDE}])|(?<=[，。；：、！？（）》])\n *(?=[^\s-])")


def explain(lab: Lab, language: Language) -> str:
    """Return the explanation of a lab, in the markup of docstrings."""
    if language == "en":
        return inspect.getdoc(importlib.import_module(lab.run.__module__)) or ""
    text = chinese_file(lab).read_text("utf-8").partition("\n")[2]
    return "\n\n".join(_joined(paragraph) for paragraph in text.strip("\n").split("\n\n"))


def chinese_file(lab: Lab) -> Path:
    """Return the file of the Chinese explanation of a lab."""
    return FOLDER / f"{lab.name}.zh.md"


def first_line(lab: Lab) -> str:
    """Return the first line of the Chinese explanation: the hash of the docstring as it is now."""
    return f"<!-- docstring: {hashlib.sha256(explain(lab, 'en').encode()).hexdigest()[:8]} -->"


def _joined(paragraph: str) -> str:
    """Return a Chinese paragraph without the line breaks that would become spaces; indented blocks stay as they are."""
    return paragraph if paragraph.startswith(" ") else BREAK.sub("", paragraph)

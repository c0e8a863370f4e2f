"""English counted nouns: `1 steps` is 1 step.

Messages have their nouns in the plural, with a count before them: f"{count:,} texts". Where the count is 1, the message
is corrected as it is shown, here and nowhere else.
"""

from __future__ import annotations

import re

NOUNS = (
    *(
        "byte",
        "cell",
        "character",
        "column",
        "epoch",
        "example",
        "exercise",
        "file",
        "forecast",
        "item",
        "lab",
        "label",
    ),
    *("layer", "letter", "line", "minute", "model", "network", "number", "operation", "pair", "parameter", "point"),
    *(
        "quatrain",
        "round",
        "row",
        "second",
        "seed",
        "sentence",
        "size",
        "source",
        "step",
        "stream",
        "string",
        "subword",
        "symbol",
    ),
    *("tag", "target", "text", "thread", "token", "unit", "update", "validation", "value", "weight", "window", "word"),
)
_COUNTED = re.compile(  # not a part of a number or a path
    rf"(?<![\w.,:/±~-])1 ((?:[a-z]+ )?)({'|'.join(NOUNS)})s\b( are\b| have\b)?(?![./\w-]\w)"
)
_VERBS = {None: "", " are": " is", " have": " has"}
_BETWEEN = {"of", "to", "and", "or", "x", "in", "by", "at", "per", "from", "with", "on", "is"}


def with_singulars(text: str) -> str:
    """Return an English text in which a noun after the number 1 is in the singular."""
    return _COUNTED.sub(_singular, text) if "1 " in text else text


def _singular(match: re.Match[str]) -> str:
    adjective, noun, verb = match.groups()
    if adjective.strip() in _BETWEEN:  # `1 of texts`
        return match[0]
    return f"1 {adjective}{noun}{_VERBS[verb]}"

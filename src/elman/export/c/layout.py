"""The layout of lines that are too long for a file of C, after the rules of clang-format that matter here."""

from __future__ import annotations

import re

from .literals import WIDTH

_CONTROL = re.compile(r"(\s*)((?:for|if) \(.*?\)) ((?:return|[a-z]\w*\().*;)$")


def wrap_long_lines(text: str) -> str:
    """Return a text of C whose lines are wrapped where they are too long and have commas, or a statement at the end."""
    formatted = True
    lines = []
    for line in text.split("\n"):
        formatted = {"// clang-format off": False, "// clang-format on": True}.get(line.strip(), formatted)
        lines += _wrapped(line) if formatted and len(line) > WIDTH and not line.lstrip().startswith("//") else [line]
    return "\n".join(lines)


def _wrapped(line: str) -> list[str]:
    control = _CONTROL.match(line)
    if control and _is_balanced(control[2]):
        indent, head, statement = control.groups()
        return [f"{indent}{head}", *_wrapped(f"{indent}    {statement}")]
    if len(line) <= WIDTH:
        return [line]
    place = line.rfind(", ", 0, WIDTH + 1)
    if place < 0 or line.startswith("#"):
        return [line]
    head = line[: place + 1]
    depth, column = 0, 0
    for column in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[column], 0)
        if depth < 0:
            break
    else:
        return [line]
    return [head, *_wrapped(" " * (column + 1) + line[place + 2 :])]


def _is_balanced(text: str) -> bool:
    return text.count("(") == text.count(")")

"""Fragments of C, which are the same in every exported file: fragments/*.c, each with a function or a type or two.

A file has the fragments whose functions and types it uses, and those that these use in turn. They are in the order of
their first use, each behind those that it uses itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources

_FUNCTION = re.compile(r"^static [^=;(]*?(\w+)\(", re.MULTILINE)
_TYPE = re.compile(r"^\} (\w+);", re.MULTILINE)
_NAME = re.compile(r"\b[A-Za-z_]\w*\(?")
_COMMENT_OR_STRING = re.compile(r'//.*|"(?:\\.|[^"\\\n])*"')


@functools.cache
def fragments() -> dict[str, str]:
    """Return the text of each fragment by its name."""
    folder = resources.files(__package__) / "fragments"
    return {
        entry.name.removesuffix(".c"): entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".c")
    }


@functools.cache
def _fragment_of() -> dict[str, str]:
    """Return the fragment that defines a name."""
    return {name: fragment for fragment, text in fragments().items() for name in defined_names(text)}


def defined_names(text: str) -> set[str]:
    """Return the functions, with an open parenthesis behind each name, and the types that a text defines."""
    return {f"{name}(" for name in _FUNCTION.findall(text)} | set(_TYPE.findall(text))


def needed(text: str, present: Iterable[str] = ()) -> list[str]:
    """Return the names of the fragments that a text needs beside those that are present, in order."""
    order: list[str] = list(present)
    first = len(order)
    _add(text, order, None)
    return order[first:]


def _add(text: str, order: list[str], this: str | None) -> None:
    used = dict.fromkeys(_NAME.findall(_COMMENT_OR_STRING.sub("", text)))
    for name in dict.fromkeys(_fragment_of()[name] for name in used if name in _fragment_of()):
        if name != this and name not in order:
            _add(fragments()[name], order, name)
            if name not in order:
                order.append(name)

"""Types of the arguments of the scripts in benchmarks/: argparse checks them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable


def at_least(least: int) -> Callable[[str], int]:
    """Return a type of argparse for whole numbers of `least` or more."""

    def read(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"given {text}; expected a whole number, {least} or more")
        return int(text)

    return read


def some_of(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a type of argparse for names from choices, with commas between them; capital letters do not matter."""
    names = {name.lower(): name for name in choices}

    def read(text: str) -> list[str]:
        given = [name.strip().lower() for name in text.split(",")]
        for name in given:
            if name not in names:
                raise argparse.ArgumentTypeError(f"given {name!r}; expected some of {', '.join(names.values())}")
        return [names[name] for name in given]

    return read

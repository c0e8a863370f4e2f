"""Types of arguments for the scripts in benchmarks/, which argparse checks."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return a type of argparse for whole numbers of `least` or more."""

    def read(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"given {text}; expected a whole number, {least} or more")
        return int(text)

    return read

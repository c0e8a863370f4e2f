"""Groups of inputs: from a file, many at once; from a pipe, what has arrived.

A program that writes a line into a pipe and waits for the answer gets it.
"""

from __future__ import annotations

import os
import queue
import stat
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from .files import STDIN, is_readable_once

Item = TypeVar("Item")

GROUP = 4096  # inputs


def arrives_in_pieces(path: str | Path) -> bool:
    """Return whether the content may come bit by bit: from a pipe or a terminal, but not from a redirected file."""
    if str(path) != STDIN:
        return is_readable_once(path)
    try:
        return not stat.S_ISREG(os.fstat(0).st_mode)
    except OSError:
        return True


def grouped(items: Iterator[Item], *, as_they_come: bool, size: int = GROUP) -> Iterator[list[Item]]:
    """Yield the items in groups of at most `size`; as_they_come: without waiting for more than the first item."""
    if as_they_come:
        yield from _grouped_as_they_come(items, size)
        return
    while group := list(islice(items, size)):
        yield group


def _grouped_as_they_come(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Read the items in a thread, and yield all that it has read since the last group."""
    arrived: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(maxsize=4 * size)

    def read() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                arrived.put((item, None, False))
        except BaseException as problem:
            error = problem
        arrived.put((None, error, True))

    threading.Thread(target=read, daemon=True).start()
    while True:
        group: list[Item] = []
        entry = arrived.get()
        while not entry[2]:
            group.append(entry[0])  # type: ignore[arg-type]
            if len(group) == size or arrived.empty():
                break
            entry = arrived.get()
        if group:
            yield group
        if entry[2]:
            if entry[1] is not None:
                raise entry[1]
            return

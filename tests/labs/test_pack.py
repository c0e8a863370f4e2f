"""The classroom pack holds the site, every lab as a notebook in both languages, and data that may be passed on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import elman
from elman.data import catalogue, datasets
from elman.errors import ConfigError
from elman.labs import LABS, load_lab, pack
from tests.cli.conftest import Command, run_command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(autouse=True)
def two_data_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two small data sets, of which only one may be passed on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    generated = catalogue.DATA_SETS["reverse"]
    secret = dataclasses.replace(generated, name="secret", licence="all rights reserved")
    monkeypatch.setattr(pack, "DATA_SETS", {"reverse": generated, "secret": secret})


def write_site(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<html></html>", "utf-8")
    return folder


def test_the_pack_has_the_site_the_notebooks_and_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list[str]()
    folder = tmp_path / "pack"
    pack.write_pack(folder, write_site(tmp_path / "site"), lines.append)
    assert sorted(path.name for path in folder.iterdir()) == ["README.txt", "data", "notebooks", "site"]
    assert (folder / "site" / "index.html").is_file()
    for language in ("en", "zh"):
        notebooks = folder / "notebooks" / language
        assert sorted(path.stem for path in notebooks.iterdir()) == sorted(LABS)
        first = json.loads((notebooks / "srn-tanh.ipynb").read_text("utf-8"))["cells"][1]["source"]
        assert load_lab("srn-tanh").title._asdict()[language] in first
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["LICENCES.txt", "reverse"]
    assert "reverse/reverse.tsv: Apache-2.0" in (folder / "data" / "LICENCES.txt").read_text("utf-8")
    assert "secret: not packed, because it is not on this machine or must not be passed on" in lines

    monkeypatch.setenv("ELMAN_DATA", str(folder / "data"))
    assert datasets.find_cached("reverse") == folder / "data" / "reverse" / "reverse.tsv"


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match=r"exists; expected a new or empty folder\. Choose another name"):
        pack.write_pack(tmp_path, tmp_path, lambda line: None)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["mine"]


def test_the_command_writes_the_pack_and_reports_what_is_missing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elman, "__file__", str(tmp_path / "src" / "elman" / "__init__.py"))
    done = command("lab", "--pack", tmp_path / "pack")
    assert done.code == 2
    assert "the documentation site is not built; expected docs/_build/site. In the folder of elman's" in done.err
    assert not (tmp_path / "pack").exists()
    done = command("lab", "srn-tanh", "--pack", tmp_path / "pack", "--check")
    assert done.code == 2
    assert "--pack: given with NAME, --check; expected no other option" in done.err
    write_site(tmp_path / pack.SITE)
    done = command("lab", "--pack", tmp_path / "pack")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "pack" / "site" / "index.html").is_file()

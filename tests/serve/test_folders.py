"""What the studio opens: entries of the folders that are named at the start, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elman.checkpoint import versions
from elman.errors import ConfigError, DataError, ModelError
from elman.serve import folders as folders_module
from elman.serve.folders import Folders
from elman.tasks.loading import load
from tests.checkpoint.versioned_runs import versioned_run
from tests.tasks.language_model.models import tiny_predictor

from .studios import write_run

TRICKS = [
    *("", ".", "..", "/", "/etc/passwd", "~", "~/secret", "%2e%2e/secret", "..\\secret", "a\0b", "file:///etc/passwd"),
    *(
        "runs/../secret",
        "runs/./book",
        "runs//book",
        "runs/book/",
        "runs/.hidden",
        "runs/link",
        "runs/book/metrics.jsonl",
    ),
    *("secret", "secret/model", "runs/link/model", "runs/data-link.txt", "RUNS/book", " runs/book"),
]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is named, with a run, a model, data and symbolic links, beside a secret one."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/book"), tiny_predictor())
    tiny_predictor().save(Path("runs/old/model"))
    Path("runs/text.txt").write_text("text")
    Path("runs/old/table.csv.gz").write_bytes(b"")
    Path("runs/program.py").write_text("")
    Path("runs/唐诗　三百首 1.txt").write_text("")  # with spaces of two widths
    Path("runs/.hidden").mkdir()
    Path("runs/.hidden/text.txt").write_text("")
    tiny_predictor().save(Path("secret/model"))
    Path("secret/data.txt").write_text("secret")
    Path("runs/link").symlink_to(Path("secret").absolute())
    Path("runs/data-link.txt").symlink_to(Path("secret/data.txt").absolute())
    Path("runs/inner.txt").symlink_to("text.txt")
    return tmp_path


def names(folders: Folders, kind: str) -> list[str]:
    return [entry.name for entry in folders.entries() if entry.kind == kind]


def test_the_list_has_runs_models_data_and_folders(disk: Path) -> None:
    folders = Folders([Path("runs")])
    assert names(folders, "run") == ["runs/book"]
    assert names(folders, "model") == ["runs/old/model"]
    assert names(folders, "data") == [
        "runs/inner.txt",
        "runs/old/table.csv.gz",
        "runs/text.txt",
        "runs/唐诗　三百首 1.txt",
    ]
    assert names(folders, "folder") == ["runs", "runs/old"]
    assert folders.run("runs/book") == Path("runs/book")
    assert folders.model("runs/old/model") == Path("runs/old/model")
    assert folders.data_file("runs/text.txt").read_text() == "text"


def test_a_run_or_a_model_may_be_named_itself(disk: Path) -> None:
    folders = Folders([Path("runs/book"), Path("runs/old/model")])
    assert names(folders, "run") == ["runs/book"]
    assert names(folders, "model") == ["runs/old/model"]
    assert names(folders, "folder") == names(folders, "data") == []


@pytest.mark.parametrize("name", TRICKS)
def test_no_name_opens_anything_else(disk: Path, name: str) -> None:
    folders = Folders([Path("runs")])
    with pytest.raises(ModelError, match="no run of this name is in the folders of the studio"):
        folders.run(name)
    with pytest.raises(ModelError, match="no run and no model of this name"):
        folders.model(name)
    with pytest.raises(DataError, match="no data file of this name"):
        folders.data_file(name)
    with pytest.raises(ConfigError, match="no folder of this name"):
        folders.new_path(name, "new")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-o", "a\0", "a\nb", "x" * 61, "/etc"]
)
def test_a_new_name_is_one_plain_name(disk: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is not allowed; expected at most 60 letters"):
        Folders([Path("runs")]).new_path("runs", name)


def test_a_new_name_may_be_chinese_and_must_be_free(disk: Path) -> None:
    folders = Folders([Path("runs")])
    assert folders.new_path("runs", "唐诗-2.txt") == Path("runs/唐诗-2.txt")
    Path("runs/dangling").symlink_to("nowhere")
    for name in ("book", "text.txt", "dangling"):
        with pytest.raises(ConfigError, match="the name is taken"):
            folders.new_path("runs", name)


def test_a_whole_disk_named_by_mistake_is_not_read_to_its_end(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folders_module, "MAX_ENTRIES", 3)
        assert len(Folders([Path("runs")]).entries()) <= 5
    deep = Path("deep/a/b/c/d/e")
    deep.mkdir(parents=True)
    (deep / "text.txt").write_text("")
    assert names(Folders([Path("deep")]), "data") == []


def test_a_folder_need_not_exist_yet_and_may_not_be_a_file(disk: Path) -> None:
    folders = Folders([Path("later")])
    assert names(folders, "folder") == ["later"]
    write_run(Path("later/run"))
    assert names(folders, "run") == ["later/run"]
    with pytest.raises(ConfigError, match="the path is a file; expected a folder"):
        Folders([Path("runs/text.txt")])
    with pytest.raises(ConfigError, match="given twice"):
        Folders([Path("runs"), Path("runs")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_empty(disk: Path) -> None:
    Path("runs/old").chmod(0)
    assert names(Folders([Path("runs")]), "model") == []
    Path("runs/old").chmod(0o755)


def test_a_run_with_versions_is_one_run_and_its_files_are_those_of_the_current_version(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "runs" / "book", 3)
    folders = Folders([tmp_path / "runs"])
    assert names(folders, "run") == [f"{tmp_path}/runs/book"]
    name = f"{tmp_path}/runs/book"
    assert folders.run(name) == run / "versions" / "0003"
    versions.roll_back(run, None, load)
    assert folders.run(name) == folders.model(name) == run / "versions" / "0002"
    (run / "current").write_text("?")
    assert names(folders, "run") == []


def test_a_version_outside_the_folders_is_not_listed(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "runs" / "book", 2)
    (run / "versions").rename(tmp_path / "secret")
    (run / "versions").symlink_to(tmp_path / "secret")
    assert names(Folders([tmp_path / "runs"]), "run") == []

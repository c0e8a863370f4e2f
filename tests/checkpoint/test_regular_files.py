"""Files of a folder from a stranger: links that lead outside, pipes and devices are refused, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from elman.checkpoint import ModelFolder, read_model, read_regular_file, write_model
from elman.errors import ModelError

NOT_A_FILE = r"name: this is not a plain file; expected one\. Copy the whole folder again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "folder"


@pytest.mark.parametrize("target", ["../secret", "{outside}/secret", "/dev/zero", "/proc/kmsg"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, target: str) -> None:
    (folder / "name").symlink_to(target.format(outside=folder.parent))
    with pytest.raises(ModelError, match=r"name: (the file is a symbolic link out of the folder|no such file)"):
        read_regular_file(folder, "name")


def test_a_link_inside_the_folder_and_a_folder_that_is_a_link_are_read(folder: Path) -> None:
    (folder / "content").write_bytes(b"mine")
    (folder / "name").symlink_to("content")
    (folder.parent / "link").symlink_to("folder")
    assert read_regular_file(folder.parent / "link", "name") == b"mine"


def test_a_pipe_and_a_folder_are_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "name")
    with pytest.raises(ModelError, match=NOT_A_FILE):
        read_regular_file(folder, "name")
    (folder / "name").unlink()
    (folder / "name").mkdir()
    with pytest.raises(ModelError, match=NOT_A_FILE):
        read_regular_file(folder, "name")


def test_a_pipe_that_replaces_the_file_at_the_last_moment_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "name")
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    with pytest.raises(ModelError, match=NOT_A_FILE):
        read_regular_file(folder, "name")


def test_a_link_that_replaces_the_file_at_the_last_moment_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "name").symlink_to("../secret")
    monkeypatch.setattr(Path, "resolve", lambda path, strict=False: path)
    with pytest.raises(ModelError, match="name: the file cannot be read: "):
        read_regular_file(folder, "name")


def test_a_missing_file_and_a_loop_of_links_are_errors(folder: Path) -> None:
    with pytest.raises(ModelError, match="name: no such file"):
        read_regular_file(folder, "name")
    (folder / "name").symlink_to("name")
    with pytest.raises(ModelError, match="name: the file cannot be read: "):
        read_regular_file(folder, "name")


def test_a_file_that_changes_while_it_is_read_is_read_up_to_its_size_or_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "name").write_bytes(b"x" * 10)
    os_read = os.read

    def read(descriptor: int, size: int) -> bytes:
        os.truncate(folder / "name", new_size)
        return os_read(descriptor, size)

    monkeypatch.setattr(os, "read", read)
    new_size = 1 << 40
    assert read_regular_file(folder, "name", expected_size=10) == b"x" * 10
    os.truncate(folder / "name", 10)
    new_size = 4
    with pytest.raises(ModelError, match="name: the file has 4 bytes; expected 10"):
        read_regular_file(folder, "name", expected_size=10)


def test_a_file_that_is_too_long_is_not_read(folder: Path) -> None:
    (folder / "name").touch()
    os.truncate(folder / "name", 1 << 40)
    with pytest.raises(ModelError, match="name: the file has 1,099,511,627,776 bytes; expected at most 10"):
        read_regular_file(folder, "name", max_bytes=10)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_no_file_of_a_model_folder_is_read_from_outside(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "a", ModelFolder({"task": "lm"}, {"w": np.ones(2, np.float32)}, {}, "card"))
    (tmp_path / "a" / name).rename(tmp_path / "outside")
    (tmp_path / "a" / name).symlink_to("../outside")
    with pytest.raises(ModelError, match=f"{name}: the file is a symbolic link out of the folder"):
        read_model(tmp_path / "a")


def test_a_card_that_is_no_file_of_the_folder_is_not_there(tmp_path: Path) -> None:
    write_model(tmp_path / "a", ModelFolder({"task": "lm"}, {}, {}, "card"))
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a" / "README.md").unlink()
    (tmp_path / "a" / "README.md").symlink_to("../secret")
    assert read_model(tmp_path / "a").card == ""
    (tmp_path / "a" / "README.md").unlink()
    os.mkfifo(tmp_path / "a" / "README.md")
    assert read_model(tmp_path / "a").card == ""

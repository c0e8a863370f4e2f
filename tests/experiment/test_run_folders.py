"""Run folders: overwritten, resumed, killed while they are prepared, and read from a pipe."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import RunFolder, durable_files
from elman.errors import DataError, ModelError, ResourceError
from elman.experiment import resume, train
from elman.tasks.language_model import preparation
from elman.tasks.loading import load
from elman.training.progress import SilentDisplay

from ..cards import without_speed
from .trainings import TINY, Killed, Recorder, files_of, names_in, with_training


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_text_that_cannot_be_decoded_leaves_no_run_and_does_not_change_an_old_one(
    book: Path, tmp_path: Path, overwrite: bool
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")  # after the part that is checked beforehand
    if overwrite:
        train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(DataError, match=r"bad\.txt:200001: not UTF-8 at byte 1 of the line"):
        train([bad], tmp_path / "run", TINY, SilentDisplay(), overwrite=overwrite)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not [name for name in names_in(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ZeroDivisionError])
def test_the_old_run_is_restored_whatever_stops_the_preparation(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}

    def fails(*arguments: Any, **keywords: Any) -> None:
        raise error

    monkeypatch.setattr(preparation, "prepare", fails)
    with pytest.raises(ResourceError if error is MemoryError else error):
        train([book], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert names_in(tmp_path) == ["book.txt", "run"]


def test_a_run_is_unlocked_when_it_ends_and_when_it_fails(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()
    (tmp_path / "run" / "data" / "train.ids").write_bytes(b"x")
    with pytest.raises(ModelError):
        resume(tmp_path / "run", SilentDisplay())
    RunFolder.open(tmp_path / "run").unlock()


def test_a_relative_path_is_stored_as_an_absolute_one(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(["book.txt"], Path("run"), TINY, SilentDisplay())
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]


def timeless(folder: Path) -> dict[str, bytes]:
    """Return the files of a model folder, without the speed on its card."""
    files = files_of(folder)
    return {**files, "README.md": without_speed(files["README.md"])}


def test_a_run_survives_two_overwrites_that_were_killed_while_they_read_their_text(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    before = files_of(tmp_path / "run")
    request = {"values": TINY, "sources": {"train": [str(book)], "valid": []}, "task": "lm"}
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()  # killed while it read its text
    (tmp_path / "bad.txt").write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")
    with pytest.raises(DataError, match="not UTF-8"):
        train([tmp_path / "bad.txt"], tmp_path / "run", TINY, SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") == before
    RunFolder.create(tmp_path / "run", request, overwrite=True).unlock()
    train([book], tmp_path / "run", with_training(steps=2), SilentDisplay(), overwrite=True)
    assert files_of(tmp_path / "run") != before
    assert names_in(tmp_path) == ["bad.txt", "book.txt", "run"]


def test_a_pipe_is_read_once_and_to_its_end(book: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    text, done = book.read_bytes(), threading.Event()

    def write() -> None:
        (tmp_path / "pipe").write_bytes(text)
        while not done.wait(0.02):  # a second reader, which would wait for ever, finds an empty pipe
            with contextlib.suppress(OSError):
                os.close(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        train([tmp_path / "pipe"], tmp_path / "run", TINY, SilentDisplay())
    finally:
        done.set()
        writer.join(10)
    source = json.loads((tmp_path / "run" / "data" / "corpus.json").read_bytes())["sources"][0]
    assert (source["bytes"], source["sha256"]) == (len(text), hashlib.sha256(text).hexdigest())


@pytest.mark.parametrize("name", ["env.json", "config.toml"])
def test_a_run_killed_while_its_config_is_written_starts_over(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    train([book], tmp_path / "whole", TINY, SilentDisplay())
    real = durable_files.write_synced

    def cut(path: Path, content: bytes) -> None:
        if path.name.startswith(name):
            path.write_bytes(content[: len(content) // 2])
            raise Killed
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "write_synced", cut)
        with pytest.raises(Killed):
            train([book], tmp_path / "run", TINY, SilentDisplay())
    assert not (tmp_path / "run" / "config.toml").exists()
    display = Recorder()
    assert resume(tmp_path / "run", display)["steps"] == 4
    assert display.messages[0] == "the run was stopped before its text was read: starting over"
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("run", "whole")]
    assert weights[0] == weights[1]


def test_resuming_a_finished_run_does_not_change_an_edited_card(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    (tmp_path / "run" / "model" / "README.md").write_text("# An edited card\n")
    before = files_of(tmp_path / "run" / "model")
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert files_of(tmp_path / "run" / "model") == before


@pytest.mark.parametrize("damage", ["missing", "other weights"])
def test_resuming_a_finished_run_writes_the_best_model_again_if_it_is_missing_or_another(
    book: Path, tmp_path: Path, damage: str
) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    folder = tmp_path / "run" / "model"
    before = timeless(folder)
    if damage == "missing":
        shutil.rmtree(folder)
    else:
        predictor = load(folder)
        predictor.tensors["readout.bias"] = predictor.tensors["readout.bias"] + 1
        predictor.save(folder, card=predictor.card)
        assert timeless(folder) != before
    assert resume(tmp_path / "run", SilentDisplay())["valid"] == result["valid"]
    assert timeless(folder) == before


def test_a_run_with_a_relative_path_can_be_overwritten(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for steps in (2, 3):
        assert train([book], Path("run"), with_training(steps=steps), SilentDisplay(), overwrite=True)["steps"] == steps
    assert names_in(tmp_path) == ["book.txt", "run"]


def test_a_run_may_be_the_current_folder(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert train([book], Path(), with_training(steps=2), SilentDisplay())["steps"] == 2
    assert load(tmp_path / "empty").generate("a", max_tokens=3, seed=1).startswith("a")

"""Versions of a run: made current, rolled back and deleted, and harmless to kill at every moment."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import RunFolder, current_model, current_run, durable_files, is_run_folder, read_model, versions
from elman.checkpoint.run_folder import RUN_ENTRIES
from elman.errors import ConfigError, ModelError, ResourceError
from elman.experiment.replacement import locked_run
from elman.tasks.loading import load

from .versioned_runs import add_version, assert_one_version, first_run, number_of, versioned_run

ACCEPTED = {"accepted": True}


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_run_that_was_never_replaced_is_its_own_version_1(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    assert (versions.version_numbers(run), versions.history_of(run), current_run(run)) == ([1], (1,), run)
    assert current_model(run / "model") == run / "model"
    assert versions.folder_of(run, 1) == run


def test_a_new_version_becomes_current_and_the_first_one_moves_to_a_folder_of_its_own(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    versions.make_current(run, add_version(run), ACCEPTED)
    assert current_run(run) == run / "versions" / "0002"
    assert names_in(run) == ["current", "lock", "model", "switch.lock", "versions"]
    for number in (1, 2):
        assert_one_version(run / "versions" / f"000{number}", number)
    assert number_of(run / "model") == 2
    assert (run / "current").read_text() == "0002\n0001\n"
    assert is_run_folder(run)


def test_every_file_of_a_training_moves_with_the_first_version(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    present = {entry.name for entry in run.iterdir()} - {"lock", "model"}
    assert present <= set(RUN_ENTRIES)
    (run / "notes.txt").write_text("of the user")
    versions.make_current(run, add_version(run), ACCEPTED)
    assert (run / "notes.txt").read_text() == "of the user"


def test_versions_are_copied_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise OSError(errno.EPERM, "no links")

    run = first_run(tmp_path / "run")
    monkeypatch.setattr(os, "link", refuse)
    versions.make_current(run, add_version(run), ACCEPTED)
    assert_one_version(run / "versions" / "0001", 1)


def test_rolling_back_goes_back_one_version_at_a_time_and_to_any_that_is_named(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 3)
    assert versions.roll_back(run, None, load) == (3, 2)
    assert (number_of(run / "model"), number_of(current_run(run) / "model")) == (2, 2)
    assert versions.roll_back(run, None, load) == (2, 1)
    with pytest.raises(ConfigError, match=r"no earlier version was current\. List the versions with `elman versions "):
        versions.roll_back(run, None, load)
    assert versions.roll_back(run, 3, load) == (1, 3)
    assert versions.roll_back(run, 3, load) == (3, 3)
    assert versions.history_of(run) == (3, 1)
    with pytest.raises(ConfigError, match="version 9 is not there; expected one of 1, 2, 3"):
        versions.roll_back(run, 9, load)


def test_a_version_that_cannot_be_read_does_not_become_current(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 2)
    weights = run / "versions" / "0001" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match="the file differs from what was written"):
        versions.roll_back(run, None, load)
    assert (versions.history_of(run), number_of(run / "model")) == ((2, 1), 2)


def test_a_version_whose_training_has_not_ended_does_not_become_current(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 2)
    assert add_version(run) == 3
    assert versions.unfinished_version(run) == 3
    with pytest.raises(ConfigError, match=r"the training of version 3 has not ended\. Continue it with `elman resume "):
        versions.roll_back(run, 3, load)


def test_a_rejected_version_stays_and_may_become_current_later(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    versions.reject(run, add_version(run), {"accepted": False, "metric": "loss"})
    assert (versions.unfinished_version(run), versions.version_numbers(run)) == (None, [1, 2])
    assert current_run(run) == run
    assert versions.prune(run, 1, 2) == []
    assert versions.roll_back(run, 2, load) == (1, 2)
    assert_one_version(current_run(run), 2)
    assert versions.roll_back(run, None, load) == (2, 1)


@pytest.mark.parametrize(("keep", "deleted"), [(1, [1, 2, 3]), (2, [1, 2]), (3, [1]), (4, []), (9, [])])
def test_the_last_versions_are_kept(tmp_path: Path, keep: int, deleted: list[int]) -> None:
    run = versioned_run(tmp_path / "run", 4)
    assert versions.prune(run, keep, 4) == deleted
    left = [n for n in (1, 2, 3, 4) if n not in deleted]
    assert versions.version_numbers(run) == left
    assert versions.history_of(run) == tuple(reversed(left))
    assert names_in(run / "versions") == [f"{n:04d}" for n in left]
    for number in left:
        assert_one_version(run / "versions" / f"{number:04d}", number)


def test_a_first_version_that_is_trained_further_is_not_moved_by_a_rollback(tmp_path: Path) -> None:
    run = first_run(tmp_path / "run")
    versions.reject(run, add_version(run), {"accepted": False})
    trained = RunFolder.open(run)
    with pytest.raises(ConfigError, match="another process is training in this folder"):
        versions.roll_back(run, 2, load)
    trained.unlock()
    assert versions.roll_back(run, 2, load) == (1, 2)


def test_the_current_version_and_the_one_to_return_to_are_kept_before_newer_ones_that_were_rejected(
    tmp_path: Path,
) -> None:
    run = versioned_run(tmp_path / "run", 2)
    for number in (3, 4):
        versions.reject(run, add_version(run), {"accepted": False})
        deleted = versions.prune(run, 3, number)
    assert (deleted, versions.version_numbers(run)) == ([3], [1, 2, 4])


def test_a_version_in_which_a_process_trains_is_not_deleted(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 3)
    trained = RunFolder.open(run / "versions" / "0001")
    assert versions.prune(run, 1, 3) == [2]
    trained.unlock()
    assert versions.prune(run, 1, 3) == [1]


def test_numbers_are_not_used_again(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 3)
    versions.roll_back(run, 1, load)
    versions.prune(run, 1, 3)
    assert versions.version_numbers(run) == [1, 3]
    assert add_version(run) == 4


def test_an_edited_card_is_kept_in_the_version_and_in_the_copy(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 2)
    card = run / "model" / "README.md"
    card.write_text("# edited\n")
    os.utime(card, (2e9, 2e9))
    versions.roll_back(run, None, load)
    assert (run / "versions" / "0002" / "model" / "README.md").read_text() == "# edited\n"
    assert (run / "model" / "README.md").read_text() == "# version 1\n"
    versions.roll_back(run, 2, load)
    assert (run / "model" / "README.md").read_text() == "# edited\n"


@pytest.mark.parametrize("content", ["", "0002", "2\n", "../../0001\n", "0002\n\n", "\xff\n", "0002\n" * 9_000 + "x"])
def test_a_damaged_pointer_is_one_clear_error(tmp_path: Path, content: str) -> None:
    run = versioned_run(tmp_path / "run", 2)
    (run / "current").write_text(content, "latin-1")
    if content.startswith("0002\n0"):  # longer than what is read
        assert current_run(run).name == "0002"
        return
    with pytest.raises(ModelError, match="the file is damaged; expected numbers of versions"):
        load(run)


def test_a_folder_of_a_version_leads_to_its_run_while_it_is_current_or_unfinished(tmp_path: Path) -> None:
    run = versioned_run(tmp_path / "run", 2)
    add_version(run)
    expected = {"0001": run / "versions" / "0001", "0002": run, "0003": run}
    assert {name: versions.run_of(run / "versions" / name) for name in expected} == expected
    assert versions.run_of(run) == run


# what a process leaves that is killed


class Copies:
    """Copies a run at every call that changes the disk; of deletions in a row, at the first two and the last one."""

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.folder, self.count, self.deletions = run, folder, 0, 0

    def take(self, name: str = "") -> None:
        self.deletions = self.deletions + 1 if name in ("unlink", "rmdir") else 0
        if self.deletions > 2:
            return
        target = self.folder / str(self.count) / "run"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "link", os.link)
            shutil.copytree(self.run, target)
        self.count += 1

    def __iter__(self) -> Iterator[Path]:
        return (self.folder / str(n) / "run" for n in range(self.count))


def copies_during(run: Path, folder: Path, change: Callable[[], Any]) -> Copies:
    """Return copies of the run at each moment of a change."""
    copies = Copies(run, folder)
    is_busy = threading.Event()

    def observed(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if not is_busy.is_set():
                is_busy.set()
                try:
                    copies.take(name)
                finally:
                    is_busy.clear()
            return real(*arguments, **keywords)

        return call

    def half_written(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        copies.take()
        path.write_bytes(content)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace", "mkdir", "unlink"):
            patch.setattr(Path, name, observed(name, getattr(Path, name)))
        for name in ("link", "unlink", "rmdir"):
            patch.setattr(os, name, observed(name, getattr(os, name)))
        for module in ("checksummed_folder", "durable_files", "versions"):
            patch.setattr(f"elman.checkpoint.{module}.write_synced", half_written)
        change()
    copies.take()
    return copies


def assert_usable(run: Path, old: int, new: int) -> int:
    """Assert that a run is wholly of the old or of the new version for every reader; return which."""
    number: int = load(run).info.version
    assert number in (old, new)
    assert load(run / "model").info.version == number
    assert_one_version(current_run(run), number)
    return number


CHANGES: dict[str, tuple[int, int, int, Callable[[Path], Any]]] = {  # versions before, old, new, change
    "the first replacement": (1, 1, 2, lambda run: versions.make_current(run, 2, ACCEPTED)),
    "a later replacement": (2, 2, 3, lambda run: versions.make_current(run, 3, ACCEPTED)),
    "a rollback": (3, 3, 2, lambda run: versions.roll_back(run, None, load)),
    "a rollback to the first": (3, 3, 1, lambda run: versions.roll_back(run, 1, load)),
    "pruning": (3, 3, 3, lambda run: versions.prune(run, 1, 3)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_process_killed_at_any_moment_leaves_the_old_version_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a killed process loses nothing that it has written
    count, old, new, change = CHANGES[name]
    run = versioned_run(tmp_path / "whole" / "run", count)
    if "replacement" in name:
        assert add_version(run) == new
    copies = copies_during(run, tmp_path / "copies", lambda: change(run))
    assert copies.count > 9
    seen = []
    for copy in copies:
        seen.append(assert_usable(copy, old, new))
        with locked_run(copy):  # as `train` and `resume` do
            pass
        assert assert_usable(copy, old, new) == seen[-1]
        assert not [*copy.rglob(".*"), *copy.rglob("*.new")]
        if seen[-1] == old:  # the change is made again, as `resume` does
            change(copy)
        assert assert_usable(copy, new, new) == new
        assert number_of(copy / "model") == new
        if name != "pruning":
            assert versions.version_numbers(copy) == versions.version_numbers(run)
        assert names_in(copy) == names_in(run)
    assert seen == sorted(seen, key=lambda number: number == new), "the old version never comes back"
    assert {old, new} == set(seen)


@pytest.mark.parametrize("name", ["the first replacement", "a later replacement", "a rollback"])
def test_a_full_disk_loses_nothing(tmp_path: Path, name: str) -> None:
    count, old, new, change = CHANGES[name]
    real, n, is_done = durable_files.write_synced, 0, False
    messages: set[str] = set()
    while not is_done:
        run = versioned_run(tmp_path / str(n) / "run", count)
        if "replacement" in name:
            add_version(run)
        calls = iter(range(n + 1))

        def write(path: Path, content: bytes, calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:  # this call and all later ones
                path.write_bytes(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "no space", str(path))
            real(path, content)

        with pytest.MonkeyPatch.context() as patch:
            for module in ("checksummed_folder", "durable_files", "versions"):
                patch.setattr(f"elman.checkpoint.{module}.write_synced", write)
            try:
                change(run)
                is_done = True
            except ResourceError as error:
                messages.add(error.message)
        number = assert_usable(run, old, new)
        if not is_done and number == old:
            change(run)
        assert assert_usable(run, new, new) == new
        n += 1
    assert n > 5
    assert messages == {"the disk is full"}


def test_a_reader_gets_the_new_version_if_the_old_one_is_deleted_while_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real = versioned_run(tmp_path / "run", 2), read_model

    def slow(folder: Path) -> Any:
        if versions.history_of(run)[0] == 2:  # while the first one is read, it is replaced and deleted
            versions.make_current(run, add_version(run), ACCEPTED)
            versions.prune(run, 1, 3)
        return real(folder)

    monkeypatch.setattr("elman.tasks.loading.read_model", slow)
    assert load(run).info.version == 3
    monkeypatch.undo()
    shutil.rmtree(run / "versions" / "0003" / "model")
    with pytest.raises(ModelError, match="the run has no model yet"):
        load(run)

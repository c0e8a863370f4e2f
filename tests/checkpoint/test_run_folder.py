"""The run folder: one owner at a time, replaced only once the new run is prepared, checkpoints that survive damage."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import RunFolder, Tensors, is_run_folder
from elman.errors import ConfigError, ModelError, ResourceError

REQUEST = {"given": {}, "sources": ["book.txt"], "task": "lm", "valid": []}
LOCKED_MESSAGE = "another process is training in this folder. Wait until it ends, or choose another -o"


@pytest.fixture(autouse=True)
def _unlocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unlock every folder that a test locks, as the end of a process would."""
    locked: list[RunFolder] = []
    lock = RunFolder.lock

    def recorded_lock(run: RunFolder) -> None:
        locked.append(run)
        lock(run)

    monkeypatch.setattr(RunFolder, "lock", recorded_lock)
    yield
    for run in locked:
        run.unlock()


def new_run(path: Path) -> RunFolder:
    return RunFolder.create(path, REQUEST)


def save(run: RunFolder, step: int, *, best: bool = False) -> None:
    run.save_checkpoint(step, {"w": np.full(4, step, np.float32)}, {"step": step}, best=best)


def checkpoints(run: RunFolder) -> list[int]:
    return sorted(int(entry.name.removeprefix("step-")) for entry in (run / "checkpoints").iterdir())


def damage(run: RunFolder, step: int, name: str = "tensors.safetensors") -> None:
    path = run / "checkpoints" / f"step-{step:08d}" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_new_run_stores_its_request_and_is_a_run_folder(tmp_path: Path) -> None:
    run = new_run(tmp_path / "deep" / "run")
    assert is_run_folder(tmp_path / "deep" / "run")
    assert not is_run_folder(tmp_path / "deep")
    assert run.request == REQUEST


# The lock


def test_a_second_owner_in_the_same_process_raises_an_error_until_the_first_unlocks(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ConfigError) as caught:
        RunFolder.open(tmp_path / "run")
    assert str(caught.value) == f"{tmp_path / 'run'}: {LOCKED_MESSAGE}"
    assert caught.value.exit_code == 2
    run.unlock()
    RunFolder.open(tmp_path / "run").unlock()


HOLDER = """
import sys
from pathlib import Path
from elman.checkpoint import RunFolder
run = RunFolder.open(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_folder_locked_by_another_process_raises_an_error_until_the_process_is_killed(tmp_path: Path) -> None:
    new_run(tmp_path / "run").unlock()
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigError, match=LOCKED_MESSAGE):
            RunFolder.open(tmp_path / "run")
        with pytest.raises(ConfigError, match=LOCKED_MESSAGE):
            RunFolder.create(tmp_path / "run", REQUEST, overwrite=True)
        assert is_run_folder(tmp_path / "run"), "a failed --overwrite moves nothing"
        holder.kill()
        holder.wait(timeout=60)
    RunFolder.open(tmp_path / "run").unlock()


# create, delete_replaced_run, discard


def test_an_existing_run_raises_an_error_that_lists_the_alternatives(tmp_path: Path) -> None:
    new_run(tmp_path / "run").unlock()
    with pytest.raises(ConfigError) as caught:
        new_run(tmp_path / "run")
    path = tmp_path / "run"
    assert str(caught.value) == (
        f"{path}: the folder already exists. "
        f"Continue with `elman resume {path}`, replace it with --overwrite, or choose another -o"
    )


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_files_never_changes(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(
        ConfigError, match=r"the folder exists and is not a run folder, so it is not replaced\. Choose another -o$"
    ):
        RunFolder.create(tmp_path / "photos", REQUEST, overwrite=overwrite)
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_at_the_target_raises_an_error_and_does_not_change(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "run").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"this is a file; expected a new folder\. Choose another -o$"):
        RunFolder.create(tmp_path / "run", REQUEST, overwrite=overwrite)
    assert (tmp_path / "run").read_bytes() == b"x"


def test_an_empty_folder_or_a_run_killed_before_its_request_can_become_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert new_run(tmp_path / "empty").request == REQUEST
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "lock").touch()
    (tmp_path / "killed" / "request.json.new").write_bytes(b"{")
    assert new_run(tmp_path / "killed").request == REQUEST


def test_overwrite_keeps_the_old_run_until_the_new_one_is_prepared(tmp_path: Path) -> None:
    save(old := new_run(tmp_path / "run"), 7)
    old.unlock()
    new = RunFolder.create(tmp_path / "run", {**REQUEST, "given": {"seed": 1}}, overwrite=True)
    assert new.newest_checkpoint(pytest.fail) is None
    assert len(list(tmp_path.iterdir())) == 2, "the old run is set aside"
    new.delete_replaced_run()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert new.request["given"] == {"seed": 1}


def test_discarding_the_new_run_restores_the_old_one(tmp_path: Path) -> None:
    save(old := new_run(tmp_path / "run"), 7)
    old.unlock()
    RunFolder.create(tmp_path / "run", {**REQUEST, "given": {"seed": 1}}, overwrite=True).discard()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    restored = RunFolder.open(tmp_path / "run")
    assert restored.request == REQUEST
    assert checkpoints(restored) == [7]


def test_discarding_a_first_run_leaves_nothing(tmp_path: Path) -> None:
    new_run(tmp_path / "run").discard()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_during_creation_restores_the_old_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(old := new_run(tmp_path / "run"), 7)
    old.unlock()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match="the disk is full"):
            RunFolder.create(tmp_path / "run", REQUEST, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert checkpoints(RunFolder.open(tmp_path / "run")) == [7]


# open


def test_opening_a_folder_that_is_not_a_run_folder_raises_an_error(tmp_path: Path) -> None:
    expected = "Name a folder that `elman train` has created"
    with pytest.raises(ModelError, match=f"not a run folder. {expected}"):
        RunFolder.open(tmp_path)
    with pytest.raises(ModelError, match=f"nowhere: no such folder. {expected}"):
        RunFolder.open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == [], "no lock file is created"


def test_a_damaged_request_raises_an_error(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    (run / "request.json").write_bytes(b"{")
    with pytest.raises(ModelError, match=r"request\.json: the file is not JSON"):
        _ = run.request


# Checkpoints


def test_loading_returns_the_checkpoint_that_was_saved(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    tensors: Tensors = {"w": np.array([[1.5, np.nan]], np.float32), "rng": np.arange(9, dtype=np.uint8)}
    state = {"step": 3, "position": {"epoch": 0, "batch": 2}, "best_value": None, "seconds": 0.1 + 0.2}
    run.save_checkpoint(3, tensors, state, best=False)
    loaded, loaded_state = run.load_checkpoint("step-00000003")
    assert loaded_state == state
    assert {name: (t.dtype, t.shape, t.tobytes()) for name, t in loaded.items()} == {
        name: (t.dtype, t.shape, t.tobytes()) for name, t in tensors.items()
    }


def test_the_metrics_are_synced_before_the_checkpoint_that_stores_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path / "run")
    run.append_record("metrics.jsonl", {"step": 1})
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    save(run, 1)
    assert synced[:2] == ["metrics.jsonl", "tensors.safetensors"]


def test_only_the_last_two_checkpoints_and_their_best_steps_are_kept(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    history = []
    for step in range(1, 9):
        save(run, step, best=step in (2, 5))
        history.append(checkpoints(run))
    assert history == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [5, 6], [5, 6, 7], [5, 7, 8]]
    assert run.read_pointer("last") == "step-00000008"
    assert run.read_pointer("best") == "step-00000005"


def test_saving_a_step_again_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    save(run, 1, best=True)
    save(run, 2)
    save(run, 3)
    save(run, 3)
    assert checkpoints(run) == [1, 2, 3]


def test_a_new_run_has_no_newest_checkpoint(tmp_path: Path) -> None:
    assert new_run(tmp_path / "run").newest_checkpoint(pytest.fail) is None


def test_an_intact_newest_checkpoint_is_loaded_without_a_message(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for step in (9, 10, 11):
        save(run, step)
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    assert checkpoint[1] == {"step": 11}


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_a_damaged_newest_checkpoint_causes_a_message_and_the_previous_one_is_loaded(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path / "run")
    messages: list[str] = []
    for step in (1, 2, 3):
        save(run, step)
    damage(run, 3, name)
    checkpoint = run.newest_checkpoint(messages.append)
    assert checkpoint is not None
    assert checkpoint[1] == {"step": 2}
    assert len(messages) == 1
    assert messages[0].startswith("Checkpoint step-00000003 is damaged (")
    assert name in messages[0]
    assert messages[0].endswith("). Resuming from the previous one.")


def test_after_damage_the_next_checkpoint_keeps_the_last_intact_one(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for step in (1, 2, 3):
        save(run, step)
    damage(run, 3)
    run.newest_checkpoint(lambda message: None)
    save(run, 4)
    assert checkpoints(run) == [2, 4]


def test_only_damaged_checkpoints_raise_an_error(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    messages: list[str] = []
    for step in (1, 2):
        save(run, step)
        damage(run, step)
    with pytest.raises(ModelError) as caught:
        run.newest_checkpoint(messages.append)
    where = tmp_path / "run" / "checkpoints"
    assert str(caught.value) == f"{where}: every checkpoint is damaged. Train again with --overwrite"
    assert len(messages) == 2


def test_a_checkpoint_whose_replacement_was_interrupted_is_restored(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    save(run, 1)
    save(run, 2, best=True)
    folder = run / "checkpoints"
    (folder / "step-00000002").rename(folder / ".step-00000002.old")
    (folder / ".step-00000002.new").mkdir()
    (folder / ".step-00000003.new").mkdir()
    checkpoint = run.newest_checkpoint(pytest.fail)
    assert checkpoint is not None
    assert checkpoint[1] == {"step": 2}
    assert sorted(entry.name for entry in folder.iterdir()) == ["step-00000001", "step-00000002"]


# metrics.jsonl


def test_metrics_are_lines_of_json_that_can_be_truncated(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    assert run.file_size("metrics.jsonl") == 0
    run.append_record("metrics.jsonl", {"step": 1, "loss": 0.1})
    size = run.file_size("metrics.jsonl")
    run.append_record("metrics.jsonl", {"step": 2, "sample": "é\n"})
    lines = (run / "metrics.jsonl").read_bytes()
    assert [json.loads(line) for line in lines.splitlines()] == [{"step": 1, "loss": 0.1}, {"step": 2, "sample": "é\n"}]
    run.truncate_file("metrics.jsonl", size)
    assert (run / "metrics.jsonl").read_bytes() == lines[:size]
    run.append_record("metrics.jsonl", {"step": 2, "sample": "é\n"})
    assert (run / "metrics.jsonl").read_bytes() == lines


def test_truncating_never_makes_a_file_longer(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.append_record("metrics.jsonl", {"step": 1})
    before = (run / "metrics.jsonl").read_bytes()
    run.truncate_file("metrics.jsonl", 1000)
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_metrics_contain_only_finite_numbers(tmp_path: Path, number: float) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_record("metrics.jsonl", {"loss": number})
    assert run.file_size("metrics.jsonl") == 0


def test_a_full_disk_while_metrics_are_written_raises_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path / "run")

    def full(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "_open_to_write", full)
    with pytest.raises(ResourceError, match=r"metrics\.jsonl: the disk is full"):
        run.append_record("metrics.jsonl", {"step": 1})


# Relative paths, and overwriting twice


def test_the_current_folder_may_become_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = new_run(Path())
    run.delete_replaced_run()
    assert run.request == REQUEST


def test_a_run_at_a_relative_path_is_set_aside_and_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    new_run(Path("run")).unlock()
    (tmp_path / "run" / "config.toml").write_text("seed = 1\n")
    RunFolder.create(Path("run"), REQUEST, overwrite=True).discard()
    assert (tmp_path / "run" / "config.toml").read_text() == "seed = 1\n"
    run = RunFolder.create(Path("run"), REQUEST, overwrite=True)
    run.delete_replaced_run()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "run"]
    assert not (tmp_path / "run" / "config.toml").exists()


def replace_by_killed_run(path: Path) -> None:
    new_run(path).unlock()
    (path / "config.toml").write_text("seed = 1\n")
    RunFolder.create(path, {**REQUEST, "sources": ["second"]}, overwrite=True).unlock()  # killed during preparation


def test_after_a_killed_and_a_discarded_overwrite_the_finished_run_is_restored(tmp_path: Path) -> None:
    replace_by_killed_run(tmp_path / "run")
    RunFolder.create(tmp_path / "run", {**REQUEST, "sources": ["third"]}, overwrite=True).discard()
    assert (tmp_path / "run" / "config.toml").read_text() == "seed = 1\n"
    assert RunFolder.open(tmp_path / "run").request == REQUEST
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_after_a_killed_and_a_successful_overwrite_the_finished_run_is_deleted(tmp_path: Path) -> None:
    replace_by_killed_run(tmp_path / "run")
    run = RunFolder.create(tmp_path / "run", {**REQUEST, "sources": ["third"]}, overwrite=True)
    run.delete_replaced_run()
    assert run.request["sources"] == ["third"]
    assert not (tmp_path / "run" / "config.toml").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("pointer", ["../../secret", "step-00000001/..", "/etc", "\xff", "", "x" * 10_000])
def test_a_pointer_is_the_name_of_a_checkpoint_or_nothing(tmp_path: Path, pointer: str) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "last").write_text(pointer, "latin-1")
    assert run.read_pointer("last") is None
    (tmp_path / "last").write_text("step-00000001\n")
    assert run.read_pointer("last") == "step-00000001"


def test_a_request_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "request.json")
    with pytest.raises(ModelError, match=r"request\.json: this is not a plain file"):
        _ = RunFolder(tmp_path).request


def test_a_lock_that_is_a_pipe_or_a_link_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    run = RunFolder(tmp_path)
    assert not run.is_locked()
    with pytest.raises(ModelError, match=r"lock: this is not a plain file; expected one\. Delete it"):
        run.lock()
    (tmp_path / "lock").unlink()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "lock").symlink_to("secret")
    with pytest.raises(ModelError, match="lock: this is not a plain file"):
        run.lock()


@pytest.mark.parametrize("target", ["secret", "pipe"])
def test_records_are_written_through_no_link_and_no_pipe(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    if target == "pipe":
        os.mkfifo(tmp_path / "metrics.jsonl")
    else:
        (tmp_path / "metrics.jsonl").symlink_to(target)
    run = RunFolder(tmp_path)
    with pytest.raises(ModelError, match=r"metrics\.jsonl: this is not a plain file"):
        run.append_record("metrics.jsonl", {"step": 1})
    with pytest.raises(ModelError, match=r"metrics\.jsonl: this is not a plain file"):
        run.truncate_file("metrics.jsonl", 3)
    assert (tmp_path / "secret").read_bytes() == b"secret"

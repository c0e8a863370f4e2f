"""The run folder: one owner at a time, replaced only when the new run is whole, checkpoints that survive damage."""

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

from elman.checkpoint import RunFolder, is_run_folder
from elman.errors import ConfigError, ModelError, ResourceError

REQUEST = {"given": {}, "sources": ["book.txt"], "task": "lm", "valid": []}
HELD = "another process is training in this folder; wait for it to end, or choose another -o"


@pytest.fixture(autouse=True)
def _unlocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every folder that a test locks is let go of, as a process that ends would."""
    held: list[RunFolder] = []
    lock = RunFolder.lock
    monkeypatch.setattr(RunFolder, "lock", lambda run: held.append(run) or lock(run))
    yield
    for run in held:
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


def test_a_new_run_keeps_its_request_and_is_a_run_folder(tmp_path: Path) -> None:
    run = new_run(tmp_path / "deep" / "run")
    assert is_run_folder(tmp_path / "deep" / "run")
    assert not is_run_folder(tmp_path / "deep")
    assert run.request == REQUEST


# The lock


def test_a_second_owner_in_the_same_process_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ConfigError) as caught:
        RunFolder.open(tmp_path / "run")
    assert str(caught.value) == f"{tmp_path / 'run'}: {HELD}"
    assert caught.value.exit_code == 2
    run.unlock()
    RunFolder.open(tmp_path / "run").unlock()


HOLDER = """
import sys
from pathlib import Path
from elman.checkpoint import RunFolder
run = RunFolder.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_held_by_another_process_is_refused_and_a_killed_holder_leaves_it_free(tmp_path: Path) -> None:
    new_run(tmp_path / "run").unlock()
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=HELD):
            RunFolder.open(tmp_path / "run")
        with pytest.raises(ConfigError, match=HELD):
            RunFolder.create(tmp_path / "run", REQUEST, overwrite=True)
        assert is_run_folder(tmp_path / "run"), "a refused --overwrite moves nothing"
        holder.kill()
        holder.wait()
    RunFolder.open(tmp_path / "run").unlock()


# create, keep, abandon


def test_a_folder_that_exists_is_refused_with_the_ways_on(tmp_path: Path) -> None:
    new_run(tmp_path / "run").unlock()
    with pytest.raises(ConfigError) as caught:
        new_run(tmp_path / "run")
    path = tmp_path / "run"
    assert str(caught.value) == (
        f"{path}: exists already; go on with `elman resume {path}`, replace it with --overwrite, or choose another -o"
    )


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_never_touched(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(
        ConfigError, match="it is not a run folder, and nothing in it will be touched: choose another -o"
    ):
        RunFolder.create(tmp_path / "photos", REQUEST, overwrite=overwrite)
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_is_refused_and_kept(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "run").write_bytes(b"x")
    with pytest.raises(ConfigError, match="is a file, expected a new folder; choose another -o"):
        RunFolder.create(tmp_path / "run", REQUEST, overwrite=overwrite)
    assert (tmp_path / "run").read_bytes() == b"x"


def test_an_empty_folder_and_one_killed_before_its_request_are_new(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert new_run(tmp_path / "empty").request == REQUEST
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "lock").touch()
    (tmp_path / "killed" / "request.json.new").write_bytes(b"{")
    assert new_run(tmp_path / "killed").request == REQUEST


def test_overwrite_keeps_the_old_run_until_the_new_one_is_whole(tmp_path: Path) -> None:
    save(old := new_run(tmp_path / "run"), 7)
    old.unlock()
    new = RunFolder.create(tmp_path / "run", {**REQUEST, "given": {"seed": 1}}, overwrite=True)
    assert new.newest_checkpoint(pytest.fail) is None
    assert len(list(tmp_path.iterdir())) == 2, "the old one is set aside"
    new.keep()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert new.request["given"] == {"seed": 1}


def test_overwrite_that_never_began_puts_the_old_run_back(tmp_path: Path) -> None:
    save(old := new_run(tmp_path / "run"), 7)
    old.unlock()
    RunFolder.create(tmp_path / "run", {**REQUEST, "given": {"seed": 1}}, overwrite=True).abandon()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    back = RunFolder.open(tmp_path / "run")
    assert back.request == REQUEST
    assert checkpoints(back) == [7]


def test_a_first_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    new_run(tmp_path / "run").abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_the_folder_is_made_puts_the_old_run_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_what_is_no_run_folder_cannot_be_opened(tmp_path: Path) -> None:
    expected = "expected a folder that `elman train` made"
    with pytest.raises(ModelError, match=f"is no run folder; {expected}"):
        RunFolder.open(tmp_path)
    with pytest.raises(ModelError, match=f"nowhere: no such folder; {expected}"):
        RunFolder.open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == [], "no lock file is left behind"


def test_a_damaged_request_is_told(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    (run / "request.json").write_bytes(b"{")
    with pytest.raises(ModelError, match=r"request\.json: is not JSON"):
        _ = run.request


# Checkpoints


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    tensors = {"w": np.array([[1.5, np.nan]], np.float32), "rng": np.arange(9, dtype=np.uint8)}
    state = {"step": 3, "position": {"epoch": 0, "batch": 2}, "best_value": None, "seconds": 0.1 + 0.2}
    run.save_checkpoint(3, tensors, state, best=False)
    found, found_state = run.load_checkpoint("step-00000003")
    assert found_state == state
    assert {name: (t.dtype, t.shape, t.tobytes()) for name, t in found.items()} == {
        name: (t.dtype, t.shape, t.tobytes()) for name, t in tensors.items()
    }


def test_only_the_last_the_one_before_and_the_best_step_of_either_are_kept(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    kept = []
    for step in range(1, 9):
        save(run, step, best=step in (2, 5))
        kept.append(checkpoints(run))
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [5, 6], [5, 6, 7], [5, 7, 8]]
    assert run.pointer("last") == "step-00000008"
    assert run.pointer("best") == "step-00000005"


def test_saving_a_step_again_does_not_cost_the_one_before(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    save(run, 1, best=True)
    save(run, 2)
    save(run, 3)
    save(run, 3)
    assert checkpoints(run) == [1, 2, 3]


def test_nothing_to_go_on_from_is_none(tmp_path: Path) -> None:
    assert new_run(tmp_path / "run").newest_checkpoint(pytest.fail) is None


def test_the_newest_checkpoint_is_found_without_a_word(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for step in (9, 10, 11):
        save(run, step)
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    assert found[1] == {"step": 11}


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_is_used(tmp_path: Path, name: str) -> None:
    run, said = new_run(tmp_path / "run"), []
    for step in (1, 2, 3):
        save(run, step)
    damage(run, 3, name)
    found = run.newest_checkpoint(said.append)
    assert found is not None
    assert found[1] == {"step": 2}
    assert len(said) == 1
    assert said[0].startswith("checkpoint step-00000003 is damaged (")
    assert name in said[0]
    assert said[0].endswith("): going on from the one before")


def test_after_damage_the_next_checkpoint_keeps_the_intact_one_before(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    for step in (1, 2, 3):
        save(run, step)
    damage(run, 3)
    run.newest_checkpoint(lambda message: None)
    save(run, 4)
    assert checkpoints(run) == [2, 4]


def test_when_every_checkpoint_is_damaged_it_is_told(tmp_path: Path) -> None:
    run, said = new_run(tmp_path / "run"), []
    for step in (1, 2):
        save(run, step)
        damage(run, step)
    with pytest.raises(ModelError) as caught:
        run.newest_checkpoint(said.append)
    where = tmp_path / "run" / "checkpoints"
    assert str(caught.value) == f"{where}: every checkpoint is damaged; train again with --overwrite"
    assert len(said) == 2


def test_a_checkpoint_killed_while_it_was_replaced_is_found_again(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    save(run, 1)
    save(run, 2, best=True)
    folder = run / "checkpoints"
    (folder / "step-00000002").rename(folder / ".step-00000002.old")
    (folder / ".step-00000002.new").mkdir()
    (folder / ".step-00000003.new").mkdir()
    found = run.newest_checkpoint(pytest.fail)
    assert found is not None
    assert found[1] == {"step": 2}
    assert sorted(entry.name for entry in folder.iterdir()) == ["step-00000001", "step-00000002"]


# metrics.jsonl


def test_metrics_are_lines_of_json_that_can_be_cut_back(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    assert run.length("metrics.jsonl") == 0
    run.append("metrics.jsonl", {"step": 1, "loss": 0.1})
    known = run.length("metrics.jsonl")
    run.append("metrics.jsonl", {"step": 2, "sample": "é\n"})
    lines = (run / "metrics.jsonl").read_bytes()
    assert [json.loads(line) for line in lines.splitlines()] == [{"step": 1, "loss": 0.1}, {"step": 2, "sample": "é\n"}]
    run.truncate("metrics.jsonl", known)
    assert (run / "metrics.jsonl").read_bytes() == lines[:known]
    run.append("metrics.jsonl", {"step": 2, "sample": "é\n"})
    assert (run / "metrics.jsonl").read_bytes() == lines


def test_cutting_back_never_makes_a_file_longer(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.append("metrics.jsonl", {"step": 1})
    before = (run / "metrics.jsonl").read_bytes()
    run.truncate("metrics.jsonl", 1000)
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_metrics_hold_no_number_that_other_readers_refuse(tmp_path: Path, number: float) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append("metrics.jsonl", {"loss": number})
    assert run.length("metrics.jsonl") == 0


def test_a_full_disk_while_metrics_are_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path / "run")

    def full(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ResourceError, match=r"metrics\.jsonl: the disk is full"):
        run.append("metrics.jsonl", {"step": 1})


# Relative paths, and overwriting twice


def test_the_current_folder_may_become_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = new_run(Path())
    run.keep()
    assert run.request == REQUEST


def test_a_relative_run_is_set_aside_and_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    new_run(Path("run")).unlock()
    (tmp_path / "run" / "config.toml").write_text("seed = 1\n")
    RunFolder.create(Path("run"), REQUEST, overwrite=True).abandon()
    assert (tmp_path / "run" / "config.toml").read_text() == "seed = 1\n"
    run = RunFolder.create(Path("run"), REQUEST, overwrite=True)
    run.keep()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "run"]
    assert not (tmp_path / "run" / "config.toml").exists()


def replaced_by_one_that_was_killed(path: Path) -> None:
    new_run(path).unlock()
    (path / "config.toml").write_text("seed = 1\n")
    RunFolder.create(path, {**REQUEST, "sources": ["second"]}, overwrite=True).unlock()  # killed while it prepared


def test_of_two_overwrites_the_first_killed_and_the_second_failed_the_finished_run_is_back(tmp_path: Path) -> None:
    replaced_by_one_that_was_killed(tmp_path / "run")
    RunFolder.create(tmp_path / "run", {**REQUEST, "sources": ["third"]}, overwrite=True).abandon()
    assert (tmp_path / "run" / "config.toml").read_text() == "seed = 1\n"
    assert RunFolder.open(tmp_path / "run").request == REQUEST
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_of_two_overwrites_the_first_killed_and_the_second_whole_the_finished_run_is_gone(tmp_path: Path) -> None:
    replaced_by_one_that_was_killed(tmp_path / "run")
    run = RunFolder.create(tmp_path / "run", {**REQUEST, "sources": ["third"]}, overwrite=True)
    run.keep()
    assert run.request["sources"] == ["third"]
    assert not (tmp_path / "run" / "config.toml").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]

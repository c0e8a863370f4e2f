"""Killed and resumed = uninterrupted, byte for byte, wherever the kill comes."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from elman.checkpoint.checksummed_folder import MANIFEST

from .cases import CASES, FIRST
from .runs import (
    Runs,
    around_the_pointers_of_a_best_step,
    in_the_middle,
    now_and_then,
    spread,
    update,
)

pytestmark = pytest.mark.integration


def test_a_reference_run_has_every_kind_of_moment(runs: Runs) -> None:
    left, events = runs.reference(FIRST)
    expected = {"fsync", "rename", "replace", "unlink", "rmtree", "update", "validate", "save"}
    halves = {
        f"half of {name}" for name in ("tensors.safetensors", "state.json", MANIFEST, "model.safetensors", "last.new")
    }
    assert expected | halves | {"half a line of metrics.jsonl"} <= set(events)
    assert left["metrics.jsonl"].count(b"\n") == 6  # three of the log, three validations
    assert len(events) > 100


@pytest.mark.parametrize("case", CASES)
def test_two_uninterrupted_runs_are_one(runs: Runs, case: str) -> None:
    runs.copies(case)
    runs.assert_same(runs.second_run(case), case)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, without what depends on the clock."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in [name for name in files if name.endswith(("state.json", MANIFEST, "timing.jsonl", "README.md"))]:
        files[name] = b""
    return files


def test_a_killed_process_leaves_what_a_copy_of_its_folder_has(runs: Runs, tmp_path: Path) -> None:
    events = runs.reference(FIRST)[1]
    for at in (in_the_middle(events), around_the_pointers_of_a_best_step(events)[3], update(events, -1)):
        run = tmp_path / str(at) / "run"
        run.parent.mkdir()
        assert runs.go(FIRST, run, kill_at=at) == -signal.SIGKILL
        assert files_of(run.parent) == files_of(runs.copies(FIRST) / str(at))


def resume_and_compare(runs: Runs, case: str, moment: int, run: Path) -> None:
    """Resume the run that was killed at this moment."""
    runs.killed(case, moment, run)
    assert runs.go(case, run) == 0
    runs.assert_same(run, case)


@pytest.mark.parametrize("case", CASES)
def test_killed_now_and_then(runs: Runs, tmp_path: Path, case: str) -> None:
    for moment in now_and_then(case, runs.reference(case)[1]):
        resume_and_compare(runs, case, moment, tmp_path / str(moment) / "run")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_at_every_moment(runs: Runs, tmp_path: Path, case: str) -> None:
    for at in range(len(runs.reference(case)[1])):
        run = tmp_path / str(at) / "run"  # the name of a model is that of its run
        assert runs.go(case, run, kill_at=at) == -signal.SIGKILL
        assert runs.go(case, run) == 0
        runs.assert_same(run, case)


def test_killed_around_the_pointers_of_a_best_step(runs: Runs, tmp_path: Path) -> None:
    for moment in around_the_pointers_of_a_best_step(runs.reference(FIRST)[1]):
        resume_and_compare(runs, FIRST, moment, tmp_path / str(moment) / "run")


def test_killed_twice(runs: Runs, tmp_path: Path) -> None:
    moments = len(runs.reference(FIRST)[1])
    for n, first in enumerate(spread(moments, 4)):
        run = tmp_path / str(n) / "run"
        assert runs.go(FIRST, run, kill_at=first) == -signal.SIGKILL
        assert runs.go(FIRST, run, kill_at=12 + 5 * n) in (-signal.SIGKILL, 0)
        assert runs.go(FIRST, run) == 0
        runs.assert_same(run, FIRST)


def test_killed_while_it_replaces_another_run(runs: Runs, tmp_path: Path) -> None:
    runs.reference(list(CASES)[1])
    for at in (2, 4, 8, 40):
        run = tmp_path / str(at) / "run"
        shutil.copytree(runs.reference_run(list(CASES)[1]), run)
        assert runs.go(FIRST, run, kill_at=at, overwrite=True) == -signal.SIGKILL
        assert runs.go(FIRST, run) == 0, "no --overwrite this time: it resumes, or begins"
        runs.assert_same(run, FIRST)
        if at > 2:
            assert [entry.name for entry in run.parent.iterdir()] == ["run"]


def test_going_on_with_a_finished_run_completes_its_model_and_trains_no_more(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    runs.reference(FIRST)
    shutil.copytree(runs.reference_run(FIRST), run)
    shutil.rmtree(run / "model")
    events = tmp_path / "events"
    assert runs.go(FIRST, run, events=events) == 0
    assert "update" not in json.loads(events.read_bytes())
    runs.assert_same(run, FIRST)


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_source_that_is_gone_or_changed_after_it_was_read_is_no_trouble(
    runs: Runs, tmp_path: Path, change: str
) -> None:
    runs.killed(FIRST, in_the_middle(runs.reference(FIRST)[1]), tmp_path / "run")
    content = runs.text.read_bytes()
    try:
        if change == "deleted":
            runs.text.unlink()
        else:
            runs.text.write_bytes(b"another text altogether " * 100)
        assert runs.go(FIRST, tmp_path / "run") == 0
    finally:
        runs.text.write_bytes(content)
    runs.assert_same(tmp_path / "run", FIRST)

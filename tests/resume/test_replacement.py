"""A replacement that is killed: the run is of the old version or of the new one, and `resume` completes it."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from elman.checkpoint import current_run, versions
from elman.tasks.loading import load

from .cases import CASES, FIRST
from .runs import Runs, files_left_by, spread

pytestmark = pytest.mark.integration

OLD = list(CASES)[1]


class Replaced:
    """An uninterrupted replacement: what it leaves, the names of its events, and what it began with."""

    def __init__(self, runs: Runs, folder: Path) -> None:
        runs.reference(OLD)
        self.runs, self.folder = runs, folder
        run, events = folder / "whole" / "run", folder / "events"
        self.begin(run)
        assert runs.go(FIRST, run, replace=True, events=events) == 0
        self.left, self.events = files_left_by(current_run(run)), list[str](json.loads(events.read_bytes()))
        self.names = sorted(entry.name for entry in run.iterdir())
        self.new = load(run).fingerprint

    def begin(self, run: Path) -> None:
        """Create the run that is replaced."""
        shutil.copytree(self.runs.reference_run(OLD), run)

    def copies(self, moments: list[int]) -> Path:
        """Return the folder of what a process leaves that is killed at event n: n/run."""
        self.begin(self.folder / "second" / "run")
        folder = self.folder / "copies"
        assert (
            self.runs.go(
                FIRST, self.folder / "second" / "run", replace=True, copy_at={n: folder / str(n) for n in moments}
            )
            == 0
        )
        return folder

    def assert_completed(self, run: Path) -> None:
        """Assert that a run is of the old or the new version, that it can be resumed, and what it is then."""
        old = load(self.runs.reference_run(OLD)).fingerprint
        before = load(run).fingerprint
        assert before in (old, self.new)
        assert load(run / "model").fingerprint == before
        assert self.runs.go(FIRST, run, replace=True) == 0
        assert load(run).fingerprint == load(run / "model").fingerprint == self.new
        assert files_left_by(current_run(run)) == self.left
        assert current_run(run).name == "0002"
        assert sorted(entry.name for entry in run.iterdir()) == self.names
        assert versions.unfinished_version(run) is None


@pytest.fixture(scope="module")
def replaced(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Replaced:
    return Replaced(runs, tmp_path_factory.mktemp("replaced"))


def the_swap(events: list[str]) -> tuple[int, int]:
    """Return the first and the last event after the training."""
    return len(events) - 1 - events[::-1].index("validate"), len(events) - 1


def test_a_replacement_has_every_kind_of_moment(replaced: Replaced) -> None:
    first, last = the_swap(replaced.events)
    assert {"link", "half of current.new", "half of outcome.json.new", "rename", "rmtree"} <= set(
        replaced.events[first:]
    )
    assert replaced.events.count("half of current.new") == 2, "of the new version, and without the one that is deleted"
    assert last - first > 60


def test_a_replacement_that_is_killed_is_completed(replaced: Replaced) -> None:
    first, last = the_swap(replaced.events)
    pointer = replaced.events.index("half of current.new")
    moments = sorted(
        {*spread(first, 4), *range(pointer, pointer + 4), *(first + n for n in spread(last - first + 1, 5))}
    )
    folder = replaced.copies(moments)
    for moment in moments:
        replaced.assert_completed(folder / str(moment) / "run")


def test_a_process_is_killed_in_the_middle_of_the_swap(replaced: Replaced, tmp_path: Path) -> None:
    pointer = replaced.events.index("half of current.new")
    for n, moment in enumerate((pointer - 9, pointer + 1, pointer + 9)):
        run = tmp_path / str(n) / "run"
        replaced.begin(run)
        assert replaced.runs.go(FIRST, run, replace=True, kill_at=moment) == -signal.SIGKILL
        replaced.assert_completed(run)


@pytest.mark.slow
def test_a_process_is_killed_at_every_moment_of_a_replacement(replaced: Replaced, tmp_path: Path) -> None:
    for moment in range(len(replaced.events)):
        run = tmp_path / str(moment) / "run"
        replaced.begin(run)
        assert replaced.runs.go(FIRST, run, replace=True, kill_at=moment) == -signal.SIGKILL
        replaced.assert_completed(run)
        shutil.rmtree(run)

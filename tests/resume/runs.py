"""Runs in child processes, uninterrupted or killed at a moment, and the files that they leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..cards import without_speed
from .cases import CASES, FIRST, write_sources
from .child import train_or_resume


class Runs:
    """Starts children; knows what an uninterrupted run leaves, and what a killed one leaves.

    A reference run counts the events of a case. A second run, which is not interrupted either, copies its folder at the
    events at which others would be killed.
    """

    def __init__(self, forks: Any, folder: Path) -> None:
        self.forks, self.folder, self.text = forks, folder, write_sources(folder)
        self._references: dict[str, tuple[dict[str, bytes], list[str]]] = {}
        self._copied: set[str] = set()

    def child(self, target: Callable[..., None], *arguments: Any, **options: Any) -> int:
        """Return the exit code of a function in a child process."""
        process = self.forks.Process(target=target, args=arguments, kwargs=options)
        process.start()
        process.join(60)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join(60)
        process.close()
        assert code is not None, "the child did not end in 60 seconds"
        return int(code)

    def go(self, case: str, run: Path, **options: Any) -> int:
        """Train or resume a case in a child: the options of train_or_resume."""
        return self.child(train_or_resume, run, self.text, CASES[case], **options)

    def reference_run(self, case: str) -> Path:
        return self.folder / "whole" / case / "run"

    def second_run(self, case: str) -> Path:
        return self.folder / "second" / case / "run"

    def reference(self, case: str) -> tuple[dict[str, bytes], list[str]]:
        """Return what an uninterrupted run leaves, and the names of its events."""
        if case not in self._references:
            run, events = self.reference_run(case), self.folder / "events"
            run.parent.mkdir(parents=True)
            assert self.go(case, run, events=events) == 0
            self._references[case] = files_left_by(run), json.loads(events.read_bytes())
        return self._references[case]

    def copies(self, case: str) -> Path:
        """Return the folder of what a process leaves that is killed at event n: n/run."""
        folder = self.folder / "copies" / case
        if case not in self._copied:
            run = self.second_run(case)
            run.parent.mkdir(parents=True)
            moments = kill_moments(case, self.reference(case)[1])
            assert self.go(case, run, copy_at={n: folder / str(n) for n in moments}) == 0
            self._copied.add(case)
        return folder

    def killed(self, case: str, moment: int, run: Path) -> None:
        """Let `run` be what a process leaves that is killed at this event."""
        shutil.copytree(self.copies(case) / str(moment), run.parent, dirs_exist_ok=True)
        assert run.name == "run"

    def assert_same(self, run: Path, case: str) -> None:
        """Assert that a run has left what the reference has left, byte for byte."""
        assert_same_files(files_left_by(run), self.reference(case)[0])


def spread(total: int, count: int) -> list[int]:
    """So many moments of a run, the first and the last among them."""
    return sorted({round(n) for n in np.linspace(0, total - 1, count)})


def now_and_then(case: str, events: list[str]) -> list[int]:
    return spread(len(events), 5 if "task" in CASES[case] else 9)


def around_the_pointers_of_a_best_step(events: list[str]) -> list[int]:
    """Between a checkpoint, `last`, `best` and the export, each names another step."""
    pointers = [n for n, name in enumerate(events) if name == "half of best.new"]
    assert len(pointers) >= 2
    return list(range(pointers[1] - 4, pointers[1] + 4))


def before_the_source_is_read(events: list[str]) -> int:
    return events.index("unlink")


def in_the_middle(events: list[str]) -> int:
    return events.index("update") + 60


def update(events: list[str], n: int) -> int:
    return [i for i, name in enumerate(events) if name == "update"][n]


def after_a_best_checkpoint(events: list[str]) -> int:
    return [n for n, name in enumerate(events) if name == "half of best.new"][-1] + 4


def kill_moments(case: str, events: list[str]) -> list[int]:
    """All moments at which the tests kill a run of the case."""
    moments = now_and_then(case, events)
    if case == FIRST:
        moments += around_the_pointers_of_a_best_step(events)
        moments += [before_the_source_is_read(events), in_the_middle(events), after_a_best_checkpoint(events)]
        moments += [update(events, 4), update(events, -1)]
    return moments


def files_left_by(run: Path) -> dict[str, bytes]:
    """Everything in a run folder that must not depend on a kill: all but the clock, the lock and older checkpoints."""
    last = (run / "last").read_text().strip()
    files = {p for folder in ("data", "model") for p in (run / folder).iterdir()}
    files |= {run / name for name in ("request.json", "config.toml", "env.json", "metrics.jsonl", "last", "best")}
    content = {str(path.relative_to(run)): path.read_bytes() for path in files}
    content["model/README.md"] = without_speed(content["model/README.md"])
    state = json.loads((run / "checkpoints" / last / "state.json").read_bytes())
    assert state.pop("seconds") > 0.0
    content["state"] = json.dumps(state, sort_keys=True).encode()
    content["tensors"] = (run / "checkpoints" / last / "tensors.safetensors").read_bytes()
    best = (run / "best").read_text().strip()
    content["best tensors"] = (run / "checkpoints" / best / "tensors.safetensors").read_bytes()
    assert not list(run.rglob("*.new")), "temporary files are gone"
    assert not list(run.rglob("*.old")), "temporary files are gone"
    return content


def assert_same_files(actual: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert sorted(actual) == sorted(expected)
    assert [name for name in actual if actual[name] != expected[name]] == []

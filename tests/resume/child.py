"""What the child processes of these tests do.

A child counts every call that matters to a resumption: a write, a half-written file, a rename, an update, a validation.
At the chosen one it sends itself SIGKILL: nothing is cleaned up, no `finally` runs. fsync is counted and left out: a
killed process loses nothing that it has written.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ..short_measurements import shorten_measurements
from .cases import SOURCES


class Moments:
    """Counts what happens, and kills the process or copies its folder at the chosen moments.

    A process that is killed leaves what it has written. So does a copy of its files at the same moment, and one process
    leaves many copies.
    """

    def __init__(self, folder: Path, kill_at: int | None, copy_at: dict[int, Path]) -> None:
        self.folder, self.kill_at, self.copy_at, self.names = folder, kill_at, copy_at, list[str]()

    def event(self, name: str) -> None:
        if len(self.names) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if (copy := self.copy_at.get(len(self.names))) is not None:
            shutil.copytree(self.folder, copy)
        self.names.append(name)

    def install(self) -> None:
        from elman.checkpoint import RunFolder, checksummed_folder, durable_files, versions
        from elman.tasks.classifier.training import ClassifierTask
        from elman.tasks.forecaster.training import ForecasterTask
        from elman.tasks.language_model.training import LanguageModelTask
        from elman.tasks.seq2seq.training import Seq2SeqTask
        from elman.tasks.tagger.training import TaggerTask
        from elman.training import loop
        from elman.training.session import Session

        patch = pytest.MonkeyPatch()
        shorten_measurements(patch)
        patch.setattr(os, "fsync", lambda descriptor: self.event("fsync"))
        for name in ("rename", "replace", "unlink", "write_text"):
            self._before(Path, name)
        self._before(shutil, "rmtree")
        self._before(os, "link")
        self._before(loop, "update")
        for task in (LanguageModelTask, Seq2SeqTask, ClassifierTask, TaggerTask, ForecasterTask):
            self._before(task, "validate")
        self._before(Session, "save")
        write_synced, append = durable_files.write_synced, RunFolder.append_record

        def half_written(path: Path, content: bytes) -> None:
            path.write_bytes(content[: len(content) // 2])
            self.event(f"half of {path.name}")
            write_synced(path, content)

        def half_appended(run: RunFolder, name: str, record: dict[str, Any]) -> None:
            size = run.file_size(name)
            append(run, name, record)
            whole = (run / name).read_bytes()
            os.truncate(run / name, (size + len(whole)) // 2)
            self.event(f"half a line of {name}")
            (run / name).write_bytes(whole)

        for module in (checksummed_folder, durable_files, versions):
            patch.setattr(module, "write_synced", half_written)
        patch.setattr(RunFolder, "append_record", half_appended)

    def _before(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counted(*arguments: Any, **keywords: Any) -> Any:
            self.event(name)
            return real(*arguments, **keywords)

        setattr(owner, name, counted)


def train_or_resume(
    run: Path,
    text: Path,
    request: dict[str, Any],
    *,
    kill_at: int | None = None,
    copy_at: dict[int, Path] | None = None,
    overwrite: bool = False,
    replace: bool = False,
    events: Path | None = None,
) -> None:
    """Train, or resume the run that is there; be killed or copy the folder of the run at these events.

    With `replace`, a new version of the run is trained, or resumed, until it is the current one.

    The names of all events are written to the file `events`.
    """
    from elman.checkpoint import is_run_folder, versions
    from elman.experiment import resume, train
    from elman.experiment.replacement import Replacement
    from elman.training.progress import SilentDisplay

    moments = Moments(run.parent, kill_at, copy_at or {})
    moments.install()
    is_untouched = replace and versions.history_of(run) == (1,) and versions.unfinished_version(run) is None
    if is_run_folder(run) and not overwrite and not is_untouched:
        resume(run, SilentDisplay())
    else:
        task = request.get("task", "lm")
        source = text.with_name(SOURCES.get(task, text.name))
        replacement = Replacement(keep=1) if replace else None
        train([source], run, request, SilentDisplay(), task=task, overwrite=overwrite, replace=replacement)
    if events is not None:
        events.write_bytes(json.dumps(moments.names).encode())


def run_command_line(arguments: list[str], shown: Path, signal_number: int | None, at_update: int) -> None:
    """Run the command line, its stderr into a file; at an update, send itself a signal."""
    from elman.cli import main
    from elman.training import loop

    patch = pytest.MonkeyPatch()
    shorten_measurements(patch)
    os.dup2(os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    real, updates = loop.update, [0]

    def counted(*given: Any) -> float:
        updates[0] += 1
        if updates[0] == at_update and signal_number is not None:
            os.kill(os.getpid(), signal_number)
        return real(*given)

    patch.setattr(loop, "update", counted)
    sys.argv = ["elman", *arguments]
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os._exit(main())


def hold_the_lock(run: Path) -> None:
    from elman.checkpoint import RunFolder

    held = RunFolder.open(run)
    (run / "held").write_bytes(b"")
    time.sleep(600)
    held.unlock()

"""What a run does now, for the list of runs.

    preparing   it reads its data or chooses its sizes
    training    it trains
    stopped     it was stopped or killed, and can be resumed
    finished    its budget is used
    damaged     its files cannot be read

A run is preparing or training if a process holds the lock of its folder, whoever has started it. Steps and seconds are
those of the last line of timing.jsonl, and the best validation is that of the last checkpoint.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from elman.checkpoint import CONFIG_FILE, RunFolder, open_regular_file, read_regular_file
from elman.checkpoint.serialization import parse_json
from elman.errors import ElmanError
from elman.tasks.loading import read_run_config

from .record_file import RecordFile

State = Literal["preparing", "training", "stopped", "finished", "damaged"]
TAIL_BYTES = 4096
_CHECKPOINT = re.compile(r"step-\d+")


class RunStatus(NamedTuple):
    """A run, as the list shows it. progress: the share of the budget that is used; None if it is not known."""

    state: State
    task: str | None
    step: int
    seconds: float
    progress: float | None
    best_step: int | None
    best: dict[str, Any] | None  # the validation metrics of the best step
    has_model: bool
    changed: float  # when the last checkpoint was written, in seconds since 1970
    problem: str = ""  # why it is damaged


def damaged_status(problem: str) -> RunStatus:
    """Return the status of a run whose files cannot be read."""
    return RunStatus("damaged", None, 0, 0.0, None, None, None, has_model=False, changed=0.0, problem=problem)


class StatusReader:
    """The status of one run. It remembers what it has read, so each call reads only what is new."""

    def __init__(self, path: Path) -> None:
        self._run = RunFolder(path)
        self._metrics = RecordFile(path / "metrics.jsonl")
        self._validations: dict[int, dict[str, Any]] = {}
        self._config: tuple[int, dict[str, Any]] = (0, {})
        self._checkpoint: tuple[tuple[str | None, float], dict[str, Any]] = ((None, 0.0), {})

    def read(self) -> RunStatus:
        """Return the status now."""
        run, config = self._run, self._read_config()
        checkpoint = self._read_checkpoint()
        self._read_validations()
        timing = _last_record(run / "timing.jsonl")
        step = max(int(timing.get("step", 0)), int(checkpoint.get("step", 0)))
        seconds = max(float(timing.get("seconds", 0.0)), float(checkpoint.get("seconds", 0.0)))
        is_finished = checkpoint.get("finished") is True
        best_step = checkpoint.get("best_step")
        best = self._validations.get(best_step) if best_step is not None else None
        return RunStatus(
            state=_state(run, is_prepared=bool(config), is_finished=is_finished),
            task=_task(run, config),
            step=step,
            seconds=seconds,
            progress=1.0 if is_finished else _progress(config.get("training", {}), step, seconds),
            best_step=best_step,
            best=best,
            has_model=(run / "model").is_dir(),
            changed=self._checkpoint[0][1],
        )

    def _read_config(self) -> dict[str, Any]:
        """Return config.toml, which a longer budget changes; empty while the run prepares."""
        path = self._run / CONFIG_FILE
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._config[0]:
                self._config = (stamp, read_run_config(path.parent))
        except (OSError, ElmanError):
            self._config = (0, {})
        return self._config[1]

    def _read_checkpoint(self) -> dict[str, Any]:
        """Return the state of the last checkpoint; that of the one before while it is replaced."""
        name = self._run.read_pointer("last")
        if name is None or not _CHECKPOINT.fullmatch(name):
            return {}
        path = self._run / "checkpoints" / name / "state.json"
        try:
            stamp = (name, path.stat().st_mtime)
            if stamp != self._checkpoint[0]:
                self._checkpoint = (stamp, parse_json(read_regular_file(path.parent, path.name), path))
        except (OSError, ElmanError):
            pass
        return self._checkpoint[1]

    def _read_validations(self) -> None:
        while True:
            new = self._metrics.read_new()
            if new.is_restart:
                self._validations.clear()
            for record in new.records:
                if isinstance(record.get("valid"), dict):
                    self._validations[record["step"]] = record["valid"]
            if not (new.records or new.damaged or new.is_restart):
                return


def _state(run: RunFolder, *, is_prepared: bool, is_finished: bool) -> State:
    if run.is_locked():
        return "training" if is_prepared else "preparing"
    return "finished" if is_finished else "stopped"


def _task(run: RunFolder, config: dict[str, Any]) -> str | None:
    if "task" in config:
        return str(config["task"])
    try:
        return str(run.request["task"])
    except (OSError, ElmanError, KeyError):
        return None


def _progress(budget: dict[str, Any], step: int, seconds: float) -> float | None:
    """Return the share of a budget of steps or minutes that is used; that of epochs depends on the data."""
    used: float | None = None
    if budget.get("steps"):
        used = step / budget["steps"]
    elif budget.get("minutes"):
        used = seconds / (60.0 * budget["minutes"])
    return None if used is None else min(1.0, used)


def _last_record(path: Path) -> dict[str, Any]:
    """Return the last complete line of a file of JSON lines; empty if there is none."""
    try:
        with open_regular_file(path.parent, path.name) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL_BYTES))
            lines = stream.read().split(b"\n")[:-1]  # without a line that is not complete
        record = json.loads(lines[-1])
    except (ElmanError, ValueError, IndexError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}

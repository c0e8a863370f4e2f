"""Trainings in processes of their own: `elman train` and `elman resume`, started by the studio and stopped by it.

To stop one is to send it SIGTERM: it writes a checkpoint and ends, and it can be resumed with the same results. The
studio stops only what it has started. What a process prints goes to a temporary file, whose end is shown where the
training fails.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from elman.errors import ConfigError
from elman.options import options_of
from elman.shell import quote
from elman.tasks.spec import TASKS, task_spec

SHOWN_BYTES = 4_000  # of the end of a log
STOP_SECONDS = 5.0  # after which a message says what the studio waits for


class Training(NamedTuple):
    """A process: what it does, and how it ended. exit_code is None while it runs."""

    name: str
    exit_code: int | None
    is_stopping: bool
    ended: float | None  # in seconds since 1970
    messages: str


class _Process:
    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        self.is_stopping = False
        self.ended: float | None = None
        with log.open("wb") as stream:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "elman", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,  # Ctrl-C in the terminal of the studio is for the studio
            )

    def exit_code(self) -> int | None:
        code = self.popen.poll()
        if code is not None and self.ended is None:
            self.ended = time.time()
        return code

    def stop(self) -> None:
        if self.popen.poll() is None and not self.is_stopping:  # a second signal would end it without a checkpoint
            self.is_stopping = True
            self.popen.send_signal(signal.SIGTERM)

    def messages(self) -> str:
        with self.log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - SHOWN_BYTES))
            return stream.read().decode("utf-8", "replace")


class Trainings:
    """The processes that the studio has started, by the name of their run; a run has at most one."""

    def __init__(self) -> None:
        self._processes: dict[str, _Process] = {}
        self._logs = tempfile.TemporaryDirectory(prefix="elman-studio-")
        self._num_started = 0
        self._lock = threading.Lock()

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Run elman with these arguments; a run that is training is a ConfigError."""
        with self._lock:
            process = self._processes.pop(name, None)
            if process is not None and process.popen.poll() is None:
                self._processes[name] = process
                raise ConfigError("the run is training", hint="Stop it first", where=name)
            self._num_started += 1
            self._processes[name] = _Process(arguments, Path(self._logs.name) / f"{self._num_started}.log")

    def stop(self, name: str) -> None:
        """Ask a training to write a checkpoint and to end; one that the studio has not started is a ConfigError."""
        with self._lock:
            process = self._processes.get(name)
            if process is None or process.popen.poll() is not None:
                problem = "the studio has not started a training of this run"
                raise ConfigError(problem, hint="Stop it where it was started, with Ctrl-C", where=name)
            process.stop()

    def all(self) -> list[Training]:
        """Return all processes, in the order of their start."""
        with self._lock:
            return [
                Training(name, process.exit_code(), process.is_stopping, process.ended, process.messages())
                for name, process in self._processes.items()
            ]

    def stop_all(self, notify: Callable[[str], None]) -> None:
        """Stop every training, and wait for its checkpoint; notify the user of each. Ctrl-C kills those that go on."""
        with self._lock:
            running = {name: process for name, process in self._processes.items() if process.popen.poll() is None}
            for process in running.values():
                process.stop()
            for name, process in running.items():
                try:
                    if not _ends_within(process.popen, STOP_SECONDS):
                        notify(f"Waiting for the checkpoint of {name}. Ctrl-C ends it without one.")
                    process.popen.wait()
                    notify(f"{name} was stopped. Continue with: elman resume {quote(name)}")
                except KeyboardInterrupt:
                    process.popen.kill()
                    process.popen.wait()
                    notify(f"{name} was killed. Continue from its last checkpoint with: elman resume {quote(name)}")
        self._logs.cleanup()


def training_arguments(task: str, data: Path, run: Path, options: dict[str, str], *, language: str) -> list[str]:
    """Return the arguments of `elman train` for a task, with values of options by their keys (`model.cell`)."""
    if task not in TASKS:
        raise ConfigError(f"task: given {task!r}; expected one of {', '.join(TASKS)}")
    known = {option.key: option for option in options_of(task_spec(task).run_config)}
    arguments = ["train", task, str(data.absolute()), "-o", str(run.absolute()), f"--lang={language}"]
    for key, value in options.items():
        if key not in known:
            raise ConfigError(f"{key}: the task {task!r} has no such option", hint="Choose one of the list")
        option = known[key]
        if option.kind is bool:
            if value not in ("yes", "no"):
                raise ConfigError(f"{key}: given {value!r}; expected yes or no")
            arguments.append(option.flag if value == "yes" else option.negative_flag)
        else:
            arguments.append(f"{option.flag}={value}")
    return arguments


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True

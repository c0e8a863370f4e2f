"""Signals, two trainings in one folder, and the command line."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .cases import FIRST, TRAINING
from .child import hold_the_lock, run_command_line
from .runs import Runs, assert_same_files, files_left_by

pytestmark = pytest.mark.integration


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
    """Wait until a condition holds; if it never does, the test fails."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_seconds:.0f} seconds"
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_says_how_to_go_on_and_costs_nothing(runs: Runs, tmp_path: Path, number: int, code: int) -> None:
    run, shown = tmp_path / "run", tmp_path / "stderr"
    flags = ["--set", "training.accumulate_steps=2", "--set", "training.weight_decay=0.01"]
    flags += [f"--set=training.{key}={value}" for key, value in TRAINING.items()]
    flags += ["--cell", "lstm", "--hidden", "16", "--embedding", "8", "--dropout", "0.3"]
    arguments = ["train", "lm", str(runs.text), "-o", str(run), *flags]
    assert runs.child(run_command_line, arguments, shown, number, 5) == code
    assert (run / "last").read_text() == "step-00000005\n"
    assert shown.read_text().splitlines()[-1] == (
        f"elman: stopped at step 5 and saved. Continue with `elman resume {run}`"
    )
    assert "Traceback" not in shown.read_text()
    assert runs.child(run_command_line, ["resume", str(run)], shown, None, 0) == 0
    actual, expected = files_left_by(run), {**runs.reference(FIRST)[0]}
    for files in (actual, expected):
        del files["request.json"]  # the same options, from the command line
    assert_same_files(actual, expected)


def test_two_trainings_on_one_folder_are_refused(
    runs: Runs, tmp_path: Path, forks: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from elman.cli import main

    runs.reference(FIRST)  # trains it, if no earlier test of this process has
    run = tmp_path / "run"
    shutil.copytree(runs.reference_run(FIRST), run)
    process = forks.Process(target=hold_the_lock, args=(run,))
    process.start()
    try:
        wait_until((run / "held").exists)
        for arguments in (["resume", str(run)], ["train", "lm", str(runs.text), "-o", str(run), "--overwrite"]):
            monkeypatch.setattr(sys, "argv", ["elman", *arguments])
            assert main() == 2
            out, err = capsys.readouterr()
            assert out == ""
            told = "another process is training in this folder. Wait until it ends, or choose another -o"
            assert err.splitlines()[-1] == f"elman: {run}: {told}"
        assert (run / "held").exists(), "the folder was not moved"
    finally:
        process.kill()
        process.join(60)
        process.close()
    assert runs.go(FIRST, run) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_the_installed_command_survives_a_signal_from_outside(runs: Runs, tmp_path: Path, number: int) -> None:
    run = tmp_path / "run"
    settings = {
        **TRAINING,
        "steps": 450,
        "validate_every_steps": 150,
        "log_every_steps": 10,
        "checkpoint_every_steps": 50,
    }
    flags = [f"--set=training.{key}={value}" for key, value in settings.items()]
    command = [
        sys.executable,
        "-m",
        "elman",
        "train",
        "lm",
        str(runs.text),
        "--hidden",
        "16",
        "--dropout",
        "0.1",
        *flags,
    ]
    with subprocess.Popen([*command, "-o", str(run)], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        metrics = run / "metrics.jsonl"
        wait_until(lambda: process.poll() is not None or (metrics.exists() and metrics.read_bytes().count(b"\n") >= 3))
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert out == b""
    assert b"Traceback" not in err
    assert runs.child(run_command_line, ["resume", str(run)], tmp_path / "stderr", None, 0) == 0
    arguments = [*command[3:], "-o", str(tmp_path / "whole" / "run")]
    assert runs.child(run_command_line, arguments, tmp_path / "stderr", None, 0) == 0
    assert_same_files(files_left_by(run), files_left_by(tmp_path / "whole" / "run"))

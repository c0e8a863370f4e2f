"""The command that opens damaged files: some hundred cases, and what a reader must not do is seen."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from .scripts import load_script

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
COMMAND = "damaged_files"
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with arguments, and return what it printed on stdout."""

    def run_main(module: ModuleType, *arguments: Any, exit_code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [str(module.__file__), *map(str, arguments)])
        code = module.main()
        captured = capsys.readouterr()
        assert code == exit_code, captured.err
        return captured.out

    return run_main


@pytest.fixture
def damaged_files(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return load_script(BENCHMARKS / f"{COMMAND}.py")


def test_damaged_files_of_every_kind_are_refused_or_used(run: Run, damaged_files: ModuleType) -> None:
    formats = ["lm", "classify", "tag", "seq2seq", "forecast", "trace", "state"]
    report = json.loads(run(damaged_files, *formats, "--first", 20, "--cases", 28, "--json"))
    assert report["failures"] == []
    totals = {row["format"]: row for row in report["rows"] if row["damage"] == "all"}
    assert list(totals) == formats
    assert all(row["cases"] == 28 for row in totals.values())
    assert all(row["refused"] > 1 for row in totals.values())
    assert all(row["loaded"] > 5 for row in totals.values())


def test_a_case_is_the_same_each_time_and_has_a_number(damaged_files: ModuleType) -> None:
    for number in range(30, 60):
        (kind, first), (again, second) = (damaged_files.damaged_content("trace", number) for _ in range(2))
        assert (kind, first.files, first.changes) == (again, second.files, second.changes)


def crash() -> None:
    """End the process as a wrong address does, without the report that pytest would print."""
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)


def compute(seconds: float) -> None:
    """Take this much time of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.integration
@pytest.mark.parametrize(
    ("opened", "problem"),
    [
        (lambda path: crash(), "the process ended: SIGSEGV"),
        (lambda path: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda path: [b"x" * (90 << 20)], " MB; expected at most 50 for "),
        (lambda path: np.zeros(1 << 32), "MemoryError"),
        (lambda path: Path("/etc/hostname").read_bytes(), "reads /etc/hostname"),
        (lambda path: (path / "new").write_bytes(b""), "writes "),
        (lambda path: os.system("true"), "os.system"),
        (lambda path: compute(1.5), " seconds; expected at most 1"),
        (lambda path: os.read(os.pipe()[0], 1), "nothing happened for "),
    ],
    ids=["crash", "error", "memory", "address-space", "read", "write", "program", "slow", "hang"],
)
def test_damaged_files_sees_what_a_reader_must_not_do(
    opened: Callable[[Path], object],
    problem: str,
    damaged_files: ModuleType,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    worker = sys.modules["damage.worker"]
    monkeypatch.setattr(worker, "STALL_SECONDS", 3.0 if problem.startswith("nothing") else 60.0)
    form = damaged_files.FORMATS["tag"]

    def bad(path: Path) -> list[Callable[[], object]]:
        opened(path)
        return []

    monkeypatch.setitem(damaged_files.FORMATS, "tag", form._replace(opened=bad))
    report = json.loads(run(damaged_files, "--case", "tag:40", "--save", tmp_path, "--json", exit_code=1))
    (failure,) = report["failures"]
    assert failure["case"] == "tag:40"
    assert problem in failure["problem"]
    assert (tmp_path / "tag-40").is_dir()

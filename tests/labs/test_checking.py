"""Checking labs in several processes: the outcomes are those of one process, in the order of the labs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from elman.labs import checking, find_labs
from elman.labs.checking import check_labs
from elman.labs.lab import Settings

pytestmark = pytest.mark.integration

NAMES = ["srn-tanh", "one-hot", "srn-linear", "residual"]


def test_processes_give_the_outcomes_of_one_process_in_the_same_order() -> None:
    labs, settings = find_labs(NAMES), Settings(smoke=True)
    before = dict(os.environ)
    shown: list[str] = []
    alone = check_labs(labs, settings, 1)
    together = check_labs(labs, settings, 2, lambda lab, outcome: shown.append(lab.name))
    assert sorted(shown) == sorted(NAMES), "each outcome is shown as soon as it is known"
    assert list(together) == list(alone) == NAMES
    assert all(outcome.claims for outcome in together.values())
    assert {name: outcome.claims for name, outcome in together.items()} == {
        name: outcome.claims for name, outcome in alone.items()
    }
    assert dict(os.environ) == before


def test_short_labs_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(checking, "ProcessPoolExecutor", refuse)
    assert list(check_labs(find_labs(NAMES), Settings())) == NAMES
    monkeypatch.setattr(checking, "WORTH_PROCESSES", 0.0)
    monkeypatch.setattr(checking, "get_num_threads", lambda: 2)
    with pytest.raises(AssertionError, match="a process was started"):
        check_labs(find_labs(NAMES), Settings())


PARENT = """
import multiprocessing, time
from elman.labs.checking import end_with_parent

def work(pipe):
    end_with_parent()
    pipe.send(None)
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ready, pipe = context.Pipe()
    child = context.Process(target=work, args=(pipe,))
    child.start()
    ready.recv()
    print(child.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_killed_check_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)  # it is there
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the process goes on without its parent")

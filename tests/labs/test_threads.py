"""A lab runs with one thread, whether torch was imported before or not, and leaves the others as they were."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from elman.kernels import get_num_threads, set_num_threads
from elman.labs.lab import Report, run_experiment

PROGRAM = """
import sys
from elman.kernels import get_num_threads
from elman.labs.lab import Report, run_experiment

def run(report):
    import torch
    print(torch.get_num_threads(), get_num_threads())

before = get_num_threads()
assert "torch" not in sys.modules
run_experiment(run, Report())
import torch
assert torch.get_num_threads() == get_num_threads() == before
"""


def test_a_lab_has_one_thread_and_gives_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    during: list[int] = []
    kernel_threads, torch_threads = get_num_threads(), torch.get_num_threads()
    try:
        set_num_threads(3)
        torch.set_num_threads(2)
        run_experiment(lambda report: during.extend([torch.get_num_threads(), get_num_threads()]), Report())
        assert during == [1, 1]
        assert (torch.get_num_threads(), get_num_threads()) == (2, 3)
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        during.clear()
        run_experiment(lambda report: during.extend([torch.get_num_threads(), get_num_threads()]), Report())
        assert during == [2, 3], "the user has decided"
    finally:
        set_num_threads(kernel_threads)
        torch.set_num_threads(torch_threads)


@pytest.mark.integration
def test_a_lab_that_imports_torch_has_one_thread() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "1 1\n"), done.stderr

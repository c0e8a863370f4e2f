"""Runs that are killed, in processes that start in a fraction of a second."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from elman.tasks.spec import TASKS

from .cases import FIRST
from .runs import Runs, update


@pytest.fixture(scope="session")
def forks() -> Any:
    """Return a multiprocessing context whose children are forked from a server that has imported elman and torch."""
    context = multiprocessing.get_context("forkserver")
    # What training imports on its way, which takes each child a second. What is not there or not installed is ignored.
    late = ["torch._dynamo", "torch.profiler._cupti_monitor", "safetensors.numpy", "tomli_w", "numpy.ma", "sacrebleu"]
    parts = ("answers", "preparation", "readers", "report", "training")
    tasks = [f"{task.package}.{part}" for task in TASKS.values() for part in parts]
    context.set_forkserver_preload(["elman.experiment", "elman.cli", "tests.resume.child", *late, *tasks])
    return context


@pytest.fixture(scope="session")
def runs(forks: Any, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(forks, tmp_path_factory.mktemp("resume"))


@pytest.fixture
def half_done(runs: Runs, tmp_path: Path) -> Path:
    """A run that was killed at its fifth update."""
    runs.killed(FIRST, update(runs.reference(FIRST)[1], 4), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def display() -> Any:
    from elman.training.progress import SilentDisplay

    return SilentDisplay()

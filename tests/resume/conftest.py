"""Runs that are killed, in processes that start in a fraction of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .cases import FIRST
from .runs import Runs, update


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

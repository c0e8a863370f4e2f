"""The command line in this very process: arguments in; an exit code, stdout and stderr out."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def train_keys(unit: str) -> set[str]:
    """The keys of `elman train --json` for a task that counts this unit."""
    return {"run", "model", "task", "steps", "seconds", f"{unit}_per_second", "best_step", "train", "valid"}


TRAIN_KEYS = train_keys("tokens")
TINY = ["--hidden", "16", "--embedding", "8", "--batch-size", "4", "--bptt", "8", "--threads", "1"]


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object that ends stdout."""
        value = json.loads(self.out.splitlines()[-1])
        assert isinstance(value, dict)
        return value


Command = Callable[..., Done]


def only_json(out: str) -> dict[str, Any]:
    """Return the JSON object that is the whole of stdout."""
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def run_command(patch: pytest.MonkeyPatch, capture: Any, *arguments: Any) -> Done:
    from elman.cli import main

    patch.setattr(sys, "argv", ["elman", *map(str, arguments)])
    patch.setattr(sys.modules["__main__"], "__package__", None)  # else help calls itself `python -m pytest`
    capture.readouterr()
    code = main()
    return Done(code, *capture.readouterr())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(0)
    text = "".join(rng.choice(["alpha ", "beta ", "gamma,\n", "delta "]) for _ in range(500))
    path = tmp_path_factory.mktemp("books") / "book.txt"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="session")
def trained(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that tests read and never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    run = tmp_path_factory.mktemp("runs") / "run"
    values = {
        "model": {"hidden_size": 16, "embedding_size": 8},
        "training": {"steps": 4, "batch_size": 4, "bptt_steps": 8, "threads": 1},
    }
    train([book], run, values, SilentDisplay())
    return run


RunTrain = Callable[..., Done]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def train(command: Command, tmp_path: Path) -> RunTrain:
    """Return a function that trains with bad input, and checks for an error and an unchanged folder."""

    def run(*arguments: Any, code: int) -> Done:
        before = files_of(tmp_path)
        done = command("train", "lm", "-o", tmp_path / "run", "--steps", 2, *TINY, *arguments)
        assert_error(done, code)
        assert files_of(tmp_path) == before
        assert not (tmp_path / "run").exists() or before
        return done

    return run


def assert_error(done: Done, code: int) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "mistake in elman" not in done.err
    assert done.err.splitlines()[0].startswith("elman: ")

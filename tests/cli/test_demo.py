"""elman demo: training on the built-in text."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from elman.errors import DataError

from .conftest import Command


def test_demo_trains_on_the_built_in_text_and_generates(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Path
) -> None:
    from elman import experiment

    real = experiment.train

    def quick(sources: Any, out: Path, given: Any, display: Any, **keywords: Any) -> Any:
        assert sources == ["python-docs"]
        assert given == {"training": {"minutes": 0.01}}
        settings = {
            "model": {"hidden_size": 16, "embedding_size": 8},
            "training": {"steps": 2, "batch_size": 4, "bptt_steps": 8, "threads": 1},
        }
        return real([book], out, settings, display, **keywords)

    monkeypatch.setattr(experiment, "train", quick)
    done = command("demo", "-o", tmp_path / "demo", "--minutes", 0.01)
    assert done.code == 0, done.err
    assert done.out.startswith("The class ")
    assert f"The run is in {tmp_path / 'demo'}" in done.err


def test_demo_does_not_replace_another_run(command: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    shutil.copy(trained / "request.json", tmp_path / "mine")
    before = (tmp_path / "mine" / "request.json").read_bytes()
    done = command("demo", "-o", tmp_path / "mine", "--minutes", 0.01)
    assert (done.code, done.out) == (2, "")
    assert f"elman: {tmp_path / 'mine'}: the folder already exists. " in done.err
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "mine").iterdir()] == [("request.json", before)]


@pytest.mark.parametrize(("arguments", "replaced"), [([], True), (["-o", "runs/other"], False)])
def test_demo_replaces_only_its_own_run(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], replaced: bool
) -> None:
    from elman import experiment

    asked: list[bool] = []

    def stop(*positional: Any, overwrite: bool) -> Any:
        asked.append(overwrite)
        raise DataError("enough")

    monkeypatch.setattr(experiment, "train", stop)
    assert command("demo", *arguments).code == 3
    assert asked == [replaced]


def test_demo_prints_commands_with_the_name_that_was_called_and_paths_in_quotes(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Path
) -> None:
    from elman import experiment, shell

    real = experiment.train
    settings = {
        "model": {"hidden_size": 16, "embedding_size": 8},
        "training": {"steps": 1, "batch_size": 4, "bptt_steps": 8, "threads": 1},
    }
    monkeypatch.setattr(
        experiment, "train", lambda sources, out, given, display, **k: real([book], out, settings, display, **k)
    )
    monkeypatch.setattr(shell, "program", lambda: ".venv/bin/elman")
    run = tmp_path / "a demo"
    done = command("demo", "-o", run)
    assert "trained for 1 minute.\n" in done.err
    lines = [line.strip() for line in done.err.splitlines() if line.startswith("  .venv/bin/elman ")]
    assert lines == [
        f".venv/bin/elman generate '{run}' --prompt \"An exception is\" --temperature 0.5",
        ".venv/bin/elman train lm YOUR_FILE.txt -o runs/mine",
        f".venv/bin/elman evaluate '{run}'",
    ]
    assert command("demo", "-o", tmp_path / "other", "--quiet").err == ""

"""A task from outside of the package has everything that elman's own tasks have, by the ordinary commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.errors import ModelError
from elman.tasks import spec
from tests.cli.conftest import Command, run_command


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    spec.register("digits", "tests.toy_task", "Train a model that adds up digits.")
    yield
    del spec.TASKS["digits"]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "digits.tsv"
    lines = ("".join(map(str, row)) + f"\t{row.sum()}\n" for row in rng.integers(0, 10, (200, 4)))
    path.write_text("".join(lines), "utf-8")
    return path


def test_the_ordinary_commands_train_evaluate_and_predict(command: Command, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    budget = ["--steps", "600", "--threads", "1", "--hidden", "24", "--lr", "0.02"]
    trained = command("train", "digits", data, "-o", run, *budget, "--json")
    assert trained.code == 0, trained.err
    assert trained.json["task"] == "digits"
    assert trained.json["valid"]["loss"] < 4.0
    assert command("evaluate", run, "--json").json == trained.json["valid"]
    loose, strict = (command("evaluate", run, data, "--tolerance", t, "--json").json for t in ("100", "0.000001"))
    assert loose["accuracy"] == 1.0
    assert strict["accuracy"] < 1.0
    lines = tmp_path / "lines.txt"
    lines.write_text("1234\nabc\n", "utf-8")
    predicted = command("predict", run, lines, "--decimals", "3")
    assert predicted.code == 3
    assert float(predicted.out.splitlines()[0]) == pytest.approx(elman.load(run).predict(["1234"])[0], abs=1e-3)
    assert "no digits; expected a line of digits" in predicted.err


def test_it_resumes(command: Command, data: Path, tmp_path: Path) -> None:
    options = [
        "--threads",
        "1",
        "--set",
        "training.checkpoint_every_steps=5",
        "--set",
        "training.validate_every_steps=5",
    ]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert command("train", "digits", data, "-o", whole, "--steps", "20", *options).code == 0
    assert command("train", "digits", data, "-o", stopped, "--steps", "20", *options).code == 0
    for checkpoint in sorted((stopped / "checkpoints").iterdir())[-1:]:  # as if it had been killed before its last one
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()
    assert command("resume", stopped).code == 0
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (whole, stopped)]
    assert weights[0] == weights[1]


def test_its_options_are_in_the_help(command: Command, data: Path, tmp_path: Path) -> None:
    assert "Train a model that adds up digits." in command("train", "--help").out
    help_of_train = command("train", "digits", "--help").out
    assert "--hidden N" in help_of_train
    assert "--pooling" not in help_of_train
    assert "--decimals N" in command("predict", "--help").out
    wrong = command("train", "digits", data, "-o", tmp_path / "run", "--steps", "0")
    assert wrong.code == 2
    assert "training.steps (--steps): given 0; expected greater than 0" in wrong.err


def test_a_run_of_a_task_that_is_not_registered_is_refused(command: Command, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command("train", "digits", data, "-o", run, "--steps", "2", "--threads", "1").code == 0
    task = spec.TASKS.pop("digits")
    try:
        with pytest.raises(ModelError, match="has task 'digits'"):
            elman.load(run)
        assert command("resume", run).code == 4
    finally:
        spec.TASKS["digits"] = task


def test_a_name_is_registered_once() -> None:
    spec.register("digits", "tests.toy_task")
    with pytest.raises(ValueError, match="already registered by tests"):
        spec.register("digits", "somewhere.else")


def test_its_config_is_written_whole(command: Command, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command("train", "digits", data, "-o", run, "--steps", "2", "--threads", "1", "--seed", "7").code == 0
    text = (run / "config.toml").read_text("utf-8")
    assert "seed = 7" in text
    assert 'task = "digits"' in text
    assert json.loads((run / "model" / "config.json").read_text("utf-8"))["task"] == "digits"

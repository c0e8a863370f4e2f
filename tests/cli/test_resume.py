"""elman resume: finished runs, damaged runs, and runs of another machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..cards import without_speed
from .conftest import TRAIN_KEYS, Command, only_json


def test_resuming_a_finished_run_prints_its_result_and_writes_the_model_again(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    done = command("resume", tmp_path / "run", "--json")
    assert done.code == 0
    assert "there is nothing left to do" in done.err
    assert set(only_json(done.out)) == TRAIN_KEYS
    weights, cards = (
        [(run / "model" / name).read_bytes() for run in (trained, tmp_path / "run")]
        for name in ("model.safetensors", "README.md")
    )
    assert weights[0] == weights[1]
    assert without_speed(cards[0]) == without_speed(cards[1])


def test_resuming_a_run_of_a_missing_gpu_is_an_error(command: Command, trained: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "config.toml"
    path.write_text(path.read_text().replace('device = "cpu"', 'device = "cuda"'))
    done = command("resume", tmp_path / "run")
    assert (done.code, done.out) == (2, "")
    assert "training.device: given cuda, but torch finds no GPU here. Use --device auto or cpu\n" in done.err


def test_a_changed_vocabulary_of_the_corpus_is_a_damaged_run(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "data" / "vocabulary.json"
    content = path.read_bytes()
    position = content.index(b'"a"') + 1
    path.write_bytes(content[:position] + b"z" + content[position + 1 :])
    for arguments in (["resume", tmp_path / "run"], ["evaluate", tmp_path / "run"]):
        done = command(*arguments)
        assert (done.code, done.out) == (4, "")
        assert "damaged training data (vocabulary.json differs from what was written). Train again" in done.err


def test_a_finished_run_trains_more_steps(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    done = command("resume", tmp_path / "run", "--steps", "+2", "--json")
    assert done.code == 0, done.err
    assert done.json["steps"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "10"], "--steps: given '10'; expected a plus sign and a number, as in +1000."),
        (["--steps", "+1.5"], "--steps: given '+1.5'; expected a plus sign and a number, as in +1000."),
        (["--epochs", "+0"], "--epochs: given '+0'; expected a plus sign and a number, as in +5."),
        (["--minutes", "+nan"], "--minutes: given '+nan'; expected a plus sign and a number, as in +5."),
        (
            ["--steps", "+1", "--epochs", "+1"],
            "given --steps and --epochs; expected only one of --steps, --epochs, --m",
        ),
    ],
)
def test_a_budget_that_is_no_number_to_add_is_an_error(
    command: Command, trained: Path, arguments: list[str], message: str
) -> None:
    done = command("resume", trained, *arguments)
    assert done.code == 2
    assert message in done.err

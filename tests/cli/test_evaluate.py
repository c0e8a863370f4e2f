"""elman evaluate of a language model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from elman.data import datasets
from elman.tasks.loading import load

from .conftest import Command, only_json


def test_evaluate_prints_each_metric_on_its_line(command: Command, trained: Path) -> None:
    done = command("evaluate", trained)
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == [
        "task", "count", "loss", "perplexity", "bits_per_character", "tokens", "unknown",
    ]  # fmt: skip


def test_evaluate_of_a_file_prints_the_metrics_of_the_predictor(command: Command, trained: Path, book: Path) -> None:
    result = only_json(command("evaluate", trained / "model", book, "--json").out)
    assert result == load(trained).evaluate(book)
    assert result["perplexity"] == pytest.approx(math.exp(result["loss"]))


def test_evaluate_of_a_data_set_finds_its_file(
    command: Command, trained: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "local_path", {"timemachine": book}.__getitem__)
    assert command("evaluate", trained, "timemachine").out == command("evaluate", trained, book).out


def test_unknown_characters_are_counted_on_stderr(command: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_text("alpha Ωmega beta Ω\n")
    done = command("evaluate", trained, tmp_path / "odd.txt", "--json")
    assert done.code == 0
    assert done.err == "2 of 18 predicted tokens are unknown to the model\n"
    assert done.json["unknown"] == 2


def test_evaluate_of_a_model_folder_needs_data(command: Command, trained: Path) -> None:
    done = command("evaluate", trained / "model")
    assert done.code == 2
    model = trained / "model"
    problem = "the folder is a model folder, which has no validation set; expected a run folder"
    assert done.err == f"elman: {model}: {problem}. Give data: elman evaluate {model} FILE\n"

"""Training from a request to a model folder: the result, the config, the metrics and the card."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import experiment
from elman.cells import CELLS
from elman.experiment import train
from elman.tasks.language_model import report
from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.readers import MemoryTexts
from elman.tasks.loading import load
from elman.training.progress import SilentDisplay
from tests.cli.conftest import TRAIN_KEYS

from .trainings import TINY, Killed, Recorder, speed, with_training


def test_the_result_has_the_metrics_of_the_model_on_disk_exactly(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    valid_set = LanguageModelCorpus.open(tmp_path / "run" / "data").ids("valid")
    assert load(tmp_path / "run").evaluate_blocks(valid_set) == result["valid"]
    assert load(tmp_path / "run" / "model").evaluate_blocks(valid_set) == result["valid"]
    assert set(result) == TRAIN_KEYS
    assert (result["run"], result["model"]) == (str(tmp_path / "run"), str(tmp_path / "run" / "model"))
    assert (result["task"], result["steps"]) == ("lm", 4)


@pytest.mark.parametrize("cell", CELLS)
def test_the_predictor_has_the_loss_of_torch(book: Path, tmp_path: Path, cell: str) -> None:
    settings = {**TINY, "model": {**TINY["model"], "cell": cell, "dropout": 0.3}}
    result = train([book], tmp_path / "run", settings, SilentDisplay())
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = {line["step"]: line["valid"] for line in lines if "valid" in line}
    best = scored[result["best_step"]]
    assert best["loss"] == pytest.approx(result["valid"]["loss"], abs=1e-5)  # float32 sums in another order
    assert best["loss"] == min(line["loss"] for line in scored.values())


def test_the_same_seed_trains_the_same_model_and_another_does_not(book: Path, tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train([book], tmp_path / name, {**TINY, "seed": seed}, SilentDisplay())
        weights.append((tmp_path / name / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_the_config_on_disk_is_everything_resolved(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "run", with_training(threads=0), SilentDisplay())
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["model"]["hidden_size"] == [16]
    assert config["training"]["steps"] == 4
    assert config["training"]["device"] == "cpu" or torch.cuda.is_available()
    assert config["training"]["threads"] >= 1, "measured, and written as a number"
    assert "minutes" not in config["training"]
    assert json.loads((tmp_path / "run" / "request.json").read_bytes())["sources"]["train"] == [str(book)]
    assert set(json.loads((tmp_path / "run" / "env.json").read_bytes())) >= {"elman", "python", "torch"}


def test_the_config_on_disk_trains_the_same_model(book: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "a", TINY, SilentDisplay())
    train([book], tmp_path / "b", tomllib.loads((tmp_path / "a" / "config.toml").read_text()), SilentDisplay())
    files = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_training_restores_the_threads_of_torch(book: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train([book], tmp_path / "run", TINY, SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_training_neither_reads_nor_changes_the_global_random_generator(book: Path, tmp_path: Path) -> None:
    settings = {**TINY, "model": {**TINY["model"], "dropout": 0.4}}
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        train([book], tmp_path / str(seed), settings, SilentDisplay())
        assert torch.equal(torch.get_rng_state(), before)
        files.append((tmp_path / str(seed) / "model" / "model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_validation_file_is_the_validation_set(book: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("delta gamma beta alpha " * 20)
    result = train([book], tmp_path / "run", TINY, SilentDisplay(), valid=[tmp_path / "other.txt"])
    assert result["valid"]["tokens"] == 23 * 20
    assert load(tmp_path / "run").evaluate(tmp_path / "other.txt") == result["valid"]


def test_several_files_and_texts_in_memory_train_the_same_model_as_one_file(book: Path, tmp_path: Path) -> None:
    text = book.read_text()
    cut = text.index("\n", len(text) // 2) + 1
    (tmp_path / "one.txt").write_text(text[:cut])
    (tmp_path / "two.txt").write_text(text[cut:] + "\n")
    sources: list[list[Any]] = [
        [tmp_path / "one.txt", tmp_path / "two.txt"],
        [MemoryTexts((text[:cut], text[cut:]))],
    ]
    for number, source in enumerate(sources):
        train(source, tmp_path / str(number), TINY, SilentDisplay())
    files = [(tmp_path / str(n) / "model" / "model.safetensors").read_bytes() for n in range(2)]
    assert files[0] == files[1]


def test_the_card_has_the_metrics_and_the_source(book: Path, tmp_path: Path) -> None:
    result = train([book], tmp_path / "run", TINY, SilentDisplay())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"loss {result['valid']['loss']:.4f} nats per token" in card
    assert speed(card) > 0.0
    assert f"- book.txt, {book.stat().st_size:,} bytes, SHA-256 " in card
    assert str(tmp_path) not in card, "a card is published: it holds no path of this machine"


def test_the_model_and_its_training_are_described(book: Path, tmp_path: Path) -> None:
    display = Recorder()
    train([book], tmp_path / "run", TINY, display)
    assert any("lstm 16, embedding 8" in line for line in display.messages)
    assert any("1 thread on cpu; 4 steps" in line for line in display.messages)


def test_timing_restores_the_threads_of_torch_too(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "fit", lambda *arguments, **keywords: pytest.fail("reached"))
    monkeypatch.setattr(report, "describe_run", lambda *arguments: (_ for _ in ()).throw(Killed))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(Killed):
            train([book], tmp_path / "run", with_training(steps=None, minutes=1.0), SilentDisplay())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_validate_tokens_0_scores_the_whole_validation_set(book: Path, tmp_path: Path) -> None:
    differences = {}
    for tokens in (0, 40):
        settings = with_training(validate_tokens=tokens, validate_every_steps=4)
        result = train([book], tmp_path / str(tokens), settings, SilentDisplay())
        lines = [json.loads(line) for line in (tmp_path / str(tokens) / "metrics.jsonl").read_text().splitlines()]
        (scored,) = (line["valid"]["loss"] for line in lines if "valid" in line)
        differences[tokens] = abs(scored - result["valid"]["loss"])
    assert differences[0] < 1e-5, "float32 sums in another order"
    assert differences[40] > 1e-4, "a sample has another loss"


def test_the_number_of_unknown_tokens_is_reported(book: Path, tmp_path: Path) -> None:
    display = Recorder()
    (tmp_path / "rare.txt").write_text(book.read_text() + "xyzzy\n", "utf-8")
    (tmp_path / "valid.txt").write_text("alpha beta é\n" * 3, "utf-8")
    settings = {**TINY, "data": {"min_frequency": 10}}
    train([tmp_path / "rare.txt"], tmp_path / "run", settings, display, valid=[tmp_path / "valid.txt"])
    assert "<unk> replaces 5 rare characters of the training set and 3 of the validation set" in display.messages
    quiet = Recorder()
    train([book], tmp_path / "plain", TINY, quiet)
    assert not [line for line in quiet.messages if "<unk>" in line]


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_smallest_and_the_largest_seed_train(book: Path, tmp_path: Path, seed: int) -> None:
    assert train([book], tmp_path / "run", {**with_training(steps=1), "seed": seed}, SilentDisplay())["steps"] == 1

"""Encoder-decoders, whose data may be two files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from elman import experiment
from elman.data.sources import ParallelFiles
from elman.errors import DataError
from elman.experiment import resume, train
from elman.tasks.loading import load
from elman.tasks.seq2seq import defaults as seq2seq_defaults
from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.training.progress import SilentDisplay

from .trainings import TINY_PAIRS, Killed, Recorder, speed


def test_the_config_of_pairs_on_disk_is_everything_resolved_with_the_levels(pairs: Path, tmp_path: Path) -> None:
    settings = {"training": {"steps": 3}, "model": {"hidden_size": 8}, "seed": 3}
    display = Recorder()
    train([pairs], tmp_path / "run", settings, display, task="seq2seq")
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (config["task"], config["seed"]) == ("seq2seq", 3)
    assert (config["data"]["source_level"], config["data"]["target_level"]) == ("char", "word")
    corpus = Seq2SeqCorpus.open(tmp_path / "run" / "data")
    chosen = seq2seq_defaults.resolve(settings, corpus).model_dump(mode="json", exclude_none=True)
    chosen["training"] |= {name: config["training"][name] for name in ("device", "threads")}
    assert config == chosen
    assert config["training"]["threads"] >= 1, "measured, and written as a number"
    assert any("sources: 3 different characters; targets: 3 different words" in line for line in display.messages)
    train([pairs], tmp_path / "again", config, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("run", "again")]
    assert weights[0] == weights[1], "the config on disk trains the same model"


def test_the_request_has_the_absolute_path_of_every_file(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split("\t") for line in pairs.read_text().splitlines()]
    for name, column in (("sources", 0), ("targets", 1)):
        (tmp_path / name).write_text("".join(f"{line[column]}\n" for line in lines))
        (tmp_path / f"valid-{name}").write_text("".join(f"{line[column]}\n" for line in lines[:9]))
    monkeypatch.chdir(tmp_path)
    valid = [ParallelFiles("valid-sources", "valid-targets")]
    train([ParallelFiles("sources", "targets")], Path("run"), TINY_PAIRS, SilentDisplay(), task="seq2seq", valid=valid)
    assert json.loads((tmp_path / "run" / "request.json").read_bytes()) == {
        "values": TINY_PAIRS,
        "sources": {
            "train": [[str(tmp_path / "sources"), str(tmp_path / "targets")]],
            "valid": [[str(tmp_path / "valid-sources"), str(tmp_path / "valid-targets")]],
        },
        "task": "seq2seq",
        "language": "en",
        "name": "run",
        "date": "2025-12-01T13:00:00Z",
    }
    names = [Path(source.name).name for source in Seq2SeqCorpus.open(tmp_path / "run" / "data").sources]
    assert names == ["sources", "targets", "valid-sources", "valid-targets"]


def test_a_run_of_pairs_killed_while_its_config_is_written_starts_over(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train([pairs], tmp_path / "whole", TINY_PAIRS, SilentDisplay(), task="seq2seq")

    def killed(path: Path, content: bytes) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "replace_file", killed)
        with pytest.raises(Killed):
            train([pairs], tmp_path / "run", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    assert not (tmp_path / "run" / "config.toml").exists()
    assert resume(tmp_path / "run", SilentDisplay())["task"] == "seq2seq"
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("run", "whole")]
    assert weights[0] == weights[1]


def test_the_metrics_of_pairs_are_those_of_the_model_on_disk_and_on_its_card(pairs: Path, tmp_path: Path) -> None:
    result = train([pairs], tmp_path / "run", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    valid_set = Seq2SeqCorpus.open(tmp_path / "run" / "data").valid()
    assert load(tmp_path / "run" / "model").evaluate(valid_set) == result["valid"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = {line["step"]: line["valid"] for line in lines if "valid" in line}
    best = scored[result["best_step"]]
    assert {name: result["valid"][name] for name in best} == pytest.approx(best)
    assert best["token_error_rate"] == min(line["token_error_rate"] for line in scored.values())
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"| token error rate | {result['valid']['token_error_rate']:.4f} |" in card
    assert speed(card) > 0.0
    assert str(tmp_path) not in card


def test_pairs_in_memory_train_the_same_model_and_cannot_be_read_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = MemoryPairs([tuple(line.split("\t")) for line in pairs.read_text().splitlines()])  # type: ignore[misc]
    train([pairs], tmp_path / "file", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    train([in_memory], tmp_path / "memory", TINY_PAIRS, SilentDisplay(), task="seq2seq")
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("file", "memory")]
    assert weights[0] == weights[1]
    (tmp_path / "memory" / "config.toml").unlink()
    with pytest.raises(DataError, match="was stopped before its text was read, and the text is gone"):
        resume(tmp_path / "memory", SilentDisplay())

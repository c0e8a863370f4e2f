"""Training that continues: a run with more budget, and a run that starts from a trained model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import read_model
from elman.errors import ConfigError, Interrupted
from elman.experiment import resume, train
from elman.tasks.loading import load
from elman.training.progress import SilentDisplay
from elman.training.schedules import learning_rate

from .trainings import TINY, Recorder, with_training


class Stop(SilentDisplay):
    """A display that presses Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        if step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def trained_run(book: Path, run: Path, **training: Any) -> Path:
    train([book], run, with_training(**training), SilentDisplay())
    return run


def training_of(run: Path) -> dict[str, Any]:
    values: dict[str, Any] = tomllib.loads((run / "config.toml").read_text())["training"]
    return values


def left_by(run: Path) -> dict[str, bytes]:
    """What must not depend on an interruption: the weights, the metrics, the pointers and the config."""
    names = ("model/model.safetensors", "metrics.jsonl", "last", "best", "config.toml")
    return {name: (run / name).read_bytes() for name in names}


@pytest.mark.parametrize(
    ("more", "steps"),
    [({"steps": 3}, 7), ({"epochs": 0.5}, None), ({"minutes": 0.002}, None)],
    ids=lambda value: str(value),
)
def test_a_finished_run_goes_further(book: Path, tmp_path: Path, more: dict[str, float], steps: int | None) -> None:
    run = trained_run(book, tmp_path / "run")
    before = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    result = resume(run, SilentDisplay(), more)
    ((unit, amount),) = more.items()
    training = training_of(run)
    assert {"steps", "epochs", "minutes"} & set(training) == {unit}, "the budget has the unit of what is added"
    assert training[unit] >= amount
    assert result["steps"] == steps if steps is not None else result["steps"] > 4
    after = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert after[: len(before)] == before
    assert after[-1]["step"] == result["steps"]
    assert resume(run, SilentDisplay())["steps"] == result["steps"], "then it is finished again"


def test_an_extended_run_that_is_interrupted_gives_what_one_that_is_not_gives(book: Path, tmp_path: Path) -> None:
    whole = trained_run(book, tmp_path / "whole")
    shutil.copytree(whole, tmp_path / "run")
    resume(whole, SilentDisplay(), {"steps": 6})
    for at in (6, 9):
        with pytest.raises(Interrupted):
            resume(tmp_path / "run", Stop(at), {"steps": 6} if at == 6 else None)
    resume(tmp_path / "run", SilentDisplay())
    assert left_by(tmp_path / "run") == left_by(whole)


def test_the_schedule_is_that_of_the_larger_budget(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.training import loop

    run, progress = trained_run(book, tmp_path / "run"), list[float]()

    def recorded(p: float, *rest: Any) -> float:
        progress.append(p)
        return learning_rate(p, *rest)

    monkeypatch.setattr(loop, "learning_rate", recorded)
    resume(run, SilentDisplay(), {"steps": 4})
    assert progress == [4 / 8, 5 / 8, 6 / 8, 7 / 8]


def test_a_run_that_is_killed_after_its_extension_is_extended_by_the_same_command(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_run(book, tmp_path / "run")

    def killed(*arguments: Any, **keywords: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("elman.experiment.fit", killed)
        with pytest.raises(Exception, match="out of memory"):
            resume(run, SilentDisplay(), {"steps": 3})
    assert training_of(run)["steps"] == 7
    assert resume(run, SilentDisplay(), {"steps": 3})["steps"] == 7


# Fine-tuning


def test_a_run_starts_from_a_model_and_keeps_it(book: Path, tmp_path: Path) -> None:
    start = trained_run(book, tmp_path / "start")
    (tmp_path / "new.txt").write_text("delta zulu alpha " * 60)
    display = Recorder()
    train([tmp_path / "new.txt"], tmp_path / "run", {"training": TINY["training"]}, display, start=start)
    model, first = load(tmp_path / "run"), load(start)
    assert model.vocabulary.tokens == first.vocabulary.tokens
    assert model.config == first.config
    unknown = 60 * sum(letter in "zu" for letter in "delta zulu alpha ") * 9 // 10
    (message,) = (message for message in display.messages if "not in the vocabulary" in message)
    assert abs(int(message.split()[0].replace(",", "")) - unknown) <= 3
    checkpoint = next((tmp_path / "run" / "start").glob("model.safetensors"))
    assert checkpoint.read_bytes() == (start / "model" / "model.safetensors").read_bytes()
    assert json.loads((tmp_path / "run" / "request.json").read_text())["start"] == str(start)


def test_fine_tuning_resumes_without_the_model_that_it_started_from(book: Path, tmp_path: Path) -> None:
    start = trained_run(book, tmp_path / "start")
    values = with_training(steps=6)
    train([book], tmp_path / "whole", values, SilentDisplay(), start=start)
    with pytest.raises(Interrupted):
        train([book], tmp_path / "run", values, Stop(2), start=start)
    shutil.rmtree(start)
    resume(tmp_path / "run", SilentDisplay())
    assert left_by(tmp_path / "run") == left_by(tmp_path / "whole")


def test_training_starts_with_the_weights_of_the_model(book: Path, tmp_path: Path) -> None:
    start = trained_run(book, tmp_path / "start")
    values = with_training(learning_rate=1e-30, warmup_fraction=0.0, steps=1)
    train([book], tmp_path / "run", values, SilentDisplay(), start=load(start))
    for name, tensor in read_model(tmp_path / "run" / "model").tensors.items():
        np.testing.assert_allclose(tensor, read_model(start / "model").tensors[name], atol=1e-20)


def test_options_that_contradict_the_model_are_refused_before_anything_is_written(book: Path, tmp_path: Path) -> None:
    start = trained_run(book, tmp_path / "start")
    values = {"model": {"num_layers": 2}, "data": {"level": "byte"}}
    with pytest.raises(ConfigError) as caught:
        train([book], tmp_path / "run", values, SilentDisplay(), start=start)
    assert caught.value.message.splitlines() == [
        "data.level: given 'byte'; expected 'char', as in the model",
        "model.num_layers: given 2; expected 1, as in the model",
    ]
    assert not (tmp_path / "run").exists()
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("a\tb\n" * 20)
    with pytest.raises(ConfigError, match="the model is of the task 'lm'; expected one of the task 'seq2seq'"):
        train([pairs], tmp_path / "run", {}, SilentDisplay(), task="seq2seq", start=start)


def test_validation_examples_that_the_first_model_was_trained_on_are_counted(tmp_path: Path) -> None:
    def table(name: str, texts: range) -> Path:
        path = tmp_path / name
        path.write_text("text\tlabel\n" + "".join(f"text {n}\t{'xy'[n % 2]}\n" for n in texts), "utf-8")
        return path

    values = {"model": {"hidden_size": 8}, "training": {"steps": 2, "threads": 1}}
    old, new = table("old.tsv", range(60)), table("new.tsv", range(60, 80))
    train([old], tmp_path / "old", values, SilentDisplay(), task="classify")
    display = Recorder()
    train([old, new], tmp_path / "more", values, display, task="classify", start=tmp_path / "old")
    trained, valid = (
        {json.loads(line)["text"] for line in (tmp_path / run / "data" / name).read_text("utf-8").splitlines()}
        for run, name in (("old", "train.jsonl"), ("more", "valid.jsonl"))
    )
    assert 0 < len(trained & valid) < len(valid)
    expected = f"{len(trained & valid)} of the {len(valid)} examples of the validation set are in the training set of"
    assert [message for message in display.messages if message.startswith(expected)]
    display = Recorder()
    train([new], tmp_path / "new", values, display, task="classify", start=tmp_path / "old")
    train([old], tmp_path / "same", values, display, task="classify", start=tmp_path / "old")  # the same split
    assert not [message for message in display.messages if "training set of" in message]

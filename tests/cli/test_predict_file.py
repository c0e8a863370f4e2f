"""`elman predict --out FILE`: what is printed without it, in a file that appears as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elman.tasks.classifier.predictor import ClassifierPredictor
from tests.tasks.classifier.models import tiny_predictor
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster

from .conftest import Command

TEXTS = "abc\nfed\n你好\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_predictor().save(tmp_path / "model")
    (tmp_path / "texts.txt").write_text(TEXTS, "utf-8")
    return tmp_path / "model"


@pytest.mark.parametrize("options", [(), ("--output", "table"), ("--output", "jsonl"), ("--json",)])
def test_the_file_has_what_is_printed_without_it(command: Command, model: Path, options: tuple[str, ...]) -> None:
    inputs, file = model.parent / "texts.txt", model.parent / "answers.txt"
    printed = command("predict", model, inputs, *options).out
    file.write_text("of an earlier run", "utf-8")
    for flag in ("-o", "--out"):
        done = command("predict", model, inputs, *options, flag, file)
        assert (done.code, done.out) == (0, "")
        assert done.err.splitlines()[-1] == str(file)
        assert file.read_text("utf-8") == printed
    assert sorted(path.name for path in model.parent.iterdir()) == ["answers.txt", "model", "texts.txt"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_forecast_is_written_to_a_file_too(command: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    tiny_forecaster("lstm").save(tmp_path / "model")
    series, file = tmp_path / "series.csv", tmp_path / "forecast.csv"
    rows = [f"{20 + t % 5},{9 + t % 3},{t % 2}" for t in range(30)]
    series.write_text("\n".join(["a,b,c", *rows]) + "\n", "utf-8")
    printed = command("predict", tmp_path / "model", series, *options).out
    assert printed
    done = command("predict", tmp_path / "model", series, *options, "-o", file)
    assert (done.code, done.out) == (0, "")
    assert file.read_text("utf-8") == printed


def test_a_table_may_be_replaced_by_itself_with_its_answers(command: Command, model: Path) -> None:
    table = model.parent / "table.csv"
    table.write_text("\ufeffid,text\n1,abc\n2,fed\n", "utf-8")
    command("predict", model, table, "--out", table)
    lines = table.read_text("utf-8").splitlines()
    assert lines[0] == "\ufeffid,text,prediction,probability"
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "abc"], ["2", "fed"]]


def test_lines_without_an_answer_are_in_the_file_too(command: Command, model: Path) -> None:
    (model.parent / "texts.txt").write_text("abc\n\nfed\n", "utf-8")
    file = model.parent / "answers.txt"
    done = command("predict", model, model.parent / "texts.txt", "--out", file)
    assert done.code == 3
    first, second, third = file.read_text("utf-8").splitlines()
    assert first
    assert not second
    assert third


def test_a_prediction_that_fails_leaves_the_file_as_it_was(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = model.parent / "answers.txt"
    file.write_text("of an earlier run", "utf-8")

    def fail(self: ClassifierPredictor, texts: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ClassifierPredictor, "predict_proba", fail)
    assert command("predict", model, model.parent / "texts.txt", "--out", file).code == 130
    assert file.read_text("utf-8") == "of an earlier run"
    assert sorted(path.name for path in model.parent.iterdir()) == ["answers.txt", "model", "texts.txt"]


def test_a_symbolic_link_stays(command: Command, model: Path) -> None:
    folder = model.parent / "elsewhere"
    folder.mkdir()
    link = model.parent / "answers.txt"
    link.symlink_to(folder / "answers.txt")
    assert command("predict", model, model.parent / "texts.txt", "--out", link).code == 0
    assert link.is_symlink()
    assert len((folder / "answers.txt").read_text("utf-8").splitlines()) == 3


def test_a_device_is_written_and_not_replaced(command: Command, model: Path) -> None:
    pipe = model.parent / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert command("predict", model, model.parent / "texts.txt", "--out", pipe).code == 0
        assert os.read(reader, 1000).decode().count("\n") == 3
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("none/answers.txt", "--out: the folder does not exist. Create it: mkdir -p "),
        ("model", "--out: is a folder; expected a file to write"),
    ],
)
def test_a_file_that_cannot_be_written_is_an_error_before_the_work(
    command: Command, model: Path, file: str, message: str
) -> None:
    done = command("predict", model, model.parent / "texts.txt", "--out", model.parent / file)
    assert (done.code, done.out) == (2, "")
    assert message in done.err

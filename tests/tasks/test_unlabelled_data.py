"""`elman evaluate` of data without labels, tags or targets: the error names the command that predicts them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import is_run_folder
from elman.errors import DataError
from elman.tasks.loading import load
from tests.cli.conftest import Command, run_command

TINY = {"steps": 2, "batch_size": 4, "learning_rate": 0.02, "threads": 1}
WORDS = ["abc", "bcd", "cab", "dab", "bad", "cad"] * 4
TRAINING = {
    "classify": "text,label\n" + "".join(f"{word},{'xy'[word[0] == 'b']}\n" for word in WORDS),
    "tag": "".join(f"{word}\t{'XY'[i % 2]}\n" + "\n" * (i % 3 == 2) for i, word in enumerate(WORDS)),
    "seq2seq": "source,target\n" + "".join(f"{word},{word.upper()}\n" for word in sorted(set(WORDS))),
}


def json_lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run folder of each task, which tests never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("runs")
    for task, text in TRAINING.items():
        data = folder / f"{task}.{'txt' if task == 'tag' else 'csv'}"
        data.write_text(text, "utf-8")
        train([data], folder / task, {"model": {"hidden_size": 4}, "training": TINY}, SilentDisplay(), task=task)
        assert is_run_folder(folder / task)
    return folder


@pytest.mark.parametrize(
    ("task", "missing", "name", "content"),
    [
        ("classify", "labels", "new.csv", "id,text\n1,abc\n2,bcd\n"),
        ("classify", "labels", "no labels yet.csv", "id,text,label\n1,abc,\n2,bcd,\n"),
        ("classify", "labels", "new.txt", "abc\nbcd\n"),
        ("classify", "labels", "new.jsonl", json_lines({"text": "abc"}, {"text": "bcd"})),
        ("classify", "labels", "new.jsonl", json_lines({"text": "abc", "label": None})),
        ("classify", "labels", "new.json", json.dumps([{"text": "abc"}, {"text": "bcd"}])),
        ("tag", "tags", "new.txt", "abc\nbcd\n\ncab\n"),
        ("tag", "tags", "new.txt", "abc bcd\n" * 60),
        ("tag", "tags", "new.csv", "sentence_id,word,tag\n1,abc,\n1,bcd,\n"),
        ("tag", "tags", "new.conllu", "1\tabc" + 8 * "\t_" + "\n\n"),
        ("tag", "tags", "new.jsonl", json_lines({"tokens": ["abc", "bcd"]})),
        ("tag", "tags", "new.jsonl", json_lines({"tokens": ["abc", "bcd"], "tags": []})),
        ("seq2seq", "targets", "new.txt", "abc\nbcd\n"),
        ("seq2seq", "targets", "new.csv", "source,target\nabc,\nbcd,\n"),
        ("seq2seq", "targets", "new.csv", "id,source\n1,abc\n2,bcd\n"),
        ("seq2seq", "targets", "new.jsonl", json_lines({"source": "abc"}, {"source": "bcd"})),
        ("seq2seq", "targets", "new.jsonl", json_lines({"source": "abc", "target": None})),
    ],
)
def test_the_error_names_the_command_that_predicts(
    command: Command, runs: Path, tmp_path: Path, task: str, missing: str, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    done = command("evaluate", runs / task, tmp_path / name)
    assert done.code == 3
    error = done.err.splitlines()[-1]
    before, _, hint = error.rpartition(f". For data without {missing}, use: elman ")
    assert before, error
    predict = command(*shlex.split(hint))
    assert (predict.code, "Traceback" in predict.err) == (0, False), predict.err
    assert predict.out
    chinese = command("--lang", "zh", "evaluate", runs / task, tmp_path / name).err.splitlines()[-1]
    assert f"数据没有{'目标' if missing == 'targets' else '标签'}时，请用：elman {hint}" in chinese
    assert "For data" not in chinese


def test_a_column_of_targets_that_is_missing_is_one(command: Command, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,source\n1,abc\n", "utf-8")
    done = command("evaluate", runs / "seq2seq", tmp_path / "new.csv", "--columns", "source,target")
    assert "expected the columns 'source', 'target'" in done.err
    assert f"For data without targets, use: elman predict {runs / 'seq2seq'} {tmp_path / 'new.csv'}" in done.err


@pytest.mark.parametrize(
    ("task", "content"),
    [
        ("classify", "text,label\nabc,x\n,x\n"),
        ("classify", "body,label\nabc,x\n"),
        ("tag", "abc\tX\nbcd\tX\tY\n"),
        ("seq2seq", "source,target\n,ABC\n"),
    ],
)
def test_other_errors_name_no_such_command(
    command: Command, runs: Path, tmp_path: Path, task: str, content: str
) -> None:
    (tmp_path / "new.csv").write_text(content, "utf-8")
    done = command("evaluate", runs / task, tmp_path / "new.csv")
    assert done.code == 3
    assert "elman predict" not in done.err


def test_neither_training_nor_python_names_the_command(command: Command, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\n1,abc\n2,bcd\n", "utf-8")
    done = command("train", "classify", tmp_path / "new.csv", "-o", tmp_path / "run")
    assert "expected 'label'" in done.err
    assert "elman predict" not in done.err
    with pytest.raises(DataError, match="expected 'label'") as caught:
        load(runs / "classify").evaluate(tmp_path / "new.csv")
    assert "elman predict" not in str(caught.value)

"""`elman predict` of classifiers reads the files that training reads: never the label with the text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import ModelFolder, read_model, write_model
from elman.data.layout import Layout
from elman.tasks.loading import load
from tests.cli.conftest import Command, run_command

TINY = ("--steps", "20", "--hidden", "12", "--batch-size", "8", "--lr", "0.02", "--threads", "1")
TEXTS = [f"{word} film {n}" for n in range(20) for word in ("good", "bad")]
ROWS = [(text, "pos" if text.startswith("good") else "neg") for text in TEXTS]


def rows(template: str) -> str:
    return "".join(template.format(text=text, label=label) for text, label in ROWS)


FASTTEXT = rows("__label__{label} {text}\n")
OBJECTS = [{"text": text, "label": label} for text, label in ROWS]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a table without a header, which tests never change."""
    from elman.experiment import train
    from elman.training.progress import SilentDisplay

    folder = tmp_path_factory.mktemp("run")
    (folder / "train.txt").write_text(rows("{text}\t{label}\n"), "utf-8")
    training = {"steps": 20, "batch_size": 8, "learning_rate": 0.02, "threads": 1}
    values = {"model": {"hidden_size": 12}, "training": training}
    train([folder / "train.txt"], folder / "run", values, SilentDisplay(), task="classify")
    return folder / "run"


def with_layout(run: Path, folder: Path, layout: Layout) -> Path:
    """Return a folder of the same model, as if it were trained on files of another layout."""
    predictor = load(run)
    predictor.layout = layout
    predictor.save(folder / "model")
    return folder / "model"


def texts_of(done: Any) -> list[str]:
    return [prediction["text"] for prediction in done.json["predictions"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.txt", rows("{text}\t{label}\n")),
        ("d.tsv", rows("{text}\t{label}\n")),
        ("d.csv", rows("{text},{label}\n")),
        ("d.txt", rows("{text},{label}\n")),
        ("d.txt", rows("{text};{label}\n")),
        ("d.txt", "text\tlabel\n" + rows("{text}\t{label}\n")),
        ("d.txt", "text|label\n" + rows("{text}|{label}\n")),
        ("d.txt", rows('"{text}"\t"{label}"\n')),
        ("d.txt", "text\tlabel\n" + rows('"{text}"\t"{label}"\n')),
        ("d.txt", FASTTEXT),
        ("d.json", json.dumps(OBJECTS)),
        ("d.json", json.dumps(OBJECTS, indent=1)),
        ("d.jsonl", "".join(json.dumps(value) + "\n" for value in OBJECTS)),
    ],
)
def test_a_label_is_no_part_of_the_text(command: Command, run: Path, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    done = command("predict", run / "model", tmp_path / name, "--json")
    assert (done.code, texts_of(done)) == (0, TEXTS)
    assert command("evaluate", run / "model", tmp_path / name, "--json").json["count"] == len(TEXTS)


@pytest.mark.parametrize("template", ["{text}\t\n", "{text}\tnew\n", "{text}\n"])
def test_labels_need_not_be_known_yet(command: Command, run: Path, tmp_path: Path, template: str) -> None:
    (tmp_path / "new.txt").write_text(rows(template))
    assert texts_of(command("predict", run / "model", tmp_path / "new.txt", "--json")) == TEXTS


def test_rows_without_a_header_come_out_with_the_prediction(command: Command, run: Path) -> None:
    done = command("predict", run, run.parent / "train.txt")
    assert [line.rsplit("\t", 2)[0] + "\n" for line in done.out.splitlines()] == rows("{text}\t{label}\n").splitlines(
        keepends=True
    )
    assert [line.split("\t")[2] for line in done.out.splitlines()] == load(run).predict(TEXTS)


def test_the_columns_may_be_in_the_other_order(command: Command, run: Path, tmp_path: Path) -> None:
    model = with_layout(run, tmp_path, Layout(format="table"))
    (tmp_path / "d.txt").write_text(rows("{label}\t{text}\n"))
    assert texts_of(command("predict", model, tmp_path / "d.txt", "--json")) == TEXTS


def test_the_hint_for_other_columns_says_what_lines_would_hold(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text(rows("1\t{text}\t{label}\n"))
    done = command("predict", run, tmp_path / "d.txt")
    assert (done.code, done.out) == (3, "")
    assert "Name the column of the inputs with --text; --format lines reads all columns as the input" in done.err


@pytest.mark.parametrize(
    "content", ["a film, good\nbad, bad\n", "one\ttab\nnone here\n", "[laughs] a film\nb\n", "[1]\n", "{a} b\n"]
)
def test_plain_lines_stay_lines(command: Command, run: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "new.txt").write_text(content)
    assert texts_of(command("predict", run, tmp_path / "new.txt", "--json")) == content.splitlines()


@pytest.mark.parametrize("trained", ["folder", "fasttext", "jsonl", None])
def test_only_a_model_of_tables_takes_tabs_for_columns(
    command: Command, run: Path, tmp_path: Path, trained: str | None
) -> None:
    model = with_layout(run, tmp_path, Layout(format=trained))
    (tmp_path / "new.txt").write_text("a film\tgood\nbad\tfilm\n")
    assert texts_of(command("predict", model, tmp_path / "new.txt", "--json")) == ["a film\tgood", "bad\tfilm"]


@pytest.mark.parametrize("content", ["id,message\n1,good film\n2,bad film\n", "message,pos?\ngood film,\nbad film,\n"])
def test_a_header_is_no_row_of_a_table_without_a_header(
    command: Command, run: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "new.csv").write_text(content)
    done = command("predict", run, tmp_path / "new.csv")
    assert (done.code, done.out) == (3, "")
    assert "expected 'text'" in done.err


def test_fasttext_is_a_format_of_predict(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("good film 1 __label__pos\n__label__neg __label__old bad film 2\nfilm 3\n")
    done = command("predict", run, tmp_path / "new.txt", "--format", "fasttext", "--json")
    assert texts_of(done) == ["good film 1", "bad film 2", "film 3"]


@pytest.mark.parametrize("content", ['["good", "bad"]', '[\n "good"\n]', '[["good film", "pos"]]', '[{"a": }]'])
def test_an_array_of_other_things_is_refused(command: Command, run: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "in.json").write_text(content)
    done = command("predict", run, tmp_path / "in.json")
    assert (done.code, done.out) == (3, "")


def test_objects_of_an_array_come_out_as_lines(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('[\n {"text": "good film", "n": 1}, {"n": 2},\n {"text": ""}\n]\n')
    done = command("predict", run, tmp_path / "in.json")
    first, second, third = map(json.loads, done.out.splitlines())
    assert (first["n"], first["prediction"]) == (1, load(run).predict(["good film"])[0])
    assert second["error"].startswith("no key 'text'")
    assert third["error"] == "empty; expected a text"
    assert done.code == 3


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (rows("{text}\t{label}\n"), TEXTS),
        (FASTTEXT, TEXTS),
        (json.dumps(OBJECTS, indent=0), TEXTS),
        ("good film\n", ["good film"]),
    ],
)
def test_a_pipe_is_read_like_a_file(run: Path, content: str, texts: list[str]) -> None:
    code = "import sys; from elman.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "predict", str(run), "--json"]
    done = subprocess.run(words, input=content, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert [prediction["text"] for prediction in json.loads(done.stdout)["predictions"]] == texts


def test_a_folder_is_no_input(command: Command, run: Path, tmp_path: Path) -> None:
    done = command("predict", run, tmp_path)
    assert (done.code, done.out) == (3, "")
    assert "this is a folder; expected a file, of which each line is an input" in done.err


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ("text,label\n" + rows("{text},{label}\n"), Layout(format="table")),
        (rows("{text},{label}\n"), Layout(format="table", columns=("text", "label"))),
        (rows("{label}\t{text}\n"), Layout(format="table", columns=("label", "text"))),
        (FASTTEXT, Layout(format="fasttext")),
        (json.dumps(OBJECTS), Layout(format="jsonl")),
    ],
)
def test_the_layout_of_the_training_files_is_in_the_model_folder(
    command: Command, tmp_path: Path, content: str, layout: Layout
) -> None:
    (tmp_path / "d.txt").write_text(content)
    done = command("train", "classify", tmp_path / "d.txt", "-o", tmp_path / "run", *TINY)
    assert done.code == 0, done.err
    assert load(tmp_path / "run" / "model").layout == layout


def test_training_files_of_different_layouts_have_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(rows("{text}\t{label}\n"))
    (tmp_path / "b.txt").write_text(FASTTEXT.replace("film", "book"))
    files = (tmp_path / "a.txt", tmp_path / "b.txt")
    assert command("train", "classify", *files, "-o", tmp_path / "run", *TINY).code == 0
    assert load(tmp_path / "run").layout == Layout()


def test_a_folder_of_before_has_no_layout_and_is_loaded(run: Path, tmp_path: Path) -> None:
    model = read_model(run / "model")
    config = {name: part for name, part in model.config.items() if name != "layout"}
    write_model(tmp_path / "old", ModelFolder(config, model.tensors, model.vocabularies))
    assert load(tmp_path / "old").layout == Layout()
    assert load(tmp_path / "old").predict(TEXTS) == load(run).predict(TEXTS)

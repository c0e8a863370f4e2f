"""A classifier from the command line: from a user's file to labels, and clear messages for mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Done, run_command, train_keys

TINY = ("--steps", "40", "--hidden", "12", "--batch-size", "8", "--lr", "0.02", "--threads", "1")
ROWS = [
    (f"{word} {i}", label)
    for i in range(12)
    for word, label in (("cat", "animal"), ("dog", "animal"), ("oak", "plant"), ("elm", "plant"))
]
KEYS = {"task", "count", "loss", "accuracy", "macro_f1", "mean_confidence", "ece", "brier", "f1", "confusion"}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "kinds.tsv"
    path.write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in ROWS), "utf-8")
    return path


@pytest.fixture
def run(command: Command, table: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert command("train", "classify", table, "-o", folder, *TINY).code == 0
    return folder


def only_json(done: Done) -> dict[str, Any]:
    """Return the JSON object on stdout, which holds nothing else."""
    assert done.out.count("\n") == 1
    return done.json


def test_evaluate_reads_the_columns_that_training_read(command: Command, tmp_path: Path) -> None:
    rows = "".join(f"{number},{text},{label}\n" for number, (text, label) in enumerate(ROWS))
    (tmp_path / "header.csv").write_text("id,body,kind\n" + rows)
    (tmp_path / "bare.csv").write_text(rows)
    named, bare = ("--text", "body", "--label", "kind"), ("--no-header", "--columns", "id,text,label")
    for name, options in (("header", named), ("bare", bare)):
        table, run = tmp_path / f"{name}.csv", tmp_path / name
        assert command("train", "classify", table, "-o", run, *options, *TINY).code == 0
        scores = command("evaluate", run, table, "--json").json
        assert scores["count"] == len(ROWS)
        assert scores == command("evaluate", run / "model", table, *options, "--json").json
    other = command("evaluate", tmp_path / "bare", tmp_path / "header.csv", "--header", *named, "--json").json
    assert other == scores, "the columns of training contradict --header, and are not used"
    assert command("evaluate", tmp_path / "header", tmp_path / "header.csv", "--text", "id", "--json").json != scores


def test_from_a_file_to_labels(command: Command, run: Path, table: Path, tmp_path: Path) -> None:
    config = (run / "config.toml").read_text()
    assert 'task = "classify"' in config
    (tmp_path / "new.txt").write_text("the cat\n\noak tree\n", "utf-8")
    done = command("predict", run, tmp_path / "new.txt")
    assert done.out.splitlines()[0] in ("animal", "plant")
    assert done.out.splitlines()[1] == ""
    assert done.code == 3
    assert f"{tmp_path / 'new.txt'}:2: empty; expected a text" in done.err
    assert "1 line without a prediction, listed above; all other lines have one" in done.err
    metrics = only_json(command("evaluate", run, table, "--json"))
    assert set(metrics) == KEYS
    assert metrics["count"] == len(ROWS)
    assert metrics["accuracy"] > 0.9
    output = command("evaluate", run, table).out
    assert f"accuracy            {metrics['accuracy']:.4f}" in output
    assert "animal" in output.split("label")[1]


def test_training_reports_its_result(command: Command, table: Path, tmp_path: Path) -> None:
    done = command("train", "classify", table, "-o", tmp_path / "run", *TINY, "--json")
    result = only_json(done)
    assert set(result) == train_keys("texts")
    assert set(result["valid"]) == KEYS
    assert only_json(command("evaluate", tmp_path / "run", "--json")) == result["valid"]
    assert "training set: 44 texts, 227 characters; validation set: 4 texts" in done.err
    assert "1 x lstm 12, both directions, max pooling" in done.err


def test_probabilities_and_explanations(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("cat\nelm\n", "utf-8")
    lines = command("predict", run, tmp_path / "new.txt", "--probabilities").out.splitlines()
    for line in lines:
        first, p, second, q = line.split("\t")
        assert {first, second} == {"animal", "plant"}
        assert float(p) >= float(q)
        assert float(p) + float(q) == pytest.approx(1.0, abs=2e-4)
    explained = command("predict", run, tmp_path / "new.txt", "--explain").out.split("\n\n")
    assert len(explained) == 3  # the last is what follows the last empty line
    label, *tokens = explained[0].splitlines()
    assert [line.split("\t")[1] for line in tokens] == list("cat")
    assert tokens[-1].split("\t")[2] == label
    result = only_json(command("predict", run, tmp_path / "new.txt", "--explain", "--json"))
    assert [prediction["label"] for prediction in result["predictions"]] == [line.split("\t")[0] for line in lines]
    assert [token["token"] for token in result["predictions"][1]["tokens"]] == list("elm")


def test_below_the_threshold_predict_prints_an_empty_line(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("cat\nelm\ncat oak\n", "utf-8")
    first = command("predict", run, tmp_path / "new.txt", "--json").json["predictions"]
    highest = [max(prediction["probabilities"].values()) for prediction in first]
    between = repr(sorted(highest)[-1])  # the most certain text reaches it
    done = command("predict", run, tmp_path / "new.txt", "--threshold", between)
    expected = [p["label"] if p["probabilities"][p["label"]] >= float(between) else "" for p in first]
    assert "" in expected
    assert done.out.split("\n")[:-1] == expected
    num_abstentions = expected.count("")
    assert done.code == 0
    assert f"{num_abstentions} of 3 texts have no label: none reaches its threshold (--threshold)" in done.err
    predictions = command("predict", run, tmp_path / "new.txt", "--threshold", between, "--json").json["predictions"]
    assert [prediction["label"] for prediction in predictions] == [label or None for label in expected]
    assert [p["probabilities"] for p in predictions] == [p["probabilities"] for p in first]
    lines = command("predict", run, tmp_path / "new.txt", "--threshold", between, "--probabilities").out.split("\n")
    assert [line == "" for line in lines[:-1]] == [label == "" for label in expected]


def test_evaluate_prints_the_thresholds_that_predict_takes(command: Command, run: Path, table: Path) -> None:
    options = ["--precision", "0.9", "--recall", "0.8", "--threshold", "0.6"]
    metrics = only_json(command("evaluate", run, table, *options, "--json"))
    assert set(metrics) == KEYS | {"coverage", "answered_accuracy", "thresholds"}
    out = command("evaluate", run, table, *options).out
    assert f"coverage            {metrics['coverage']:.4f}" in out
    assert "thresholds for a precision of 0.9 or more" in out
    assert "thresholds for a recall of 0.8 or more" in out
    scores = metrics["thresholds"]["precision"]["labels"]["animal"]
    rows = [line.split() for line in out.split("thresholds for a precision")[1].splitlines()]
    (row,) = (row for row in rows[:5] if row[:1] == ["animal"])
    assert [float(cell) for cell in row[1:]] == pytest.approx(list(scores.values()), abs=1e-4)
    assert float(row[1]) <= scores["threshold"], "rounded down, so that the text that it comes from reaches it"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predict", "--threshold", "2"], "--threshold: given '2'; expected a probability from 0 to 1, or LABEL="),
        (["predict", "--threshold", "rock=0.5"], "--threshold: the model does not know the label 'rock'"),
        (["evaluate", "--threshold", "much"], "--threshold: given 'much'; expected a probability from 0 to 1"),
        (["evaluate", "--precision", "95"], "--precision: given 95"),
        (["evaluate", "--recall", "0"], "--recall: given 0"),
    ],
)
def test_thresholds_that_are_no_probabilities_are_errors(
    command: Command, run: Path, table: Path, words: list[str], expected: str
) -> None:
    verb, *options = words
    done = command(verb, run, table, *options)
    assert done.code == 2
    assert expected in done.err


def test_a_folder_a_table_without_a_header_and_json_lines_train_the_same(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "classes"
    folder.mkdir()
    for label in ("animal", "plant"):
        (folder / f"{label}.txt").write_text("".join(f"{text}\n" for text, own in ROWS if own == label))
    (tmp_path / "bare.csv").write_text("".join(f"{label},{text}\n" for text, label in ROWS))
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps({"t": text, "l": label}) + "\n" for text, label in ROWS))
    arguments_of: dict[str, list[Any]] = {
        "folder": [folder],
        "bare": [tmp_path / "bare.csv", "--no-header", "--columns", "label,text"],
        "lines": [tmp_path / "lines.jsonl", "--text", "t", "--label", "l"],
    }
    for name, words in arguments_of.items():
        done = command("train", "classify", *words, "-o", tmp_path / name, *TINY, "--json")
        assert done.code == 0, done.err
        assert only_json(done)["valid"]["count"] == 4
        again = [word for word in words if word != "--no-header"]
        assert only_json(command("evaluate", tmp_path / name, *again, "--json"))["count"] == len(ROWS)


@pytest.mark.parametrize(
    ("content", "words", "code", "expected"),
    [
        ("ham\tGo\n", [], 3, "bad.tsv:1: the header has the columns 'ham', 'Go'; expected 'text'"),
        ("text\tlabel\na\tx\nb\tx\n", [], 3, "all texts have the label 'x'; expected two labels or more"),
        ("text\tlabel\na\tx\n\tx\n", [], 3, "bad.tsv:3: empty text"),
        ("text\tlabel\na\tx\nb\n", [], 3, "bad.tsv:3: has one cell; expected at least 2"),
        ("a\0b", [], 3, "bad.tsv:1: a zero byte at position 2 of the line, so this is not text"),
        (
            "text\tlabel\na\tx\n",
            ["--no-header"],
            2,
            "--no-header: given without --columns; expected the names of all columns",
        ),
        ("text\tlabel\na\tx\n", ["--header", "--columns", "a,b"], 2, "--columns: given with --header; expected one"),
        (
            "text\tlabel\na\tx\n",
            ["--columns", "a,b"],
            3,
            "bad.tsv:1: --columns names the columns 'a', 'b'; expected 'text' among them",
        ),
        ("text\tlabel\na\tx\n", ["--pooling", "sum"], 2, "model.pooling (--pooling)"),
    ],
)
def test_data_that_cannot_be_used_is_an_error_and_leaves_no_files(
    command: Command, content: str, words: list[str], code: int, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.tsv").write_text(content)
    done = command("train", "classify", tmp_path / "bad.tsv", "-o", tmp_path / "run", *TINY, *words)
    assert done.code == code
    assert expected in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tsv"]


def test_a_label_that_is_not_in_the_training_set_is_an_error_with_its_place(
    command: Command, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "valid.csv").write_text("text,label\na cat,animal\na rock,stone\n")
    words = ["-o", tmp_path / "run", "--valid", tmp_path / "valid.csv", *TINY]
    done = command("train", "classify", table, *words)
    assert done.code == 3
    assert "valid.csv:3: the label 'stone' is not in the training set; expected one of animal, plant" in done.err


def test_options_of_other_tasks_are_errors(command: Command, run: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("cat\n")
    for words, expected in (
        (["predict", run, new, "--beam", "2"], "--beam: the model is a classifier; expected a model of seq2seq"),
        (
            ["predict", run, new, "--ensemble", run],
            "--ensemble: the model is a classifier; expected a model of seq2seq",
        ),
        (["evaluate", run, new, "--beam", "2"], "--beam: the model is a classifier; expected a model of seq2seq"),
        (["evaluate", run, "--text", "a"], "--text: given without DATA; expected DATA, which it describes"),
        (["generate", run], "RUN is a classifier; 'generate' needs a language model"),
    ):
        done = command(*words)
        assert done.code == 2, words
        assert expected in done.err
    assert command("evaluate", run / "model").code == 2

"""`elman predict` and `elman evaluate` of classifiers read the tables that training reads, and write them back."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from elman.checkpoint import read_model
from elman.tasks.loading import load
from tests.cli.conftest import Command, run_command

TINY = ("--steps", "20", "--hidden", "12", "--batch-size", "8", "--lr", "0.02", "--threads", "1")
ROWS = [(f"the {word}, number {i}", label) for i in range(12) for word, label in (("cat", "animal"), ("oak", "plant"))]
NEW = ["a cat; or two", 'an "oak"\non two lines', "cat\there"]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture
def run(command: Command, tmp_path: Path) -> Path:
    frame = pd.DataFrame(ROWS, columns=["body", "kind"])
    frame.to_csv(tmp_path / "train.csv")
    options = ("--text", "body", "--label", "kind")
    assert command("train", "classify", tmp_path / "train.csv", "-o", tmp_path / "run", *options, *TINY).code == 0
    return tmp_path / "run"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_comes_out_with_two_columns_more(command: Command, run: Path, tmp_path: Path, separator: str) -> None:
    frame = pd.DataFrame({"id": [7, 8, 9], "body": NEW, "probability": [0.5, 0.25, 1.0]})
    path = tmp_path / ("new.tsv" if separator == "\t" else "new.csv")
    frame.to_csv(path, index=False, sep=separator)
    done = command("predict", run / "model", path)
    assert done.code == 0
    result = pd.read_csv(io.StringIO(done.out), sep=separator)
    assert list(result.columns) == ["id", "body", "probability", "prediction", "probability_2"]
    pd.testing.assert_frame_equal(result[list(frame.columns)], frame)
    predictor = load(run)
    assert list(result["prediction"]) == predictor.predict([text.replace("\t", " ") for text in NEW])
    expected = predictor.predict_proba([text.replace("\t", " ") for text in NEW]).max(1)
    assert result["probability_2"].to_numpy() == pytest.approx(expected, abs=6e-5)


def test_the_rows_are_written_as_they_were(command: Command, run: Path, tmp_path: Path) -> None:
    lines = ["sep=;", "body;note", '"a ""cat"" ";  spaces ', '"oak";"quoted for no reason"', ""]
    (tmp_path / "new.csv").write_text("\r\n".join(lines), "utf-8")
    done = command("predict", run, tmp_path / "new.csv")
    declaration, header, *rows = done.out.splitlines()
    assert (declaration, header) == ("sep=;", "body;note;prediction;probability")
    assert [row.rsplit(";", 2)[0] for row in rows] == lines[2:4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_kept(command: Command, run: Path, tmp_path: Path, encoding: str) -> None:
    """Spreadsheet programs know UTF-8 by it."""
    (tmp_path / "new.csv").write_text("body,注\na cat,好\n", encoding)
    out = command("predict", run, tmp_path / "new.csv").out
    assert out.startswith("\ufeff") == (encoding != "utf-8")
    assert out.removeprefix("\ufeff").startswith("body,注,prediction,probability\na cat,好,")


def test_without_a_label_the_table_has_the_most_probable_one(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("body\na cat\nan oak\n")
    p = load(run).predict_proba(["a cat", "an oak"])
    for threshold in ("1", "animal=1"):
        done = command("predict", run, tmp_path / "new.csv", "--threshold", threshold)
        frame = pd.read_csv(io.StringIO(done.out), keep_default_na=False)
        assert list(frame.columns) == ["body", "prediction", "probability", "most_probable"]
        assert list(frame["most_probable"]) == load(run).predict(["a cat", "an oak"])
        shown = p.max(1) if threshold == "1" else p[:, 1]  # of the label that is shown, or would be
        assert frame["probability"].to_numpy() == pytest.approx(shown, abs=6e-5)
        assert list(frame["prediction"]) == (["", ""] if threshold == "1" else ["plant", "plant"])


def test_lines_in_another_encoding_are_refused_with_its_name(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_bytes(
        "Привет, это хороший фильм, который мне очень понравился\n".encode("koi8-r") * 30
    )
    done = command("predict", run, tmp_path / "new.txt")
    assert done.code == 3
    assert "30 lines without a prediction, listed above; all other lines have one. Try --encoding koi8_r" in done.err
    assert command("predict", run, tmp_path / "new.txt", "--encoding", "koi8_r").code == 0


def test_columns_of_one_name_are_keys_of_their_own(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("body,note,note\na cat,1,2\n")
    done = command("predict", run, tmp_path / "new.csv", "--output", "jsonl")
    value = json.loads(done.out)
    assert (value["note"], value["note_2"]) == ("1", "2")


def test_other_outputs_of_a_table(command: Command, run: Path, tmp_path: Path) -> None:
    with (tmp_path / "new.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["id", "body"], *([n, text] for n, text in enumerate(NEW))])
    labels = load(run).predict([text.replace("\t", " ") for text in NEW])
    assert command("predict", run, tmp_path / "new.csv", "--output", "lines").out.splitlines() == labels
    lines = command("predict", run, tmp_path / "new.csv", "--output", "jsonl").out.splitlines()
    objects = [json.loads(line) for line in lines]
    assert [(value["id"], value["body"], value["prediction"]) for value in objects] == [
        (str(n), text, label) for n, (text, label) in enumerate(zip(NEW, labels, strict=True))
    ]
    assert [p["label"] for p in command("predict", run, tmp_path / "new.csv", "--json").json["predictions"]] == labels
    with_all = command("predict", run, tmp_path / "new.csv", "--probabilities")
    frame = pd.read_csv(io.StringIO(with_all.out))
    assert list(frame.columns)[2:] == ["prediction", "probability", "probability_animal", "probability_plant"]
    assert frame.iloc[:, 4:].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=2e-4)


def test_json_lines_come_out_with_two_keys_more(command: Command, run: Path, tmp_path: Path) -> None:
    values = [{"body": "a cat", "id": 3}, {"body": "", "id": 4}, {"id": 5}, {"body": "oak", "prediction": "?"}, {}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    done = command("predict", run, tmp_path / "new.jsonl")
    first, empty, missing, last, nothing = map(json.loads, done.out.splitlines())
    label = load(run).predict(["a cat"])[0]
    assert (first["id"], first["prediction"]) == (3, label)
    assert 0.5 <= first["probability"] <= 1.0
    assert (empty["id"], empty["prediction"], empty["error"]) == (4, None, "empty; expected a text")
    assert missing["error"].startswith("no key 'body'")
    assert set(nothing) == {"prediction", "probability", "error"}
    assert (last["prediction"], "prediction_2" in last) == ("?", True)
    assert done.code == 3


def test_lines_can_come_out_as_a_table(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("a cat\nan oak\n")
    done = command("predict", run, tmp_path / "new.txt", "--output", "table")
    frame = pd.read_csv(io.StringIO(done.out), sep="\t")
    assert list(frame.columns) == ["body", "prediction", "probability"]
    assert list(frame["prediction"]) == load(run).predict(["a cat", "an oak"])


def test_a_table_without_the_column_of_the_training_is_refused(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,message\n1,a cat\n")
    done = command("predict", run, tmp_path / "new.csv")
    assert (done.code, done.out) == (3, "")
    assert "the header has the columns 'id', 'message'; expected 'body'" in done.err
    assert "Name the column of the inputs with --text; --format lines reads all columns" in done.err
    two = command("predict", run, tmp_path / "new.csv", "--text", "id,message")
    assert "expected 'id,message'. One column is read: join them beforehand" in two.err
    named = command("predict", run, tmp_path / "new.csv", "--text", "message")
    assert named.out.splitlines()[0] == "id,message,prediction,probability"
    as_lines = command("predict", run, tmp_path / "new.csv", "--format", "lines")
    assert len(as_lines.out.splitlines()) == 2


def test_a_model_of_a_folder_reads_no_table_as_lines(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for label in ("animal", "plant"):
        (tmp_path / "data" / f"{label}.txt").write_text("".join(f"{t}\n" for t, kind in ROWS if kind == label))
    assert command("train", "classify", tmp_path / "data", "-o", tmp_path / "run", *TINY).code == 0
    (tmp_path / "new.csv").write_text("ticket,subject\n1,a cat\n2,an oak\n")
    done = command("predict", tmp_path / "run", tmp_path / "new.csv")
    assert (done.code, done.out) == (3, "")
    assert "expected 'text'" in done.err


def test_a_table_without_a_header_is_read_by_the_columns_of_the_training(command: Command, tmp_path: Path) -> None:
    rows = "".join(f'{number},"{text}",{label}\n' for number, (text, label) in enumerate(ROWS))
    (tmp_path / "train.csv").write_text(rows)
    options = ("--no-header", "--columns", "id,text,label")
    assert command("train", "classify", tmp_path / "train.csv", "-o", tmp_path / "run", *options, *TINY).code == 0
    done = command("predict", tmp_path / "run" / "model", tmp_path / "train.csv")
    assert [line.rsplit(",", 2)[0] for line in done.out.splitlines()] == rows.splitlines()
    assert command("evaluate", tmp_path / "run" / "model", tmp_path / "train.csv", "--json").json["count"] == len(ROWS)


def test_a_model_folder_evaluates_the_columns_of_the_training(command: Command, run: Path, tmp_path: Path) -> None:
    scores = command("evaluate", run / "model", tmp_path / "train.csv", "--json").json
    assert scores["count"] == len(ROWS)
    assert scores == command("evaluate", run, tmp_path / "train.csv", "--json").json


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "table", "--json"), "--output: given with --json; expected one of them"),
        (("--output", "table", "--explain"), "--output table: the answers are not one row for each input"),
    ],
)
def test_outputs_that_contradict_each_other_are_errors(
    command: Command, run: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "new.txt").write_text("a cat\n")
    done = command("predict", run, tmp_path / "new.txt", *options)
    assert done.code == 2
    assert message in done.err


def test_a_text_below_the_threshold_has_no_prediction(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"body": "a cat"}\n')
    (tmp_path / "new.csv").write_text("body\na cat\n")
    (value,) = map(json.loads, command("predict", run, tmp_path / "new.jsonl", "--threshold", "1").out.splitlines())
    assert value["prediction"] is None
    assert 0.5 <= value["probability"] < 1.0
    _, row = command("predict", run, tmp_path / "new.csv", "--threshold", "1").out.splitlines()
    assert row.startswith("a cat,,0.")


def test_a_loaded_model_evaluates_a_path_with_the_columns_of_the_training(
    command: Command, run: Path, tmp_path: Path
) -> None:
    scores = load(run / "model").evaluate(tmp_path / "train.csv")
    assert scores == command("evaluate", run, tmp_path / "train.csv", "--json").json


def test_columns_that_contradict_a_header_are_named_by_their_flag(command: Command, run: Path, tmp_path: Path) -> None:
    done = command("evaluate", run, tmp_path / "train.csv", "--header", "--columns", "a,b")
    assert done.code == 2
    assert done.err.startswith("elman: --columns: given with --header; expected one of them")


def test_a_wrong_form_is_an_error_that_lists_the_forms(command: Command, run: Path) -> None:
    done = command("predict", run, "--output", "tabel")
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--output': 'tabel' is not one of 'table', 'lines', 'jsonl'. See `" in done.err


def test_ctrl_c_while_a_pipe_is_silent_ends_with_one_message(run: Path) -> None:
    code = "import sys; from elman.cli import main; sys.exit(main())"
    source = [sys.executable, "-c", "import time; print('a cat', flush=True); time.sleep(60)"]
    with subprocess.Popen(source, stdout=subprocess.PIPE) as writer:
        reader = subprocess.Popen(
            [sys.executable, "-c", code, "predict", str(run)],
            stdin=writer.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert reader.stdout is not None
        assert reader.stdout.readline() in ("animal\n", "plant\n")
        reader.send_signal(signal.SIGINT)
        out, err = reader.communicate(timeout=30)
        writer.kill()
    assert (reader.returncode, out, err) == (130, "", "elman: interrupted\n")


def test_the_encoding_of_the_training_file_is_not_that_of_other_files(command: Command, tmp_path: Path) -> None:
    rows = "text\tlabel\n" + "".join(f"{text} é\t{label}\n" for text, label in ROWS)
    (tmp_path / "train.tsv").write_bytes(rows.encode("latin-1"))
    options = ("--encoding", "latin-1", *TINY)
    assert command("train", "classify", tmp_path / "train.tsv", "-o", tmp_path / "run", *options).code == 0
    (tmp_path / "new.tsv").write_text("text\na cat é\n", "utf-8")
    done = command("predict", tmp_path / "run" / "model", tmp_path / "new.tsv")
    assert done.out.splitlines()[1].startswith("a cat é\t")
    scores = command("evaluate", tmp_path / "run" / "model", tmp_path / "train.tsv", "--encoding", "latin-1", "--json")
    assert scores.json["count"] == len(ROWS)
    assert "encoding" not in {k for k, v in read_model(tmp_path / "run" / "model").config["reader"].items() if v}


def test_an_encoding_that_fits_is_named_for_a_table(command: Command, run: Path, tmp_path: Path) -> None:
    rows = "body;note\na cat;über die Straße nach Köln\nan oak;schöne Grüße\n"
    (tmp_path / "new.csv").write_bytes(rows.encode("cp1252"))
    done = command("predict", run, tmp_path / "new.csv")
    assert done.code == 3
    assert "new.csv:2: not UTF-8 at byte 7 of the line. Try --encoding cp1252" in done.err
    assert command("predict", run, tmp_path / "new.csv", "--encoding", "cp1252").code == 0


def test_a_text_that_needs_too_much_memory_is_an_error_of_its_own(
    command: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.tasks.classifier.predictor import ClassifierPredictor

    log_probabilities = ClassifierPredictor.log_probabilities

    def limited(self: ClassifierPredictor, texts: list[str]) -> Any:
        if sum(map(len, texts)) > 100:
            raise MemoryError
        return log_probabilities(self, texts)

    monkeypatch.setattr(ClassifierPredictor, "log_probabilities", limited)
    texts = ["a cat", "oak " * 50, *["an oak"] * 20]
    (tmp_path / "new.txt").write_text("\n".join(texts), "utf-8")
    done = command("predict", run, tmp_path / "new.txt")
    assert done.code == 3
    assert "new.txt:2: 199 characters need more memory than there is; expected a shorter text" in done.err
    labels = done.out.splitlines()
    assert labels[1] == ""
    assert labels[0:1] + labels[2:] == load(run).predict(["a cat"]) + load(run).predict(["an oak"]) * 20

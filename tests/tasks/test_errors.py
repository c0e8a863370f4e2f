"""`elman evaluate --errors`: the rows are the wrong predictions, and as many as the metrics say."""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.tasks.loading import load
from tests.cli.conftest import Command, run_command

TINY = ("--steps", "4", "--hidden", "8", "--batch-size", "4", "--threads", "1")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def write_data(path: Path, task: str) -> None:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcde", k=rng.randint(2, 5))) for _ in range(80)]
    texts = {
        "classify": "text\tlabel\n" + "".join(f"{word}\t{'xyz'[len(word) % 3]}\n" for word in words),
        "tag": "".join(f"{word}\t{'XY'['a' in word]}\n" + "\n" * (i % 4 == 3) for i, word in enumerate(words)),
        "seq2seq": "".join(f"{word}\t{word[::-1].upper()}\n" for word in words),
        "lm": " ".join(words) + "\n",
        "forecast": "date,sales\n"
        + "".join(f"2020-{m:02}-{d:02},{10 + rng.gauss(0, 1):.2f}\n" for m in range(1, 7) for d in range(1, 29)),
    }
    path.write_text(texts[task], "utf-8")


def trained(command: Command, folder: Path, task: str) -> tuple[Path, Path]:
    data = folder / ("data.csv" if task == "forecast" else "data.tsv" if task != "lm" else "data.txt")
    write_data(data, task)
    options = ("--horizon", "2") if task == "forecast" else ()
    done = command("train", task, data, "-o", folder / "run", *TINY, *options)
    assert done.code == 0, done.err
    return data, folder / "run"


def errors_of(command: Command, run: Path, *data: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    file = run.parent / "errors.jsonl"
    done = command("evaluate", run, *data, "--errors", file, "--json")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert f"{file}: {len(rows):,} wrong prediction" in done.err
    return rows, done.json


@pytest.mark.parametrize(
    ("task", "metric"), [("classify", "accuracy"), ("tag", "accuracy"), ("seq2seq", "exact_match")]
)
def test_there_are_as_many_rows_as_the_metrics_say(command: Command, tmp_path: Path, task: str, metric: str) -> None:
    data, run = trained(command, tmp_path, task)
    for sources in ((), (data,)):
        rows, metrics = errors_of(command, run, *sources)
        assert len(rows) == round((1.0 - metrics[metric]) * metrics["count"])
        assert all(row["expected"] != row["predicted"] for row in rows)
    assert all(row["place"].startswith(str(data)) for row in rows)
    assert rows, "the model is too good for this test"


def test_the_rows_of_a_classifier_are_its_predictions(command: Command, tmp_path: Path) -> None:
    data, run = trained(command, tmp_path, "classify")
    rows, _ = errors_of(command, run, data)
    predictor = load(run)
    p = predictor.predict_proba([row["text"] for row in rows])
    assert [row["predicted"] for row in rows] == predictor.predict([row["text"] for row in rows])
    assert [row["probability"] for row in rows] == pytest.approx(p.max(1))
    expected = [p[i, predictor.labels.index(row["expected"])] for i, row in enumerate(rows)]
    assert [row["probability_expected"] for row in rows] == pytest.approx(expected)


def test_with_thresholds_a_text_without_a_label_is_a_row_without_a_prediction(command: Command, tmp_path: Path) -> None:
    data, run = trained(command, tmp_path, "classify")
    predictor, texts = load(run), [line.split("\t")[0] for line in data.read_text().splitlines()[1:]]
    threshold = float(np.median(predictor.predict_proba(texts).max(1)))
    file = tmp_path / "errors.jsonl"
    done = command("evaluate", run, data, "--errors", file, "--threshold", threshold, "--json")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    abstentions = [row for row in rows if row["predicted"] is None]
    wrong = [row for row in rows if row["predicted"] is not None]
    answered = done.json["coverage"] * len(texts)
    assert len(abstentions) == round(len(texts) - answered)
    assert len(wrong) == round((1.0 - done.json["answered_accuracy"]) * answered)
    assert abstentions
    assert wrong
    counts = f"{len(wrong):,} wrong predictions, and {len(abstentions):,} examples without a prediction"
    assert f"{file}: {counts}" in done.err
    p = predictor.predict_proba([row["text"] for row in rows])
    assert [row["most_probable"] for row in rows] == [predictor.labels[i] for i in p.argmax(1)]
    assert [row["probability"] for row in abstentions] == pytest.approx(
        predictor.predict_proba([row["text"] for row in abstentions]).max(1)
    )
    assert max(row["probability"] for row in abstentions) < threshold <= min(row["probability"] for row in wrong)
    command("evaluate", run, data, "--errors", tmp_path / "errors.csv", "--threshold", threshold)
    with (tmp_path / "errors.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["predicted"] for row in table] == [row["predicted"] or "" for row in rows]


def test_the_other_columns_of_a_table_are_kept(command: Command, tmp_path: Path) -> None:
    """Under their names, unless the file has a column of that name itself."""
    data, run = trained(command, tmp_path, "classify")
    rows = [line.split("\t") for line in data.read_text().splitlines()[1:]]
    table = tmp_path / "more.csv"
    header = "id,text,probability,label,text,data_probability\n"
    lines = [f"{i:05},{text},{i / 8},{label},note {i}\n" for i, (text, label) in enumerate(rows)]  # each a cell short
    table.write_text(header + "".join(lines), "utf-8")
    errors, _ = errors_of(command, run, table)
    own = ["place", "text", "expected", "predicted", "probability", "probability_expected"]
    assert list(errors[0]) == [*own, "id", "data_probability", "text_2", "data_probability_2"]
    for row in errors:
        i = int(row["id"])
        assert row["place"] == f"{table}:{i + 2}"
        assert (row["text"], row["expected"]) == tuple(rows[i])
        assert (row["data_probability"], row["text_2"], row["data_probability_2"]) == (str(i / 8), f"note {i}", "")


def test_the_other_keys_of_json_are_kept(command: Command, tmp_path: Path) -> None:
    _, run = trained(command, tmp_path, "classify")
    values: list[dict[str, Any]] = [{"time": 1700000000.125}, {"tags": ["a", "b"]}, {"time": None, "is_new": True}]
    data = tmp_path / "data.jsonl"
    objects: list[dict[str, Any]] = [
        {"text": word, "label": label, **value} for word in ("abc", "eee") for value in values for label in "xyz"
    ]
    data.write_text("".join(json.dumps(item) + "\n" for item in objects), "utf-8")
    errors, _ = errors_of(command, run, data)
    missing: dict[str, Any] = dict.fromkeys(["time", "tags", "is_new"])
    for row in errors:
        expected = missing | objects[int(row["place"].rpartition(":")[2]) - 1]
        assert {name: row[name] for name in missing} == {name: expected[name] for name in missing}
    assert command("evaluate", run, data, "--errors", tmp_path / "errors.csv").code == 0
    with (tmp_path / "errors.csv").open(encoding="utf-8", newline="") as stream:
        cells = {(row["time"], row["tags"], row["is_new"]) for row in csv.DictReader(stream)}
    assert cells == {("1700000000.125", "", ""), ("", '["a", "b"]', ""), ("", "", "true")}


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl"])
def test_a_wrong_target_keeps_the_other_columns_of_its_first_pair(command: Command, tmp_path: Path, name: str) -> None:
    _, run = trained(command, tmp_path, "seq2seq")
    pairs = [("1", "abc", "x"), ("2", "bcd", "x"), ("3", "abc", "y")]
    objects = [dict(zip(("predicted", "source", "target"), pair, strict=True)) for pair in pairs]
    lines = [json.dumps(item) for item in objects]
    if name.endswith("csv"):
        lines = ["predicted,source,target", *(",".join(pair) for pair in pairs)]
    (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    errors, _ = errors_of(command, run, tmp_path / name)
    assert [(row["source"], row["expected"], row["data_predicted"]) for row in errors] == [
        ("abc", "x | y", "1"),
        ("bcd", "x", "2"),
    ]


def test_a_target_that_equals_one_of_the_references_is_no_error(command: Command, tmp_path: Path) -> None:
    _, run = trained(command, tmp_path, "seq2seq")
    sources = ["abc", "bcd", "cde", "dea"]
    right = load(run).predict(sources)
    rows = [("abc", right[0]), ("bcd", "x"), ("bcd", right[1]), ("cde", "x"), ("cde", "y"), ("dea", "x")]
    data = tmp_path / "test.tsv"
    data.write_text("".join(f"{source}\t{target}\n" for source, target in rows), "utf-8")
    errors, metrics = errors_of(command, run, data)
    assert [(row["source"], row["expected"], row["predicted"]) for row in errors] == [
        ("cde", "x | y", right[2]),
        ("dea", "x", right[3]),
    ]
    assert metrics["exact_match"] == 0.5


def test_the_rows_of_a_language_model_are_tokens_that_are_not_the_most_probable(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.tasks.language_model import evaluation

    monkeypatch.setattr(evaluation, "CHUNK_STEPS", 7)
    data, run = trained(command, tmp_path, "lm")
    rows, _ = errors_of(command, run, data)
    predictor = load(run)
    ids = predictor.codec.encode(data.read_text())
    state, expected = predictor.initial_state(), []
    for t in range(len(ids) - 1):
        logits, state = predictor.step(ids[t : t + 1], state)
        if logits[0].argmax() != ids[t + 1]:
            p = np.exp(logits[0] - logits[0].max())
            before = predictor.codec.decode(ids[max(0, t - 23) : t + 1])
            expected.append((t + 2, before, predictor.codec.decode(ids[t + 1 : t + 2]), float(p[ids[t + 1]] / p.sum())))
    assert [(row["number"], row["before"], row["expected"]) for row in rows] == [row[:3] for row in expected]
    assert [row["probability_expected"] for row in rows] == pytest.approx([row[3] for row in expected], rel=1e-4)


def test_the_rows_of_a_forecaster_are_values_outside_of_their_intervals(command: Command, tmp_path: Path) -> None:
    data, run = trained(command, tmp_path, "forecast")
    for sources in ((), (data,)):
        rows, metrics = errors_of(command, run, *sources)
        (target,) = metrics["targets"].values()
        assert len(rows) == round((1.0 - target["coverage"]) * metrics["count"])
        assert all(not row["lower"] <= row["expected"] <= row["upper"] for row in rows)
    values = dict(line.split(",") for line in data.read_text().splitlines()[1:])
    assert rows
    assert all(math.isclose(float(values[row["date"]]), row["expected"]) for row in rows)


@pytest.mark.parametrize("name", ["errors.csv", "errors.tsv"])
def test_errors_are_a_table_that_other_programs_read(command: Command, tmp_path: Path, name: str) -> None:
    data, run = trained(command, tmp_path, "classify")
    assert command("evaluate", run, data, "--errors", tmp_path / name).code == 0
    with (tmp_path / name).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="," if name.endswith("csv") else "\t"))
    as_json, _ = errors_of(command, run, data)
    assert [(row["text"], row["predicted"]) for row in rows] == [(row["text"], row["predicted"]) for row in as_json]


def test_a_file_that_cannot_be_written_is_an_error_before_the_work(command: Command, tmp_path: Path) -> None:
    _, run = trained(command, tmp_path, "classify")
    done = command("evaluate", run, "--errors", tmp_path / "none" / "errors.tsv")
    assert (done.code, done.out) == (2, "")
    assert "--errors: the folder does not exist" in done.err

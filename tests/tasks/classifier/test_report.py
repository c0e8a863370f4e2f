"""What a classifier writes for people: every statement is true of the model and its data, and the commands run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from elman.tasks.classifier import report
from elman.tasks.classifier.corpus import ClassifierCorpus
from elman.tasks.classifier.report import MAX_LABELS_ACROSS, describe_run, measure_speed, model_card, summary, tables

from .models import LABELS, corpus_of, run_config, tiny_config, tiny_predictor

SPEED = "12 a second"


@pytest.fixture
def corpus(tmp_path: Path) -> ClassifierCorpus:
    items = [(f"abc{'d' * n}", LABELS[n % 3]) for n in range(27)]
    return corpus_of(tmp_path / "data", items, valid_fraction=0.3)


def rows_of(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_model_card_describes_the_model_and_its_labels(corpus: ClassifierCorpus) -> None:
    predictor = tiny_predictor("attention")
    valid = predictor.evaluate([("abc", "hot"), ("fed", "中")])
    valid["f1"] = {"cold": None, "hot": 0.5, "中": 1.0}
    text = model_card(predictor, valid, corpus, SPEED)
    rows = rows_of(text)
    assert rows["cell"] == "2 x lstm 6, both directions"
    assert (rows["inputs"], rows["pooling"]) == ("5 numbers for a token", "attention")
    assert (rows["speed"], rows["training set"]) == (SPEED, f"{corpus.train_set.count} texts")
    assert rows["text"] == "char level, 9 tokens in the vocabulary, normalization: none"
    expected = f"2 texts: accuracy {valid['accuracy']:.4f}, macro F1 {valid['macro_f1']:.4f}, "
    assert rows["validation set"].startswith(expected)
    assert rows["probabilities"] == (
        f"temperature 1.0000; on the validation set: mean of the predictions {valid['mean_confidence']:.4f}, expected "
        f"calibration error {valid['ece']:.4f}, Brier score {valid['brier']:.4f}"
    )
    for label, count, f1 in zip(LABELS, corpus.label_counts, ("", "0.5000", "1.0000"), strict=True):
        assert f"| {label} | {count} | {f1} |\n" in text


def test_a_bar_in_a_label_does_not_end_its_cell(corpus: ClassifierCorpus) -> None:
    predictor = tiny_predictor("attention")
    valid = predictor.evaluate([("abc", "hot")])
    valid["f1"] = {"a|b": None, "hot": 0.5, "中": 1.0}
    with_bar = dataclasses.replace(corpus, labels=("a|b", *LABELS[1:]))
    text = model_card(predictor, valid, with_bar, SPEED)
    assert f"| a\\|b | {corpus.label_counts[0]} |  |\n" in text


def test_the_code_and_the_commands_of_the_model_card_run(
    corpus: ClassifierCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    predictor = tiny_predictor("attention")
    text = model_card(predictor, predictor.evaluate([("abc", "hot"), ("fed", "中")]), corpus, SPEED)
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.count("\n") >= 2
    (tmp_path / "texts.txt").write_text("abc\n")
    (tmp_path / "labelled.tsv").write_text("text\tlabel\nabc\thot\n")
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 4
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        assert main() == 0, command


def test_a_run_is_described_in_three_lines(corpus: ClassifierCorpus) -> None:
    data, model, training = describe_run(run_config(tiny_config("attention")), corpus)
    train = corpus.train_set
    assert data.startswith(f"training set: {train.count} texts, {train.tokens} characters; validation set: ")
    assert model == "2 x lstm 6, both directions, attention pooling; inputs: 5 numbers for a token; dropout 0"
    assert training.startswith("mini-batches of 8 texts; adamw with learning rate ")


def test_the_summary_is_one_line() -> None:
    assert (
        summary({"accuracy": 0.5, "count": 1234, "macro_f1": 0.25, "ece": 0.0125})
        == "50.00% of 1,234 labels correct, macro F1 0.2500, expected calibration error 0.0125"
    )


def test_columns_are_aligned_for_chinese_labels() -> None:
    labels = ["好", "nothing at all", "坏坏坏坏"]
    metrics = {"f1": {"好": 1.0, "nothing at all": None, "坏坏坏坏": 0.5}}
    lines = tables({**metrics, "confusion": {"labels": labels, "counts": [[3, 0, 0], [0, 0, 1], [20, 0, 7]]}})
    assert lines[0] == ""
    assert {cell_len(line) for line in lines[1:]} == {len("nothing at all") + 2 + 4 * 8}
    assert lines[1].split() == ["label", "f1", "好", "nothing", "坏坏坏"]
    assert lines[4].split() == ["坏坏坏坏", "0.5000", "20", "0", "7"]


def test_a_table_of_many_labels_has_no_confusion_matrix() -> None:
    labels = [f"L{number}" for number in range(MAX_LABELS_ACROSS + 1)]
    counts = [[0] * len(labels) for _ in labels]
    lines = tables({"f1": dict.fromkeys(labels, 1.0), "confusion": {"labels": labels, "counts": counts}})
    assert [len(line.split()) for line in lines[1:]] == [2] * (len(labels) + 1)


def test_the_speed_counts_texts(corpus: ClassifierCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "items_per_second", lambda work: 1000.0 * work())
    speed = measure_speed(tiny_predictor(), corpus)
    assert speed == f"{1000 * corpus.valid_set.count:,} texts a second, where it was trained"

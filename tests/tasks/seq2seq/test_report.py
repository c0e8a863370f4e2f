"""What an encoder-decoder writes for people: every statement is true of the model and its data; the commands run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elman.tasks.seq2seq.corpus import Seq2SeqCorpus
from elman.tasks.seq2seq.defaults import resolve
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.seq2seq.preparation import prepare
from elman.tasks.seq2seq.readers import open_source
from elman.tasks.seq2seq.report import describe_run, measure_speed, model_card, next_commands, summary

from .models import PAIRS, run_config, tiny_config, tiny_predictor

SPEED = "12 a second"
METRICS = {"task": "seq2seq", "count": 4321, "loss": 0.123456, "exact_match": 0.75, "sequence_error_rate": 0.25}


@pytest.fixture
def corpus(tmp_path: Path) -> Seq2SeqCorpus:
    path = tmp_path / "secret place" / "对.tsv"
    path.parent.mkdir()
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS * 2), "utf-8")
    values = {"data": {"source_level": "char", "target_level": "char", "valid_fraction": 0.1}}
    config = resolve(values)
    return prepare(tmp_path / "data", values, config, [open_source(path, config.data, print)], [], print)


def card_of(predictor: Seq2SeqPredictor, corpus: Seq2SeqCorpus, **more: float) -> str:
    return model_card(predictor, {**METRICS, **more}, corpus, SPEED)


def rows_of(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_model_card_describes_the_model_its_data_and_its_metrics(corpus: Seq2SeqCorpus) -> None:
    predictor = tiny_predictor("unlike")
    weights = sum(tensor.size for tensor in predictor.tensors.values())
    assert rows_of(card_of(predictor, corpus, bleu=0.5)) == {
        "encoder": "1 x gru 6, both directions",
        "decoder": "2 x lstm 6, attention dot",
        "size": f"{weights:,} weights, 0.0 MB",
        "speed": "12 a second",
        "source": "char level, 7 tokens in the vocabulary, normalization: none",
        "target": "word level, 5 tokens in the vocabulary, normalization: none",
        "training set": f"{corpus.train_set.count:,} pairs",
        "validation set": "4,321 sources, greedy search",
        "loss": "0.1235 nats per token",
        "exact match": "0.7500",
        "sequence error rate": "0.2500",
        "bleu": "0.5000",
    }
    assert "Turns a sequence of characters into a sequence of words." in card_of(predictor, corpus)
    assert rows_of(card_of(tiny_predictor("one_way"), corpus))["encoder"] == "1 x lstm 6, one direction"
    aligned = rows_of(card_of(tiny_predictor("aligned"), corpus))["decoder"]
    assert aligned == "1 x lstm 6, attention dot, aligned input"


def test_the_model_card_names_the_sources_without_their_folder(corpus: Seq2SeqCorpus) -> None:
    text = card_of(tiny_predictor(), corpus)
    assert f"- 对.tsv, {corpus.sources[0].bytes:,} bytes, SHA-256 {corpus.sources[0].sha256}\n" in text
    assert "secret" not in text


def test_the_same_model_has_the_same_card(corpus: Seq2SeqCorpus) -> None:
    assert card_of(tiny_predictor(), corpus) == card_of(tiny_predictor(), corpus)
    assert card_of(tiny_predictor("general"), corpus) != card_of(tiny_predictor(), corpus)


def test_the_code_and_the_commands_of_the_model_card_run(
    corpus: Seq2SeqCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    predictor = tiny_predictor()
    text = card_of(predictor, corpus)
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.count("\n") == 2
    (tmp_path / "sources.txt").write_text("abc\n")
    (tmp_path / "pairs.tsv").write_text("abc\tAA B K\n")
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 2
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        assert main() == 0, command


def test_a_run_is_described_in_three_lines(corpus: Seq2SeqCorpus) -> None:
    data, model, training = describe_run(run_config(tiny_config("unlike")), corpus)
    assert data == (
        f"training set: {corpus.train_set.count} pairs; validation set: 1 sources; "
        f"sources: {len(corpus.source_vocabulary) - 3} different characters; "
        f"targets: {len(corpus.target_vocabulary) - 3} different characters"
    )
    assert model.startswith(
        "encoder 1 x gru 6, both directions; decoder 2 x lstm 6, attention dot; embedding 5, dropout"
    )
    assert training.startswith("mini-batches of 8 pairs; adamw with learning rate ")


def test_the_summary_and_the_next_commands() -> None:
    metrics = {"count": 1234, "exact_match": 0.5, "token_error_rate": 0.125}
    assert summary(metrics) == "50.00% of 1,234 sources correct, token error rate 0.1250"
    assert next_commands("runs/a").startswith("elman predict runs/a sources.txt   or   elman predict runs/a ")


def test_the_speed_counts_sources(corpus: Seq2SeqCorpus) -> None:
    speed = measure_speed(tiny_predictor(), corpus)
    assert " sources a second, greedy search, 1 at once, " in speed
    assert speed.endswith(", where it was trained")

"""What a language model writes for people: every statement is true of the model and its data, and the commands run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from elman.tasks.language_model.corpus import LanguageModelCorpus
from elman.tasks.language_model.defaults import resolve
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.language_model.readers import open_source
from elman.tasks.language_model.report import describe_run, measure_speed, model_card, next_commands, summary

from .corpora import prepared
from .models import ARCHITECTURES, tiny_predictor

SPEED = "12 a second"
METRICS = {"count": 179, "loss": 1.23456, "perplexity": 3.43691, "bits_per_character": 1.78109}


@pytest.fixture
def corpus(tmp_path: Path) -> LanguageModelCorpus:
    path = tmp_path / "secret place" / "书.txt"
    path.parent.mkdir()
    path.write_text("abba cad\n" * 200, "utf-8")
    return prepared(tmp_path / "data", open_source(path, resolve({}).data, lambda message: None))


def card_of(predictor: LanguageModelPredictor, corpus: LanguageModelCorpus) -> str:
    return model_card(predictor, METRICS, corpus, SPEED)


def rows_of(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_model_card_describes_the_model_its_data_and_its_metrics(corpus: LanguageModelCorpus) -> None:
    predictor = tiny_predictor("lstm_two_layers", normalize="lower")
    weights = sum(tensor.size for tensor in predictor.tensors.values())
    assert weights == 480  # 39 + 200 + 176 + 65
    assert rows_of(card_of(predictor, corpus)) == {
        "cell": "lstm, hidden 5, 4, embedding 3",
        "size": "480 weights, 0.0 MB",
        "speed": "12 a second",
        "text": "char level, 13 tokens in the vocabulary, normalization: lower",
        "training set": "1,620 tokens",
        "validation set": "180 tokens, 179 of them predicted: loss 1.2346 nats per token, perplexity 3.437, "
        "1.7811 bits per character",
    }


def test_the_model_card_names_a_source_without_its_folder(corpus: LanguageModelCorpus) -> None:
    (source,) = corpus.sources
    text = card_of(tiny_predictor(), corpus)
    assert f"- 书.txt, 1,800 bytes, SHA-256 {source.sha256}\n" in text
    assert "secret" not in text


def test_the_same_model_has_the_same_card(corpus: LanguageModelCorpus) -> None:
    assert card_of(tiny_predictor(), corpus) == card_of(tiny_predictor(), corpus)
    assert card_of(tiny_predictor("gru"), corpus) != card_of(tiny_predictor(), corpus)


def test_the_code_and_the_commands_of_the_model_card_run(
    corpus: LanguageModelCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    predictor = tiny_predictor()
    text = card_of(predictor, corpus)
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.startswith("...")
    (tmp_path / "other.txt").write_text("abba cad\n")
    commands = [line for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 3
    for command in commands:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        assert main() == 0, command


def test_a_run_is_described_in_three_lines(corpus: LanguageModelCorpus) -> None:
    values = {"model": ARCHITECTURES["lstm_two_layers"], "training": {"steps": 7, "batch_size": 4, "bptt_steps": 9}}
    data, model, training = describe_run(resolve(values, corpus), corpus)
    assert data == "training set: 1,620 characters; validation set: 180 characters; 7 different characters"
    assert model.startswith("lstm 5-4, embedding 3, dropout ")
    assert training.startswith("mini-batches of 4 x 9 characters; adamw with learning rate ")
    assert training.endswith("; 7 steps")


def test_the_number_of_rare_words_that_unk_replaces_is_described(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "ab cd ab " * 20 + "rare", valid=["ab ef"], level="word", min_frequency=2)
    _, unknown, *_ = describe_run(resolve({"data": {"level": "word"}}, corpus), corpus)
    assert unknown == "<unk> replaces 2 rare words of the training set and 2 of the validation set"


def test_the_summary_is_one_line() -> None:
    assert summary(METRICS) == "loss 1.2346 nats, perplexity 3.437, 1.781 bits per character"


def test_the_next_commands_name_the_run() -> None:
    assert next_commands("runs/a").count("elman generate runs/a --prompt ") == 2


def test_the_speed_counts_generated_tokens(corpus: LanguageModelCorpus) -> None:
    expected = " tokens a second, generated one by one, where it was trained"
    assert measure_speed(tiny_predictor(), corpus).endswith(expected)

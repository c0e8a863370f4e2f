"""What a tagger writes for people: every statement is true of the model and its data, and the commands run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elman.tasks.tagger import report
from elman.tasks.tagger.corpus import TaggerCorpus
from elman.tasks.tagger.report import MAX_TAGS, describe_run, measure_speed, model_card, summary, tables

from .models import EXAMPLES, corpus_of, run_config, tiny_config, tiny_predictor

SPEED = "12 a second"


@pytest.fixture
def corpus(tmp_path: Path) -> TaggerCorpus:
    return corpus_of(tmp_path / "data", [(("Ann", "left", f"{n}"), ("B-X", "O", "O")) for n in range(20)])


def rows_of(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_model_card_describes_the_model_and_its_tags(corpus: TaggerCorpus) -> None:
    predictor = tiny_predictor("crf")
    valid = predictor.evaluate(EXAMPLES)
    valid["f1"] = {"B-X": 0.25, "I-X": None, "a|b": 1.0}
    text = model_card(predictor, valid, corpus, SPEED)
    rows = rows_of(text)
    assert rows["cell"] == "2 x lstm 6, both directions"
    assert rows["inputs"] == "5 numbers for a token and 8 numbers for its characters"
    assert rows["tags"] == "all of a sentence together (conditional random field)"
    assert (rows["speed"], rows["training set"]) == (SPEED, "18 sentences, 54 tokens")
    assert rows["text"] == "words between spaces, 7 words in the vocabulary, normalization: lower"
    expected = f"4 sentences, 12 tokens: accuracy {valid['accuracy']:.4f}, F1 of spans {valid['span_f1']:.4f}, loss "
    assert rows["validation set"].startswith(expected)
    assert rows["words not in the vocabulary"] == f"accuracy {valid['unknown_accuracy']:.4f} of 2"
    assert "| B-X | 0.2500 |\n| I-X |  |\n| a\\|b | 1.0000 |\n" in text


def test_the_model_card_of_independent_tags_without_unknown_words(corpus: TaggerCorpus) -> None:
    predictor = tiny_predictor("words")
    valid = {**predictor.evaluate(EXAMPLES), "unknown_words": 0, "unknown_accuracy": None}
    rows = rows_of(model_card(predictor, valid, corpus, SPEED))
    assert (rows["tags"], rows["words not in the vocabulary"]) == ("each independently", "none")


def test_the_code_and_the_commands_of_the_model_card_run(
    corpus: TaggerCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    predictor = tiny_predictor("crf")
    text = model_card(predictor, predictor.evaluate(EXAMPLES), corpus, SPEED)
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.count("\n") == 1
    (tmp_path / "sentences.txt").write_text("Ann left\n")
    (tmp_path / "tagged.conllu").write_text("1\tAnn\t_\tO" + 6 * "\t_" + "\n")
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 2
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        assert main() == 0, command


def test_a_run_is_described_in_three_lines(corpus: TaggerCorpus) -> None:
    data, model, training = describe_run(run_config(tiny_config("crf")), corpus)
    assert data.startswith("training set: 18 sentences, 54 tokens; validation set: 2 sentences; 21 different words")
    assert model.startswith("2 x lstm 6, both directions, conditional random field; inputs: 5 numbers for a token and")
    assert training.startswith("mini-batches of 8 sentences; adamw with learning rate ")
    assert "conditional" not in list(describe_run(run_config(tiny_config()), corpus))[1]


def test_the_summary_has_f1_of_spans_if_there_are_spans() -> None:
    metrics = {"accuracy": 0.5, "count": 1234}
    assert summary(metrics) == "50.00% of 1,234 tags correct"
    assert summary({**metrics, "span_f1": 0.25}) == "50.00% of 1,234 tags correct, F1 of spans 0.2500"


def test_the_table_has_a_row_for_each_tag_up_to_a_limit() -> None:
    assert tables({"f1": {"北京": 0.5, "O": None}}) == ["", "tag        f1", "北京   0.5000", "O            "]
    many = tables({"f1": {f"T{number}": 1.0 for number in range(MAX_TAGS + 7)}})
    assert len(many) == MAX_TAGS + 3
    assert many[-1] == "and 7 more"


def test_the_speed_counts_tokens(corpus: TaggerCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "items_per_second", lambda work: 1000.0 * work())
    speed = measure_speed(tiny_predictor(), corpus)
    assert (
        speed
        == f"{1000 * sum(len(sentence.tokens) for sentence in corpus.valid()):,} tokens a second, where it was trained"
    )

"""The model card: what it says is true of the model and its data, and says nothing else."""

import dataclasses
import sys
from pathlib import Path

import pytest

from elman.data.readers import SourceRecord, TextSource
from elman.runtime import LanguageModelPredictor
from elman.tasks.card import classifier_card, forecaster_card, language_model_card, tagger_card
from elman.tasks.classifier.preparation import prepare_labelled
from elman.tasks.classifier.readers import MemoryLabelled
from elman.tasks.forecaster.corpus import prepare_series
from elman.tasks.language_model.corpus import Corpus, TextConfig
from elman.tasks.language_model.preparation import prepare
from elman.tasks.tagger.preparation import prepare_tagged
from elman.tasks.tagger.readers import MemoryTagged

from .. import classifier_models, series_models, tagger_models
from ..models import tiny_predictor

VALID = {"count": 12345, "loss": 1.23456, "perplexity": 3.43691, "bits_per_character": 1.78109}


SPEED = "12 a second"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "secret place" / "书.txt"
    path.parent.mkdir()
    path.write_text("abba cad\n" * 200, "utf-8")
    return prepare(tmp_path / "data", [TextSource(path)], TextConfig())


def card(predictor: LanguageModelPredictor, corpus: Corpus) -> str:
    return language_model_card(predictor, VALID, corpus, SPEED)


def rows(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_the_table_tells_the_model_its_data_and_its_score(corpus: Corpus) -> None:
    predictor = tiny_predictor("lstm_two_layers", normalize="lower")
    weights = sum(tensor.size for tensor in predictor.tensors.values())
    assert weights == 480  # 39 + 200 + 176 + 65
    assert rows(card(predictor, corpus)) == {
        "cell": "lstm, hidden 5, 4, embedding 3",
        "size": "480 weights, 0.0 MB",
        "speed": "12 a second",
        "text": "char level, 13 tokens in the vocabulary, normalisation: lower",
        "trained on": "1,620 tokens",
        "held out": "12,345 tokens: loss 1.2346 nats per token, perplexity 3.437, 1.7811 bits per character",
    }


def test_a_source_is_told_by_name_size_and_hash_but_not_by_the_folder_it_lay_in(corpus: Corpus) -> None:
    (source,) = corpus.sources
    text = card(tiny_predictor(), corpus)
    assert f"- 书.txt, 1,800 bytes, SHA-256 {source.sha256}\n" in text
    assert "secret" not in text


def test_the_same_model_has_the_same_card(corpus: Corpus) -> None:
    assert card(tiny_predictor(), corpus) == card(tiny_predictor(), corpus)
    assert card(tiny_predictor("gru"), corpus) != card(tiny_predictor(), corpus)


def test_the_python_that_it_shows_runs(corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictor = tiny_predictor()
    text = card(predictor, corpus)
    predictor.save(tmp_path / "model", card=text)
    shown = text.split("```python\n")[1].split("```")[0]
    exec(shown.replace("FOLDER", str(tmp_path / "model")))
    assert capsys.readouterr().out.startswith("...")


# Classifier


def test_the_card_of_a_classifier_tells_its_labels_and_its_commands_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    labels = classifier_models.LABELS
    held = MemoryLabelled([(f"abc{'d' * n}", labels[n % 3]) for n in range(27)])
    corpus = prepare_labelled(tmp_path / "data", held.labelled(), records=lambda: [held.record], valid_fraction=0.3)
    predictor = classifier_models.tiny_predictor("attention")
    valid = predictor.evaluate([("abc", "hot"), ("fed", "中")])
    valid["f1"] = {"cold": None, "hot": 0.5, "中": 1.0}
    text = classifier_card(predictor, valid, corpus, SPEED)
    told = rows(text)
    assert told["cell"] == "2 x lstm 6, both ways, of 5 numbers a token, pooling attention"
    assert (told["speed"], told["trained on"]) == (SPEED, f"{corpus.train_part.count} texts")
    assert told["held out"].startswith(f"2 texts: accuracy {valid['accuracy']:.4f}, macro F1 {valid['macro_f1']:.4f}, ")
    for label, count, f1 in zip(labels, corpus.label_counts, ("", "0.5000", "1.0000"), strict=True):
        assert f"| {label} | {count} | {f1} |\n" in text
    piped = dataclasses.replace(corpus, labels=("a|b", *labels[1:]))
    assert f"| a\\|b | {corpus.label_counts[0]} |  |\n" in classifier_card(
        predictor, {**valid, "f1": {**valid["f1"], "a|b": None}}, piped, SPEED
    )
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.count("\n") >= 2
    (tmp_path / "texts.txt").write_text("abc\n")
    (tmp_path / "labelled.tsv").write_text("text\tlabel\nabc\thot\n")
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 3
    for words in commands:
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 0, words


# Tagger


def test_the_card_of_a_tagger_tells_its_tags_and_its_commands_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    held = MemoryTagged([(("Ann", "left", f"{n}"), ("B-X", "O", "O")) for n in range(20)])
    corpus = prepare_tagged(tmp_path / "data", held.tagged(), records=lambda: [held.record])
    predictor = tagger_models.tiny_predictor("crf")
    valid = predictor.evaluate(tagger_models.EXAMPLES)
    valid["f1"] = {"B-X": 0.25, "I-X": None, "a|b": 1.0}
    text = tagger_card(predictor, valid, corpus, SPEED)
    told = rows(text)
    assert told["cell"] == "2 x lstm 6, both ways, of 5 numbers a token and 8 of its characters"
    assert told["tags"] == "chosen all of a sentence together (conditional random field)"
    assert (told["speed"], told["trained on"]) == (SPEED, "18 sentences of 54 tokens")
    assert told["held out"].startswith(f"4 sentences of 12 tokens: accuracy {valid['accuracy']:.4f}, F1 of spans ")
    assert told["words not in the vocabulary"] == f"accuracy {valid['unknown_accuracy']:.4f} of 2"
    assert "| B-X | 0.2500 |\n| I-X |  |\n| a\\|b | 1.0000 |\n" in text
    known = {**valid, "unknown_words": 0, "unknown_accuracy": None}
    apart = rows(tagger_card(tagger_models.tiny_predictor("words"), known, corpus, SPEED))
    assert (apart["tags"], apart["words not in the vocabulary"]) == ("chosen each by itself", "accuracy none")
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0])
    assert capsys.readouterr().out.count("\n") == 1
    (tmp_path / "sentences.txt").write_text("Ann left\n")
    (tmp_path / "tagged.conllu").write_text("1\tAnn\t_\tO" + 6 * "\t_" + "\n")
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 2
    for words in commands:
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 0, words


# Forecaster


def test_the_card_of_a_forecaster_tells_its_errors_and_its_commands_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    series, record = series_models.series_of(gaps=False), SourceRecord("sales.csv", 3, "abc")
    corpus = prepare_series(tmp_path / "data", series, valid_fraction=0.4, horizon=4, records=lambda: [record])
    predictor = series_models.tiny_predictor("tdnn")
    valid = predictor.evaluate(series, corpus.train_rows)
    text = forecaster_card(predictor, valid, corpus, SPEED)
    told = rows(text)
    assert told["memory"] == "tdnn: 3 rows, 1 x 5"
    assert (told["targets"], told["inputs"]) == ("a, b, by their logarithms", "c")
    assert told["told as"] == "differences from the value a season (6 rows) before; quantiles 0.1, 0.5, 0.9"
    assert (told["speed"], told["trained on"]) == (SPEED, "36 rows")
    assert told["held out"] == f"21 forecasts, one from each row on: relative MAE {valid['relative_mae']:.4f}"
    of_b = valid["targets"]["b"]
    assert f"| b | {of_b['mae']:.6g} | {of_b['mae_last_value']:.6g} | {of_b['mae_seasonal_naive']:.6g} |" in text
    predictor.save(tmp_path / "FOLDER", card=text)
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0], {"history": series.values})
    assert capsys.readouterr().out.count("\n") >= 4
    table = "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in series.values.tolist())
    for name in ("history.csv", "series.csv"):
        (tmp_path / name).write_text(table)
    commands = [line.split() for line in text.splitlines() if line.startswith("elman ")]
    assert len(commands) == 2
    for words in commands:
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 0, words

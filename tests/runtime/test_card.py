"""The model card: what it says is true of the model and its data, and says nothing else."""

import sys
from pathlib import Path

import pytest
from elman.runtime import Seq2SeqPredictor
from elman.tasks.card import forecaster_card, seq2seq_card

from elman.data.readers.text import SourceRecord, TextSource
from elman.tasks.forecaster.corpus import prepare_series
from elman.tasks.seq2seq.corpus import PairCorpus, SideConfig
from elman.tasks.seq2seq.preparation import prepare_pairs
from elman.tasks.seq2seq.readers import read_pairs

from .. import pair_models

SPEED = "12 a second"


def rows(text: str) -> dict[str, str]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if len(row) == 2}


# Sequence to sequence

SCORES = {"task": "seq2seq", "count": 4321, "loss": 0.123456, "exact_match": 0.75, "sequence_error_rate": 0.25}


@pytest.fixture
def pairs(tmp_path: Path) -> PairCorpus:
    path = tmp_path / "secret place" / "对.tsv"
    path.parent.mkdir()
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pair_models.PAIRS * 2), "utf-8")
    text, side = TextSource(path), SideConfig()
    return prepare_pairs(tmp_path / "data", read_pairs(text), side, side, records=lambda: [text.record])


def pair_card(predictor: Seq2SeqPredictor, corpus: PairCorpus, **more: float) -> str:
    return seq2seq_card(predictor, {**SCORES, **more}, corpus, SPEED)


def test_the_table_tells_both_sides_of_an_encoder_decoder(pairs: PairCorpus) -> None:
    predictor = pair_models.tiny_predictor("unlike")
    weights = sum(tensor.size for tensor in predictor.tensors.values())
    assert rows(pair_card(predictor, pairs, bleu=0.5)) == {
        "encoder": "1 x gru 6, both ways",
        "decoder": "2 x lstm 6, attention dot",
        "size": f"{weights:,} weights, 0.0 MB",
        "speed": "12 a second",
        "source": "char level, 7 tokens",
        "target": "word level, 5 tokens",
        "trained on": f"{pairs.train_part.count:,} pairs",
        "held out": "4,321 sources, greedy",
        "loss": "0.1235 nats per token",
        "exact match": "0.7500",
        "sequence error rate": "0.2500",
        "bleu": "0.5000",
    }
    assert "Turns one sequence into another: characters in, words out." in pair_card(predictor, pairs)
    assert rows(pair_card(pair_models.tiny_predictor("one_way"), pairs))["encoder"] == "1 x lstm 6, one way"
    aligned = rows(pair_card(pair_models.tiny_predictor("aligned"), pairs))["decoder"]
    assert aligned == "1 x lstm 6, attention dot, aligned input"


def test_a_source_of_pairs_is_told_without_the_folder_it_lay_in(pairs: PairCorpus) -> None:
    text = pair_card(pair_models.tiny_predictor(), pairs)
    assert f"- 对.tsv, {pairs.sources[0].bytes:,} bytes, SHA-256 {pairs.sources[0].sha256}\n" in text
    assert "secret" not in text
    assert text == pair_card(pair_models.tiny_predictor(), pairs)


def test_the_python_and_the_commands_that_the_card_of_pairs_shows_run(
    pairs: PairCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.cli import main

    predictor = pair_models.tiny_predictor()
    text = pair_card(predictor, pairs)
    predictor.save(tmp_path / "model", card=text)
    exec(text.split("```python\n")[1].split("```")[0].replace("FOLDER", str(tmp_path / "model")))
    assert capsys.readouterr().out.count("\n") == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sources.txt").write_text("abc\n")
    (tmp_path / "pairs.tsv").write_text("abc\tAA B K\n")
    for line in text.split("```\n")[1].splitlines():
        monkeypatch.setattr(sys, "argv", line.replace("FOLDER", "model").split())
        assert main() == 0, line


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

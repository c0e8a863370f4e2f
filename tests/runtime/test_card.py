"""The model card: what it says is true of the model and its data, and says nothing else."""

from pathlib import Path

import pytest

from elman.data.corpus import Corpus, TextConfig
from elman.data.preparation import prepare
from elman.data.readers import TextSource
from elman.runtime import LanguageModelPredictor
from elman.runtime.card import language_model_card

from ..models import tiny_predictor

VALID = {"count": 12345, "loss": 1.23456, "perplexity": 3.43691, "bits_per_character": 1.78109}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "secret place" / "书.txt"
    path.parent.mkdir()
    path.write_text("abba cad\n" * 200, "utf-8")
    return prepare(tmp_path / "data", [TextSource(path)], TextConfig())


def card(predictor: LanguageModelPredictor, corpus: Corpus) -> str:
    return language_model_card(predictor, VALID, corpus)


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

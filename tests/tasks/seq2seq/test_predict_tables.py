"""`elman predict` of encoder-decoders reads tables of sources and writes them back with the targets."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from elman.checkpoint import read_model
from elman.tasks.loading import load
from tests.cli.conftest import Command

from .commands import SOURCES, TINY, pairs_of


def test_a_table_comes_out_with_the_targets(command: Command, models: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(len(SOURCES)), "source": SOURCES, "note": ["a, b"] * len(SOURCES)})
    frame.to_csv(tmp_path / "new.csv", index=False)
    done = command("predict", models / "a", tmp_path / "new.csv")
    result = pd.read_csv(io.StringIO(done.out), keep_default_na=False)
    assert list(result.columns) == ["id", "source", "note", "prediction", "probability"]
    assert list(result["prediction"]) == load(models / "a").predict(SOURCES)
    probabilities = [best[0].probability for best in load(models / "a").n_best(SOURCES, beam=1)]
    assert list(result["probability"]) == pytest.approx(probabilities, abs=1e-4)
    pd.testing.assert_frame_equal(result[list(frame.columns)], frame)


def test_the_n_best_targets_are_columns(command: Command, models: Path, tmp_path: Path) -> None:
    pd.DataFrame({"source": SOURCES}).to_csv(tmp_path / "new.csv", index=False)
    done = command("predict", models / "a", tmp_path / "new.csv", "--beam", "3", "--n-best", "2")
    result = pd.read_csv(io.StringIO(done.out), keep_default_na=False)
    assert list(result.columns) == ["source", "prediction_1", "score_1", "prediction_2", "score_2"]
    best = load(models / "a").n_best(SOURCES, beam=3)
    assert list(result["prediction_2"]) == [predictions[1].text for predictions in best]
    assert list(result["score_1"]) == pytest.approx([predictions[0].score for predictions in best], abs=6e-5)


def test_a_file_with_tabs_and_without_a_header_has_the_sources_in_its_first_column(
    command: Command, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.tsv").write_text("".join(f"{source}\tX\n" for source in SOURCES), "utf-8")
    targets = load(models / "a").predict(SOURCES)
    done = command("predict", models / "a", tmp_path / "new.tsv")
    rows = [line.rpartition("\t")[0] for line in done.out.splitlines()]
    assert rows == [f"{source}\tX\t{target}" for source, target in zip(SOURCES, targets, strict=True)]
    (tmp_path / "new.txt").write_text((tmp_path / "new.tsv").read_text("utf-8"), "utf-8")
    assert command("predict", models / "a", tmp_path / "new.txt").out == "".join(f"{target}\n" for target in targets)


def test_the_columns_of_the_training_are_part_of_the_model(command: Command, tmp_path: Path) -> None:
    pairs = pairs_of(60)
    pd.DataFrame([(b, a) for a, b in pairs], columns=["phones", "word"]).to_csv(tmp_path / "train.csv", index=False)
    options = ("--columns", "word,phones", "--format", "csv")
    assert command("train", "seq2seq", tmp_path / "train.csv", "-o", tmp_path / "run", *options, *TINY).code == 0
    model = tmp_path / "run" / "model"
    assert read_model(model).config["reader"]["columns"] == ["word", "phones"]
    done = command("predict", model, tmp_path / "train.csv", "--output", "jsonl")
    assert [json.loads(line)["word"] for line in done.out.splitlines()] == [source for source, _ in pairs]
    assert command("evaluate", model, tmp_path / "train.csv", "--json").json["count"] == len({a for a, _ in pairs})
    by_number = command("predict", model, tmp_path / "train.csv", "--source", "2", "--format", "csv")
    assert "expected" not in by_number.err


def test_json_lines_come_out_with_the_target(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text(
        "".join(json.dumps({"source": s, "n": i}) + "\n" for i, s in enumerate(SOURCES))
    )
    done = command("predict", models / "a", tmp_path / "new.jsonl")
    values = [json.loads(line) for line in done.out.splitlines()]
    best = [predictions[0] for predictions in load(models / "a").n_best(SOURCES, beam=1)]
    assert values == [
        {"source": s, "n": i, "prediction": b.text, "probability": pytest.approx(b.probability)}
        for i, (s, b) in enumerate(zip(SOURCES, best, strict=True))
    ]


def test_a_tab_in_a_cell_does_not_end_the_source(command: Command, models: Path, tmp_path: Path) -> None:
    pd.DataFrame({"source": ["ab\tcd"]}).to_csv(tmp_path / "new.csv", index=False)
    done = command("predict", models / "a", tmp_path / "new.csv", "--output", "lines")
    expected, cut = load(models / "a").predict(["ab cd", "ab"])
    assert done.out.splitlines() == [expected]
    assert expected != cut

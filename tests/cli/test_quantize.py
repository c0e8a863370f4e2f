"""elman quantize: the folder, what is printed, the model card, and training that continues from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import elman
from elman.tasks.loading import load

from .conftest import TINY, Command, only_json


def test_quantize_writes_a_smaller_folder_and_prints_what_changed(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    done = command("quantize", trained, "-o", tmp_path / "small")
    assert (done.code, done.err) == (0, f"{tmp_path / 'small'}\n")
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[0] for line in lines] == ["float32", "size", "loss", "perplexity", "bits_per_character"]
    assert load(tmp_path / "small").weights_type == "int8"
    assert load(trained).weights_type == "float32"


def test_quantize_json_and_the_card_have_the_metrics_of_both_models(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    result = only_json(command("quantize", trained, "-o", tmp_path / "small", "--json").out)
    before = only_json(command("evaluate", trained, "--json").out)
    assert result["before"]["perplexity"] == before["perplexity"]
    assert result["after"]["perplexity"] == pytest.approx(before["perplexity"], rel=0.02)
    assert result["after"]["perplexity"] != before["perplexity"]
    assert result["ratio"] == result["bytes_after"] / result["bytes_before"] < 0.6  # a tiny model with a vocabulary
    assert (result["weights"], result["scored_set"], result["task"]) == ("int8", "validation set", "lm")
    model = load(trained)
    vectors = sum(array.size for array in model.tensors.values() if array.ndim == 1)
    assert (result["parameters"], result["float32_parameters"]) == (model.num_parameters, vectors)
    card = (tmp_path / "small" / "README.md").read_text("utf-8")
    assert card.startswith(model.card)
    assert f"| perplexity | {before['perplexity']:.4f} | {result['after']['perplexity']:.4f} (" in card
    assert f"{vectors:,} of the {model.num_parameters:,} weights stay float32" in card


def test_the_card_is_in_the_language_of_the_command(command: Command, trained: Path, tmp_path: Path) -> None:
    assert command("--lang", "zh", "quantize", trained, "-o", tmp_path / "small").code == 0
    card = (tmp_path / "small" / "README.md").read_text("utf-8")
    assert "## 量化后的权重" in card
    assert "| 困惑度 |" in card


def test_bfloat16_is_half_of_the_size(command: Command, trained: Path, tmp_path: Path) -> None:
    result = only_json(command("quantize", trained, "-o", tmp_path / "half", "--weights", "bfloat16", "--json").out)
    weights = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", trained / "model")]
    assert 0.5 < weights[0] / weights[1] < 0.6
    assert result["weights"] == "bfloat16"


def test_a_model_folder_has_no_validation_set(command: Command, trained: Path, tmp_path: Path) -> None:
    result = only_json(command("quantize", trained / "model", "-o", tmp_path / "small", "--json").out)
    assert (result["before"], result["after"], result["scored_set"]) == (None, None, None)
    assert "The metrics are" not in (tmp_path / "small" / "README.md").read_text("utf-8")


def test_a_quantized_model_generates_and_is_evaluated(
    command: Command, trained: Path, book: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    command("quantize", trained, "-o", small)
    assert command("generate", small, "--prompt", "alpha ", "--max-tokens", 10, "--seed", 1).out.startswith("alpha ")
    assert only_json(command("evaluate", small, book, "--json").out)["perplexity"] > 1.0


def test_what_is_refused(command: Command, trained: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    command("quantize", trained, "-o", small)
    again = command("quantize", small, "-o", tmp_path / "again")
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        "elman: the weights of the model are int8; expected float32. Quantize the model that was trained\n"
    )
    onto = command("quantize", trained / "model", "-o", trained / "model")
    assert onto.code == 2
    assert "this is the folder of the model itself; expected a new folder. Choose another name with -o" in onto.err
    assert command("quantize", trained, "-o", trained).code == 2  # a run folder has other files
    assert command("quantize", trained).code == 2
    assert load(trained).weights_type == "float32"


def test_a_quantized_model_is_not_exported(command: Command, trained: Path, tmp_path: Path) -> None:
    command("quantize", trained, "-o", tmp_path / "small")
    done = command("export", tmp_path / "small", tmp_path / "small.onnx")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "elman: the weights of the model are int8; expected float32. Export the model before it is quantized\n"
    )
    assert not (tmp_path / "small.onnx").exists()


def test_training_continues_from_the_unpacked_weights(
    command: Command, trained: Path, book: Path, tmp_path: Path
) -> None:
    small, run = tmp_path / "small", tmp_path / "run"
    command("quantize", trained, "-o", small)
    options = ["--steps", 1, "-o", run, "--quiet", *TINY[4:]]
    done = command("train", "lm", book, "--from", small, *options)
    assert (done.code, done.err) == (0, "")
    assert load(run).weights_type == "float32"
    loss = json.loads((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])["valid"]["loss"]
    assert loss == pytest.approx(load(small).evaluate([book.read_text("utf-8")])["loss"], rel=0.2)


def test_predictors_are_quantized_in_python(trained: Path) -> None:
    assert elman.load(trained).quantized("int8").weights_type == "int8"

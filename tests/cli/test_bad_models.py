"""Bad run folders and model folders, one kind in each test: exit code and message, no traceback, no file changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint.checksummed_folder import read_folder, write_folder
from elman.checkpoint.serialization import json_bytes, parse_tensors, tensor_bytes

from .conftest import Command, RunTrain, assert_error, files_of

# Run folders


def test_a_run_folder_that_exists(train: RunTrain, book: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    done = train(book, code=2)
    assert f"{tmp_path / 'run'}: the folder already exists. Continue with `elman resume {tmp_path / 'run'}`" in done.err


def test_a_folder_of_something_else(train: RunTrain, book: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("private")
    assert "so it is not replaced" in train(book, "--overwrite", code=2).err


@pytest.mark.parametrize("verb", ["resume", "evaluate", "generate"])
def test_a_missing_folder(command: Command, tmp_path: Path, verb: str) -> None:
    done = command(verb, tmp_path / "nowhere")
    assert_error(done, 4)
    assert f"{tmp_path / 'nowhere'}: no such folder" in done.err


@pytest.mark.parametrize("verb", ["evaluate", "generate"])
def test_a_file_in_place_of_a_folder(command: Command, book: Path, verb: str) -> None:
    done = command(verb, book)
    assert_error(done, 4)
    assert "the path is a file; expected a folder. Give a run folder or a model folder" in done.err


def test_a_run_without_a_model(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    done = command("generate", tmp_path / "run")
    assert_error(done, 4)
    assert (
        f"the run has no model yet. Wait for its first validation, or continue with `elman resume {tmp_path / 'run'}`"
        in done.err
    )


# Model folders

FILES = ("config.json", "model.safetensors", "vocabulary.json", "manifest.json")


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained / "model", tmp_path / "model")
    return tmp_path / "model"


def resealed(folder: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """A hostile folder: its files changed, its manifest right."""
    files = read_folder(folder, FILES[:3])
    change(files)
    shutil.rmtree(folder)
    write_folder(folder, files)


@pytest.mark.parametrize("verb", ["generate", "evaluate"])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte(command: Command, model: Path, book: Path, name: str, verb: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    before = files_of(model)
    done = command(verb, model, *([book] if verb == "evaluate" else []))
    assert_error(done, 4)
    assert done.err.count("\n") == 1
    if name != "manifest.json":
        hint = "The folder is damaged: copy it again, or train again"
        assert done.err == f"elman: {model / name}: the file differs from what was written. {hint}\n"
    assert files_of(model) == before


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_of_a_model(command: Command, model: Path, name: str) -> None:
    (model / name).unlink()
    done = command("generate", model)
    assert_error(done, 4)
    assert done.err.startswith(f"elman: {model / name}: no such file. ")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("readout.weight", lambda tensor: tensor[:, :-1]),
        ("layers.0.weight_hh_l0", lambda tensor: tensor.T),
        ("embedding.weight", lambda tensor: tensor[:-1]),
        ("readout.bias", lambda tensor: tensor[:, None]),
    ],
)
def test_weights_of_a_wrong_shape(command: Command, model: Path, name: str, change: Callable[[Any], Any]) -> None:
    def changed(files: dict[str, bytes]) -> None:
        tensors = parse_tensors(files["model.safetensors"], model)
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
        files["model.safetensors"] = tensor_bytes(tensors)

    resealed(model, changed)
    done = command("generate", model)
    assert_error(done, 4)
    assert f"{model / 'model.safetensors'}: {name!r} has shape (" in done.err
    assert "); expected (" in done.err


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda config: config["model"].update(hidden_size=[10**9]), ["has shape (64, 8); expected (4000000000, 8)"]),
        (lambda config: config["model"].update(cell="transformer"), ["cell", "transformer"]),
        (lambda config: config["model"].update(hidden_size=-1), ["hidden_size", "-1"]),
        (lambda config: config.update(task="chess"), ["has task 'chess'; expected lm"]),
        (lambda config: config.pop("task"), ["has task None; expected lm"]),
        (lambda config: config.pop("model"), ["embedding_size"]),
        (lambda config: config.update(model=[]), ["model"]),
        (lambda config: config.update(format=99), ["format version 99; expected 1"]),
        (lambda config: config["text"].update(level="word2"), ["level", "word2"]),
    ],
)
def test_a_hostile_config(command: Command, model: Path, change: Callable[[Any], Any], parts: list[str]) -> None:
    def changed(files: dict[str, bytes]) -> None:
        config = json.loads(files["config.json"])
        change(config)
        files["config.json"] = json_bytes(config)

    resealed(model, changed)
    done = command("generate", model)
    assert_error(done, 4)
    for part in parts:
        assert part in done.err, done.err


@pytest.mark.parametrize(
    "tokens",
    [[], ["a"], ["<unk>", "a", "a"], "<unk>", None, {"a": 1}],
    ids=["none", "few", "twice", "text", "null", "dict"],
)
def test_a_hostile_vocabulary(command: Command, model: Path, tokens: Any) -> None:
    resealed(model, lambda files: files.update({"vocabulary.json": json_bytes({"tokens": tokens})}))
    assert_error(command("generate", model), 4)


def test_weights_in_another_format(command: Command, model: Path) -> None:
    resealed(model, lambda files: files.update({"model.safetensors": b"\x80\x04\x95pickle"}))
    done = command("generate", model)
    assert_error(done, 4)
    assert "model.safetensors: the file is not in the safetensors format" in done.err


def test_a_checkpoint_is_not_a_model(command: Command, trained: Path) -> None:
    done = command("generate", next((trained / "checkpoints").iterdir()))
    assert_error(done, 4)


def test_an_edited_card_is_not_an_error(command: Command, model: Path) -> None:
    (model / "README.md").write_text("mine")
    assert command("generate", model, "--max-tokens", 3).code == 0


def test_a_config_with_many_mistakes_is_one_line(command: Command, model: Path) -> None:
    def change(files: dict[str, bytes]) -> None:
        config = json.loads(files["config.json"])
        config["model"] |= {"num_layers": "x" * 10_000, "cell": "gru", "hidden_size": ["y"] * 10_000}
        files["config.json"] = json_bytes(config)

    resealed(model, change)
    done = command("generate", model)
    assert_error(done, 4)
    assert done.err.count("\n") == 1
    assert len(done.err) < 1000

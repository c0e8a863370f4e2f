"""Bad input, one kind a test: the right exit code, one clear message, no traceback, nothing written or overwritten."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint.checksummed_folder import read_folder, write_folder
from elman.checkpoint.serialization import json_bytes, parse_tensors, tensor_bytes

from .conftest import TINY, Command, Done

RunTrain = Callable[..., Done]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def train(command: Command, tmp_path: Path) -> RunTrain:
    """Train with what should be refused; check that it is, and that the folder is as it was."""

    def run(*arguments: Any, code: int) -> Done:
        before = tree(tmp_path)
        done = command("train", "lm", "-o", tmp_path / "run", "--steps", 2, *TINY, *arguments)
        refused(done, code)
        assert tree(tmp_path) == before
        assert not (tmp_path / "run").exists() or before
        return done

    return run


def refused(done: Done, code: int) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "mistake in elman" not in done.err
    assert done.err.splitlines()[0].startswith("elman: ")


# Texts


def test_a_missing_file(train: RunTrain, tmp_path: Path) -> None:
    done = train(tmp_path / "nowhere.txt", code=3)
    hint = "Check the path. `elman data list` shows the built-in data sets."
    assert done.err == f"elman: {tmp_path / 'nowhere.txt'}: no such file. {hint}\n"


def test_a_missing_held_out_file(train: RunTrain, book: Path, tmp_path: Path) -> None:
    done = train(book, "--valid", tmp_path / "nowhere.txt", code=3)
    assert f"{tmp_path / 'nowhere.txt'}: no such file" in done.err


def test_an_empty_file(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    done = train(tmp_path / "empty.txt", code=3)
    assert (
        done.err == f"elman: {tmp_path / 'empty.txt'}: is empty, expected text; name a file with some pages of text\n"
    )


def test_a_file_of_one_character(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("a")
    done = train(tmp_path / "one.txt", code=3)
    assert "expected at least 16 and 2" in done.err
    assert str(tmp_path / "one.txt") in done.err


def test_a_binary_file(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 10)
    assert (
        "photo.jpg: the file contains zero bytes, so it is not text; expected UTF-8 text"
        in train(tmp_path / "photo.jpg", code=3).err
    )


def test_a_file_in_no_known_encoding(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"a line\n" + "café crème ".encode("latin-1") * 30)
    assert "latin.txt:2: not UTF-8 at byte 4 of the line" in train(tmp_path / "latin.txt", code=3).err


def test_an_unknown_encoding(train: RunTrain, book: Path) -> None:
    done = train(book, "--encoding", "utf-99", code=3)
    assert "unknown encoding 'utf-99'" in done.err


def test_a_damaged_gz_file(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "book.txt.gz").write_bytes(gzip.compress(os.urandom(5000).hex().encode())[:-500])
    assert "book.txt.gz: the .gz file is damaged" in train(tmp_path / "book.txt.gz", code=3).err


def test_a_folder(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    assert "books: this is a folder; expected a text file" in train(tmp_path / "books", code=3).err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(train: RunTrain, tmp_path: Path, book: Path) -> None:
    shutil.copy(book, tmp_path / "secret.txt")
    (tmp_path / "secret.txt").chmod(0)
    try:
        done_error = "secret.txt: permission denied. Check the permissions of the file."
        (tmp_path / "secret.txt").chmod(0o200)
        assert done_error in train(tmp_path / "secret.txt", code=3).err
    finally:
        (tmp_path / "secret.txt").chmod(0o600)


@pytest.mark.parametrize("content", [b"", b"a"], ids=["empty", "one character"])
def test_too_little_text_to_evaluate(command: Command, trained: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "short.txt").write_bytes(content)
    done = command("evaluate", trained, tmp_path / "short.txt")
    refused(done, 3)
    told = f"{len(content)} tokens to score, expected at least 2; give more text"
    assert done.err.splitlines()[-1] == f"elman: {tmp_path / 'short.txt'}: {told}"


# Options: the wording is the config's; the key and the value are here

OPTIONS: list[tuple[list[str], list[str]]] = [
    (["--hidden", "-3"], ["model.hidden_size", "--hidden", "-3"]),
    (["--hidden", "0"], ["model.hidden_size", "0"]),
    (["--hidden", "many"], ["model.hidden_size", "many"]),
    (["--hidden", "8,8", "--layers", "3"], ["hidden_size", "2", "3"]),
    (["--cell", "gur"], ["model.cell", "--cell", "gur", "gru"]),
    (["--dropout", "1.5"], ["model.dropout", "1.5"]),
    (["--dropout", "nan"], ["model.dropout", "nan"]),
    (["--lr", "0"], ["training.learning_rate", "--lr", "0"]),
    (["--optimizer", "adm"], ["training.optimizer", "adm", "adam"]),
    (["--batch-size", "-1"], ["training.batch_size", "--batch-size", "-1"]),
    (["--minutes", "1"], ["only one of", "steps", "minutes"]),
    (["--epochs", "1"], ["only one of", "steps", "epochs"]),
    (["--level", "letter"], ["data.level", "letter"]),
    (["--valid-fraction", "1.5"], ["data.valid_fraction", "1.5"]),
    (["--tie-weights"], ["tie_weights", "8", "16"]),
    (["--set", "training.stpes=3"], ["training.stpes", "steps"]),
    (["--set", "modle.cell=gru"], ["modle", "model"]),
    (["--set", "seed"], ["seed", "KEY=VALUE"]),
    (["--threads", "-1"], ["training.threads", "-1"]),
    (["--seed", "-1"], ["seed", "-1"]),
    (["--hiden", "3"], ["--hiden", "--hidden"]),
    (["--layers", "two"], ["--layers", "integer"]),
    (["--config", "nowhere.toml"], ["nowhere.toml", "no such config file"]),
]


@pytest.mark.parametrize(("flags", "parts"), OPTIONS, ids=lambda value: " ".join(value))
def test_a_wrong_option_names_its_key_and_its_value(
    train: RunTrain, book: Path, flags: list[str], parts: list[str]
) -> None:
    done = train(book, *flags, code=2)
    for part in parts:
        assert part in done.err, done.err


def test_a_value_in_place_of_a_table(command: Command, book: Path, tmp_path: Path) -> None:
    done = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 2, "--set", "model=3")
    refused(done, 2)
    assert "model: given 3" in done.err
    assert not (tmp_path / "run").exists()


def test_every_mistake_is_told_at_once(train: RunTrain, book: Path) -> None:
    done = train(book, "--cell", "gur", "--dropout", "7", "--set", "training.stpes=1", code=2)
    for part in ("gur", "model.dropout", "training.stpes"):
        assert part in done.err


def test_an_unknown_key_in_a_config_file(train: RunTrain, book: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[training]\nlearning_rat = 0.1\n")
    done = train(book, "--config", tmp_path / "a.toml", code=2)
    assert "training.learning_rat" in done.err
    assert "learning_rate" in done.err


def test_a_config_file_that_is_no_toml(train: RunTrain, book: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[training\n")
    done = train(book, "--config", tmp_path / "a.toml", code=2)
    assert f"{tmp_path / 'a.toml'}: not a TOML file" in done.err


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--temperature", "-1"], ["temperature", "-1"]),
        (["--temperature", "nan"], ["temperature", "nan"]),
        (["--top-k", "0"], ["top_k", "0"]),
        (["--top-p", "2"], ["top_p", "2"]),
        (["--max-tokens", "0"], ["--max-tokens", "1"]),
        (["--suggest", "0"], ["suggest", "0"]),
        (["--seed", "-1"], ["--seed", "0"]),
    ],
)
def test_a_wrong_option_of_generate(command: Command, trained: Path, flags: list[str], parts: list[str]) -> None:
    done = command("generate", trained, "--prompt", "a", *flags)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err


def test_errors_are_json_too_where_json_is_asked_for(command: Command, tmp_path: Path) -> None:
    done = command("train", "lm", tmp_path / "nowhere.txt", "-o", tmp_path / "run", "--json")
    assert done.code == 3
    assert json.loads(done.out) == {
        "code": "data",
        "message": "no such file",
        "hint": "Check the path. `elman data list` shows the built-in data sets.",
        "where": str(tmp_path / "nowhere.txt"),
    }


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
def test_a_folder_that_is_not_there(command: Command, tmp_path: Path, verb: str) -> None:
    done = command(verb, tmp_path / "nowhere")
    refused(done, 4)
    assert f"{tmp_path / 'nowhere'}: no such folder" in done.err


@pytest.mark.parametrize("verb", ["evaluate", "generate"])
def test_a_file_in_place_of_a_folder(command: Command, book: Path, verb: str) -> None:
    done = command(verb, book)
    refused(done, 4)
    assert "the path is a file; expected a folder. Give a run folder or a model folder" in done.err


def test_a_run_that_has_no_model_yet(command: Command, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    done = command("generate", tmp_path / "run")
    refused(done, 4)
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
    before = tree(model)
    done = command(verb, model, *([book] if verb == "evaluate" else []))
    refused(done, 4)
    assert done.err.count("\n") == 1
    if name != "manifest.json":
        hint = "The folder is damaged: copy it again, or train again."
        assert done.err == f"elman: {model / name}: the file differs from what was written. {hint}\n"
    assert tree(model) == before


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing(command: Command, model: Path, name: str) -> None:
    (model / name).unlink()
    done = command("generate", model)
    refused(done, 4)
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
def test_a_shape_that_does_not_fit(command: Command, model: Path, name: str, change: Callable[[Any], Any]) -> None:
    def changed(files: dict[str, bytes]) -> None:
        tensors = parse_tensors(files["model.safetensors"], model)
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
        files["model.safetensors"] = tensor_bytes(tensors)

    resealed(model, changed)
    done = command("generate", model)
    refused(done, 4)
    assert f"{model / 'model.safetensors'}: {name!r} has shape (" in done.err
    assert "), expected (" in done.err


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda config: config["model"].update(hidden_size=[10**9]), ["has shape (64, 8), expected (4000000000, 8)"]),
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
    refused(done, 4)
    for part in parts:
        assert part in done.err, done.err


@pytest.mark.parametrize(
    "tokens",
    [[], ["a"], ["<unk>", "a", "a"], "<unk>", None, {"a": 1}],
    ids=["none", "few", "twice", "text", "null", "dict"],
)
def test_a_hostile_vocabulary(command: Command, model: Path, tokens: Any) -> None:
    resealed(model, lambda files: files.update({"vocabulary.json": json_bytes({"tokens": tokens})}))
    refused(command("generate", model), 4)


def test_weights_that_are_no_tensors(command: Command, model: Path) -> None:
    resealed(model, lambda files: files.update({"model.safetensors": b"\x80\x04\x95pickle"}))
    done = command("generate", model)
    refused(done, 4)
    assert "model.safetensors: the file is not in the safetensors format" in done.err


def test_a_checkpoint_is_no_model(command: Command, trained: Path) -> None:
    done = command("generate", next((trained / "checkpoints").iterdir()))
    refused(done, 4)


def test_an_edited_card_is_no_damage(command: Command, model: Path) -> None:
    (model / "README.md").write_text("mine")
    assert command("generate", model, "--max-tokens", 3).code == 0

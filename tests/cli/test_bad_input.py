"""Bad texts and options, one kind in each test: exit code and message, no traceback, no file written or changed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from .conftest import Command, RunTrain, assert_error

# Texts


def test_a_missing_file(train: RunTrain, tmp_path: Path) -> None:
    done = train(tmp_path / "nowhere.txt", code=3)
    hint = "Check the path. `elman data list` shows the built-in data sets"
    assert done.err == f"elman: {tmp_path / 'nowhere.txt'}: no such file. {hint}\n"


def test_a_missing_validation_file(train: RunTrain, book: Path, tmp_path: Path) -> None:
    done = train(book, "--valid", tmp_path / "nowhere.txt", code=3)
    assert f"{tmp_path / 'nowhere.txt'}: no such file" in done.err


def test_an_empty_file(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    done = train(tmp_path / "empty.txt", code=3)
    assert (
        done.err == f"elman: {tmp_path / 'empty.txt'}: is empty; expected text. Name a file with some pages of text\n"
    )


def test_a_file_of_white_space(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \t\n\u3000\n" * 100)
    done = train(tmp_path / "blank.txt", code=3)
    assert f"{tmp_path / 'blank.txt'}: has nothing but white space; expected text" in done.err


def test_a_file_of_one_character(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("a")
    done = train(tmp_path / "one.txt", code=3)
    assert "1 character for the training set; expected at least 2, an input and a target" in done.err
    assert str(tmp_path / "one.txt") in done.err


def test_a_binary_file(train: RunTrain, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 10)
    assert (
        "photo.jpg:1: a zero byte at position 1 of the line, so this is not text; expected text"
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
        done_error = "secret.txt: permission denied. Check the permissions of the file"
        (tmp_path / "secret.txt").chmod(0o200)
        assert done_error in train(tmp_path / "secret.txt", code=3).err
    finally:
        (tmp_path / "secret.txt").chmod(0o600)


@pytest.mark.parametrize("content", [b"", b"a"], ids=["empty", "one character"])
def test_too_little_text_to_evaluate(command: Command, trained: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "short.txt").write_bytes(content)
    done = command("evaluate", trained, tmp_path / "short.txt")
    assert_error(done, 3)
    message = f"{len(content)} token{'s' * (len(content) != 1)} to score; expected at least 2. Give more text"
    assert done.err.splitlines()[-1] == f"elman: {tmp_path / 'short.txt'}: {message}"


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
    assert_error(done, 2)
    assert "model: given 3" in done.err
    assert not (tmp_path / "run").exists()


def test_several_mistakes_are_one_error(train: RunTrain, book: Path) -> None:
    done = train(book, "--cell", "gur", "--dropout", "7", "--set", "training.stpes=1", code=2)
    for part in ("gur", "model.dropout", "training.stpes"):
        assert part in done.err


def test_an_unknown_key_in_a_config_file(train: RunTrain, book: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[training]\nlearning_rat = 0.1\n")
    done = train(book, "--config", tmp_path / "a.toml", code=2)
    assert "training.learning_rat" in done.err
    assert "learning_rate" in done.err


def test_a_config_file_that_is_not_toml(train: RunTrain, book: Path, tmp_path: Path) -> None:
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


def test_with_json_an_error_is_a_json_object(command: Command, tmp_path: Path) -> None:
    done = command("train", "lm", tmp_path / "nowhere.txt", "-o", tmp_path / "run", "--json")
    assert done.code == 3
    assert json.loads(done.out) == {
        "code": "data",
        "message": "no such file",
        "hint": "Check the path. `elman data list` shows the built-in data sets",
        "where": str(tmp_path / "nowhere.txt"),
    }

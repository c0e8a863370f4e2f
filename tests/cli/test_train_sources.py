"""elman train: standard input and encodings."""

from __future__ import annotations

import io
import sys
import tomllib
from pathlib import Path

import pytest

from elman.tasks.loading import load

from .conftest import TINY, Command


def standard_input(content: bytes) -> io.TextIOWrapper:
    """Return a standard input of these bytes."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


def test_standard_input_trains_the_same_model_as_a_file(
    command: Command, book: Path, tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", standard_input(book.read_bytes()))
    done = command("train", "lm", "-", "-o", tmp_path / "run", "--steps", 4, *TINY)
    assert done.code == 0
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (tmp_path / "run", trained)]
    assert weights[0] == weights[1]


CHINESE = "夜航船中，唯有文章最难对付。天下学问，惟夜航船中最难对付。\n" * 40


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_text_is_read_in_utf_8_and_in_gb18030(command: Command, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "书.txt").write_bytes(CHINESE.encode(encoding))
    done = command("train", "lm", tmp_path / "书.txt", "-o", tmp_path / "模型", "--steps", 3, *TINY)
    assert done.code == 0, done.err
    assert ("reading it as GB18030" in done.err) == (encoding == "gb18030")
    done = command("generate", tmp_path / "模型", "--prompt", "夜航", "--max-tokens", 20, "--seed", 1)
    assert done.code == 0
    assert done.out.startswith("夜航")
    assert set(done.out) <= set(CHINESE)
    assert done.err == ""


def test_utf_16_without_a_byte_order_mark_is_read_if_the_encoding_is_given(
    command: Command, book: Path, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "wide.txt").write_bytes(book.read_text("utf-8").encode("utf-16-le"))
    done = command(
        "train", "lm", tmp_path / "wide.txt", "-o", tmp_path / "run", "--steps", 4, *TINY, "--encoding", "utf-16-le"
    )
    assert done.code == 0, done.err
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (tmp_path / "run", trained)]
    assert weights[0] == weights[1]


def test_the_name_of_an_encoding_may_be_a_number(command: Command, tmp_path: Path) -> None:
    (tmp_path / "书.txt").write_bytes(CHINESE.encode("cp936"))
    flags = ["--steps", 1, *TINY, "--encoding", "936"]
    done = command("train", "lm", tmp_path / "书.txt", "-o", tmp_path / "run", *flags)
    assert done.code == 0, done.err
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text("utf-8"))["data"]["encoding"] == "936"
    assert "航" in load(tmp_path / "run").vocabulary

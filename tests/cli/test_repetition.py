"""An option that names a column is refused if it is given twice: the first column would be dropped without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "classify", "t.csv", "--text", "subject", "--text", "body"], "--text: given 2 times; expected once"),
        (["predict", "runs/x", "--text", "a", "--text=b", "--text", "c"], "--text: given 3 times; expected once"),
        (["train", "forecast", "t.csv", "--target", "a", "--target", "b"], "--target: given 2 times; expected once"),
    ],
)
def test_a_repeated_option_is_refused(command: Command, arguments: list[str], message: str) -> None:
    done = command(*arguments)
    assert done.code == 2
    assert message in done.err


def test_other_options_are_repeated(command: Command, tmp_path: Path) -> None:
    options = [
        "--set",
        "training.steps=1",
        "--set",
        "model.hidden_size=4",
        "--quiet",
        "--quiet",
        "--lr",
        "1",
        "--lr",
        "2",
    ]
    done = command("train", "lm", tmp_path / "missing.txt", *options)
    assert "missing.txt" in done.err
    assert done.code == 3

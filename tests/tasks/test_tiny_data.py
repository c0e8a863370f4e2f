"""Data of a single example: every task trains on all of them, without a validation set, and says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import elman
from tests.cli.conftest import Command, run_command

TINY = [
    "--hidden",
    "16",
    "--steps",
    "60",
    "--lr",
    "0.03",
    "--threads",
    "1",
    "--set",
    "training.validate_every_steps=60",
]
# The single example of each task, and how it is written to a file.
FILES = {
    "lm": ("hello.txt", "hello"),
    "seq2seq": ("pair.tsv", "hello\tohlol\n"),
    "classify": ("text.tsv", "text\tlabel\na good story\tgood\n"),
    "tag": ("sentence.txt", "the DET\ndog NOUN\n"),
    "forecast": ("series.csv", "value\n" + "".join(f"{n * n % 7}\n" for n in range(12))),
}
NOUNS = {"lm": "characters", "seq2seq": "sources", "classify": "texts", "tag": "sentences", "forecast": "rows"}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize("asked", [True, False], ids=["valid_fraction 0", "automatic"])
@pytest.mark.parametrize("task", FILES)
def test_a_task_trains_on_a_single_example_and_reports_training_figures(
    task: str, asked: bool, command: Command, tmp_path: Path
) -> None:
    name, text = FILES[task]
    (tmp_path / name).write_text(text)
    run = tmp_path / "run"
    options = ["--valid-fraction", "0"] * asked + ["--horizon", "4"] * (task == "forecast")
    done = command("train", task, tmp_path / name, "-o", run, *TINY, *options, "--json")
    assert done.code == 0, done.err
    result = done.json
    assert result["valid"] is None
    reason = (
        r"\(valid_fraction is 0\)" if asked else rf"{NOUNS[task][:-1]}(s are| is) too few, or too much alike, for one\)"
    )
    assert re.search(f"{reason}: training on all {NOUNS[task]}; all figures are those of the training set", done.err)
    assert "validation:" not in done.err
    assert "training set: " in done.err
    assert command("evaluate", run, "--json").json == result["train"]
    card = (run / "model" / "README.md").read_text("utf-8")
    assert "| scores of the training set |" in card
    assert "validation set" not in card


def test_hello_is_learned_by_heart(tmp_path: Path) -> None:
    model = elman.LanguageModel(hidden_size=16, config={"training": {"learning_rate": 0.03}})
    result = model.fit(["hello"], steps=150, verbose=False).result_
    assert result["train"]["perplexity"] < 1.05
    assert model.generate("h", max_tokens=4, temperature=0.0) == "hello"


def test_hello_becomes_ohlol() -> None:
    model = elman.Seq2Seq(hidden_size=16, config={"training": {"learning_rate": 0.03}})
    result = model.fit([("hello", "ohlol")], steps=80, verbose=False).result_
    assert result["train"]["exact_match"] == 1.0
    assert model.predict(["hello"]) == ["ohlol"]


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("classify", "text\tlabel\na\tx\nb\tx\n", "all texts have the label 'x'; expected two labels or more"),
        ("seq2seq", "a\tb\na\tc\n", "all pairs have the same source; expected different sources"),
    ],
)
def test_a_few_examples_of_one_kind_are_still_taken_for_a_wrong_column(
    task: str, text: str, message: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "few.tsv").write_text(text)
    done = command("train", task, tmp_path / "few.tsv", "-o", tmp_path / "run", *TINY)
    assert done.code == 3
    assert message in done.err
    assert (
        command("train", task, tmp_path / "few.tsv", "-o", tmp_path / "run", *TINY, "--valid-fraction", "0").code == 0
    )

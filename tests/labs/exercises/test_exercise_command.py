"""elman lab NAME --exercise, --grade and --key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elman.labs.exercises import EXERCISES
from tests.cli.conftest import Command, only_json, run_command

HOLE = "    raise NotImplementedError"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def test_an_exercise_is_written_solved_and_graded(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "clip.py"
    done = command("lab", "clip", "--exercise", path, "--lang", "en")
    assert (done.code, done.out, done.err) == (0, "", f"{path}\n")
    done = command("lab", "clip", "--grade", path, "--lang", "en")
    assert done.code == 0
    assert done.out.splitlines()[:2] == ["clip: 0 of 5 points", "  ✗ global_norm    0 / 1  not written yet"]
    solved = path.read_text("utf-8").replace(HOLE, "    return sum((g**2).sum() for g in gradients)", 1)
    path.write_text(solved.replace(HOLE, "    return gradients"), "utf-8")
    result = only_json(command("lab", "clip", "--grade", path, "--json", "--lang", "en").out)
    assert result.keys() == {"exercise", "points", "of", "parts", "notes"}
    assert (result["exercise"], result["points"], result["of"]) == ("clip", 2, 5)
    first, second, _ = result["parts"]
    assert first.keys() == {"name", "points", "of", "message"}
    assert first["message"].endswith("Likely cause: the square root is missing")
    assert (second["name"], second["points"], second["of"]) == ("clip_by_norm", 2, 3)
    done = command("lab", "clip", "--grade", path, "--lang", "zh")
    assert done.out.startswith("clip: 2 / 5 分\n")
    assert "可能的原因：漏掉了开平方" in done.out


def test_the_key_is_written_as_a_notebook_and_gets_all_points(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "key.ipynb"
    assert command("lab", "vocab", "--key", path, "--lang", "zh").code == 0
    assert json.loads(path.read_text("utf-8"))["nbformat"] == 4
    done = command("lab", "vocab", "--grade", path, "--lang", "en")
    assert done.out.startswith("vocab: 8 of 8 points\n  ✓ tokenize  1 / 1  right\n")


def test_a_file_that_exists_is_never_overwritten(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("my work", "utf-8")
    for flag in ("--exercise", "--key"):
        done = command("lab", "srn", flag, path)
        assert done.code == 2
        assert f"{path}: {flag}: the file exists; expected a new file. Choose another name, or delete it" in done.err
    assert path.read_text("utf-8") == "my work"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--exercise", "a.py"], "--exercise: given 0 names; expected one exercise. The exercises are srn, bptt"),
        (["srn", "bptt", "--grade", "a.py"], "--grade: given 2 names; expected one exercise"),
        (["srn", "--exercise", "a.txt"], "--exercise: given a.txt; expected a name that ends in .py or .ipynb"),
        (["srn", "--exercise", "no/a.py"], "no/a.py: --exercise: the folder does not exist. Create it: mkdir -p no"),
        (["srn", "--exercise", "a.py", "--grade", "a.py"], "given --exercise and --grade; expected one of them"),
        (["srn", "--key", "a.py", "--check"], "given --key and --check; expected one of them"),
        (["srm", "--key", "a.py"], "unknown exercise 'srm'. Did you mean 'srn'?"),
        (["lstm"], "unknown lab 'lstm'. It is an exercise: write it with `elman lab lstm --exercise lstm.py`"),
    ],
)
def test_a_wrong_command_is_a_plain_error(
    words: list[str], problem: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("lab", *words)
    assert done.code == 2
    assert problem in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_bad_data(command: Command, tmp_path: Path) -> None:
    done = command("lab", "srn", "--grade", tmp_path / "no.py")
    assert done.code == 3
    assert "the file does not exist" in done.err


def test_what_a_terminal_would_obey_is_made_harmless(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "clip.py"
    path.write_text("def global_norm(g):\n    raise ValueError('\\x1b[2J')\n", "utf-8")
    done = command("lab", "clip", "--grade", path, "--lang", "en")
    assert "ValueError: \ufffd[2J" in done.out
    assert "\x1b" not in done.out


def test_the_exercises_are_listed(command: Command) -> None:
    out = command("lab", "--lang", "en").out
    assert [name for name in EXERCISES if f"\n  {name} " not in out] == []
    assert set(command("lab", "--json").json["exercises"]) == set(EXERCISES)

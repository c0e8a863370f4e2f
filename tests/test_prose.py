"""README and docs are run: every elman command and every Python snippet, in both languages.

Commands run in process, in a folder with a small text of each name that the pages use. Minutes, epochs and the budget
that elman would choose become a few steps; nothing else is changed.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from elman.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{p.parent.name}/{p.name}" for p in ROOT.glob("docs/*/*.md")),
]
STEPS = "8"
NOT_RUN = ("git clone", "cd ", "make ", "pip install", "python benchmarks/", "python -m venv")  # said, run elsewhere
ENGLISH = "The time traveller smiled. It was a book, and the time was gone; he said nothing more about it.\n" * 60
CHINESE = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n白日依山尽，黄河入海流。\n" * 40


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def shortened(words: list[str]) -> list[str]:
    """The same command with a budget of a few steps, or of no time."""
    if words[:2] == ["elman", "bench"]:
        one = ["--threads", "1"]  # on a busy machine torch's threads wait for each other at every time step
        sizes = {"train": ["--hidden", "16", "--length", "4", *one], "step": ["--hidden", "16"], "limit": one}
        return [*words, "--seconds", "0.01", *sizes[words[2]]]
    if words[:3] != ["elman", "train", "lm"] and words[:2] != ["elman", "demo"]:
        return words
    if words[1] == "demo":
        return [*words, "--minutes", "0.02"]
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("--minutes", "--epochs", "--steps"):
            skip = True
        else:
            kept.append(word)
    return [*kept, "--steps", STEPS, "--threads", "1"]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the texts that the pages name."""
    (tmp_path / "book.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "other.txt").write_text(ENGLISH[:500], "utf-8")
    (tmp_path / "poems.txt").write_text(CHINESE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_snippet_of_the_page_runs(
    page: str, shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    text = (ROOT / page).read_text("utf-8")
    for fence in re.finditer(r"^```(bash|python|toml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        language, body = fence.groups()
        if language == "python":
            exec(compile(body, page, "exec"), names)
        elif language == "toml":
            (shelf / "book.toml").write_text(body, "utf-8")
            monkeypatch.setattr(
                sys, "argv", shortened(shlex.split("elman train lm book.txt -o runs/toml --config book.toml"))
            )
            monkeypatch.setattr(sys, "argv", [word for word in sys.argv if word not in ("--steps", STEPS)])
            assert main() == 0
        else:
            for line in body.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if not words or line.startswith(NOT_RUN):
                    continue
                assert words[0] == "elman", f"{page}: {line!r} is neither run nor said to be run elsewhere"
                monkeypatch.setattr(sys, "argv", shortened(words))
                code = main()
                assert code == 0, f"{page}: {line}\n{capsys.readouterr().err}"


def test_both_languages_have_the_same_pages_with_the_same_commands_and_snippets() -> None:
    english = sorted(path.name for path in (ROOT / "docs/en").glob("*.md"))
    assert english == sorted(path.name for path in (ROOT / "docs/zh").glob("*.md"))
    pairs = [("README.md", "README.zh-CN.md"), *((f"docs/en/{name}", f"docs/zh/{name}") for name in english)]
    for mine, theirs in pairs:
        for language in ("bash", "toml"):
            assert blocks(mine, language) == blocks(theirs, language), (mine, theirs)
        without_comments = [[re.sub(r"#.*", "", b) for b in blocks(page, "python")] for page in (mine, theirs)]
        assert without_comments[0] == without_comments[1]


def test_every_flag_that_the_pages_name_exists() -> None:
    import inspect

    from elman.cli import bench, demo, doctor, predict, train

    known = {"--set", "--config", "--json", "--help", "--version", "--out", "--valid"}
    commands = (train.lm, train.resume, predict.evaluate, predict.generate, demo.demo, doctor.doctor)
    for command in (*commands, bench.train, bench.step, bench.limit):
        known |= {f"--{name.replace('_', '-')}" for name in inspect.signature(command).parameters}
    for page in PAGES:
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / page).read_text("utf-8")))
        assert used - known - {"--strict"} == set(), page

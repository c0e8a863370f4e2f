"""The labs: every claim holds, every text is there in both languages, and the command reports misses."""

from __future__ import annotations

import codeop
import dataclasses
import json
import linecache
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import labs
from elman.errors import ConfigError
from elman.figures.style import NO_CHINESE_FONT
from elman.labs import figures
from elman.labs.lab import Draw, Lab, Report, Settings, Text, format_value, run_lab
from elman.labs.notebook import notebook_text
from elman.translations import display_width
from tests.cli.conftest import Command, run_command
from tests.scripts import load_script

SOURCE = Path(labs.__file__).parent
# Files of the folder that are not labs: the frame, and what labs share.
FRAMEWORK = {
    "__init__",
    "lab",
    "figures",
    "notebook",
    "explanation",
    "pack",
    "checking",
    "texts",
    "characters",
    "character_models",
    "threads",
}
FRAMEWORK |= {"derivation", "digits", "jacobians", "pictures", "sequence_classifier"}
FRAMEWORK |= {
    "task_drawings",
    "manual_text",
    "short_reviews",
    "review_corpus",
    "digit_sequences",
    "quatrains",
    "spread",
    "padded_sequences",
}
CHINESE = re.compile("[\u4e00-\u9fff]")
CHINESE_DATA = {"tang-poems"}  # labs that show Chinese texts in both languages, by report.show


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def replaced(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    """Let elman find a changed lab under its name."""
    real = labs.load_lab

    def load(wanted: str) -> Lab:
        return dataclasses.replace(real(wanted), **changes) if wanted == name else real(wanted)

    monkeypatch.setattr(labs, "load_lab", load)


def test_every_file_of_the_folder_is_a_lab_of_the_list() -> None:
    files = {path.stem.replace("_", "-") for path in SOURCE.glob("*.py") if path.stem not in FRAMEWORK}
    assert files == set(labs.LABS)
    assert len(set(labs.LABS)) == len(labs.LABS)
    assert {member for members in labs.ALIASES.values() for member in members} <= set(labs.LABS)
    assert not set(labs.ALIASES) & set(labs.LABS)


def test_the_pages_of_labs_are_those_of_the_labs() -> None:
    generate = load_script(Path(__file__).parents[2] / "docs" / "generate_labs.py")
    for page, text in generate.pages():
        assert page.read_text("utf-8") == text, "run `make docs-pages`"


@pytest.mark.parametrize("name", labs.LABS)
def test_a_lab_has_its_name_a_chapter_and_both_languages(name: str) -> None:
    lab = labs.load_lab(name)
    assert lab.name == name
    assert lab.chapter in labs.CHAPTERS
    for text in (lab.title, lab.claim, lab.source):
        assert text.en
        assert CHINESE.search(text.zh)
        assert not CHINESE.search(text.en)


@pytest.mark.slow
@pytest.mark.parametrize("name", labs.LABS)
def test_the_claims_of_a_lab_hold_at_full_scale(name: str) -> None:
    lab = labs.load_lab(name)
    outcome = run_lab(lab, Report())
    if outcome.skipped is not None:
        pytest.skip(outcome.skipped.en)
    assert outcome.claims, "a lab claims something"
    assert outcome.passed, [claim for claim in outcome.claims if not claim.passed]


@pytest.mark.integration
@pytest.mark.parametrize("name", labs.LABS)
def test_a_lab_runs_as_a_notebook_and_has_both_languages(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cells of the notebook are the source of the lab, so this is the test of the lab, too."""
    lab, lines, written = labs.load_lab(name), list[Text](), list[str]()
    write_figure = figures.figure_writer(tmp_path, name, "en", written.append)

    class ObservedReport(Report):
        def __init__(self, settings: Settings, write: Any) -> None:
            def observe(line: Text) -> None:
                lines.append(line)
                write(line)

            super().__init__(settings, observe)

        def figure(self, name: str, draw: Draw) -> None:
            write_figure(name, draw)
            super().figure(name, draw)

    monkeypatch.setattr("elman.labs.lab.Report", ObservedReport)
    outcome = run_notebook(lab, Settings(smoke=True))["outcome"]
    assert outcome.passed, [claim for claim in outcome.claims if not claim.passed]
    assert capsys.readouterr().out == "".join(f"{line.zh}\n" for line in lines)
    for claim in outcome.claims:
        assert CHINESE.search(claim.name.zh) or not re.search(r"[a-z]{2} ", claim.name.en), "a name in words has both"
    assert CHINESE.search("".join(line.zh for line in lines))
    explained = [line.en for line in lines if name not in CHINESE_DATA or not line.en.startswith("    ")]
    assert not CHINESE.search("\n".join(explained))
    for path in map(Path, written):
        assert path.stat().st_size > 5000
        assert path.with_suffix(".svg").read_text("utf-8").rstrip().endswith("</svg>")


def run_notebook(lab: Lab, settings: Settings) -> dict[str, Any]:
    """Run the cells of the Chinese notebook of a lab as IPython does; return the variables at its end."""
    return run_cells(notebook_text([lab], settings, "zh"), lab)


def run_cells(notebook: str, *shown: Lab) -> dict[str, Any]:
    cells = json.loads(notebook)["cells"]
    titles = "".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    assert all(lab.title.zh in titles for lab in shown)
    assert len({cell["id"] for cell in cells}) == len(cells)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    # As in IPython, a `from __future__ import` holds for the cells after it, and inspect finds the source of functions.
    compiler = codeop.Compile()
    for cell in cells:
        if cell["cell_type"] == "code":
            name, source = f"<cell {cell['id']}>", cell["source"]
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            exec(compiler(source, name, "exec"), namespace)
    return namespace


def test_a_notebook_gives_the_numbers_of_its_lab(capsys: pytest.CaptureFixture[str]) -> None:
    lab = labs.load_lab("srn-tanh")
    assert run_notebook(lab, Settings())["report"].claims == run_lab(lab, Report()).claims


@pytest.mark.integration
def test_the_labs_of_an_assignment_run_in_one_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    assignment = labs.find_labs(["作业8"])
    outcome = run_cells(notebook_text(assignment, Settings(smoke=True), "zh"), *assignment)["outcome"]
    assert outcome.passed
    printed = capsys.readouterr().out
    assert printed.count("通过") >= len(assignment)
    assert "不符" not in printed


def test_names_are_found_as_people_write_them() -> None:
    expected = labs.find_labs(["作业8"])
    for names in (["作业", "8"], ["第8次作业"], ["第八次作业"], ["zuoye8"], ["作业八"]):
        assert labs.find_labs(names) == expected
    assert labs.find_labs(["SRN_tanh", "Ohlol-Cell"]) == labs.find_labs(["srn-tanh", "ohlol-cell"])
    with pytest.raises(ConfigError, match="unknown lab '作业'"):
        labs.find_labs(["作业", "99"])


@pytest.mark.parametrize("fonts", [[], ["DejaVu Sans"]])
def test_without_a_chinese_font_figures_have_english_labels(
    fonts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.figures.style.chinese_fonts", lambda: fonts)
    messages, drawn_languages = list[str](), list[str]()
    write = figures.figure_writer(tmp_path / "new", "lab", "zh", messages.append)
    write("name", lambda figure, language: drawn_languages.append(language))
    path = tmp_path / "new" / "lab-name.png"
    assert path.exists()
    expected = [str(path)] if fonts else [NO_CHINESE_FONT, str(path)]
    assert (messages, drawn_languages) == (expected, ["zh" if fonts else "en"])


def test_a_file_in_place_of_the_folder_of_figures_is_an_error(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("lab", "srn-tanh", "--figures", tmp_path / "file")
    assert done.code == 2
    assert "is a file; expected a folder. Choose another name" in done.err


def test_a_notebook_is_written_for_one_lab(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "tanh.ipynb"
    done = command("lab", "srn-tanh", "--notebook", path, "--lang", "zh")
    assert (done.code, done.out, done.err) == (0, "", f"{path}\n")
    assert path.read_text("utf-8") == notebook_text([labs.load_lab("srn-tanh")], Settings(), "zh")
    for words, problem in (
        (["--notebook", path], "--notebook: given without NAME; expected labs. List all labs with `elman lab`"),
        (["--figures", tmp_path], "--figures: given without NAME; expected labs"),
        (
            ["srn-tanh", "--notebook", path],
            f"{path}: --notebook: the file exists; expected a new file. Choose another name",
        ),
        (["srn-tanh", "--notebook", path, "--figures", tmp_path], "given --notebook and --figures; expected one of"),
        (["srn-tanh", "--notebook", path, "--check"], "given --notebook and --check; expected one of them"),
        (["srn-tanh", "--notebook", tmp_path / "a.txt"], "expected a name that ends in .ipynb"),
        (["srn-tanh", "--notebook", tmp_path / "no" / "a.ipynb"], "the folder does not exist. Create it: mkdir -p"),
    ):
        done = command("lab", *words)
        assert done.code == 2
        assert problem in done.err


def test_a_missed_claim_is_reported_and_the_exit_code_is_1(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(report: Report) -> None:
        report.equal("h", np.array([2.0, 6.0]), [2.0, 7.0])
        report.at_least("share", 0.5, 0.9)
        report.at_most("error", 0.1, 0.2)

    replaced(monkeypatch, "srn-linear", run=run)
    done = command("lab", "srn-linear", "--lang", "en")
    assert done.code == 1
    assert "✗ h = 2, 6   expected 2, 7   FAIL" in done.out
    assert "✓ error = 0.1   expected <= 0.2   pass" in done.out
    done = command("lab", "--check", "srn-linear", "srn-tanh", "--lang", "en")
    assert done.code == 1
    assert re.search(
        r"✗ srn-linear .*\n    h = 2, 6; expected 2, 7\n    share = 0.5; expected >= 0.9\n✓ srn-tanh", done.out
    )
    result = command("lab", "--check", "srn-linear", "srn-tanh", "--json").json
    assert result["srn-linear"]["pass"] is False
    assert result["srn-linear"]["expected"] == {"h": [2.0, 7.0], "share": ">= 0.9", "error": "<= 0.2"}
    assert result["srn-linear"]["got"] == {"h": [2.0, 6.0], "share": 0.5, "error": 0.1}
    assert result["srn-tanh"]["pass"] is True


def test_labs_are_listed_by_chapter_with_their_aliases(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    out = command("lab").out
    assert "简单循环网络\n" in out
    assert "作业8: srn-linear" in out
    assert [name for name in labs.LABS if f"  {name} " not in out] == []
    assert set(json.loads(command("lab", "--json").out)["labs"]) == set(labs.LABS)


def test_an_alias_runs_its_labs_in_order_each_once() -> None:
    assert [lab.name for lab in labs.find_labs(["srn-tanh", "作业8"])][:2] == ["srn-tanh", "srn-linear"]
    assert labs.find_labs(["作业八", "实验十四"]) == labs.find_labs(["作业8", "实验14"])
    with pytest.raises(ConfigError, match=r"unknown lab 'srn-lineer'\. Did you mean 'srn-linear'\?"):
        labs.find_labs(["srn-lineer"])


def test_the_labs_of_an_assignment_are_those_of_its_page() -> None:
    for page in (SOURCE.parents[2] / "docs").glob("*/assignments.md"):
        sections = re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)
        for alias in ("作业8", "作业9", "作业10"):
            (section,) = (text for text in sections if text.startswith(alias))
            rows = [line for line in section.splitlines() if line.startswith("|")]
            named = [name for name in re.findall(r"`elman lab ([\w-]+)", "\n".join(rows)) if name in labs.LABS]
            assert set(named) == set(labs.ALIASES[alias]), (page, alias)


def test_seeds_for_a_lab_without_statistics_are_mentioned(command: Command) -> None:
    message = "--seeds: srn-tanh has no statistical claims; its seeds are fixed in its source"
    assert message in command("lab", "srn-tanh", "--seeds", 3).err
    assert command("lab", "residual", "--seeds", 2).err == ""


def test_claims_compare_numbers_within_a_bound_and_everything_else_exactly() -> None:
    report = Report()
    report.equal("close", [1.0, 2.0], [1.0, 2.0 + 1e-9], within=1e-8)
    report.equal("far", [1.0, 2.0], [1.0, 2.1], within=1e-8)
    report.equal("shape", np.ones((2, 1)), np.ones((1, 2)), within=1.0)
    report.equal("text", "ohlol", "ohlol")
    report.equal("nan", float("nan"), 1.0, within=1.0)
    report.at_least("bound", 1.0, 1.0)
    report.at_most("above", 1.1, 1.0)
    assert [claim.passed for claim in report.claims] == [True, False, False, True, False, True, False]
    assert not report.passed


def test_columns_are_aligned_in_both_scripts() -> None:
    lines: list[Text] = []
    rows = [(1, 0.5), (12, 2.0 / 3.0), (Text("mean", "平均"), 1)]
    Report(write=lines.append).table([Text("step", "步"), "h"], rows)
    assert [line.zh for line in lines] == ["    步     h", "    1      0.5", "    12     0.666667", "    平均   1"]
    assert [line.en for line in lines] == ["    step   h", "    1      0.5", "    12     0.666667", "    mean   1"]
    assert display_width("步a") == 3
    assert format_value([[1.0, 2.5], [3.0, 4.0]]) == "1, 2.5 / 3, 4"

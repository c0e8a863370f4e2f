"""The Chinese explanations of the labs: each is that of the docstring as it is now, with its equations, in Chinese."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from elman.labs import LABS, explanation, load_lab
from elman.labs.explanation import chinese_file, explain, first_line
from elman.labs.lab import Settings
from elman.labs.notebook import notebook_text

ROOT = Path(__file__).parents[2]
CHINESE = re.compile("[\u4e00-\u9fff]")
GAP = re.compile(" {3,}")  # between equations, and between an equation and its remark
LABEL = re.compile(r"^[a-z0-9 ]+: +")  # before an equation
IS_EQUATION = re.compile(r"[=^_<>/]|->")
# What is said in words in the English equations, and in signs in the Chinese ones.
NOTATION = {
    r"softmax over (\w) of (.*?)(,?)$": r"softmax_\1(\2)\3",
    r"\bsum over (\w) of\b": r"Σ_\1",
    r"\bsum( of)?\b": "Σ",
}
# A piece with one of these words is a remark, which is translated.
REMARK = re.compile(
    r"\b(all|at|by|column|depends|drawn|each|encoder's|from|has|if|is|last|mean|no|of|over|row|the|to|twice|uniform"
    r"|until|way|what|where|with|without)\b"
)
ENGLISH = re.compile(r"[A-Za-z']+(?: [A-Za-z']{2,}){3,}")  # four words and more, such as no name of a program has


def equations(text: str) -> list[str]:
    """Return the equations in the indented lines of an English explanation, in the notation of the Chinese ones."""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    pieces = [piece for line in lines for piece in GAP.split(line.strip())]
    for words, sign in NOTATION.items():
        pieces = [re.sub(words, sign, piece) for piece in pieces]
    return [LABEL.sub("", piece) for piece in pieces if IS_EQUATION.search(piece) and not REMARK.search(piece)]


def test_every_file_is_the_explanation_of_a_lab() -> None:
    files = {path.name for path in explanation.FOLDER.iterdir()}
    missing = {f"{name}.zh.md" for name in LABS} - files
    assert not missing, (
        "write these files in src/elman/labs/explanations, as in the docstring of elman.labs.explanation"
    )
    assert files == {f"{name}.zh.md" for name in LABS}, "a file without a lab"


@pytest.mark.parametrize("name", LABS)
def test_the_chinese_explanation_is_that_of_the_docstring(name: str) -> None:
    lab = load_lab(name)
    file = chinese_file(lab)
    line = file.read_text("utf-8").partition("\n")[0]
    assert line == first_line(lab), (
        f"the docstring of {name} has changed: update {file.relative_to(ROOT)}, and its first line to {first_line(lab)}"
    )


@pytest.mark.parametrize("name", LABS)
def test_the_chinese_explanation_has_the_equations_of_the_docstring(name: str) -> None:
    lab = load_lab(name)
    chinese = explain(lab, "zh")
    missing = [equation for equation in equations(explain(lab, "en")) if equation not in chinese]
    assert not missing, f"equations that are missing in {chinese_file(lab).relative_to(ROOT)}"


@pytest.mark.parametrize("name", LABS)
def test_the_chinese_explanation_is_in_chinese(name: str) -> None:
    text = explain(load_lab(name), "zh")
    assert "docstring" not in text
    for paragraph in text.split("\n\n"):
        if not paragraph.startswith("    "):
            assert CHINESE.search(paragraph)
            assert not ENGLISH.search(paragraph)
            assert not explanation.BREAK.search(paragraph), "a browser would show a space inside of a sentence"
            continue
        remarks = [piece for line in paragraph.splitlines() for piece in GAP.split(line.strip())]
        assert not [piece for piece in remarks if REMARK.search(piece)], "a remark is in Chinese"


def test_most_labs_have_equations_that_are_compared() -> None:
    """The test of the equations would pass without an equation: this one counts them."""
    numbers = [len(equations(explain(load_lab(name), "en"))) for name in LABS]
    assert sum(number > 0 for number in numbers) >= 40
    assert sum(numbers) >= 130


def test_an_explanation_is_the_docstring_or_the_chinese_file() -> None:
    lab = load_lab("srn-tanh")
    assert explain(lab, "en").startswith("The simple recurrent network by hand, with tanh on the hidden layer;")
    assert explain(lab, "zh").startswith("手算简单循环网络")
    for language, paragraph in (("en", "\n\nThe same numbers come from"), ("zh", "\n\nelman.cells 的公式")):
        cell = json.loads(notebook_text([lab], Settings(), language))["cells"][1]["source"]  # type: ignore[arg-type]
        assert f"\n\n    h_t = tanh(W x_t + U h_(t-1))        y_t = V h_t{paragraph}" in cell


def test_lines_of_a_chinese_paragraph_are_joined_without_a_space() -> None:
    text = "梯度，\n隐状态在\n这里。\nelman 有 1\n个。\n- 甲，\n  乙\n- 丙"
    assert explanation._joined(text) == "梯度，隐状态在这里。elman 有 1\n个。\n- 甲，乙\n- 丙"
    assert explanation._joined("    甲，\n    乙") == "    甲，\n    乙"

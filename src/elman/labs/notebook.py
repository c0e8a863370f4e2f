"""Labs as a notebook: their own sources, divided into cells that run from top to bottom, each with a cell that runs it.

The cells are the lab's file in its order, so a notebook cannot differ from the lab: one cell for each function or
class, one for the statements between them, and a last cell that calls `run` and shows the figures.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Sequence
from typing import Any

from .explanation import explain
from .lab import Lab, Language, Settings, Text

NEEDED = Text(
    "Needs Jupyter, and elman with PyTorch and matplotlib: "
    '`pip install ".[train,plot]"` in the folder of elman. Run the cells from top to bottom.',
    "运行它需要 Jupyter，以及带 PyTorch 和 matplotlib 的 elman："
    '在 elman 的文件夹里执行 `pip install ".[train,plot]"`。请从上到下依次运行。',
)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
RELATIVE_IMPORT = re.compile(r"^( *)from \.(\w*) import", re.MULTILINE)


def notebook_of(labs: Sequence[Lab], settings: Settings, language: Language) -> dict[str, Any]:
    """Return labs, one after the other, as a notebook (nbformat 4.5)."""
    needed = markdown_cell("needed", NEEDED.in_language(language))
    return notebook([needed, *(cell for lab in labs for cell in _cells_of(lab, settings, language))])


def _cells_of(lab: Lab, settings: Settings, language: Language) -> list[dict[str, Any]]:
    module = importlib.import_module(lab.run.__module__)
    sources = _code_cells(inspect.getsource(module), module.__package__ or "")
    run = Text("Run the lab", "运行实验").in_language(language)
    return [
        markdown_cell(f"{lab.name}-introduction", _introduction(lab, language)),
        *(code_cell(f"{lab.name}-code-{number}", source) for number, source in enumerate(sources, start=1)),
        markdown_cell(f"{lab.name}-run", f"## {run}"),
        code_cell(f"{lab.name}-output", _run_cell(settings, language)),
    ]


def notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the notebook of these cells (nbformat 4.5)."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(labs: Sequence[Lab], settings: Settings, language: Language) -> str:
    """Return the content of an .ipynb file."""
    return json.dumps(notebook_of(labs, settings, language), ensure_ascii=False, indent=1) + "\n"


def _introduction(lab: Lab, language: Language) -> str:
    title, claim, source = (text.in_language(language) for text in (lab.title, lab.claim, lab.source))
    return f"# {title}\n\n{claim}\n\n[{source}]\n\n{explain(lab, language)}"


def _code_cells(source: str, package: str) -> list[str]:
    """Return the statements of a lab's file in their order, without docstring and LAB: each function is a cell."""
    lines = RELATIVE_IMPORT.sub(lambda m: f"{m[1]}from {package}{'.' * bool(m[2])}{m[2]} import", source).splitlines()
    cells: list[str] = []
    joins = False  # whether the last cell takes further statements
    for node in ast.parse(source).body[1:]:
        is_definition = isinstance(node, DEFINITIONS)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAB":
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        if joins and not is_definition:
            cells[-1] += f"\n{text}"
        else:
            cells.append(text)
        joins = not is_definition
    return cells


def _run_cell(settings: Settings, language: Language) -> str:
    return (
        "from elman.labs.figures import show_figure\n"
        "from elman.labs.lab import Report, Settings, run_experiment\n\n"
        f"settings = {settings!r}\n"
        f"report = Report(settings, lambda line: print(line.{language}))\n"
        f"report.save_figure = lambda name, draw: show_figure(draw, {language!r})\n"
        "outcome = run_experiment(run, report)"
    )


def markdown_cell(name: str, text: str) -> dict[str, Any]:
    """Return a cell of text."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def code_cell(name: str, text: str) -> dict[str, Any]:
    """Return a cell of code that has not been run."""
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": text}

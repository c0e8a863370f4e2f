"""A lab as a notebook: its own source, divided into cells that run from top to bottom, then one cell that runs it.

The cells are the lab's file, so a notebook cannot differ from the lab: imports and expected numbers, one cell for each
function, and a last cell that calls `run` and shows the figures between the cells' output.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from typing import Any

from .lab import Lab, Settings, Text

DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def notebook_of(lab: Lab, settings: Settings) -> dict[str, Any]:
    """Return a lab as a notebook (nbformat 4.5)."""
    module = importlib.import_module(lab.run.__module__)
    head, *functions = _code_cells(inspect.getsource(module), module.__package__ or "")
    run = Text("Run the lab", "运行实验").in_language(settings.language)
    cells = [
        _markdown("introduction", _introduction(lab, inspect.getdoc(module) or "", settings)),
        _code("definitions", head),
        *(_code(f"function-{number}", source) for number, source in enumerate(functions, start=1)),
        _markdown("run", f"## {run}"),
        _code("output", _run_cell(settings)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(lab: Lab, settings: Settings) -> str:
    """Return the content of an .ipynb file."""
    return json.dumps(notebook_of(lab, settings), ensure_ascii=False, indent=1) + "\n"


def _introduction(lab: Lab, docstring: str, settings: Settings) -> str:
    language = settings.language
    title, claim, source = (text.in_language(language) for text in (lab.title, lab.claim, lab.source))
    return f"# {title}\n\n{claim}\n\n[{source}]\n\n{docstring}"


def _code_cells(source: str, package: str) -> list[str]:
    """Return the imports and values of a lab's file as one text, then one text for each function; without LAB."""
    lines = source.splitlines()
    head: list[str] = []
    functions: list[str] = []
    for node in ast.parse(source).body[1:]:  # the first is the docstring
        start = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[start - 1 : node.end_lineno])
        if isinstance(node, ast.ImportFrom) and node.level:
            node.module, node.level = ".".join(filter(None, (package, node.module))), 0
            text = ast.unparse(node)
        if isinstance(node, DEFINITIONS):
            functions.append(text)
        elif not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAB"):
            head.append(text)
    return ["\n".join(head), *functions]


def _run_cell(settings: Settings) -> str:
    return (
        "from elman.labs.figures import show_figure\n"
        "from elman.labs.lab import Report, Settings\n\n"
        f"report = Report(Settings(language={settings.language!r}, smoke={settings.smoke}, seeds={settings.seeds}), "
        "print, show_figure)\n"
        "run(report)\n"
        "assert report.passed"
    )


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def _code(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": text}

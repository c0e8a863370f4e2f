"""A student's file as statements: a Python file or a notebook.

Only imports, assignments, functions, classes, `if` and `try` are run before grading. Prints, plots, loops and calls of
the student's own experiments are not: they can take long or fail, and the functions do not need them. A part of the
file with a syntax error is left out, and the functions of the other parts are graded.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from elman.errors import DataError
from elman.labs.lab import Text

MAX_BYTES = 5_000_000
MAX_PIECES = 100  # of a file with syntax errors that are put together to find a statement
RUN = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign)
RUN_ALSO = (ast.If, ast.Try)
MAGIC = re.compile(r"^(\s*)(?:[%!?].*|.*[^\s#?]\?{1,2}|[\w.,\s]+=\s*[%!].*)$")
CELL_MAGIC = re.compile(r"^\s*%%(\w+)")
PYTHON_CELLS = ("time", "timeit", "capture", "prun")  # cell magics below which there is Python
CONTINUES = re.compile(r"[\s#)\]}]|(?:else|elif|except|finally)\b")  # a line that does not begin a statement


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a line of the file, or of a cell of the notebook; both are counted from 1."""

    line: int
    cell: int | None = None

    def text(self) -> Text:
        """Return the place in words."""
        if self.cell is None:
            return Text(f"line {self.line}", f"第 {self.line} 行")
        return Text(f"cell {self.cell}, line {self.line}", f"单元格 {self.cell} 第 {self.line} 行")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that is run before grading."""

    source: str
    place: Place


@dataclass(slots=True)
class Submission:
    """The statements of a student's file, its lines, and what the grader could not use, in words."""

    statements: list[Statement] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    lines: dict[int | None, list[str]] = field(default_factory=dict)  # of each cell

    def line_at(self, place: Place) -> str:
        """Return the line at a place, without indentation."""
        lines = self.lines.get(place.cell, [])
        return lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""

    def add(self, source: str, cell: int | None = None) -> None:
        """Add a file or a cell."""
        self.lines[cell] = source.splitlines()
        if cell is not None:
            source = self._without_magics(source, cell)
        for part, first_line in _parts(source):
            tree = _parsed(part)
            if isinstance(tree, Exception):
                line = getattr(tree, "lineno", None) or 1
                self._note(getattr(tree, "msg", str(tree)), Place(first_line + line - 1, cell))
                continue
            shared = _shared_lines(tree.body)
            for node in tree.body:
                self._add_statement(node, part, first_line, cell, alone=not {node.lineno, node.end_lineno} & shared)

    def _add_statement(self, node: ast.stmt, source: str, first_line: int, cell: int | None, *, alone: bool) -> None:
        """Add a statement that is run; one that is not alone on its lines is written again, in lines of its own."""
        if not isinstance(node, RUN + RUN_ALSO):
            return
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        text = "\n".join(source.splitlines()[first - 1 : node.end_lineno]) if alone else ast.unparse(node)
        self.statements.append(Statement(text, Place(first_line + first - 1, cell)))
        modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set[str]()
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        if any(module.partition(".")[0] == "elman" for module in modules):
            where = Place(first_line + first - 1, cell).text()
            self.notes.append(Text(f"{where.en}: imports elman", f"{where.zh}：导入了 elman"))

    def _note(self, problem: str, place: Place) -> None:
        where, line = place.text(), self.line_at(place)
        self.notes.append(
            Text(f"{where.en}: syntax error: {problem}: `{line}`", f"{where.zh}：语法错误：{problem}：`{line}`")
        )

    def _without_magics(self, source: str, cell: int) -> str:
        """Return a cell without what only IPython understands. The number of lines stays."""
        if isinstance(_parsed(source), ast.Module):
            return source
        lines = source.splitlines()
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if (magic := CELL_MAGIC.match(lines[first])) is not None:
            self._note_magic(lines[first], Place(first + 1, cell))
            if magic[1] not in PYTHON_CELLS:
                return ""
            lines[first] = ""
        for number, line in enumerate(lines):
            if (match := MAGIC.match(line)) is not None:
                self._note_magic(line, Place(number + 1, cell))
                lines[number] = f"{match[1]}pass"
        return "\n".join(lines)

    def _note_magic(self, line: str, place: Place) -> None:
        where, shown = place.text(), line.strip()
        self.notes.append(
            Text(
                f"{where.en}: `{shown}` is for IPython, not Python; it is not run",
                f"{where.zh}：`{shown}` 是 IPython 的命令，不是 Python，未运行",
            )
        )


def read_submission(path: Path) -> Submission:
    """Return the statements of a file; DataError if it cannot be read."""
    if not path.is_file():
        raise DataError("the file does not exist" if not path.exists() else "it is not a file", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path.stat().st_size} bytes; expected at most {MAX_BYTES}", where=str(path))
    submission = Submission()
    text = _decoded(path, submission)
    if path.suffix == ".ipynb":
        for number, source in _code_cells(text, path):
            submission.add(source, number)
    else:
        submission.add(text)
    return submission


def _shared_lines(statements: Sequence[ast.stmt]) -> set[int | None]:
    """Return the lines on which one statement ends and the next one begins, after a semicolon."""
    return {after.lineno for before, after in pairwise(statements) if before.end_lineno == after.lineno}


def _decoded(path: Path, submission: Submission) -> str:
    """Return the text of a file in UTF-8, in the encoding that its first lines declare, or in GB18030 with a note."""
    content = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError as error:
            raise DataError(f"not UTF-8 at byte {error.start}", hint="Save it as UTF-8", where=str(path)) from None
    submission.notes.append(Text("The file is not UTF-8; it is read as GB18030.", "文件不是 UTF-8，按 GB18030 读取。"))
    return text


def _code_cells(text: str, path: Path) -> list[tuple[int, str]]:
    """Return the numbers, which count all cells from 1, and the sources of the code cells of a notebook."""
    problem = DataError("not a notebook; expected the JSON of nbformat 4", where=str(path))
    try:
        cells: Any = json.loads(text)["cells"]
        sources = [
            (number, cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"]))
            for number, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise problem from None
    return sources


def _parsed(source: str) -> ast.Module | Exception:
    """Return the syntax tree of a source, or why it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escape sequences, for example
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error


def _parts(source: str) -> list[tuple[str, int]]:
    """Return parts of a source and the numbers of their first lines: all of it, or where it has syntax errors, parts.

    A part begins at a line that is not indented and ends before another one, as soon as it is Python. If it never is,
    it ends before the next such line, and is an error.
    """
    if isinstance(_parsed(source), ast.Module):
        return [(source, 1)]
    lines = source.splitlines()
    starts = [number for number, line in enumerate(lines) if number == 0 or (line and not CONTINUES.match(line))]
    ends = [*starts[1:], len(lines)]
    parts: list[tuple[str, int]] = []
    k = 0
    while k < len(starts):
        candidates = ["\n".join(lines[starts[k] : end]) for end in ends[k : k + MAX_PIECES]]
        length = next((n for n, part in enumerate(candidates) if isinstance(_parsed(part), ast.Module)), 0)
        parts.append((candidates[length], starts[k] + 1))
        k += length + 1
    return parts

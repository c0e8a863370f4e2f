"""A student's file as statements: notebooks, magics of IPython, syntax errors, and what is not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elman.errors import DataError
from elman.labs.exercises import load_exercise
from elman.labs.exercises.files import file_text
from elman.labs.exercises.grading import grade_file
from elman.labs.exercises.submission import Submission, read_submission

from .code import key_of

SYNTAX_ERROR = "def clip_by_norm(gradients, max_norm):\n    return [g * for g in gradients]\n"


def submitted(source: str, cell: int | None = None) -> Submission:
    submission = Submission()
    submission.add(source, cell)
    return submission


def notebook_of(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4})


def test_only_definitions_imports_and_assignments_are_run() -> None:
    source = "import numpy as np\nx = 1\nprint(x)\nfor i in x: pass\nassert x\nx.y()\n"
    source += "if x: y = 2\n@np.f\ndef f():\n    pass\n"
    assert [statement.source for statement in submitted(source).statements] == [
        *("import numpy as np", "x = 1", "if x: y = 2", "@np.f\ndef f():\n    pass"),
    ]
    assert [statement.place.line for statement in submitted(source).statements] == [1, 2, 7, 8]


def test_a_semicolon_inside_of_a_function_leaves_its_lines_where_they_are() -> None:
    function = "def f(x):\n    a = 1; b = 2\n\n    # a comment\n    return a + x; pass"
    statements = submitted(f"x = 1; y = 2\n{function}\nz = 3").statements
    assert [(statement.source, statement.place.line) for statement in statements] == [
        ("x = 1", 1),
        ("y = 2", 1),
        (function, 2),
        ("z = 3", 7),
    ]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("x = '好'\r\n".encode(), []),
        (b"\xef\xbb\xbf" + "x = '好'\n".encode(), []),
        ("# -*- coding: gbk -*-\nx = '好'\n".encode("gbk"), []),
        ("x = '好'\n".encode("gbk"), ["The file is not UTF-8; it is read as GB18030."]),
    ],
)
def test_a_file_may_have_the_encoding_of_a_chinese_editor(tmp_path: Path, content: bytes, notes: list[str]) -> None:
    (tmp_path / "a.py").write_bytes(content)
    submission = read_submission(tmp_path / "a.py")
    assert [statement.source for statement in submission.statements] == ["x = '好'"]
    assert [note.en for note in submission.notes] == notes


@pytest.mark.parametrize(
    ("cell", "kept", "notes"),
    [
        ("%matplotlib inline\nx = 1", ["x = 1"], ["cell 2, line 1: `%matplotlib inline` is for IPython"]),
        ("!pip install numpy\nx = 1", ["x = 1"], ["cell 2, line 1: `!pip install numpy`"]),
        ("%%time\nx = 1", ["x = 1"], ["`%%time`"]),
        ("%%bash\nrm x\nx=1", [], ["`%%bash`"]),
        ("np.tanh?\nx = 1", ["x = 1"], ["`np.tanh?`"]),
        ("files = !ls\nx = 1", ["x = 1"], ["`files = !ls`"]),
        ("def f():\n    %timeit 1\n    return 2", ["def f():\n    pass\n    return 2"], ["line 2: `%timeit 1`"]),
        ("x = (5\n% 3)", ["x = (5\n% 3)"], []),
    ],
)
def test_what_only_ipython_understands_is_left_out(cell: str, kept: list[str], notes: list[str]) -> None:
    submission = submitted(cell, 2)
    assert [statement.source for statement in submission.statements] == kept
    assert len(submission.notes) == len(notes)
    for note, expected in zip(submission.notes, notes, strict=True):
        assert expected in note.en


def test_a_syntax_error_costs_only_its_own_function(tmp_path: Path) -> None:
    source = key_of("clip")
    start, end = source.index("def clip_by_norm"), source.index("def clip_by_value")
    path = tmp_path / "clip.py"
    path.write_text(source[:start] + SYNTAX_ERROR + source[end:], "utf-8")
    grade = grade_file(load_exercise("clip"), path)
    assert [part.points for part in grade.parts] == [1, 0, 1]
    assert grade.parts[1].message("en") == "the function is missing"
    line = source[:start].count("\n") + 2
    assert [note.en for note in grade.notes] == [
        f"line {line}: syntax error: invalid syntax: `return [g * for g in gradients]`"
    ]
    assert "语法错误" in grade.notes[0].zh


def test_a_notebook_with_magics_errors_and_plots_is_graded(tmp_path: Path) -> None:
    cells = json.loads(file_text(load_exercise("clip"), "a.ipynb", "en", key=True))["cells"]
    sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    noise = [
        "%matplotlib inline\nimport numpy as np",
        "import matplotlib.pyplot as plt\nplt.plot([1])\n1 / 0",
        "raise ValueError",
        SYNTAX_ERROR,
    ]
    path = tmp_path / "clip.ipynb"
    path.write_text(notebook_of(*noise, *sources), "utf-8")
    grade = grade_file(load_exercise("clip"), path)
    assert grade.points == grade.of
    assert [note.en.partition(":")[0] for note in grade.notes] == ["cell 1, line 1", "cell 4, line 2"]


def test_an_exception_in_a_notebook_names_cell_and_line(tmp_path: Path) -> None:
    path = tmp_path / "clip.ipynb"
    path.write_text(notebook_of("x = 1", "\ndef global_norm(gradients):\n    return gradients[7]"), "utf-8")
    part = grade_file(load_exercise("clip"), path).parts[0]
    assert part.message("en") == "cell 2, line 3: IndexError: list index out of range: `return gradients[7]`"
    assert part.message("zh") == "单元格 2 第 3 行：IndexError：list index out of range：`return gradients[7]`"


def test_annotations_of_the_future_hold_in_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.py"
    header = "from __future__ import annotations\nimport numpy as np\n"
    path.write_text(header + "def global_norm(gradients: Unknown) -> Other:\n    return 1.0\n", "utf-8")
    assert "norm: 1; expected" in grade_file(load_exercise("clip"), path).parts[0].message("en")


def test_the_import_of_elman_is_noted() -> None:
    notes = submitted("from elman.cells import clipping\nimport elman, numpy\nimport elmanx").notes
    assert [note.en for note in notes] == ["line 1: imports elman", "line 2: imports elman"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("no.py", None, "the file does not exist"),
        ("a.py", b"\xff\xfe", "not UTF-8 at byte 0"),
        ("a.ipynb", b"{}", "not a notebook; expected the JSON of nbformat 4"),
        ("a.ipynb", b"[" * 100_000, "not a notebook"),
        ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": 3}]}', "not a notebook"),
        ("a.py", b"#" * 6_000_000, "6000000 bytes; expected at most 5000000"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_submission(tmp_path / name)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    assert [statement.source for statement in read_submission(tmp_path / "a.py").statements] == ["x = 1", "y = 2"]

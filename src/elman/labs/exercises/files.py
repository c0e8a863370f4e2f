"""Write an exercise, or its key, as a Python file or as a notebook."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from elman.labs.lab import Language, Text
from elman.labs.notebook import code_cell, markdown_cell, notebook

from .exercise import Exercise, Function

HOLE = "raise NotImplementedError"
TASK = Text(
    "Replace each `raise NotImplementedError` by your own code. Functions may call each other. Points:",
    "请把每个 `raise NotImplementedError` 换成自己的代码，函数之间可以互相调用。分值：",
)
KEY = Text("The teacher's key, made from elman's own source.", "参考答案，由 elman 的源代码生成。")
SYMBOLS = Text(
    "B batch, T steps, I inputs, H hidden units, O outputs, V vocabulary. Arrays are float64.",
    "B 批次，T 时间步，I 输入，H 隐藏单元，O 输出，V 词表。数组均为 float64。",
)


def file_text(exercise: Exercise, file: str, language: Language, *, key: bool = False) -> str:
    """Return the content of a file with an exercise, or with its key; a notebook if the name ends in .ipynb."""
    if file.endswith(".ipynb"):
        return json.dumps(_notebook(exercise, file, language, key=key), ensure_ascii=False, indent=1) + "\n"
    introduction = f'"""{_introduction(exercise, file, language, key=key)}\n"""'
    functions = [_function(function, language, key=key) for function in exercise.functions]
    return "\n\n".join([introduction, "\n\n\n".join([*_setting(exercise, key=key), *functions])]) + "\n"


def _notebook(exercise: Exercise, file: str, language: Language, *, key: bool) -> dict[str, Any]:
    introduction = _introduction(exercise, file, language, key=key)
    cells = [
        markdown_cell("introduction", f"# {introduction}"),
        code_cell("setting", "\n\n\n".join(_setting(exercise, key=key))),
    ]
    for number, function in enumerate(exercise.functions, start=1):
        heading = f"## {number}. {function.name}（{_points(function, language)}）"
        if language == "en":
            heading = f"## {number}. {function.name} ({_points(function, language)})"
        cells.append(markdown_cell(f"heading-{number}", heading))
        cells.append(code_cell(function.name, _function(function, language, key=key)))
    return notebook(cells)


def _introduction(exercise: Exercise, file: str, language: Language, *, key: bool) -> str:
    points = ", ".join(f"{function.name} {len(function.results)}" for function in exercise.functions)
    what = KEY.in_language(language) if key else f"{TASK.in_language(language)} {points}."
    if not key and language == "zh":
        what = f"{TASK.zh}{points.replace(', ', '、')}。"
    grade = Text("Grade it with", "评分命令：").in_language(language)
    lines = [exercise.title.in_language(language), _filled(exercise.text.in_language(language), language)]
    lines += [_filled(what, language), _filled(SYMBOLS.in_language(language), language)]
    command = f"elman lab {exercise.name} --grade {file}{' --lang zh' if language == 'zh' else ''}"
    return "\n\n".join([*lines, f"{grade}\n\n    {command}"])


def _setting(exercise: Exercise, *, key: bool) -> list[str]:
    """Return the imports, and the code that is given."""
    code = "\n\n\n".join(part for part in (exercise.given(), exercise.solution() if key else "") if part)
    lines = code.splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    others = "\n".join(line for line in lines if line not in imports).strip("\n")
    standard = [line for line in imports if not line.startswith("from elman")]
    elman = [line for line in imports if line.startswith("from elman")]
    groups = ["\n".join(group) for group in (standard, ["import numpy as np"], elman) if group]
    return ["\n\n".join(groups), *([others] if others else [])]


def _function(function: Function, language: Language, *, key: bool) -> str:
    text = _filled(function.text.in_language(language), language)
    docstring = f'"""{text}\n\n{textwrap.indent(textwrap.dedent(function.notation).strip(), "    ")}\n"""'
    body = function.solution() if key else HOLE
    return f"def {function.signature}:\n" + textwrap.indent(f"{docstring}\n{body}", "    ")


def _points(function: Function, language: Language) -> str:
    count = len(function.results)
    return f"{count} 分" if language == "zh" else f"{count} point{'s' * (count > 1)}"


def _filled(text: str, language: Language) -> str:
    """Return a text in lines of about 100 columns; a Chinese character takes two columns."""
    if language == "en":
        return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
    lines, line = [], ""
    for character in text:
        line += character
        if len(line) >= 48 and character in "，。；：、":
            lines.append(line)
            line = ""
    return "\n".join([*lines, line] if line else lines)

"""The texts of the package that a person reads on the command line, as templates, found in the syntax trees.

A template is a literal or an f-string with numbered placeholders: `{path}: the folder does not exist` is
`{0}: the folder does not exist`. An ending of the plural, `{'s' * (count > 1)}`, is `{s}`. Braces are doubled.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[1] / "src" / "elman"
# Errors of these modules are those of a programmer who calls them; labs have their texts in both languages in place.
NOT_ON_THE_COMMAND_LINE = (
    "labs/[!_]*",
    "nn/*",
    "cells/checks.py",
    "cells/cell.py",
    "cells/gradcheck.py",
    "cells/readout.py",
    "cells/unroll.py",
    "kernels/quantized.py",
    "kernels/sequence.py",
    "translations/*",
    "data/generated_sentences.py",  # data
    "*estimator.py",
    "tasks/estimator_display.py",
    "tasks/*arguments.py",  # of Python
    "metrics/*",
    # answers over HTTP, which are for programs, in English like --json
    *(
        f"serve/api/{name}.py"
        for name in ("app", "bodies", "connections", "gate", "generation", "telemetry", "predictions", "stream_store")
    ),
    "serve/api/streams.py",
    # texts of C
    *(
        f"export/c/{name}.py"
        for name in (
            *("__init__", "classifier", "forecaster", "forecaster_encoders", "fragments", "language_model", "layers"),
            *("layout", "matrices", "program", "self_test", "self_test_inputs", "seq2seq", "state", "tagger", "text"),
            "token_encoder",
        )
    ),
    "export/c/mains/*",
)
# Files of labs that raise errors. What they say otherwise is in both languages in place.
ERRORS_OF_LABS = {
    "labs/characters.py",
    "labs/exercises/__init__.py",
    "labs/exercises/submission.py",
    "labs/pack.py",
    "labs/texts.py",
}
PRINTING = {"say", "notify", "show", "print", "translate"}
SKIPPED_CALLS = {"compile", "search", "fullmatch", "match", "sub", "Text"}  # patterns; a Text is in both languages
_WORD = "[A-Za-z][A-Za-z0-9]+"
PROSE = re.compile(rf"{_WORD}[\"'`)]?[,;:]? [\"'`(]?{_WORD}")  # two words with a space between them
BESIDE_VALUE = re.compile(rf"\{{\d+\}}[,;:]? {_WORD}|{_WORD}[,;:]? \{{\d+\}}")  # a word and a value
PLURAL = re.compile(r"'e?s' \* .*|'(e?s|s are)' if .* else '( is)?'|'' if .* else 'e?s'")


class Text(NamedTuple):
    """A text of the package: its template, the expressions of the placeholders, and file:line."""

    template: str
    values: tuple[str, ...]
    where: str


def texts() -> Iterator[Text]:
    """Yield every text that must be in the catalogue."""
    for name, tree in _modules():
        yield from _Texts(name).of(tree)


def constants() -> set[str]:
    """Return all literal texts of the package."""
    nodes = (node for path in SOURCE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules whose texts appear on the command line: the path in the package, and the tree."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name in ERRORS_OF_LABS or not any(fnmatchcase(name, pattern) for pattern in NOT_ON_THE_COMMAND_LINE):
            yield name, ast.parse(path.read_text("utf-8"))


def template_of(node: ast.expr) -> tuple[str, tuple[str, ...]]:
    """Return the template of a literal or an f-string, and the expressions of its placeholders."""
    parts: list[str] = []
    expressions: list[str] = []
    for part in node.values if isinstance(node, ast.JoinedStr) else [node]:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("{", "{{").replace("}", "}}"))
        elif isinstance(part, ast.FormattedValue):
            expression = ast.unparse(part.value)
            if PLURAL.fullmatch(expression):
                parts.append("{s}")
                continue
            parts.append(f"{{{len(expressions)}}}")
            expressions.append(expression)
    return "".join(parts), tuple(expressions)


class _Texts(ast.NodeVisitor):
    """Collects the texts of a module, in the order of its lines."""

    def __init__(self, name: str) -> None:
        self._name, self._only_messages = name, name in ERRORS_OF_LABS
        self._found: list[Text] = []
        self._messages: set[int] = set()  # nodes whose texts are messages, however short

    def of(self, tree: ast.Module) -> list[Text]:
        """Return the texts of a module."""
        self.visit(tree)
        return self._found

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func).split(".")[-1]
        if name.endswith("Error") or name in PRINTING:
            self._expect_message(node.args[:1])
        if name == "Interrupted":
            self._expect_message(node.args[1:2])
        if name.endswith("Error") or name == "Interrupted":
            self._expect_message([keyword.value for keyword in node.keywords if keyword.arg == "hint"])
        if name not in SKIPPED_CALLS:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.lower().endswith(("problem", "hint")):
            self._expect_message([node.value])
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and not PLURAL.fullmatch(ast.unparse(part.value)):
                self.visit(part.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node)

    def _expect_message(self, nodes: list[ast.expr]) -> None:
        """Remember the texts that these expressions can be; a condition can be either of its branches."""
        for node in nodes:
            if isinstance(node, ast.IfExp):
                self._expect_message([node.body, node.orelse])
            elif isinstance(node, ast.JoinedStr | ast.Constant):
                self._messages.add(id(node))

    def _add(self, node: ast.expr) -> None:
        text, expressions = template_of(node)
        words = re.sub(r"\{\w+\}", "", text)
        is_message = id(node) in self._messages and re.search("[A-Za-z]{2}", words)
        if is_message or (not self._only_messages and (PROSE.search(words) or BESIDE_VALUE.search(text))):
            self._found.append(Text(text, expressions, f"{self._name}:{node.lineno}"))

"""Errors have one form: `where: what was given; expected what. Hint`. No sentence of it needs more than this file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from elman.errors import ConfigError, DataError

SOURCE = Path(__file__).parents[1] / "src" / "elman"


def literals(node: ast.expr) -> Iterator[list[ast.expr]]:
    """Yield the parts of every text that an expression can be; a condition can be either of its branches."""
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield list(node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield [node]


def texts_of_errors() -> Iterator[tuple[str, bool, list[ast.expr]]]:
    """Yield, for each message and each hint in the package: file:line, whether it is a hint, and its parts."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            values: list[tuple[bool, ast.expr]] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                values += [(False, value) for value in node.args[:1]]
                values += [(True, keyword.value) for keyword in node.keywords if keyword.arg == "hint"]
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id.lower()
                if name == "problem" or name.endswith("hint"):
                    values.append((name.endswith("hint"), node.value))
            for is_hint, value in values:
                for parts in literals(value):
                    yield f"{path.relative_to(SOURCE)}:{value.lineno}", is_hint, parts


def text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "{}"


def test_messages_and_hints_have_one_form() -> None:
    wrong, counts = [], {False: 0, True: 0}
    for where, is_hint, parts in texts_of_errors():
        counts[is_hint] += 1
        whole = "".join(map(text, parts))
        starts_well = not is_hint or whole.startswith("{}") or whole[:1].isupper()
        if whole.endswith(".") or ", expected " in whole or not starts_well:
            wrong.append(f"{where}: {whole}")
    assert not wrong
    assert counts[False] > 200
    assert counts[True] > 80


def test_the_hint_is_a_sentence_after_the_message() -> None:
    error = DataError("no tab; expected a text and its label", hint="Write a tab between them", where="data.tsv:3")
    assert str(error) == "data.tsv:3: no tab; expected a text and its label. Write a tab between them"
    assert (error.message, error.exit_code) == ("no tab; expected a text and its label", 3)


@pytest.mark.parametrize("hint", [None, ""])
def test_an_error_without_a_hint_is_its_message(hint: str | None) -> None:
    assert str(ConfigError("hidden: given 0; expected 1 or more", hint=hint)) == "hidden: given 0; expected 1 or more"

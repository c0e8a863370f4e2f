"""The source of elman's functions, rewritten for the signatures of an exercise: the teacher's key.

A function of elman handles more than an exercise asks for: masks, both directions, any cell. `specialized` replaces
expressions and statements of its source, and then removes what can no longer happen:

    replacements {"layer.reverse": "False"}
    x = a if layer.reverse else b          ->   x = b
    if not layer.reverse: s                ->   s

A replacement that the source does not contain is an error, so the key cannot differ from elman without being noticed.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any


def specialized(function: Callable[..., Any], replacements: Mapping[str, str] | None = None) -> str:
    """Return the statements of a function after replacing expressions and statements, without annotations.

    An empty replacement removes a statement.
    """
    rewriter = _Rewriter(replacements or {})
    definition = _definition(function)
    body = rewriter.visit_body(definition.body[ast.get_docstring(definition) is not None :])
    unused = set(rewriter.replacements) - rewriter.used
    if unused:
        raise ValueError(f"{function.__qualname__} has no {sorted(unused)}; expected them in its source")
    return _source(body)


def source_of(function: Callable[..., Any], name: str = "", replacements: Mapping[str, str] | None = None) -> str:
    """Return the source of a function under a name after replacements, without annotations and docstring."""
    arguments = _without_annotations(_definition(function).args)
    header = f"def {name or function.__name__}({ast.unparse(arguments)}):"
    return f"{header}\n{textwrap.indent(specialized(function, replacements), '    ')}"


def statements(function: Callable[..., Any], target: str, replacements: Mapping[str, str] | None = None) -> str:
    """Return the assignments of a function to a name after replacements."""
    rewriter = _Rewriter(replacements or {})
    found: list[ast.stmt] = [
        node
        for node in ast.walk(_definition(function))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == target
    ]
    if not found:
        raise ValueError(f"{function.__qualname__} does not assign {target}")
    return _source(rewriter.visit_body(found))


def _source(body: list[ast.stmt]) -> str:
    """Return statements as source code, without the parentheses that ast puts around tuples."""
    lines = "\n".join(ast.unparse(statement) for statement in body).splitlines()
    for number, line in enumerate(lines):
        bare = re.sub(r"(return|=) \((.*)\)$", r"\1 \2", line)
        if bare != line and _is_same(bare.strip(), line.strip()):
            lines[number] = bare
    return "\n".join(lines)


def _is_same(source: str, other: str) -> bool:
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(other))
    except SyntaxError:
        return False


def _without_annotations(arguments: ast.arguments) -> ast.arguments:
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    return arguments


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


class _Rewriter(ast.NodeTransformer):
    def __init__(self, replacements: Mapping[str, str]) -> None:
        self.replacements = {_normal(old): new for old, new in replacements.items()}
        self.used: set[str] = set()

    def visit_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements; those after a return are never reached, so they are left out."""
        rewritten: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            rewritten += result if isinstance(result, list) else [result]
            if rewritten and isinstance(rewritten[-1], ast.Return):
                break
        return [statement for statement in rewritten if statement is not None]

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt | ast.expr):
            text = ast.unparse(node)
            if text in self.replacements:
                self.used.add(text)
                new = self.replacements[text]
                return ast.parse(new).body if isinstance(node, ast.stmt) else ast.parse(new, mode="eval").body
        return super().visit(node)

    def visit_If(self, node: ast.If) -> Any:
        node.test = self.visit(node.test)
        if (known := _constant(node.test)) is not None:
            return self.visit_body(node.body if known else node.orelse)
        node.body, node.orelse = self.visit_body(node.body), self.visit_body(node.orelse)
        if not node.body and not node.orelse:
            return None
        node.body = node.body or [ast.Pass()]
        return node

    def visit_For(self, node: ast.For) -> Any:
        node.target, node.iter = self.visit(node.target), self.visit(node.iter)
        node.body = self.visit_body(node.body) or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.args, node.returns = _without_annotations(node.args), None
        node.body = self.visit_body(node.body)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        node.test = self.visit(node.test)
        if (known := _constant(node.test)) is not None:
            return self.visit(node.body if known else node.orelse)
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        values = [self.visit(value) for value in node.values]
        decisive = isinstance(node.op, ast.Or)  # True decides an `or`, False an `and`
        if any(_constant(value) is decisive for value in values):
            return ast.Constant(decisive)
        node.values = [value for value in values if _constant(value) is None]
        if not node.values:
            return ast.Constant(not decisive)
        return node if len(node.values) > 1 else node.values[0]

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        operands = (node.left, node.comparators[0])
        if all(isinstance(operand, ast.Constant) for operand in operands):
            left, right = (operand.value for operand in operands if isinstance(operand, ast.Constant))
            if isinstance(node.ops[0], ast.Is | ast.IsNot):
                return ast.Constant((left is right) == isinstance(node.ops[0], ast.Is))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        known = _constant(node.operand)
        return ast.Constant(not known) if isinstance(node.op, ast.Not) and known is not None else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)


def _constant(node: ast.expr) -> bool | None:
    """Return the value of a condition that is True or False, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, bool) else None


def _normal(source: str) -> str:
    """Return source code as ast writes it."""
    return ast.unparse(ast.parse(source))

"""Tables of a hand-derived cell: each equation beside the code line that computes it and its numbers at three steps.

Equations, code lines and numbers are those of the labs bptt and bptt-lstm-gru, so the pages cannot differ from them.
The gradients are compared with finite differences before any table is given: a wrong derivation stops the build.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from elman.labs import bptt, bptt_lstm_gru
from elman.labs.derivation import TARGETS, TOLERANCES, HandWritten, Values, X, distinct_weights
from elman.labs.lab import Language, Text

CELLS = {"SRN": bptt.SRN, **bptt_lstm_gru.CELLS}
DECIMALS = 4
STEPS = {"forward": (1, 2, 3), "backward": (3, 2, 1)}
NAME = r"[A-Za-z]\w*"
HEADERS = {
    "lines": (Text("equation", "公式"), Text("code", "代码"), Text("value at each step", "各步的值")),
    "gradients": (Text("gradient", "梯度"), Text("by hand", "手推"), Text("finite differences", "有限差分")),
    "numbers": (Text("symbol", "符号"), Text("value", "值")),
}


class WrongGradientError(Exception):
    """A hand-derived gradient differs from finite differences."""


@functools.cache
def computed_steps(name: str) -> tuple[list[Values], dict[str, Any], dict[str, Any]]:
    """Return the values of each step, and the gradients by hand and by finite differences, which are equal."""
    cell = CELLS[name]
    weights = distinct_weights(cell.gates)
    steps = bptt.forward_steps(cell, weights)
    by_hand = bptt.backward_steps(cell, steps)
    by_differences = bptt.by_differences(cell, weights)
    for key, gradient in by_hand.items():
        difference = float(np.abs(gradient - by_differences[key]).max())
        if not difference <= TOLERANCES["finite differences"]:
            raise WrongGradientError(f"{name}: dL/d{key} by hand differs from finite differences by {difference:.1e}")
    return steps, by_hand, by_differences


def derivation(name: str, part: str, language: Language) -> str:
    """Return a table as Markdown: `forward`, `backward`, `weights`, `gradients` or `numbers` of a cell."""
    if part in ("gradients", "numbers"):
        return _table(part, language, _gradients(name) if part == "gradients" else _numbers(name))
    steps = computed_steps(name)[0]
    functions = _functions(CELLS[name])[part]
    rows = [row for function in functions for row in _rows(function, steps, STEPS.get(part, STEPS["backward"]))]
    return _table("lines", language, rows)


def _functions(cell: HandWritten) -> dict[str, list[Callable[..., Values]]]:
    return {
        "forward": [bptt.products, cell.forward, bptt.output],
        "backward": [bptt.output_backward, cell.backward],
        "weights": [bptt.weights_backward],
    }


def _rows(function: Callable[..., Values], steps: list[Values], order: tuple[int, ...]) -> list[list[str]]:
    """Return a row for each commented line of a function: equation, code, and the value at each step."""
    rows = []
    for line in inspect.getsource(function).splitlines():
        code, _, equation = line.strip().partition("  # ")
        if equation:
            name = code.split(" = ")[0]
            values = [f"*t* = {t}: {format_rows(steps[t - 1][name])}" for t in order]
            rows.append([f"${as_latex(equation)}$", f"`{code}`", "<br>".join(values)])
    return rows


def _gradients(name: str) -> list[list[str]]:
    _, by_hand, by_differences = computed_steps(name)
    return [
        [f"${as_latex(f'dL/d{key}')}$", format_rows(by_hand[key]), format_rows(by_differences[key])] for key in by_hand
    ]


def _numbers(name: str) -> list[list[str]]:
    weights = distinct_weights(CELLS[name].gates)
    rows = [[f"${as_latex(key)}$", format_rows(value)] for key, value in weights.items()]
    return [*rows, ["$x_1, x_2, x_3$", format_rows(X)], ["$\\mathrm{target}$", format_rows(TARGETS)]]


def format_rows(value: Any) -> str:
    """Return the numbers of an array, the rows of a matrix on lines of their own below the label of the step."""
    array = np.round(np.atleast_1d(np.asarray(value)), DECIMALS) + 0.0  # no -0
    if array.ndim == 1:
        return ", ".join(f"{number:.{DECIMALS}f}".replace("-", "−") for number in array)
    return "<br>".join(format_rows(row) for row in array)


def as_latex(equation: str) -> str:
    """Return the LaTeX of an equation as the labs write it in comments: `dL/du_t = U^T dL/da_t * r_t`."""
    latex = re.sub(r"\bd_([hc])_(next|prev)\b", r"@\1\2@", equation)
    latex = re.sub(rf"dL/d({NAME})", lambda match: rf"\frac{{\partial L}}{{\partial {match[1]}}}", latex)
    latex = latex.replace("^T", r"^\top").replace(" * ", r" \circ ").replace("sum_t", r"\sum_t")
    latex = re.sub(r"(\w_t) \(1", r"\1 \\circ (1", latex)
    latex = re.sub(r"\b(tanh|sigma)\b", r"\\\1", latex).replace("target_t", r"\mathrm{target}_t")
    latex = re.sub(r"_\(t-1\)", "_{t-1}", latex)
    latex = re.sub(r"_([a-z]{2,})\b", r"_{\1}", latex)
    return re.sub(r"@([hc])(next|prev)@", r"\\mathtt{d\\_\1\\_\2}", latex)


def _table(kind: str, language: Language, rows: list[list[str]]) -> str:
    header = [text.in_language(language) for text in HEADERS[kind]]
    return "".join("| " + " | ".join(row) + " |\n" for row in [header, ["---"] * len(header), *rows])

"""What the labs that derive gradients by hand share: the task, the other ways to the gradients, and what they show.

The task is a sequence of three steps with two inputs and two hidden units. Gradients by hand are compared with those
of finite differences, of elman.cells and of torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from elman import cells
from elman.cells import LayerParameters, gradcheck, unroll
from elman.cells.activations import Array

from .lab import Report, Text, format_value

X = np.array([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]])  # three steps of two inputs
TARGETS = np.array([[0.5], [-0.4], [0.9]])
TOLERANCES = {"finite differences": 1e-10, "elman.cells": 1e-14, "torch": 1e-14}  # of gradients below 2
NAMES_IN_CHINESE = {"finite differences": "有限差分"}
Values = dict[str, Any]
Gradients = dict[str, Array]


class HandWritten(NamedTuple):
    """A cell by hand, its number of gates, and its names in elman.cells and torch.nn."""

    forward: Callable[..., Values]
    backward: Callable[..., Values]
    gates: int
    name: str
    torch_name: str


def distinct_weights(gates: int) -> dict[str, Array]:
    """Return weights of which no two are equal, so that an exchanged row, gate or matrix changes the gradients."""
    H = 2 * gates
    shapes = {"W": (H, 2), "U": (H, 2), "b_ih": (H,), "b_hh": (H,), "V": (1, 2)}
    ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
    numbers = np.random.default_rng(0).permutation(np.linspace(-0.9, 0.9, ends[-1]))
    parts = np.split(numbers, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def by_cells(cell: HandWritten, weights: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients by elman.cells."""
    layer = LayerParameters(weights["W"], weights["U"], weights["b_ih"], weights["b_hh"])
    h, _, tape = unroll.forward(cells.create(cell.name), [[layer]], X[None])
    d_y = h @ weights["V"].T - TARGETS
    gradients = unroll.backward(tape, d_y @ weights["V"]).params[0][0]
    return {**gradients.arrays(), "V": d_y[0].T @ h[0]}


def by_torch(cell: HandWritten, weights: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients by torch's automatic differentiation."""
    import torch

    layer = getattr(torch.nn, cell.torch_name)(2, 2).double()
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in weights.items()}
    names = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
    h, _ = torch.func.functional_call(layer, {names[key]: leaves[key] for key in names}, (torch.from_numpy(X),))
    (((h @ leaves["V"].T - torch.from_numpy(TARGETS)) ** 2).sum() / 2).backward()
    return {name: np.asarray(leaf.grad) for name, leaf in leaves.items()}


def show_lines(report: Report, function: Callable[..., Values], steps: list[Values], order: tuple[int, ...]) -> None:
    """Show each commented code line of a function with its equation, and its value at each step."""
    for line in inspect.getsource(function).splitlines():
        code, _, equation = line.strip().partition("  # ")
        if equation:
            name = code.split(" = ")[0]
            values = [f"t={t}: {format_value(steps[t - 1][name] + 0.0, 5)}" for t in order]  # + 0.0: no -0
            joined = "   ".join(values)
            report.show(
                f"{equation:<55} {code}", *(f"    {text}" for text in ([joined] if len(joined) < 100 else values))
            )


def compare(report: Report, title: str, by_hand: Gradients, others: dict[str, Gradients], mistaken: Gradients) -> None:
    """Show all gradients side by side and claim that they are equal, but for those of a common mistake."""
    report.say(
        en=f"\n{title}: the gradients, summed over the steps, by hand and by three other ways",
        zh=f"\n{title}：各步相加得到的梯度，手算与另外三种方法对照",
    )
    report.table(
        ["", Text("by hand", "手算"), *(Text(name, NAMES_IN_CHINESE.get(name, name)) for name in others)],
        [
            (f"dL/d{name}{list(index)}", value, *(gradients[name][index] for gradients in others.values()))
            for name, gradient in by_hand.items()
            for index, value in np.ndenumerate(gradient)
        ],
    )
    for name, gradients in others.items():
        difference = max(float(np.abs(by_hand[key] - gradients[key]).max()) for key in by_hand)
        report.at_most(
            Text(f"{title}: max |by hand - {name}|", f"{title}：手推与 {NAMES_IN_CHINESE.get(name, name)} 的最大差"),
            difference,
            TOLERANCES[name],
        )
    report.say(
        en="A common mistake: nothing goes from step t+1 to step t. The program runs, but the gradient is wrong.",
        zh="常见的错误：漏掉从第 t+1 步传到第 t 步的梯度。程序照样运行，梯度却是错的。",
    )
    report.at_least(
        Text(f"{title}: relative error of dL/dU with this mistake", f"{title}：犯这个错误时 dL/dU 的相对误差"),
        gradcheck.relative_error(mistaken["U"], others["finite differences"]["U"]),
        0.1,
    )

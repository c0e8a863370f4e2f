"""Backpropagation through time by hand, line by line, for a simple recurrent network and three steps.

    a_t = W x_t + b_ih        u_t = U h_(t-1) + b_hh        y_t = V h_t        L = sum over t of (y_t - target_t)^2 / 2

The functions below hold the equations, each beside the code line that computes it. The lab runs them for three steps,
backward from the last one, and prints the equation, the code line and its value at every step. The same gradients then
come from finite differences, elman.cells and torch. bptt-lstm-gru does the same for the other two cells.

Symbols: d_x is dL/dx. d_h_prev is the part of dL/dh_(t-1) that comes from step t; step t-1 knows it as d_h_next.
* multiplies entry by entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.cells import gradcheck
from elman.cells.activations import Array

from . import pictures
from .derivation import TARGETS, HandWritten, Values, X, by_cells, by_torch, compare, distinct_weights, show_lines
from .lab import Lab, Report, Text, format_value


# Each function takes the values that it needs by name, and returns them together with those that it computes.
def products(*, W: Array, U: Array, b_ih: Array, b_hh: Array, x: Array, h_prev: Array, **_: Any) -> Values:
    """Compute both products."""
    a = W @ x + b_ih  # a_t = W x_t + b_ih
    u = U @ h_prev + b_hh  # u_t = U h_(t-1) + b_hh
    return locals()


def srn(*, a: Array, u: Array, **_: Any) -> Values:
    """Compute the next state."""
    h = np.tanh(a + u)  # h_t = tanh(a_t + u_t)
    return locals()


def output(*, V: Array, h: Array, target: Array, **_: Any) -> Values:
    """Compute the output and the loss of one step."""
    y = V @ h  # y_t = V h_t
    loss = ((y - target) ** 2).sum() / 2  # L_t = (y_t - target_t)^2 / 2
    return locals()


def output_backward(*, V: Array, y: Array, target: Array, d_h_next: Array, **_: Any) -> Values:
    """Add what arrives at h_t: from the output of step t, and from step t+1."""
    d_y = y - target  # dL/dy_t = y_t - target_t
    d_h = V.T @ d_y + d_h_next  # dL/dh_t = V^T dL/dy_t + d_h_next
    return locals()


def srn_backward(*, U: Array, h: Array, d_h: Array, **_: Any) -> Values:
    """Go back through the cell."""
    d_a = d_h * (1 - h**2)  # dL/da_t = dL/dh_t * (1 - h_t^2)
    d_u = d_a  # dL/du_t = dL/da_t
    d_h_prev = U.T @ d_u  # d_h_prev = U^T dL/du_t
    return locals()


def weights_backward(*, x: Array, h: Array, h_prev: Array, d_y: Array, d_a: Array, d_u: Array, **_: Any) -> Values:
    """Compute what step t adds to the gradients of the weights."""
    d_V = np.outer(d_y, h)  # dL/dV = sum_t dL/dy_t h_t^T
    d_W = np.outer(d_a, x)  # dL/dW = sum_t dL/da_t x_t^T
    d_U = np.outer(d_u, h_prev)  # dL/dU = sum_t dL/du_t h_(t-1)^T
    d_b_ih = d_a  # dL/db_ih = sum_t dL/da_t
    d_b_hh = d_u  # dL/db_hh = sum_t dL/du_t
    return locals()


SRN = HandWritten(srn, srn_backward, 1, "elman", "RNN")


def forward_steps(cell: HandWritten, weights: dict[str, Array]) -> list[Values]:
    """Return the values of each step."""
    h, c, steps = np.zeros(2), np.zeros(2), []
    for x, target in zip(X, TARGETS, strict=True):
        values: Values = {**weights, "x": x, "target": target, "h_prev": h, "c_prev": c}
        for function in (products, cell.forward, output):
            values |= function(**values)
        h, c = values["h"], values.get("c", c)  # c: only the LSTM has it
        steps.append(values)
    return steps


def backward_steps(cell: HandWritten, steps: list[Values], *, through_time: bool = True) -> dict[str, Array]:
    """Add all derivatives to the values of each step, from the last to the first; return the gradients of the weights.

    Without through_time nothing goes from a step to the one before it. This is a mistake, shown for comparison.
    """
    d_h, d_c = np.zeros(2), np.zeros(2)
    for values in reversed(steps):
        values |= {"d_h_next": d_h, "d_c_next": d_c}
        for function in (output_backward, cell.backward, weights_backward):
            values |= function(**values)
        if through_time:
            d_h, d_c = values["d_h_prev"], values.get("d_c_prev", d_c)
    return {name: sum(values[f"d_{name}"] for values in steps) for name in ("W", "U", "b_ih", "b_hh", "V")}


def by_differences(cell: HandWritten, weights: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients by finite differences of the loss."""

    def loss() -> float:
        return sum(float(values["loss"]) for values in forward_steps(cell, weights))

    return {name: gradcheck.numerical_gradient(loss, array) for name, array in weights.items()}


def derive(report: Report, title: str, cell: HandWritten) -> list[Values]:
    """Show the derivation of a cell with its numbers, then compare the gradients; return the values of each step."""
    weights = distinct_weights(cell.gates)
    steps = forward_steps(cell, weights)
    by_hand = backward_steps(cell, steps)
    report.say(en=f"{title}: weights, inputs and targets", zh=f"{title}：权重、输入与目标")
    for name, array in {**weights, "x": X, "target": TARGETS}.items():
        report.show(f"{name:<6} = {format_value(array, 5)}")
    report.say(en=f"\n{title}, forward: steps 1, 2, 3", zh=f"\n{title}，前向传播：第 1、2、3 步")
    for function in (products, cell.forward, output):
        show_lines(report, function, steps, (1, 2, 3))
    report.say(
        en=f"\n{title}, backward: steps 3, 2, 1. d_h_prev of step t is d_h_next of step t-1.",
        zh=f"\n{title}，反向传播：第 3、2、1 步。第 t 步的 d_h_prev 就是第 t-1 步的 d_h_next。",
    )
    for function in (output_backward, cell.backward, weights_backward):
        show_lines(report, function, steps, (3, 2, 1))
    others = {
        "finite differences": by_differences(cell, weights),
        "elman.cells": by_cells(cell, weights),
        "torch": by_torch(cell, weights),
    }
    mistaken = backward_steps(cell, forward_steps(cell, weights), through_time=False)
    compare(report, title, by_hand, others, mistaken)
    return steps


def run(report: Report) -> None:
    """Derive the simple recurrent network."""
    steps = derive(report, "SRN", SRN)
    report.figure("unrolled", pictures.unrolled_derivatives(steps))


LAB = Lab(
    name="bptt",
    chapter="bptt",
    title=Text("Backpropagation through time by hand", "手推随时间反向传播（BPTT）"),
    claim=Text(
        "The gradients of an SRN, derived by hand, equal those of finite differences, elman.cells and torch.",
        "手推的简单循环网络梯度，与有限差分、elman.cells 和 torch 的结果一致。",
    ),
    source=Text(
        "Werbos (1990); Qiu, Neural Networks and Deep Learning, section 6.2, exercise 6-1P; assignment 9, exercise 1",
        "Werbos（1990）；邱锡鹏《神经网络与深度学习》6.2 节，习题 6-1P；作业9 第 1 题",
    ),
    seconds=1.2,
    run=run,
)

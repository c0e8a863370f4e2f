"""Backpropagation through time by hand, line by line, for a simple recurrent network and three steps.

    a_t = W x_t + b_ih        u_t = U h_(t-1) + b_hh        y_t = V h_t        L = sum over t of (y_t - target_t)^2 / 2

The functions below hold the equations, each beside the code line that computes it. The lab runs them for three steps,
backward from the last one, and prints the equation, the code line and its value at every step. The same gradients then
come from finite differences, elman.cells and torch. bptt-lstm-gru does the same for the other two cells.

Symbols: d_x is dL/dx. d_h_prev is the part of dL/dh_(t-1) that comes from step t; step t-1 knows it as d_h_next.
* multiplies entry by entry.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from elman import cells
from elman.cells import LayerParameters, gradcheck, unroll
from elman.cells.activations import Array

from .lab import Lab, Report, Text, format_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .lab import Language

X = np.array([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]])  # three steps of two inputs
TARGETS = np.array([[0.5], [-0.4], [0.9]])
TOLERANCES = {"finite differences": 1e-10, "elman.cells": 1e-14, "torch": 1e-14}  # of gradients below 2
NAMES_IN_CHINESE = {"finite differences": "有限差分"}
Values = dict[str, Any]


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


class HandWritten(NamedTuple):
    """A cell by hand, its number of gates, and its names in elman.cells and torch.nn."""

    forward: Callable[..., Values]
    backward: Callable[..., Values]
    gates: int
    name: str
    torch_name: str


SRN = HandWritten(srn, srn_backward, 1, "elman", "RNN")


def distinct_weights(gates: int) -> dict[str, Array]:
    """Return weights of which no two are equal, so that an exchanged row, gate or matrix changes the gradients."""
    H = 2 * gates
    shapes = {"W": (H, 2), "U": (H, 2), "b_ih": (H,), "b_hh": (H,), "V": (1, 2)}
    ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
    numbers = np.random.default_rng(0).permutation(np.linspace(-0.9, 0.9, ends[-1]))
    parts = np.split(numbers, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


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


def compare(
    report: Report, title: str, cell: HandWritten, weights: dict[str, Array], by_hand: dict[str, Array]
) -> None:
    """Show all gradients side by side, and claim that they are equal."""
    report.say(
        en=f"\n{title}: the gradients, summed over the steps, by hand and by three other ways",
        zh=f"\n{title}：各步相加得到的梯度，手算与另外三种方法对照",
    )
    others = {
        "finite differences": by_differences(cell, weights),
        "elman.cells": by_cells(cell, weights),
        "torch": by_torch(cell, weights),
    }
    report.table(
        ["", Text("by hand", "手算"), Text("finite differences", "有限差分"), "elman.cells", "torch"],
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
    mistaken = backward_steps(cell, forward_steps(cell, weights), through_time=False)
    error = gradcheck.relative_error(mistaken["U"], others["finite differences"]["U"])
    report.at_least(
        Text(f"{title}: relative error of dL/dU with this mistake", f"{title}：犯这个错误时 dL/dU 的相对误差"),
        error,
        0.1,
    )


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
    compare(report, title, cell, weights, by_hand)
    return steps


def run(report: Report) -> None:
    """Derive the simple recurrent network."""
    steps = derive(report, "SRN", SRN)
    report.figure("unrolled", lambda figure, language: draw_unrolled(figure, language, steps))


def draw_unrolled(figure: Figure, language: Language, steps: list[Values]) -> None:
    """Draw the unrolled network: values go up and to the right, derivatives down and to the left."""
    ax = figure.subplots()
    ax.set(xlim=(-0.3, 7.6), ylim=(-0.6, 5.7))
    ax.axis("off")
    blue, orange = "#0072B2", "#D55E00"

    def arrow(start: tuple[float, float], end: tuple[float, float], colour: str, label: str = "") -> None:
        style = {"arrowstyle": "->", "color": colour, "linestyle": "-" if colour == blue else "--"}
        ax.annotate("", end, start, arrowprops=style)
        ax.text(max(start[0], end[0]) + 0.06, (start[1] + end[1]) / 2, label, color=colour, fontsize=8, va="center")

    for t, values in enumerate(steps, start=1):
        x = 2.8 * (t - 1) + 0.4
        for row, name in enumerate("xhy"):
            text = f"${name}_{t}$\n" + format_value(values[name], 3).replace(", ", "\n")
            ax.text(x, 2.4 * row, text, ha="center", va="center", fontsize=8, bbox={"boxstyle": "round", "fc": "w"})
        for bottom, name in ((0.6, "a"), (3.0, "y")):
            label = f"$dL/d{name}_{t}$\n" + format_value(values[f"d_{name}"], 3).replace(", ", "\n")
            arrow((x - 0.2, bottom), (x - 0.2, bottom + 1.2), blue)
            arrow((x + 0.2, bottom + 1.2), (x + 0.2, bottom), orange, label)
        if t > 1:
            arrow((x - 2.3, 2.6), (x - 0.5, 2.6), blue)
            arrow((x - 0.5, 2.2), (x - 2.3, 2.2), orange)
            label = f"$U^T dL/du_{t}$\n" + format_value(values["d_h_prev"], 3).replace(", ", "\n")
            ax.text(x - 1.4, 2.1, label, color=orange, fontsize=8, ha="center", va="top")
    solid, dashed = Text("solid: forward", "实线：前向传播"), Text("dashed: backward", "虚线：反向传播")
    ax.text(0.0, 5.6, solid.in_language(language), color=blue)
    ax.text(2.8, 5.6, dashed.in_language(language), color=orange)


LAB = Lab(
    name="bptt",
    chapter="bptt",
    title=Text("Backpropagation through time by hand", "手推随时间反向传播（BPTT）"),
    claim=Text(
        "The gradients of an SRN, derived by hand, equal those of finite differences, elman.cells and torch.",
        "手推的简单循环网络梯度，与有限差分、elman.cells 和 torch 的结果一致。",
    ),
    source=Text(
        "Werbos (1990); Qiu, Neural Networks and Deep Learning, section 6.2, exercise 6-1P, assignment 9",
        "Werbos（1990）；邱锡鹏《神经网络与深度学习》6.2 节，习题 6-1P，作业9",
    ),
    seconds=1.2,
    run=run,
)

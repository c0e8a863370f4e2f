"""Why a residual recurrent network explodes: NNDL, exercise 6-3.

    h' = h + tanh(W x + U h)           dh'/dh = 1 + D(1 - n^2) U           n = tanh(W x + U h)

D(v) is the diagonal matrix of v. The gradient over k steps is the product of k such Jacobians. In a residual network
for images, the 1 keeps gradients from vanishing. In a recurrent network the same U is added at each of many steps.
What gates change: the lab gates-gradient.
"""

from __future__ import annotations

import numpy as np

from elman.cells import LayerParameters
from elman.cells.activations import Array
from elman.cells.cell import State

from . import pictures
from .jacobians import STEPS, Cells, H, compare
from .lab import Lab, Report, Text

SMALLEST = 50.0  # norm over 50 steps; measured with 10 seeds: 470 and more


class Residual:
    """h' = h + tanh(a + u), as a cell of elman: exercise 6-3."""

    states: tuple[str, ...] = ("h",)
    gates = 1

    def forward(self, a: Array, u: Array, state: State) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape."""
        n = np.tanh(a + u)
        return (state[0] + n,), (n,)

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State]:
        """Return d_a, d_u and d_state: the derivative reaches h unchanged, and through u in addition."""
        d_a = d_state_next[0] * (1.0 - tape[0] ** 2)
        return d_a, d_a, d_state_next


def residual_jacobian(p: LayerParameters, x: Array, h: Array) -> tuple[Array, Array]:
    """Return dh'/dh and its direct part, the unit matrix."""
    n = np.tanh(p.W @ x + p.U @ h)
    return np.eye(H) + np.diag(1 - n**2) @ p.U, np.eye(H)


CELLS: Cells = {"h + g(h)": (Residual(), residual_jacobian, None)}


def run(report: Report) -> None:
    """Compare the Jacobian with what is measured, then show the norms."""
    report.show("h' = h + tanh(W x + U h)        dh'/dh = 1 + D(1 - n^2) U")
    norms = compare(report, CELLS)
    full, direct = norms["h + g(h)"][:, :, STEPS - 1]
    report.at_least(
        Text("6-3: h + g(h), smallest norm, k = 50", "6-3：h + g(h)，最小范数，k = 50"), full.min(), SMALLEST
    )
    report.equal(Text("6-3: direct part, k = 50", "6-3：直接部分，k = 50"), direct, np.ones(len(direct)))
    report.say(
        en="6-3: every step multiplies by 1 + D U. The 1 passes the gradient on, D U is added at each step, and no\n"
        "factor makes it smaller. The GRU has such factors: z and 1 - z in place of 1 and 1.",
        zh="6-3：每一步乘以 1 + D U。其中的 1 原样传递梯度，每一步又加上 D U，没有任何因子使它变小。\n"
        "解决方法：像 GRU 那样，用 z 与 1 - z 代替两个系数 1。",
    )
    report.figure("norms", pictures.norms_of_products(norms))


LAB = Lab(
    name="residual",
    chapter="bptt",
    title=Text("A residual recurrent network explodes", "h + g(h)：残差循环网络的梯度爆炸"),
    claim=Text(
        "The gradient of h' = h + g(h) grows at every step, although the 1 in its Jacobian keeps it from vanishing.",
        "h' = h + g(h) 的梯度每一步都在增大；雅可比矩阵里的 1 只能防止梯度消失。",
    ),
    source=Text(
        "Qiu, Neural Networks and Deep Learning, exercise 6-3; assignment 10",
        "邱锡鹏《神经网络与深度学习》习题 6-3；作业10",
    ),
    seconds=0.1,
    run=run,
)

"""The simple recurrent network by hand, with tanh on the hidden layer; the outputs are linear.

    h_t = tanh(W x_t + U h_(t-1))        y_t = V h_t

The same numbers come from elman.cells, where the two biases of the equation are zero.
"""

from __future__ import annotations

import numpy as np

from elman import cells
from elman.cells import unroll
from elman.figures.unrolled import unrolled_network

from .lab import Lab, Report, Text
from .srn_linear import X

EXPECTED_H = [0.9640275800758169, 0.9992255445668126, 0.9999876735248918]  # of both hidden units
EXPECTED_Y = [1.9280551601516338, 1.9984510891336251, 1.9999753470497836]  # of both outputs


def run(report: Report) -> None:
    """Compute three steps by hand and by elman.cells."""
    W = U = V = np.ones((2, 2))
    h = np.zeros(2)
    hidden, outputs = [], []
    report.say(
        en="Inputs, weights and h_0 are those of the lab srn-linear: x_1 = x_2 = (1, 1), x_3 = (2, 2), h_0 = (0, 0), "
        "every weight is 1. h_{t,1} is unit 1 at step t; unit 2 has the same numbers.",
        zh="输入、权重与 h_0 同实验 srn-linear：x_1 = x_2 = (1, 1)，x_3 = (2, 2)，h_0 = (0, 0)，权重全为 1。"
        "h_{t,1} 是第 t 步的单元 1，单元 2 的数与它相同。",
    )
    report.show("h_t = tanh(W x_t + U h_(t-1))        y_t = V h_t")
    for t, x in enumerate(X, start=1):
        total = W @ x + U @ h
        h = np.tanh(total)
        y = V @ h
        report.show(f"t = {t}:  h_{{{t},1}} = tanh({total[0]:.6g}) = {h[0]:.16g}        y_{{{t},1}} = {y[0]:.16g}")
        hidden.append(h)
        outputs.append(y)
    report.equal("h", np.array(hidden), [[value, value] for value in EXPECTED_H], within=1e-15)
    report.equal("y", np.array(outputs), [[value, value] for value in EXPECTED_Y], within=1e-15)

    zero = np.zeros(2)
    layer = cells.LayerParameters(W=W, U=U, b_ih=zero, b_hh=zero)
    by_cells, _ = unroll.run(cells.create("elman", "tanh"), [[layer]], X[None])
    report.equal(
        Text("h of elman.cells", "elman.cells 的 h"),
        by_cells[0],
        [[value, value] for value in EXPECTED_H],
        within=1e-15,
    )
    report.say(
        en="tanh keeps the states below 1, where they saturate: the third input is twice as large and hardly shows.",
        zh="tanh 把隐状态限制在 1 以内，而且很快饱和：第三个输入大了一倍，隐状态却几乎没有变化。",
    )
    report.figure("unrolled", unrolled_network(X.tolist(), [h.tolist() for h in hidden], [y.tolist() for y in outputs]))


LAB = Lab(
    name="srn-tanh",
    chapter="srn",
    title=Text("The same network with tanh", "给简单循环网络加上 tanh"),
    claim=Text(
        "With tanh, the hidden states are 0.9640..., 0.9992..., 0.99998..., and the outputs are twice as large.",
        "加上 tanh 后，隐状态依次为 0.9640…、0.9992…、0.99998…，输出是它们的两倍。",
    ),
    source=Text(
        "Elman (1990); Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8, exercise 2",
        "Elman（1990）；邱锡鹏《神经网络与深度学习》6.1 节，作业8 第 2 题",
    ),
    seconds=0.1,
    run=run,
)

"""The simple recurrent network by hand: two inputs, two hidden units, two outputs, every weight 1, no activation.

Two equations for each step, without biases, from the state h = 0:

    h_t = W x_t + U h_(t-1)        y_t = V h_t

For one hidden unit, with the weights written out: h_1 = w_1 x_1 + w_3 x_2 + u_2 a_1 + u_4 a_2, where a is the state of
the step before.
"""

from __future__ import annotations

import numpy as np

from elman.figures.unrolled import unrolled_network

from .lab import Lab, Report, Text

X = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
EXPECTED_H = [2.0, 6.0, 16.0]  # of both hidden units, at t = 1, 2, 3
EXPECTED_Y = [4.0, 12.0, 32.0]  # of both outputs


def run(report: Report) -> None:
    """Compute three steps, with the numbers substituted."""
    W = U = V = np.ones((2, 2))
    h = np.zeros(2)
    hidden, outputs = [], []
    report.say(
        en="Every weight is 1. At each step, both hidden units receive both inputs and both states of the step before.",
        zh="所有权重都是 1。每一步，两个隐藏单元都接收两个输入，以及上一步的两个隐状态。",
    )
    report.show("h_t = W x_t + U h_(t-1)        y_t = V h_t")
    for t, x in enumerate(X, start=1):
        a = h
        h = W @ x + U @ a
        y = V @ h
        report.show(
            f"t = {t}:  h_1 = 1·{x[0]:g} + 1·{x[1]:g} + 1·{a[0]:g} + 1·{a[1]:g} = {h[0]:g}"
            f"        y_1 = 1·{h[0]:g} + 1·{h[1]:g} = {y[0]:g}"
        )
        hidden.append(h)
        outputs.append(y)
    report.equal("h", np.array(hidden), [[value, value] for value in EXPECTED_H])
    report.equal("y", np.array(outputs), [[value, value] for value in EXPECTED_Y])
    report.say(
        en="The last input is twice the first, the last output eight times: the state carries the past.",
        zh="最后一个输入是第一个的两倍，最后一个输出却是第一个的八倍：隐状态把过去带到了现在。",
    )
    report.figure("unrolled", unrolled_network(X.tolist(), [h.tolist() for h in hidden], [y.tolist() for y in outputs]))


LAB = Lab(
    name="srn-linear",
    chapter="srn",
    title=Text("The simple recurrent network by hand", "手算简单循环网络（SRN）"),
    claim=Text(
        "With all weights 1 and no activation, the hidden states are 2, 6, 16 and the outputs 4, 12, 32.",
        "权重全为 1、没有激活函数时，隐状态依次为 2、6、16，输出依次为 4、12、32。",
    ),
    source=Text(
        "Elman (1990); Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8 (1)",
        "Elman（1990）；邱锡鹏《神经网络与深度学习》6.1 节，作业8（1）",
    ),
    seconds=0.1,
    run=run,
)

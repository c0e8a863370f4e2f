"""The simple recurrent network by hand: two inputs, two hidden units, two outputs, every weight 1, no activation.

Two equations for each step t, without biases, from the state h_0 = 0:

    h_t = W x_t + U h_(t-1)        y_t = V h_t

The inputs are x_1 = (1, 1), x_2 = (1, 1) and x_3 = (2, 2). A second index is the number of a unit. Written out for
unit 1, where W_ij is the weight from input j to unit i, and U_ij that from unit j at the step before to unit i:

    h_{t,1} = W_11 x_{t,1} + W_12 x_{t,2} + U_11 h_{t-1,1} + U_12 h_{t-1,2}

Many solutions number the arrows of their figure instead, and write a for the state of the step before. The same
equation is then h_1 = w_1 x_1 + w_3 x_2 + u_2 a_1 + u_4 a_2; there the index of h, x and a is the unit, and not time.
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
        en="Two inputs, two hidden units, two outputs. The inputs of the three steps are x_1 = (1, 1), x_2 = (1, 1) "
        "and x_3 = (2, 2). The state begins at h_0 = (0, 0). Every weight is 1, and there is no bias. At each step, "
        "both hidden units receive both inputs and both states of the step before:",
        zh="网络有两个输入、两个隐藏单元、两个输出。三个时间步的输入是 x_1 = (1, 1)、x_2 = (1, 1)、x_3 = (2, 2)，"
        "隐状态的初值是 h_0 = (0, 0)。所有权重都是 1，没有偏置。每一步，两个隐藏单元都接收两个输入，"
        "以及上一步的两个隐状态：",
    )
    report.show("h_t = W x_t + U h_(t-1)        y_t = V h_t")
    report.say(
        en="The index t is time; a second index is the unit: h_{t,1} is unit 1 at step t. Unit 2 has the same numbers.",
        zh="下标 t 是时间步；第二个下标是单元的编号：h_{t,1} 是第 t 步的单元 1。单元 2 的数与它相同。",
    )
    for t, x in enumerate(X, start=1):
        a = h
        h = W @ x + U @ a
        y = V @ h
        report.show(
            f"t = {t}:  h_{{{t},1}} = 1·{x[0]:g} + 1·{x[1]:g} + 1·{a[0]:g} + 1·{a[1]:g} = {h[0]:g}"
            f"        y_{{{t},1}} = 1·{h[0]:g} + 1·{h[1]:g} = {y[0]:g}"
        )
        hidden.append(h)
        outputs.append(y)
    report.say(
        en="Slashes separate the time steps, commas the units of a step:",
        zh="下面的斜线隔开时间步，逗号隔开同一步的各个单元：",
    )
    report.equal("h", np.array(hidden), [[value, value] for value in EXPECTED_H])
    report.equal("y", np.array(outputs), [[value, value] for value in EXPECTED_Y])
    report.say(
        en="The last input is twice the first, the last output eight times: the state carries the past.",
        zh="最后一个输入是第一个的两倍，最后一个输出却是第一个的八倍：隐状态把过去带到了现在。",
    )
    report.say(
        en="The figure shows the network unrolled over time: one column for each step, from below inputs, hidden "
        "states and outputs. The orange arrows are U: they carry the state to the next step.",
        zh="图中是按时间展开的网络：每一步画成一列，从下到上是输入、隐状态、输出；橙色箭头是 U，把隐状态传给下一步。",
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
        "Elman (1990); Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8, exercise 1",
        "Elman（1990）；邱锡鹏《神经网络与深度学习》6.1 节，作业8 第 1 题",
    ),
    seconds=0.1,
    run=run,
)

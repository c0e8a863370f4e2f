"""Two mistakes that weights of 1 do not reveal: a transposed matrix, and one bias that becomes two.

    h_t = tanh(W x_t + U h_(t-1) + b)

With all weights 1, W and its transpose are equal, and no test can tell them apart. torch.nn.RNN has two biases, where
the formula has one. Distinct weights show both. The implementations are those of the lab srn-frameworks.
"""

from __future__ import annotations

import numpy as np

from elman.cells.activations import Array

from .lab import Lab, Report, Text
from .srn_frameworks import METHODS, ONES, by_cells, by_torch_rnn, parameters
from .srn_linear import X

W = np.array([[0.1, 0.2], [0.3, 0.4]])  # distinct weights: a transposed matrix gives other numbers
U = np.array([[0.5, -0.6], [0.7, 0.8]])
B = np.array([0.1, -0.2])


def by_hand(W: Array, U: Array, b: Array) -> Array:
    """Return the hidden states of the formula with one bias."""
    h, states = np.zeros(2), []
    for x in X:
        h = np.tanh(W @ x + U @ h + b)
        states.append(h)
    return np.array(states)


def run(report: Report) -> None:
    """Show both mistakes with weights of 1 and with distinct weights."""
    transposed_matrix(report)
    two_biases(report)


def transposed_matrix(report: Report) -> None:
    """Compare W and U with their transposes."""
    report.say(
        en="Mistake 1, a transposed matrix. With weights of 1, W and its transpose are equal, and no test can see it.",
        zh="错误一：矩阵转置。权重全为 1 时，W 与它的转置相同，检查不出错误。换成互不相同的权重，立刻看得出来。",
    )
    right = by_cells(parameters(W, U), "tanh")
    wrong = by_torch_rnn(parameters(W.T.copy(), U.T.copy()), "tanh")
    report.show(f"W = {W.tolist()}   U = {U.tolist()}")
    report.table(["t", "tanh(W x + U h)", "tanh(W^T x + U^T h)"], zip((1, 2, 3), right, wrong, strict=True))
    ones_wrong = by_torch_rnn(parameters(ONES.T.copy(), ONES.T.copy()), "tanh")
    report.equal(
        Text("|h - h transposed|, weights 1", "|h - h（转置）|，权重全为 1"),
        np.abs(by_cells(parameters(ONES, ONES), "tanh") - ones_wrong).max(),
        0.0,
    )
    report.at_least(
        Text("|h - h transposed|, distinct weights", "|h - h（转置）|，权重各不相同"), np.abs(right - wrong).max(), 0.1
    )


def two_biases(report: Report) -> None:
    """Compare the formula with torch's two biases, and count the weights."""
    import torch

    report.say(
        en="Mistake 2, two biases. The formula has one b, torch.nn.RNN adds bias_ih and bias_hh: set one of them to 0.",
        zh="错误二：两个偏置。公式里只有一个 b，torch.nn.RNN 却把 bias_ih 与 bias_hh 相加：其中一个应取 0。",
    )
    one_bias = by_hand(W, U, B)
    report.table(
        ["t", "tanh(W x + U h + b)", "bias_ih = b, bias_hh = 0", "bias_ih = bias_hh = b"],
        zip(
            (1, 2, 3),
            one_bias,
            by_torch_rnn(parameters(W, U, B), "tanh"),
            by_torch_rnn(parameters(W, U, B, B), "tanh"),
            strict=True,
        ),
    )
    for name, method in METHODS.items():
        report.at_most(
            Text(f"|h - formula|, {name}", f"|h - 公式|，{name}"),
            np.abs(method(parameters(W, U, B), "tanh") - one_bias).max(),
            1e-15,
        )
    report.at_least(
        Text("|h - formula|, b in both", "|h - 公式|，两个偏置都取 b"),
        np.abs(by_torch_rnn(parameters(W, U, B, B), "tanh") - one_bias).max(),
        0.05,
    )
    counts = [sum(p.numel() for p in torch.nn.RNN(2, 2, bias=bias).parameters()) for bias in (True, False)]
    report.equal(
        Text("weights of torch.nn.RNN(2, 2), with and without bias", "torch.nn.RNN(2, 2) 的参数个数，有偏置与无偏置"),
        counts,
        [12, 8],
    )


LAB = Lab(
    name="srn-mistakes",
    chapter="srn",
    title=Text("Two mistakes that weights of 1 hide", "权重全为 1 时看不出的两个错误：矩阵转置与两个偏置"),
    claim=Text(
        "With weights of 1 a transposed matrix changes nothing; distinct weights reveal it, and a bias used twice.",
        "权重全为 1 时，矩阵转置不改变结果；换成互不相同的权重，转置与重复的偏置都看得出来。",
    ),
    source=Text(
        "torch.nn.RNN; Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8, exercise 3",
        "torch.nn.RNN；邱锡鹏《神经网络与深度学习》6.1 节，作业8 第 3 题",
    ),
    seconds=1.0,
    run=run,
)

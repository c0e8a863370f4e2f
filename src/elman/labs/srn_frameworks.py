"""The same simple recurrent network in four implementations.

    h_t = f(W x_t + b + U h_(t-1) + c)        y_t = V h_t        f: tanh or relu

    torch.nn.RNNCell   one step; the caller writes the loop over time
    torch.nn.RNN       the whole sequence; returns all outputs and the last state
    elman.nn.RNN       the same interface, computed by the kernels of elman
    elman.cells        NumPy, float32 here as in torch

One source of this exercise builds the network by torch.nn.RNN with relu, although its own formula has tanh. Two more
mistakes, which weights of 1 do not reveal: the lab srn-mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from elman import cells
from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array
from elman.figures.unrolled import draw_unrolled

from . import srn_linear, srn_tanh
from .lab import Lab, Language, Report, Text
from .srn_linear import X

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED_H = {"tanh": srn_tanh.EXPECTED_H, "relu": srn_linear.EXPECTED_H}  # relu changes nothing: all sums are positive
EXPECTED_Y = {"tanh": srn_tanh.EXPECTED_Y, "relu": srn_linear.EXPECTED_Y}
EXPECTED_SHAPES = [[3, 1, 2], [1, 1, 2]]  # output (T, B, H) and h_n (layers, B, H)
FLOAT32 = 2.4e-7  # the distance between neighbouring float32 numbers near 2

ONES = np.ones((2, 2))


def parameters(W: Array, U: Array, b: Array | float = 0.0, c: Array | float = 0.0) -> LayerParameters:
    """Return the weights and both biases; a number stands for a bias with this number in both entries."""
    return LayerParameters(W, U, np.broadcast_to(b, 2).astype(W.dtype), np.broadcast_to(c, 2).astype(W.dtype))


def load(module: Any, p: LayerParameters) -> Any:
    """Return a torch module with these weights: weight_ih, weight_hh, bias_ih, bias_hh, in its own order."""
    import torch

    module = module.to(torch.from_numpy(p.W).dtype)
    for parameter, array in zip(module.parameters(), p.arrays().values(), strict=True):
        parameter.data.copy_(torch.from_numpy(array))
    return module


def by_rnn_cell(p: LayerParameters, f: str) -> Array:
    """Return the hidden states (T, H) of torch.nn.RNNCell, called once for each step."""
    import torch

    cell = load(torch.nn.RNNCell(2, 2, nonlinearity=f), p)
    h = torch.zeros(1, 2, dtype=cell.weight_ih.dtype)  # (B, H)
    states = []
    for x in torch.from_numpy(X.astype(p.W.dtype)):  # x: (I,)
        h = cell(x[None], h)
        states.append(h[0])
    return np.asarray(torch.stack(states).detach())


def by_torch_rnn(p: LayerParameters, f: str) -> Array:
    """Return the hidden states of torch.nn.RNN, called once for the whole sequence."""
    import torch

    return whole_sequence(load(torch.nn.RNN(2, 2, nonlinearity=f), p))[0][:, 0]


def by_elman_rnn(p: LayerParameters, f: str) -> Array:
    """Return the hidden states of elman.nn.RNN."""
    import elman.nn

    return whole_sequence(load(elman.nn.RNN(2, 2, nonlinearity=f), p))[0][:, 0]


def by_cells(p: LayerParameters, f: str) -> Array:
    """Return the hidden states of elman.cells."""
    outputs, _ = unroll.run(cells.create("elman", f), [[p]], X[None].astype(p.W.dtype))  # (B, T, H)
    return np.asarray(outputs[0])


def whole_sequence(layer: Any) -> tuple[Array, Array]:
    """Return output (T, B, H) and h_n (layers, B, H) of a layer."""
    import torch

    output, h_n = layer(torch.from_numpy(X[:, None]).to(layer.weight_ih_l0.dtype))  # the input is (T, B, I)
    return np.asarray(output.detach()), np.asarray(h_n.detach())


METHODS: dict[str, Callable[[LayerParameters, str], Array]] = {
    "torch.nn.RNNCell": by_rnn_cell,
    "torch.nn.RNN": by_torch_rnn,
    "elman.nn.RNN": by_elman_rnn,
    "elman.cells": by_cells,
}


def run(report: Report) -> None:
    """Compare the implementations with all weights 1."""
    import torch

    report.say(
        en="torch.nn.RNNCell computes one step: you write the loop over time. torch.nn.RNN reads the whole sequence "
        "and returns output, the states of all steps, and h_n, the last state, so output[-1] = h_n[0]. Both compute "
        "only the states, and you compute y_t = V h_t. Both use tanh by default; nonlinearity='relu' changes that.",
        zh="torch.nn.RNNCell 只算一个时间步，沿时间的循环要自己写。torch.nn.RNN 一次读入整个序列，返回 output"
        "（每一步的隐状态）和 h_n（最后一步的隐状态），所以 output[-1] 等于 h_n[0]。两者都只算隐状态，输出 y_t = V h_t "
        "要另外计算。激活函数默认是 tanh，参数 nonlinearity='relu' 可以改成 relu。",
    )
    report.say(
        en="All weights are 1, without biases, and the inputs are those of the lab srn-linear. The table shows unit 1; "
        "unit 2 has the same numbers.",
        zh="权重全为 1，没有偏置，输入同实验 srn-linear。表中是单元 1，单元 2 的数与它相同。",
    )
    report.say(
        en="Here all numbers are float32, which has about 7 significant digits, while the expected numbers are "
        "float64. So 0.9640275836 and 0.9640275801 are the same number in float32; a difference of up to 6e-8, the "
        "distance of neighbouring float32 numbers just below 1, is allowed.",
        zh="这里都用单精度（float32），约有 7 位有效数字；期望值是用双精度算的。所以 0.9640275836 与 0.9640275801 "
        "在单精度下是同一个数。允许的误差是 6e-8，即略小于 1 的地方相邻两个单精度数的间隔。",
    )
    ones = parameters(ONES.astype(np.float32), ONES.astype(np.float32))
    hidden = {}
    for f in ("tanh", "relu"):
        states = {name: method(ones, f) for name, method in METHODS.items()}
        header = [f"f = {f}", *(f"{kind}_{{{t},1}}" for kind in "hy" for t in (1, 2, 3))]
        report.table(header, [(name, *h[:, 0], *(h @ ONES)[:, 0]) for name, h in states.items()])
        for name, h in states.items():
            report.equal(
                Text(f"h, {f}, {name}", f"h，{f}，{name}"),
                h,
                np.outer(EXPECTED_H[f], [1, 1]),
                within=0.0 if f == "relu" else 6e-8,
            )
        y = np.array([h @ ONES for h in states.values()])
        expected_y = np.broadcast_to(np.outer(EXPECTED_Y[f], [1, 1]), y.shape)
        report.at_most(
            Text(f"y, {f}, |error|", f"y，{f}，|误差|"),
            float(np.abs(y - expected_y).max()),
            0.0 if f == "relu" else FLOAT32,
        )
        hidden[f] = states["torch.nn.RNN"]
    report.say(
        en="relu(a) is max(a, 0). Here all sums are positive, so relu leaves them unchanged: it gives 2, 6, 16, the "
        "numbers without activation, and not those of tanh.",
        zh="relu(a) 就是 max(a, 0)。这里的加权和都是正数，relu 不改变它们，所以得到 2、6、16，与没有激活函数时相同，"
        "而不是 tanh 的结果。",
    )
    output, h_n = whole_sequence(load(torch.nn.RNN(2, 2), ones))
    report.equal(Text("shape: output, h_n", "形状：output 与 h_n"), [output.shape, h_n.shape], EXPECTED_SHAPES)
    report.equal("output[-1] = h_n[0]", output[-1], h_n[0])

    def draw(figure: Figure, language: Language) -> None:
        figure.set_size_inches(6.4, 7.0)
        for axes, (f, h) in zip(figure.subplots(2), hidden.items(), strict=True):
            draw_unrolled(axes, X.tolist(), h.tolist(), (h @ ONES).tolist(), language)
            title = Text(f"f = {f}: the same in all four implementations", f"f = {f}：四种实现的结果都相同")
            axes.set_title(title.in_language(language))

    report.figure("unrolled", draw)


LAB = Lab(
    name="srn-frameworks",
    chapter="srn",
    title=Text("The same network in four implementations", "同一个网络的四种实现"),
    claim=Text(
        "torch.nn.RNNCell, torch.nn.RNN, elman.nn.RNN and elman.cells compute the same states and outputs.",
        "torch.nn.RNNCell、torch.nn.RNN、elman.nn.RNN 与 elman.cells 算出的隐状态和输出都相同。",
    ),
    source=Text(
        "Elman (1990); torch.nn.RNN; Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8, exercise 3",
        "Elman（1990）；torch.nn.RNN；邱锡鹏《神经网络与深度学习》6.1 节，作业8 第 3 题",
    ),
    seconds=1.2,
    run=run,
)

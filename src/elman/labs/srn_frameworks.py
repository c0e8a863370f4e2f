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
from typing import Any

import numpy as np

from elman import cells
from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array

from . import srn_linear, srn_tanh
from .lab import Lab, Report, Text
from .srn_linear import X

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
        en="All weights 1, no bias, float32. Both units are equal; the table shows the first one, and y_t = V h_t.",
        zh="权重全为 1，没有偏置，单精度。两个隐藏单元的值相同，表中列出第一个，以及 y_t = V h_t。",
    )
    ones = parameters(ONES.astype(np.float32), ONES.astype(np.float32))
    for f in ("tanh", "relu"):
        states = {name: method(ones, f) for name, method in METHODS.items()}
        header = [f"f = {f}", *(f"{kind}_{t}" for kind in "hy" for t in (1, 2, 3))]
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
    report.say(
        en="relu gives the numbers without activation, not those of tanh. torch.nn.RNN uses tanh by default.",
        zh="用 relu 得到的是没有激活函数时的结果，不是 tanh 的结果。torch.nn.RNN 默认使用 tanh。",
    )
    output, h_n = whole_sequence(load(torch.nn.RNN(2, 2), ones))
    report.equal(Text("shape: output, h_n", "形状：output 与 h_n"), [output.shape, h_n.shape], EXPECTED_SHAPES)
    report.equal("output[-1] = h_n[0]", output[-1], h_n[0])


LAB = Lab(
    name="srn-frameworks",
    chapter="srn",
    title=Text("The same network in four implementations", "同一个网络的四种实现"),
    claim=Text(
        "torch.nn.RNNCell, torch.nn.RNN, elman.nn.RNN and elman.cells compute the same states and outputs.",
        "torch.nn.RNNCell、torch.nn.RNN、elman.nn.RNN 与 elman.cells 算出的隐状态和输出都相同。",
    ),
    source=Text(
        "Elman (1990); torch.nn.RNN; Qiu, Neural Networks and Deep Learning, section 6.1, assignment 8",
        "Elman（1990）；torch.nn.RNN；邱锡鹏《神经网络与深度学习》6.1 节，作业8",
    ),
    seconds=1.2,
    run=run,
)

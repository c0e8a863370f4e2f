"""What the gates of LSTM and GRU do to the gradient: NNDL, exercises 6-4 and 6-5.

The Jacobian of one step says what the gradient is multiplied by at this step. D(v) is the diagonal matrix of v.

    6-4  LSTM                          dc'/dc = D(f)
                                       dc'/dh = D(g i(1-i)) U_i + D(c f(1-f)) U_f + D(i (1-g^2)) U_g
                                       dh'/dc = D(o (1-m^2)) dc'/dc            m = tanh(c')
                                       dh'/dh = D(o (1-m^2)) dc'/dh + D(m o(1-o)) U_o

    6-5  GRU                           dh'/dh = D(z) + D((h-n) z(1-z)) U_z
                                                + D((1-z)(1-n^2)) (D(r) U_n + D(u_n r(1-r)) U_r)

The gradient over k steps is the product of k Jacobians, here from the equations above, and measured by elman.cells.
The exercises also ask for the gradients of the weights: bptt-lstm-gru. Exercise 6-3: residual.
"""

from __future__ import annotations

import numpy as np

from elman import cells
from elman.cells import LayerParameters
from elman.cells.activations import Array, sigmoid

from . import pictures
from .jacobians import Cells, compare
from .lab import Lab, Report, Text

PARTS = ("norm", "direct part")
# The claims of each exercise, all for k = 50: cell, part, smallest or largest over the seeds, bound.
CLAIMS = {
    "6-4": [
        ("LSTM, b_f = 0", "norm", "largest", 1e-6),
        ("LSTM, b_f = 3", "direct part", "smallest", 0.05),
        ("LSTM, b_f = 3", "norm", "smallest", 1.0),
    ],
    "6-5": [
        ("GRU, b_z = 0", "norm", "largest", 1e-6),
        ("GRU, b_z = 3", "norm", "smallest", 0.1),
        ("GRU, b_z = 3", "norm", "largest", 1.0),
    ],
}
WHY = {
    "6-4": Text(
        "the forget gate decides. Near 1 it keeps the gradient. The paths through U_i, U_f and U_g are added,\n"
        "so the norm exceeds 1: an LSTM can still explode, and is trained with clipping.",
        "遗忘门起决定作用，接近 1 时梯度得以保留。经过 U_i、U_f、U_g 的路径还会叠加，范数因此超过 1：\n"
        "LSTM 仍可能梯度爆炸，训练时要用梯度裁剪。",
    ),
    "6-5": Text(
        "z near 1 keeps the gradient, and 1 - z makes the other paths small at the same time.",
        "z 接近 1 时梯度得以保留，同时 1 - z 使其他路径变小。",
    ),
}


def lstm_jacobian(p: LayerParameters, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """Return d(h', c')/d(h, c), and the direct part of dc'/dc."""
    D = np.diag
    s_i, s_f, s_g, s_o = np.split(p.W @ x + np.asarray(p.b_ih) + p.U @ h, 4)
    U_i, U_f, U_g, U_o = np.split(p.U, 4)
    i, f, g, o = sigmoid(s_i), sigmoid(s_f), np.tanh(s_g), sigmoid(s_o)
    m = np.tanh(f * c + i * g)
    dc_dc = D(f)
    dc_dh = D(g * i * (1 - i)) @ U_i + D(c * f * (1 - f)) @ U_f + D(i * (1 - g**2)) @ U_g
    dh_dc = D(o * (1 - m**2)) @ dc_dc
    dh_dh = D(o * (1 - m**2)) @ dc_dh + D(m * o * (1 - o)) @ U_o
    return np.block([[dh_dh, dh_dc], [dc_dh, dc_dc]]), dc_dc


def gru_jacobian(p: LayerParameters, x: Array, h: Array) -> tuple[Array, Array]:
    """Return dh'/dh and its direct part D(z)."""
    D = np.diag
    a_r, a_z, a_n = np.split(p.W @ x + np.asarray(p.b_ih), 3)
    U_r, U_z, U_n = np.split(p.U, 3)
    r, z, u_n = sigmoid(a_r + U_r @ h), sigmoid(a_z + U_z @ h), U_n @ h
    n = np.tanh(a_n + r * u_n)
    through_n = D((1 - z) * (1 - n**2)) @ (D(r) @ U_n + D(u_n * r * (1 - r)) @ U_r)
    return D(z) + D((h - n) * z * (1 - z)) @ U_z + through_n, D(z)


CELLS: Cells = {
    "LSTM, b_f = 0": (cells.create("lstm"), lstm_jacobian, 0.0),
    "LSTM, b_f = 3": (cells.create("lstm"), lstm_jacobian, 3.0),
    "GRU, b_z = 0": (cells.create("gru"), gru_jacobian, 0.0),
    "GRU, b_z = 3": (cells.create("gru"), gru_jacobian, 3.0),
}


def run(report: Report) -> None:
    """Compare the Jacobians with what is measured, then show the norms."""
    norms = compare(report, CELLS)
    last = {name: values[:, :, -1] for name, values in norms.items()}  # k = 50: (full or direct, seeds)
    for exercise, claims in CLAIMS.items():
        for name, part, bound, expected in claims:
            values = last[name][PARTS.index(part)]
            if bound == "smallest":
                report.at_least(describe(exercise, name, part, bound), values.min(), expected)
            else:
                report.at_most(describe(exercise, name, part, bound), values.max(), expected)
        report.say(en=f"{exercise}: {WHY[exercise].en}", zh=f"{exercise}：{WHY[exercise].zh}")
    report.figure("norms", pictures.norms_of_products(norms))


def describe(exercise: str, name: str, part: str, bound: str) -> Text:
    """Return the name of a claim."""
    part_zh, bound_zh = (
        {"norm": "范数", "direct part": "直接通路"}[part],
        {"smallest": "最小", "largest": "最大"}[bound],
    )
    return Text(f"{exercise}: {name}, {bound} {part}, k = 50", f"{exercise}：{name}，{part_zh}的{bound_zh}值，k = 50")


LAB = Lab(
    name="gates-gradient",
    chapter="bptt",
    title=Text("What gates do to the gradient", "门控机制与梯度"),
    claim=Text(
        "LSTM and GRU keep the gradient if f or z is near 1; the Jacobians equal what is measured.",
        "f 或 z 接近 1 时，LSTM 与 GRU 保留梯度；推导的雅可比矩阵与实测一致。",
    ),
    source=Text(
        "Qiu, Neural Networks and Deep Learning, exercises 6-4, 6-5; Gers et al. (2000); assignment 10",
        "邱锡鹏《神经网络与深度学习》习题 6-4、6-5；Gers 等（2000）；作业10",
    ),
    seconds=1.6,
    run=run,
)

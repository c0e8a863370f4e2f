"""Backpropagation through time by hand, line by line, for the LSTM and the GRU; bptt explains the method.

    a_t = W x_t + b_ih        u_t = U h_(t-1) + b_hh        y_t = V h_t        L = sum over t of (y_t - target_t)^2 / 2

The functions below hold the equations of the cells. Gates are stacked in the order of torch: i, f, g, o and r, z, n.
The GRU applies r after the product U_n h, as torch does.

Symbols as in bptt; sigma is the sigmoid; [p; q] stacks vectors; m_t = tanh(c_t).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.cells.activations import Array, sigmoid

from .bptt import derive
from .derivation import HandWritten, Values
from .lab import Lab, Report, Text


def lstm(*, a: Array, u: Array, c_prev: Array, **_: Any) -> Values:
    """Compute gates, memory and state."""
    s_i, s_f, s_g, s_o = np.split(a + u, 4)
    i = sigmoid(s_i)  # i_t = sigma(a_i + u_i)
    f = sigmoid(s_f)  # f_t = sigma(a_f + u_f)
    g = np.tanh(s_g)  # g_t = tanh(a_g + u_g)
    o = sigmoid(s_o)  # o_t = sigma(a_o + u_o)
    c = f * c_prev + i * g  # c_t = f_t * c_(t-1) + i_t * g_t
    m = np.tanh(c)  # m_t = tanh(c_t)
    h = o * m  # h_t = o_t * m_t
    return locals()


def lstm_backward(
    *, U: Array, i: Array, f: Array, g: Array, o: Array, c_prev: Array, m: Array, d_h: Array, d_c_next: Array, **_: Any
) -> Values:
    """Go back through the cell, from d_h and the memory of step t+1."""
    d_o = d_h * m * o * (1 - o)  # dL/da_o = dL/dh_t * m_t * o_t (1 - o_t)
    d_c = d_c_next + d_h * o * (1 - m**2)  # dL/dc_t = d_c_next + dL/dh_t * o_t * (1 - m_t^2)
    d_i = d_c * g * i * (1 - i)  # dL/da_i = dL/dc_t * g_t * i_t (1 - i_t)
    d_f = d_c * c_prev * f * (1 - f)  # dL/da_f = dL/dc_t * c_(t-1) * f_t (1 - f_t)
    d_g = d_c * i * (1 - g**2)  # dL/da_g = dL/dc_t * i_t * (1 - g_t^2)
    d_c_prev = d_c * f  # d_c_prev = dL/dc_t * f_t
    d_a = np.concatenate([d_i, d_f, d_g, d_o])  # dL/da_t = [dL/da_i; dL/da_f; dL/da_g; dL/da_o]
    d_u = d_a  # dL/du_t = dL/da_t
    d_h_prev = U.T @ d_u  # d_h_prev = U^T dL/du_t
    return locals()


def gru(*, a: Array, u: Array, h_prev: Array, **_: Any) -> Values:
    """Compute gates and state."""
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3), np.split(u, 3)
    r = sigmoid(a_r + u_r)  # r_t = sigma(a_r + u_r)
    z = sigmoid(a_z + u_z)  # z_t = sigma(a_z + u_z)
    n = np.tanh(a_n + r * u_n)  # n_t = tanh(a_n + r_t * u_n)
    h = (1 - z) * n + z * h_prev  # h_t = (1 - z_t) * n_t + z_t * h_(t-1)
    return locals()


def gru_backward(*, U: Array, r: Array, z: Array, n: Array, u_n: Array, h_prev: Array, d_h: Array, **_: Any) -> Values:
    """Go back through the cell."""
    d_n = d_h * (1 - z) * (1 - n**2)  # dL/da_n = dL/dh_t * (1 - z_t) * (1 - n_t^2)
    d_z = d_h * (h_prev - n) * z * (1 - z)  # dL/da_z = dL/dh_t * (h_(t-1) - n_t) * z_t (1 - z_t)
    d_r = d_n * u_n * r * (1 - r)  # dL/da_r = dL/da_n * u_n * r_t (1 - r_t)
    d_a = np.concatenate([d_r, d_z, d_n])  # dL/da_t = [dL/da_r; dL/da_z; dL/da_n]
    d_u = np.concatenate([d_r, d_z, d_n * r])  # dL/du_t = [dL/da_r; dL/da_z; dL/da_n * r_t]
    d_h_prev = d_h * z + U.T @ d_u  # d_h_prev = dL/dh_t * z_t + U^T dL/du_t
    return locals()


CELLS = {
    "LSTM": HandWritten(lstm, lstm_backward, 4, "lstm", "LSTM"),
    "GRU": HandWritten(gru, gru_backward, 3, "gru", "GRU"),
}


def run(report: Report) -> None:
    """Derive both cells."""
    for title, cell in CELLS.items():
        derive(report, title, cell)
        report.say(en="", zh="")


LAB = Lab(
    name="bptt-lstm-gru",
    chapter="bptt",
    title=Text("Backpropagation through time by hand: LSTM and GRU", "手推 LSTM 与 GRU 的随时间反向传播"),
    claim=Text(
        "The gradients of LSTM and GRU, derived by hand, equal those of finite differences, elman.cells and torch.",
        "手推的 LSTM 与 GRU 梯度，与有限差分、elman.cells 和 torch 的结果一致。",
    ),
    source=Text(
        "Hochreiter and Schmidhuber (1997); Cho et al. (2014); Qiu, section 6.6, exercise 6-2P; "
        "assignment 9, exercise 2",
        "Hochreiter 与 Schmidhuber（1997）；Cho 等（2014）；邱锡鹏《神经网络与深度学习》6.6 节，习题 6-2P；"
        "作业9 第 2 题",
    ),
    seconds=1.2,
    run=run,
)

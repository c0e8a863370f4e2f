"""Vanishing and exploding gradients: the norm of dL_t/dh_(t-k) by the lag k.

    linear    h_t = W x_t + U h_(t-1)         dL_t/dh_(t-k) = (U^T)^k dL_t/dh_t
    tanh      h_t = tanh(W x_t + U h_(t-1))   each step back: U^T (1 - h_t^2) *
    GRU       h_t = (1 - z_t) * n_t + z_t * h_(t-1)
    LSTM      c_t = f_t * c_(t-1) + i_t * g_t, h_t = o_t * tanh(c_t)

rho is the spectral radius of U, its largest |eigenvalue|. GRU and LSTM have the usual small initial weights, once with
biases 0 and once with the bias 3 of z (GRU) or f (LSTM), so that this gate is near sigma(3) = 0.95.
What clipping changes: the lab clipping.
"""

from __future__ import annotations

import numpy as np

from elman import cells
from elman.cells import LayerParameters, unroll
from elman.cells.activations import Array
from elman.cells.gradcheck import relative_error
from elman.figures.sequences import norms_by_lag

from .lab import Lab, Report, Text
from .pictures import geometric_mean, mathematical_name

H = 32
INPUTS = 2
LAGS = 60
SHOWN = (0, 1, 10, 30, 60)
SEEDS = 10
CELLS = {  # name: cell of elman.cells, activation, gates, spectral radius of U (None: as drawn), open gate and its bias
    "identity, rho = 1.1": ("elman", "identity", 1, 1.1, None),
    "identity, rho = 0.9": ("elman", "identity", 1, 0.9, None),
    "tanh, rho = 1.1": ("elman", "tanh", 1, 1.1, None),
    "GRU, b = 0": ("gru", "", 3, None, None),
    "LSTM, b = 0": ("lstm", "", 4, None, None),
    "GRU, b_z = 3": ("gru", "", 3, None, 1),
    "LSTM, b_f = 3": ("lstm", "", 4, None, 1),
}


def random_layer(rng: np.random.Generator, gates: int, radius: float | None, open_gate: int | None) -> LayerParameters:
    """Return weights between -1/sqrt(H) and 1/sqrt(H) and zero biases, but 3 for the gate that starts open."""
    W = rng.uniform(-1, 1, (gates * H, INPUTS)) / np.sqrt(H)
    U = rng.uniform(-1, 1, (gates * H, H)) / np.sqrt(H)
    if radius is not None:
        U *= radius / np.abs(np.linalg.eigvals(U)).max()
    b = np.zeros((gates, H))
    if open_gate is not None:
        b[open_gate] = 3.0
    return LayerParameters(W, U, b.ravel(), np.zeros(gates * H))


def gradients_by_lag(cell: cells.Cell, layer: LayerParameters, x: Array, v: Array) -> Array:
    """Return dL_t/dh_(t-k) for k = 0 ... LAGS, where L_t = v . h_t at the last step t: one step back at a time."""
    state, tapes = unroll.zero_state(cell, [[layer]], 1), []
    for t in range(len(x)):
        _, state, tape = unroll.forward(cell, [[layer]], x[None, t : t + 1], state)
        tapes.append(tape)
    d_state: unroll.StackState = (((v[None], *(np.zeros((1, H)) for _ in cell.states[1:])),),)
    gradients = [v]
    for tape in reversed(tapes):
        d_state = unroll.backward(tape, np.zeros((1, 1, H)), d_state).state
        gradients.append(d_state[0][0][0][0])
    return np.array(gradients)


def measure(seeds: range) -> tuple[dict[str, Array], float, float]:
    """Return the norms (seeds, lags) of each cell, and the relative error of the linear cells.

    The error is against the powers of U^T; the last number is the smallest error against a power of U, a mistake.
    """
    norms: dict[str, Array] = {name: np.empty((len(seeds), LAGS + 1)) for name in CELLS}
    analytic_errors, transposed_errors = [], []
    for row, seed in enumerate(seeds):
        for name, (cell_name, activation, gates, radius, open_gate) in CELLS.items():
            rng = np.random.default_rng(seed)
            v = rng.normal(size=H)
            v /= np.linalg.norm(v)
            x = rng.normal(size=(LAGS, INPUTS))
            layer = random_layer(rng, gates, radius, open_gate)
            gradients = gradients_by_lag(cells.create(cell_name, activation), layer, x, v)
            norms[name][row] = np.linalg.norm(gradients, axis=1)
            if activation == "identity":
                for k, gradient in enumerate(gradients):
                    analytic_errors.append(relative_error(gradient, np.linalg.matrix_power(layer.U.T, k) @ v))
                transposed_errors.append(relative_error(gradients[-1], np.linalg.matrix_power(layer.U, LAGS) @ v))
    return norms, max(analytic_errors), min(transposed_errors)


def run(report: Report) -> None:
    """Measure the gradients by lag."""
    seeds = report.seeds(SEEDS)
    norms, analytic_error, transposed_error = measure(seeds)
    report.say(
        en=f"Norm of dL_t/dh_(t-k): geometric mean over {len(seeds)} seeds (and geometric deviation).",
        zh=f"dL_t/dh_(t-k) 的范数：{len(seeds)} 个随机种子的几何平均（括号内为几何标准差）。",
    )
    rows = []
    for name, values in norms.items():
        logs = np.log(values[:, SHOWN])
        pairs = zip(np.exp(logs.mean(axis=0)), np.exp(logs.std(axis=0)), strict=True)
        rows.append((name, *(f"{mean:.1e} ({factor:.1f})" for mean, factor in pairs)))
    report.table(["", *(f"k = {k}" for k in SHOWN)], rows)
    report.at_most(
        Text("identity: relative error against (U^T)^k v, all lags", "恒等：与 (U^T)^k v 的相对误差，所有步数"),
        analytic_error,
        1e-11,
    )
    report.at_least(
        Text("identity: relative error against U^k v, k = 60", "恒等：与 U^k v 的相对误差，k = 60"),
        transposed_error,
        0.1,
    )
    for radius in (1.1, 0.9):
        values = norms[f"identity, rho = {radius}"]
        rate = float(np.exp(np.log(values[:, 60] / values[:, 30]).mean() / 30))
        report.equal(
            Text(
                f"identity, rho = {radius}: factor per step, k = 30 to 60",
                f"恒等，rho = {radius}：每步的倍数，k = 30 到 60",
            ),
            rate,
            radius,
            within=0.03,
        )
    ratio = norms["tanh, rho = 1.1"][:, -1] / norms["identity, rho = 1.1"][:, -1]
    report.at_most(
        Text("tanh / identity with the same U, k = 60, largest ratio", "同一个 U 下 tanh 与恒等之比，k = 60，最大值"),
        ratio.max(),
        0.1,
    )
    gates = {bias: np.array([norms[name][:, -1] for name in norms if bias in name]) for bias in ("b = 0", "= 3")}
    report.at_most(
        Text("GRU and LSTM, b = 0, k = 60, largest norm", "GRU 与 LSTM，b = 0，k = 60，最大范数"),
        gates["b = 0"].max(),
        1e-9,
    )
    report.at_least(
        Text("GRU and LSTM, b_z or b_f = 3, k = 60, smallest norm", "GRU 与 LSTM，b_z 或 b_f = 3，k = 60，最小范数"),
        gates["= 3"].min(),
        1e-2,
    )
    report.say(
        en="tanh' is at most 1, so tanh shrinks the gradient. Gates alone do not keep it: with bias 0, f and z are\n"
        "near 0.5 and about halve it at each step. Gates near 1 let it through. In the LSTM it grows after k = 10.",
        zh="tanh 的导数不超过 1，所以 tanh 使梯度变小。光有门还不够：偏置为 0 时，f 与 z 约为 0.5，\n"
        "梯度每一步大约减半。门接近 1 时，梯度才能通过。LSTM 的梯度在 k = 10 之后甚至增大。",
    )
    names = {name: mathematical_name(name) for name in norms}
    report.figure("by-lag", norms_by_lag({Text(names[k], names[k]): geometric_mean(v) for k, v in norms.items()}))


LAB = Lab(
    name="gradients",
    chapter="bptt",
    title=Text("Vanishing and exploding gradients", "梯度消失与梯度爆炸"),
    claim=Text(
        "The gradient of a linear RNN over k steps is a power of U^T. tanh shrinks it, gates near 1 keep it.",
        "线性循环网络经过 k 步的梯度等于 U^T 的幂；tanh 使它变小，接近 1 的门保留它。",
    ),
    source=Text(
        "Bengio et al. (1994); Pascanu et al. (2013); Qiu, section 6.5, exercise 6-3; assignment 10",
        "Bengio 等（1994）；Pascanu 等（2013）；邱锡鹏《神经网络与深度学习》6.5 节，习题 6-3；作业10",
    ),
    seconds=1.5,
    run=run,
)

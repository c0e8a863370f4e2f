"""Why a residual recurrent network explodes, and what the gates of LSTM and GRU do to the gradient: NNDL 6-3 to 6-5.

The Jacobian of one step says what the gradient is multiplied by at this step. D(v) is the diagonal matrix of v.

    6-3  h' = h + tanh(W x + U h)      dh'/dh = 1 + D(1 - n^2) U               n = tanh(W x + U h)

    6-4  LSTM                          dc'/dc = D(f)
                                       dc'/dh = D(g i(1-i)) U_i + D(c f(1-f)) U_f + D(i (1-g^2)) U_g
                                       dh'/dc = D(o (1-m^2)) dc'/dc            m = tanh(c')
                                       dh'/dh = D(o (1-m^2)) dc'/dh + D(m o(1-o)) U_o

    6-5  GRU                           dh'/dh = D(z) + D((h-n) z(1-z)) U_z
                                                + D((1-z)(1-n^2)) (D(r) U_n + D(u_n r(1-r)) U_r)

The gradient over k steps is the product of k Jacobians, here from the equations above, and measured by elman.cells.
The exercises also ask for the gradients of the weights: bptt-lstm-gru.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from elman import cells
from elman.cells import LayerParameters, gradcheck, unroll
from elman.cells.activations import Array, sigmoid
from elman.cells.cell import State

from .lab import Lab, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .lab import Language

H = 16
STEPS = 50
SHOWN = (1, 10, 25, 50)
SHOWN_AT = np.subtract(SHOWN, 1)  # their places in an array of k = 1 ... STEPS
SEEDS = 10


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


CELLS: dict[str, tuple[Any, Any, float | None]] = {  # name: cell, Jacobian, bias of the gate that keeps the state
    "h + g(h)": (Residual(), residual_jacobian, None),
    "LSTM, b_f = 0": (cells.create("lstm"), lstm_jacobian, 0.0),
    "LSTM, b_f = 3": (cells.create("lstm"), lstm_jacobian, 3.0),
    "GRU, b_z = 0": (cells.create("gru"), gru_jacobian, 0.0),
    "GRU, b_z = 3": (cells.create("gru"), gru_jacobian, 3.0),
}


def random_layer(rng: np.random.Generator, gates: int, bias: float | None) -> LayerParameters:
    """Return weights between -1/sqrt(H) and 1/sqrt(H), and biases of 0 but for the second gate: f or z."""
    W, U = (rng.uniform(-1, 1, (gates * H, size)) / np.sqrt(H) for size in (2, H))
    b = np.zeros((gates, H))
    if bias is not None:
        b[1] = bias
    return LayerParameters(W, U, b.ravel(), np.zeros(gates * H))


def analytic(cell: Any, jacobian: Any, p: LayerParameters, x: Array) -> tuple[list[Array], list[Array]]:
    """Return the products of the first k Jacobians, and of their direct parts, for k = 1 ... STEPS."""
    state: unroll.StackState = unroll.zero_state(cell, [[p]], 1)
    full: list[Array] = [np.eye(H * len(cell.states))]
    direct: list[Array] = [np.eye(H)]
    for t in range(len(x)):
        J, D = jacobian(p, x[t], *(s[0] for s in state[0][0]))
        full.append(J @ full[-1])
        direct.append(D @ direct[-1])
        _, state = unroll.run(cell, [[p]], x[None, t : t + 1], state)
    return full[1:], direct[1:]


def by_backward(cell: Any, p: LayerParameters, x: Array) -> Array:
    """Return the Jacobian of the last state by elman.cells: one row of the batch for each entry of the last state."""
    size = H * len(cell.states)
    _, _, tape = unroll.forward(cell, [[p]], np.repeat(x[None], size, axis=0))
    d_state = tuple(np.split(np.eye(size), len(cell.states), axis=1))
    return np.concatenate(unroll.backward(tape, np.zeros((size, len(x), H)), ((d_state,),)).state[0][0], axis=1)


def by_differences(cell: Any, p: LayerParameters, x: Array, epsilon: float = 1e-5) -> Array:
    """Return the same by finite differences: one row of the batch for each changed entry of the first state."""
    size = H * len(cell.states)
    ends = []
    for sign in (1.0, -1.0):
        start = tuple(np.split(sign * epsilon * np.eye(size), len(cell.states), axis=1))
        _, state = unroll.run(cell, [[p]], np.repeat(x[None], size, axis=0), ((start,),))
        ends.append(np.concatenate(state[0][0], axis=1))
    return np.asarray((ends[0] - ends[1]).T / (2 * epsilon))


def run(report: Report) -> None:
    """Compare the Jacobians with what is measured, then show the norms."""
    seeds, error = report.seeds(SEEDS), gradcheck.relative_error
    norms: dict[str, Array] = {name: np.empty((2, len(seeds), STEPS)) for name in CELLS}  # full, and direct part
    for name, (cell, jacobian, bias) in CELLS.items():
        backward_errors, difference_errors = [], []
        for row, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            p = random_layer(rng, cell.gates, bias)
            x = rng.normal(size=(STEPS, 2))
            full, direct = analytic(cell, jacobian, p, x)
            norms[name][:, row] = [np.linalg.norm(product, 2, axis=(1, 2)) for product in (full, direct)]
            backward_errors += [error(full[k - 1], by_backward(cell, p, x[:k])) for k in SHOWN]
            # for larger k, the gradient of a closed gate is too small for finite differences
            difference_errors += [error(full[k - 1], by_differences(cell, p, x[:k])) for k in (1, 10)]
        report.at_most(
            Text(f"{name}: relative error against elman.cells", f"{name}：与 elman.cells 的相对误差"),
            max(backward_errors),
            1e-12,
        )
        report.at_most(
            Text(f"{name}: against finite differences, k = 1, 10", f"{name}：与有限差分的相对误差，k = 1、10"),
            max(difference_errors),
            1e-8,
        )
    report.say(
        en=f"\nThe norm (largest singular value) of the gradient over k steps, geometric mean of {len(seeds)} seeds.\n"
        "The last columns are for k = 50; the direct part goes straight from state to state, by factors of 1, f or z.",
        zh=f"\nk 步梯度的范数（最大奇异值）：{len(seeds)} 个随机种子的几何平均。\n"
        "后三列对应 k = 50；直接部分是从状态直接传到状态的部分，即 1、f 或 z 的连乘。",
    )
    report.table(
        [
            "",
            *(f"k = {k}" for k in SHOWN),
            Text("smallest", "最小"),
            Text("largest", "最大"),
            Text("direct part", "直接部分"),
        ],
        [
            (name, *geometric_mean(full)[SHOWN_AT], full[:, -1].min(), full[:, -1].max(), geometric_mean(direct)[-1])
            for name, (full, direct) in norms.items()
        ],
    )
    last = {name: values[:, :, -1] for name, values in norms.items()}  # k = 50: (full or direct, seeds)
    report.at_least(
        Text("6-3: h + g(h), smallest norm, k = 50", "6-3：h + g(h)，最小范数，k = 50"), last["h + g(h)"][0].min(), 50.0
    )
    report.say(
        en="6-3: every step multiplies by 1 + D U. The 1 passes the gradient on, D U is added at each step, and no\n"
        "factor makes it smaller. The GRU has such factors: z and 1 - z in place of 1 and 1.",
        zh="6-3：每一步乘以 1 + D U。其中的 1 原样传递梯度，每一步又加上 D U，没有任何因子使它变小。\n"
        "解决方法：像 GRU 那样，用 z 与 1 - z 代替两个系数 1。",
    )
    report.at_most(
        Text("6-4: LSTM, b_f = 0, largest norm, k = 50", "6-4：LSTM，b_f = 0，最大范数，k = 50"),
        last["LSTM, b_f = 0"][0].max(),
        1e-6,
    )
    report.at_least(
        Text("6-4: LSTM, b_f = 3, smallest direct part, k = 50", "6-4：LSTM，b_f = 3，直接通路的最小值，k = 50"),
        last["LSTM, b_f = 3"][1].min(),
        0.05,
    )
    report.at_least(
        Text("6-4: LSTM, b_f = 3, smallest norm, k = 50", "6-4：LSTM，b_f = 3，最小范数，k = 50"),
        last["LSTM, b_f = 3"][0].min(),
        1.0,
    )
    report.say(
        en="6-4: the forget gate decides. Near 1 it keeps the gradient. The paths through U_i, U_f and U_g are added,\n"
        "so the norm exceeds 1: an LSTM can still explode, and is trained with clipping.",
        zh="6-4：遗忘门起决定作用，接近 1 时梯度得以保留。经过 U_i、U_f、U_g 的路径还会叠加，范数因此超过 1：\n"
        "LSTM 仍可能梯度爆炸，训练时要用梯度裁剪。",
    )
    report.at_most(
        Text("6-5: GRU, b_z = 0, largest norm, k = 50", "6-5：GRU，b_z = 0，最大范数，k = 50"),
        last["GRU, b_z = 0"][0].max(),
        1e-6,
    )
    report.at_least(
        Text("6-5: GRU, b_z = 3, smallest norm, k = 50", "6-5：GRU，b_z = 3，最小范数，k = 50"),
        last["GRU, b_z = 3"][0].min(),
        0.1,
    )
    report.at_most(
        Text("6-5: GRU, b_z = 3, largest norm, k = 50", "6-5：GRU，b_z = 3，最大范数，k = 50"),
        last["GRU, b_z = 3"][0].max(),
        1.0,
    )
    report.say(
        en="6-5: z near 1 keeps the gradient, and 1 - z makes the other paths small at the same time.",
        zh="6-5：z 接近 1 时梯度得以保留，同时 1 - z 使其他路径变小。",
    )
    report.figure("norms", lambda figure, language: draw_norms(figure, language, norms))


def geometric_mean(values: Array) -> Array:
    """Return the geometric mean over the seeds, the first axis."""
    return np.asarray(np.exp(np.log(values).mean(axis=0)))


def draw_norms(figure: Figure, language: Language, norms: dict[str, Array]) -> None:
    """Draw the norms by the number of steps: of the gradient, and of its direct part."""
    titles = (Text("gradient over k steps", "k 步的梯度"), Text("its direct part", "其中的直接部分"))
    for part, (ax, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), titles, strict=True)):
        for name, values in norms.items():
            label = name.replace("b_z", "$b_z$").replace("b_f", "$b_f$") if part == 0 else None
            ax.plot(np.arange(1, STEPS + 1), geometric_mean(values[part]), label=label)
        ax.set(yscale="log", title=title.in_language(language))
        ax.set_xlabel(Text("k (steps)", "k（时间步）").in_language(language))
    figure.axes[0].set_ylabel(Text("largest singular value", "最大奇异值").in_language(language))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)


LAB = Lab(
    name="gates-gradient",
    chapter="bptt",
    title=Text("What gates do to the gradient", "门控机制与梯度"),
    claim=Text(
        "h + g(h) explodes. LSTM and GRU keep the gradient if f or z is near 1; the Jacobians equal what is measured.",
        "h + g(h) 会梯度爆炸；f 或 z 接近 1 时，LSTM 与 GRU 保留梯度；推导的雅可比矩阵与实测一致。",
    ),
    source=Text(
        "Qiu, Neural Networks and Deep Learning, exercises 6-3, 6-4, 6-5, assignment 10; Gers et al. (2000)",
        "邱锡鹏《神经网络与深度学习》习题 6-3、6-4、6-5，作业10；Gers 等（2000）",
    ),
    seconds=0.6,
    run=run,
)

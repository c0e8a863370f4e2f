"""Binary addition by a simple recurrent network, with backpropagation through time derived by hand, in NumPy.

The network reads one digit of each number at a time, the least significant first, and writes one digit of the sum:

    h_t = sigmoid(W x_t + U h_(t-1))        y_t = sigmoid(V h_t)

No biases, h_0 = 0. For a loss L of all y, where d_v is dL/dv, o_t = V h_t and a_t = W x_t + U h_(t-1):

    d_o_t = d_y_t * y_t * (1 - y_t)
    d_h_t = V^T d_o_t + U^T d_a_(t+1)       the output of this step, and the state of the next one
    d_a_t = d_h_t * h_t * (1 - h_t)
    d_V = sum d_o_t h_t^T,   d_W = sum d_a_t x_t^T,   d_U = sum d_a_t h_(t-1)^T

L is half the squared error, so d_y = y - target. The source trains by this derivative, which is right; only the number
that it prints, the sum of |y - target|, is not what the training minimizes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array, sigmoid
from elman.cells.gradcheck import numerical_gradient, relative_error

from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The output of the source's program: update, sum of |y - target| over the 8 digits, a, b, predicted sum.
EXPECTED = [
    *[(0, 3.45638663, 9, 60, 1), (1000, 3.63389116, 28, 35, 255), (2000, 3.91366595, 116, 44, 72)],
    *[(3000, 3.72191702, 4, 73, 223), (4000, 3.5852713, 71, 11, 8), (5000, 2.53352328, 81, 113, 162)],
    *[(6000, 0.57691441, 81, 0, 81), (7000, 1.42589952, 4, 125, 129), (8000, 0.47477457, 39, 17, 56)],
    *[(9000, 0.21595037, 11, 3, 14)],
]
BITS, HIDDEN, RATE, UPDATES = 8, 16, 0.1, 10_000
EVALUATE_EVERY = 250  # updates
CELL = cells.create("elman", "sigmoid")
PLACES = 2 ** np.arange(BITS)  # the value of each digit, the least significant first


def digits(*numbers: npt.ArrayLike) -> Array:
    """Return the binary digits of numbers, the least significant first: (..., 8, 1) of one, (..., 8, 2) of two."""
    return np.stack([(np.asarray(n)[..., None] // PLACES) % 2 for n in numbers], axis=-1).astype(np.float64)


def forward(W: Array, U: Array, V: Array, x: Array) -> tuple[Array, Array]:
    """Return the states (T+1, H), from h_0 on, and the outputs (T, 1) for the digits x (T, 2)."""
    h, y = np.zeros((len(x) + 1, len(U))), np.zeros((len(x), len(V)))
    for t in range(len(x)):
        h[t + 1] = sigmoid(W @ x[t] + U @ h[t])
        y[t] = sigmoid(V @ h[t + 1])
    return h, y


def backward(U: Array, V: Array, x: Array, h: Array, y: Array, d_y: Array) -> tuple[Array, Array, Array]:
    """Return d_W, d_U and d_V for the derivative d_y (T, 1) of any loss of the outputs."""
    d_W, d_U, d_V = np.zeros((len(U), x.shape[1])), np.zeros_like(U), np.zeros_like(V)
    d_a = np.zeros(len(U))
    for t in reversed(range(len(x))):
        d_o = d_y[t] * y[t] * (1.0 - y[t])
        d_h = V.T @ d_o + U.T @ d_a
        d_a = d_h * h[t + 1] * (1.0 - h[t + 1])
        d_V += np.outer(d_o, h[t + 1])
        d_W += np.outer(d_a, x[t])
        d_U += np.outer(d_a, h[t])
    return d_W, d_U, d_V


def run(report: Report) -> None:
    """Check the derivation, train as the source does, and add all pairs of numbers from 0 to 127."""
    source = np.random.RandomState(0)  # the generator of np.random.seed(0)
    W = (2.0 * source.random_sample((2, HIDDEN)) - 1.0).T.copy()  # drawn in this order; the source's are transposed
    V = (2.0 * source.random_sample((HIDDEN, 1)) - 1.0).T.copy()
    U = (2.0 * source.random_sample((HIDDEN, HIDDEN)) - 1.0).T.copy()
    report.show("h_t = sigmoid(W x_t + U h_(t-1))        y_t = sigmoid(V h_t)")
    check_gradients(report, W, U, V)

    report.say(
        en="Training: one random sum for each update. The source prints ten of them: the error, a, b and the answer of "
        'the network. Here, "expected" is what the source printed, and not the right sum: early in the training, the '
        'answers are still wrong. "pass" means that the printed numbers are reproduced.',
        zh="训练：每次更新随机取一道加法题。原程序打印了其中十道：误差、a、b 和网络的答案。这里的“期望”"
        "是原程序打印的数，不是正确的和；训练初期，网络的答案还是错的。“通过”表示与原程序打印的数一致。",
    )
    expected = {update: tuple(values) for update, *values in EXPECTED}
    errors: list[float] = []
    shares: list[float] = []
    rows: list[tuple[object, ...]] = []
    for update in range(2001 if report.smoke else UPDATES):
        if update % EVALUATE_EVERY == 0:
            shares.append(count_exact(W, U, V) / 128**2)
        a, b = source.randint(128), source.randint(128)
        x, target = digits(a, b), digits(a + b)
        h, y = forward(W, U, V, x)
        errors.append(float(np.abs(y - target).sum()))
        if update in expected:
            printed = (round(errors[-1], 8), a, b, int(np.round(y[:, 0]) @ PLACES))
            report.equal(
                Text(
                    f"update {update}: error, a, b, the network's answer (right is {a + b})",
                    f"第 {update} 次更新：误差，a，b，网络的答案（正确答案是 {a + b}）",
                ),
                printed,
                expected[update],
            )
            rows.append((update, *printed[:3], f"{printed[3]:08b}", printed[3], a + b))
        for weights, gradient in zip((W, U, V), backward(U, V, x, h, y, y - target), strict=True):
            weights -= RATE * gradient
    report.say(en="The same as a table:", zh="列成表格：")
    names = [("update", "更新"), ("error", "误差"), ("bits", "输出的各位"), ("answer", "答案"), ("right", "正确的和")]
    update_name, error_name, *others = (Text(*name) for name in names)
    report.table([update_name, error_name, "a", "b", *others], rows)
    if not report.smoke:
        exact = count_exact(W, U, V)
        shares.append(exact / 128**2)
        report.say(
            en="One sum says little about the network. Here are all 16,384 sums of two numbers from 0 to 127:",
            zh="一道题说明不了多少。下面把 0 到 127 两数相加的 16384 道题全部算一遍：",
        )
        report.equal(Text("exact sums", "答对的题数"), exact, 128**2)
    report.figure("training", lambda figure, language: _draw(figure, language, errors, shares))


def check_gradients(report: Report, W: Array, U: Array, V: Array) -> None:
    """Compare gradients with finite differences of both losses, at the first sum."""
    x, target = digits(9, 60), digits(69)
    h, y = forward(W, U, V, x)

    def relative_error_of(d_y: Array, loss: Callable[[Array], float]) -> float:
        measured = [numerical_gradient(lambda: loss(forward(W, U, V, x)[1] - target), p) for p in (W, U, V)]
        return relative_error(joined(*backward(U, V, x, h, y, d_y)), joined(*measured))

    def half_squared_error(error: Array) -> float:
        return float(0.5 * (error**2).sum())

    def l1_error(error: Array) -> float:
        return float(np.abs(error).sum())

    report.say(
        en="The source trains with d_y = y - target, but prints the L1 error, the sum of |y - target|. Which loss does "
        "it minimize? Compare the hand-derived gradient of the sum 9 + 60 with finite differences of both losses:",
        zh="原程序训练时用的是 d_y = y - target，打印的却是 L1 误差，即 |y - target| 之和。它究竟在减小哪个损失？"
        "用 9 + 60 这道题，把手推的梯度与两种损失的有限差分比较：",
    )
    squared, absolute = y - target, np.sign(y - target)  # the derivatives of the two losses
    report.at_most(
        Text(
            "y - target as the derivative of half the squared error: relative error against finite differences",
            "把 y - target 当作平方误差一半的导数：与有限差分的相对误差",
        ),
        relative_error_of(squared, half_squared_error),
        1e-8,
    )
    report.at_least(
        Text(
            "y - target as the derivative of the L1 error: relative error against finite differences",
            "把 y - target 当作 L1 误差的导数：与有限差分的相对误差",
        ),
        relative_error_of(squared, l1_error),
        0.1,
    )
    report.at_most(
        Text(
            "sign(y - target) as the derivative of the L1 error: relative error against finite differences",
            "把 sign(y - target) 当作 L1 误差的导数：与有限差分的相对误差",
        ),
        relative_error_of(absolute, l1_error),
        1e-8,
    )
    report.say(
        en="So the training of the source is right: it minimizes half the squared error, whose derivative is y - "
        "target. Only the printed number is another one. The L1 error is not what the training minimizes; it shows "
        "progress.",
        zh="所以原程序的训练是对的：它减小的是平方误差的一半，其导数正是 y - target。只有打印的数是另一个量："
        "训练减小的并不是 L1 误差，打印它只是为了观察进展。",
    )


def joined(*arrays: Array) -> Array:
    """Return all entries of arrays in one vector."""
    return np.concatenate([array.ravel() for array in arrays])


def count_exact(W: Array, U: Array, V: Array) -> int:
    """Return how many of the 16,384 sums of two numbers from 0 to 127 are exact, computed at once by elman.cells."""
    a, b = np.divmod(np.arange(128**2), 128)
    h, _ = unroll.run(CELL, [[cells.LayerParameters(W, U)]], digits(a, b))
    answers = readout.forward(h, V) > 0.0  # sigmoid(o) > 1/2
    return int((answers == digits(a + b)).all(axis=(1, 2)).sum())


def _draw(figure: Figure, language: Language, errors: list[float], shares: list[float]) -> None:
    top, bottom = figure.subplots(2, sharex=True)
    mean = np.convolve(errors, np.full(100, 0.01), "valid")
    updates, printed = np.arange(len(errors)), np.arange(0, len(errors), 1000)
    labels = (
        Text("one sum", "一道题"),
        Text("mean of 100", "100 道题的平均"),
        Text("printed by the source", "原程序打印的值"),
    )
    one, average, points = (label.in_language(language) for label in labels)
    top.plot(updates, errors, "-", color="0.75", linewidth=0.3, label=one)
    top.plot(updates[99:], mean, "-", label=average)
    top.plot(printed, np.array(errors)[printed], "o", color="black", markersize=4, label=points)
    for line in top.legend(frameon=False, loc="upper right").get_lines():
        line.set_linewidth(2.0)
    top.set_ylabel(Text("L1 error of a sum", "一道题的 L1 误差").in_language(language))
    bottom.plot(EVALUATE_EVERY * np.arange(len(shares)), 100.0 * np.array(shares))
    bottom.set_ylabel(Text("exact sums (%)", "答对的题（%）").in_language(language))
    bottom.set_xlabel(Text("updates", "更新次数").in_language(language))
    figure.align_ylabels()


LAB = Lab(
    name="adder",
    chapter="addition",
    title=Text("Binary addition, trained by hand-derived gradients", "二进制加法：手推梯度的循环神经网络"),
    claim=Text(
        "In NumPy alone, a network of 16 hidden units learns to add all numbers from 0 to 127 exactly, and every "
        "number that the source prints on the way is reproduced.",
        "只用 NumPy，16 个隐藏单元的网络学会了 0 到 127 的两数相加，一题不错；原程序训练时打印的每个数都能重现。",
    ),
    source=Text(
        "Trask (2015), Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN); assignment 8, exercise 4",
        "Trask（2015），Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)；作业8 第 4 题",
    ),
    seconds=10.0,
    run=run,
)

"""Binary addition, second program: normal weights, 20,000 updates, no seed. What holds for every seed?

The network and its gradients are those of the lab adder, with all weights drawn from N(0, 1). The source writes the
same network with row vectors and other names: h = sigmoid(x U + h W), o = sigmoid(h V), so its U is W here, and its W
is U. It sets no seed, so its twenty printed errors cannot be reproduced. They can be compared with the distribution
over seeds. Each line below does one step for all seeds at once: W is (S, H, I), h is (S, H), for S seeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array, sigmoid
from elman.cells.gradcheck import relative_error

from . import adder
from .adder import CELL, HIDDEN, RATE, digits
from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The errors that the source prints at updates 0, 1000, ... 19000: each the sum of |y - target| of one random sum.
PRINTED = [
    *[5.00, 4.08, 3.94, 3.36, 2.82, 1.12, 0.93, 0.56, 0.43, 0.44],
    *[0.28, 0.34, 0.29, 0.31, 0.24, 0.29, 0.26, 0.25, 0.18, 0.22],
]
UPDATES = 20_000
EVERY = 1000  # updates between two printed errors


def product(M: Array, v: Array) -> Array:
    """Return the product of a matrix and a vector for each seed: (S, M, N), (S, N) -> (S, M)."""
    return np.asarray((M @ v[..., None])[..., 0])


def outer(u: Array, v: Array) -> Array:
    """Return the outer product of two vectors for each seed: (S, M), (S, N) -> (S, M, N)."""
    return np.asarray(u[:, :, None] * v[:, None, :])


def gradients(W: Array, U: Array, V: Array, x: Array, target: Array) -> tuple[Array, Array, Array]:
    """Return d_W, d_U and d_V of half the squared error for the digits x (T, S, 2) and target (T, S, 1)."""
    T, S, _ = x.shape
    h, y = np.zeros((T + 1, S, HIDDEN)), np.zeros((T, S, 1))
    for t in range(T):
        h[t + 1] = sigmoid(product(W, x[t]) + product(U, h[t]))
        y[t] = sigmoid(product(V, h[t + 1]))
    d_W, d_U, d_V = np.zeros_like(W), np.zeros_like(U), np.zeros_like(V)
    d_a = np.zeros((S, HIDDEN))
    for t in reversed(range(T)):
        d_o = (y[t] - target[t]) * y[t] * (1.0 - y[t])
        d_h = product(V.mT, d_o) + product(U.mT, d_a)
        d_a = d_h * h[t + 1] * (1.0 - h[t + 1])
        d_V += outer(d_o, h[t + 1])
        d_W += outer(d_a, x[t])
        d_U += outer(d_a, h[t])
    return d_W, d_U, d_V


def evaluate(W: Array, U: Array, V: Array) -> tuple[Array, float]:
    """Return the error of each of the 16,384 sums of numbers from 0 to 127, and the share of exact ones, of a seed."""
    a, b = np.divmod(np.arange(128**2), 128)
    h, _ = unroll.run(CELL, [[cells.LayerParameters(W, U)]], digits(a, b))
    error = np.abs(sigmoid(readout.forward(h, V)) - digits(a + b))[..., 0]
    return error.sum(axis=1), float((error < 0.5).all(axis=1).mean())


def run(report: Report) -> None:
    """Train all seeds at once, and compare what the source prints with their distribution."""
    generators = [np.random.default_rng(seed) for seed in report.seeds(20)]
    shapes = [(HIDDEN, 2), (HIDDEN, HIDDEN), (1, HIDDEN)]
    W, U, V = (np.stack([rng.standard_normal(shape) for rng in generators]) for shape in shapes)
    updates = 1001 if report.smoke else UPDATES
    sums = np.stack([rng.integers(0, 128, (updates, 2)) for rng in generators], axis=1)  # a and b: (updates, S, 2)
    report.start(
        en=f"Training {len(generators)} seeds, {updates:,} updates each",
        zh=f"训练 {len(generators)} 个随机种子，各更新 {updates:,} 次",
        seconds=1.25 * len(generators),
    )
    errors: list[Array] = []  # of all sums of all seeds, whenever the source prints
    shares: list[Array] = []  # of exact sums, by seed
    for update in range(updates):
        if update % EVERY == 0:
            by_seed = [evaluate(*weights) for weights in zip(W, U, V, strict=True)]
            errors.append(np.concatenate([error for error, _ in by_seed]))
            shares.append(np.array([share for _, share in by_seed]))
        a, b = sums[update].T
        x, target = digits(a, b).swapaxes(0, 1), digits(a + b).swapaxes(0, 1)
        d_all = gradients(W, U, V, x, target)
        if update == 0:
            _claim_gradients(report, W, U, V, x, target, d_all)
        for weights, gradient in zip((W, U, V), d_all, strict=True):
            weights -= RATE * gradient

    low, middle, high = np.quantile(np.array(errors), [0.025, 0.5, 0.975], axis=1)
    printed = np.array(PRINTED[: len(errors)])
    report.say(
        en=f"Error of a random sum over {len(generators)} seeds: median and the interval that holds 95 % of all sums. "
        "The last two columns are the share of the 16,384 sums that are exact: mean of the seeds, and the worst seed.",
        zh=f"{len(generators)} 个随机种子，一道随机题的误差：中位数，以及包含 95% 的题的区间。"
        "最后两列是 16384 道题中答对的比例：各种子的平均值，以及最差的种子。",
    )
    report.table(
        [
            *(Text("update", "更新"), Text("source", "原程序"), Text("median", "中位数"), "2.5 %", "97.5 %"),
            *(Text("exact: mean", "答对：平均"), Text("exact: worst", "答对：最差")),
        ],
        [
            (EVERY * index, *row, share.mean(), share.min())
            for index, (*row, share) in enumerate(zip(printed, middle, low, high, shares, strict=True))
        ],
    )
    if not report.smoke:
        if len(generators) >= 10:  # claims about the distribution need several seeds
            inside = int(((low <= printed) & (printed <= high)).sum())
            report.at_least(
                Text("errors of the source inside the interval, of 20", "原程序的 20 个误差中落在区间内的个数"),
                inside,
                18,
            )
            report.at_least(
                Text("mean exact share from update 5000 on", "第 5000 次更新之后的平均正确率"),
                min(share.mean() for share in shares[5:]),
                0.9,
            )
        exact = [evaluate(*weights)[1] for weights in zip(W, U, V, strict=True)]
        report.equal(Text("exact share of the worst seed at the end", "训练结束时最差种子的正确率"), min(exact), 1.0)
        report.say(
            en="The seeds differ in when they learn to add, not in whether they do. From update 5000 on, most sums are "
            "right, as in the source's output.",
            zh="各种子的区别只在于学会的早晚，最终都学会了。从第 5000 次更新起，大多数题已经答对，与原程序的输出一致。",
        )
    report.figure("seeds", lambda figure, language: _draw(figure, language, (low, middle, high), printed, shares))


def _claim_gradients(
    report: Report, W: Array, U: Array, V: Array, x: Array, target: Array, d_all: tuple[Array, Array, Array]
) -> None:
    """Claim that the gradients of all seeds are those of the lab adder, which finite differences have checked."""
    worst = 0.0
    for s in range(len(W)):
        h, y = adder.forward(W[s], U[s], V[s], x[:, s])
        by_adder = adder.backward(U[s], V[s], x[:, s], h, y, y - target[:, s])
        worst = max(worst, *(relative_error(d[s], d_s) for d, d_s in zip(d_all, by_adder, strict=True)))
    report.at_most(
        Text("gradients of all seeds, against the lab adder", "所有种子的梯度与实验 adder 之差"), worst, 1e-13
    )


def _draw(
    figure: Figure, language: Language, quantiles: tuple[Array, ...], printed: Array, shares: list[Array]
) -> None:
    top, bottom = figure.subplots(2, sharex=True)
    updates = EVERY * np.arange(len(printed))
    low, middle, high = quantiles
    label = Text("95 % of all sums, all seeds", "所有种子、95% 的题").in_language(language)
    top.fill_between(updates, low, high, color="0.85", linewidth=0.0, label=label)
    top.plot(updates, middle, "-", label=Text("median", "中位数").in_language(language))
    top.plot(updates, printed, "o", color="black", markersize=4, label=Text("source", "原程序").in_language(language))
    top.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)  # not on the grey area
    top.set_ylabel(Text("L1 error of a sum", "一道题的 L1 误差").in_language(language))
    percent = 100.0 * np.array(shares)
    for index, curve in enumerate(percent.T):
        label = Text("one seed", "一个种子").in_language(language) if index == 0 else "_"
        bottom.plot(updates, curve, "-", color="0.7", linewidth=0.7, label=label)
    bottom.plot(updates, percent.mean(axis=1), "-", label=Text("mean", "平均").in_language(language))
    bottom.legend(frameon=False, loc="lower right")
    bottom.set_ylabel(Text("exact sums (%)", "答对的题（%）").in_language(language))
    bottom.set_xlabel(Text("updates", "更新次数").in_language(language))
    figure.align_ylabels()


LAB = Lab(
    name="adder-randn",
    chapter="addition",
    title=Text("Binary addition over 20 seeds", "二进制加法：20 个随机种子"),
    claim=Text(
        "With normal weights every seed learns to add all numbers from 0 to 127 exactly, and the unseeded errors that "
        "the source prints agree with the distribution over seeds.",
        "权重取自标准正态分布时，每个随机种子都学会了 0 到 127 的两数相加。原程序没有固定种子，"
        "它打印的误差与各种子的分布相符。",
    ),
    source=Text(
        "assignment 8, exercise 4, the second program",
        "作业8 第 4 题，第二种写法",
    ),
    seconds=55.0,
    run=run,
)

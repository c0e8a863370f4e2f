"""Exploding gradients in a simple recurrent network, and clipping (nndl 6.2).

The network is that of digit-sum at L = 20, trained by plain gradient descent with a large rate on the summed loss:

    w = w - 0.2 dL/dw                                  without clipping
    w = w - 0.2 min(1, c / |dL/dw|) dL/dw              clipped: the norm over all parameters is at most c

The derivative of the loss with respect to an early state is a product of L - 2 factors U^T diag(1 - h_t^2). If U is
large, the product explodes: one step moves the weights far away. There, W x + U h is large, h = tanh(...) is -1 or 1
within rounding, 1 - h^2 is 0, and the next product vanishes. The gradient explodes once, then it is zero for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from elman import cells

from .digit_sum import CLASSES, DIGITS, HIDDEN, accuracy, create_examples
from .lab import Lab, Language, Report, Text
from .sequence_classifier import SequenceClassifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LENGTH, BATCH, RATE, EPOCHS = 20, 64, 0.2, 50  # of the source
CLIPS = (None, 20.0, 1.0)  # bounds c of the norm; None: no clipping
WEIGHTS = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0"}
SATURATED = 0.99  # |h| above this: tanh' < 0.02
END = 50  # the last updates, over which the gradient's median is taken
# Bounds of the claims, with what 10 seeds gave.
LEAST_GROWTH, MOST_GROWTH = 15.0, 2.0  # of |U|, without clipping: 40 to 260; with c = 1: 1.3 to 1.5
LEAST_LEAP = 10.0  # of |dL/dU| over its first value, without clipping: 34 to 430
VANISHED, ALIVE = 0.02, 5.0  # |dL/dU| at the end, without clipping: below 0.0007; with c = 1: 19 to 95
MOSTLY, HARDLY = 0.95, 0.05  # share of saturated states: above 0.99; below 0.006
UNTRAINED, TRAINED = 0.12, 0.17  # mean training accuracy: 0.06; 0.22, with a standard error of 0.01
SMALLEST_SHOWN = 1e-6  # in the figure: a logarithmic axis has no zero


class Training(NamedTuple):
    """Norms by update and W, U, b; the mean loss of each batch in nats; then what the network has become."""

    gradients: npt.NDArray[np.float64]  # (updates, 3), before clipping
    weights: npt.NDArray[np.float64]  # (updates + 1, 3)
    losses: list[float]
    saturation: float  # share of the states on the training set with |h| > SATURATED
    accuracy: float  # on the training set


def train(seed: int, clip: float | None, epochs: int = EPOCHS) -> Training:
    """Train by gradient descent on the summed loss, with the norm of the gradient clipped at `clip`."""
    rng = np.random.default_rng(seed)
    digits, sums = create_examples(LENGTH, 3, rng)
    network = SequenceClassifier(cells.create("elman"), DIGITS, CLASSES, HIDDEN, rng)
    gradients, losses = [], []
    weights = [[np.linalg.norm(network.p[name]) for name in WEIGHTS.values()]]
    for _ in range(epochs):
        for batch in np.split(rng.permutation(len(digits)), range(BATCH, len(digits), BATCH)):
            losses.append(network.loss(digits[batch], sums[batch]))
            gradient = len(batch) * network.gradients  # of the summed loss
            gradients.append([len(batch) * np.linalg.norm(network.d[name]) for name in WEIGHTS.values()])
            if clip is not None:
                gradient *= min(1.0, clip / float(np.linalg.norm(gradient)))
            network.parameters -= RATE * gradient
            weights.append([np.linalg.norm(network.p[name]) for name in WEIGHTS.values()])
    saturation = float((np.abs(network.states(digits)) > SATURATED).mean())
    return Training(np.array(gradients), np.array(weights), losses, saturation, accuracy(network, digits, sums))


def run(report: Report) -> None:
    """Train without clipping and with two bounds."""
    epochs = EPOCHS // 10 if report.smoke else EPOCHS
    report.show("w = w - 0.2 dL/dw", "w = w - 0.2 min(1, c / |dL/dw|) dL/dw        (c: bound of the gradient's norm)")
    runs = {clip: [train(seed, clip, epochs) for seed in report.seeds(10)] for clip in CLIPS}
    num_seeds = len(runs[None])
    report.say(
        en=f"Medians of {num_seeds} seeds; gradients are before clipping; saturated: |h| > {SATURATED}. Equal "
        f"probabilities for all sums would give a loss of ln 19 = {np.log(CLASSES):.2f}.",
        zh=f"{num_seeds} 个随机种子的中位数；梯度为裁剪前的值；饱和指 |h| > {SATURATED}。"
        f"若对所有的和给出相同的概率，损失为 ln 19 = {np.log(CLASSES):.2f}。",
    )
    first, largest, end = Text("first", "初始"), Text("largest", "最大"), Text("end", "末尾")
    header = [Text("bound c", "阈值 c"), *(_joined("|dL/dU| ", word) for word in (first, largest, end))]
    header += [_joined("|U| ", first), _joined("|U| ", end), Text("loss", "损失"), Text("saturated", "饱和比例")]
    header += [Text("training accuracy", "训练准确率")]
    none = Text("none", "不裁剪")
    report.table(header, [(clip or none, *_summary(runs[clip])) for clip in CLIPS])
    _claim(report, runs[None], runs[1.0])
    report.say(
        en="Without clipping, a few steps make U about a hundred times larger. All states are then saturated, the "
        "gradient is zero, and the network stays where it is, with a loss far above guessing. Clipping bounds the "
        "step, not the gradient: the gradient still leaps now and then, but no step leads far away. The bound matters: "
        "with c = 20, one step may still have a norm of 4, most states saturate and nothing is learned; with c = 1 "
        "the network learns.",
        zh="不裁剪时，几步之内 U 就增大约一百倍，隐状态全部饱和，梯度变为零，网络从此停在原地，损失远高于随机猜测。"
        "梯度裁剪限制的是步长，而不是梯度本身：梯度偶尔仍会跃升，但每一步都走不远。阈值也要合适："
        "c = 20 时一步的范数仍可达 4，大部分隐状态饱和，什么也学不到；c = 1 时网络能够学习。",
    )

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots(2, 2, sharex=True, sharey="row")
        columns = {Text("no clipping", "不裁剪"): runs[None], Text("clipped, c = 1", "裁剪，c = 1"): runs[1.0]}
        for column, (title, trainings) in enumerate(columns.items()):
            axes[0][column].set_title(title.in_language(language))
            norms = [np.maximum(training.gradients, SMALLEST_SHOWN) for training in trainings]
            for row, values in enumerate((norms, [training.weights for training in trainings])):
                _draw_norms(axes[row][column], np.array(values))
        names = Text("norm of the gradient", "梯度的范数"), Text("norm of the weights", "权重的范数")
        for row, name in enumerate(names):
            axes[row][0].set_ylabel(name.in_language(language))
        axes[1][1].legend()
        figure.supxlabel(
            Text(
                f"updates (median of {num_seeds} seeds; shaded: range; below 10⁻⁶ drawn as 10⁻⁶)",
                f"更新次数（{num_seeds} 个种子的中位数，阴影为范围；小于 10⁻⁶ 的画作 10⁻⁶）",
            ).in_language(language),
            fontsize="medium",
        )

    report.figure("norms", draw)


def _claim(report: Report, free: list[Training], clipped: list[Training]) -> None:
    """Claim the leap and the vanishing without clipping, and neither of them with c = 1."""
    growth = [[run.weights[:, 1].max() / run.weights[0, 1] for run in runs] for runs in (free, clipped)]
    name = Text("growth of |U| without clipping, smallest", "不裁剪时 |U| 的最小增长倍数")
    report.at_least(name, min(growth[0]), LEAST_GROWTH)
    report.at_most(
        Text("growth of |U| with c = 1, largest", "c = 1 时 |U| 的最大增长倍数"), max(growth[1]), MOST_GROWTH
    )
    if report.smoke:
        return
    leaps = [run.gradients[:, 1].max() / run.gradients[0, 1] for run in free]
    name = Text("leap of |dL/dU| without clipping, smallest factor", "不裁剪时 |dL/dU| 的最小跃升倍数")
    report.at_least(name, min(leaps), LEAST_LEAP)
    name = Text("|dL/dU| at the end without clipping, largest", "不裁剪时末尾 |dL/dU| 的最大值")
    report.at_most(name, max(map(_end, free)), VANISHED)
    name = Text("|dL/dU| at the end with c = 1, smallest", "c = 1 时末尾 |dL/dU| 的最小值")
    report.at_least(name, min(map(_end, clipped)), ALIVE)
    name = Text("saturated without clipping, smallest", "不裁剪时的最小饱和比例")
    report.at_least(name, min(run.saturation for run in free), MOSTLY)
    name = Text("saturated with c = 1, largest", "c = 1 时的最大饱和比例")
    report.at_most(name, max(run.saturation for run in clipped), HARDLY)
    means = [float(np.mean([run.accuracy for run in runs])) for runs in (free, clipped)]
    name = Text("training accuracy without clipping, mean", "不裁剪时的平均训练准确率")
    report.at_most(name, means[0], UNTRAINED)
    report.at_least(Text("training accuracy with c = 1, mean", "c = 1 时的平均训练准确率"), means[1], TRAINED)


def _end(run: Training) -> float:
    """Return the median norm of dL/dU over the last updates."""
    return float(np.median(run.gradients[-END:, 1]))


def _summary(runs: list[Training]) -> list[float]:
    """Return the medians over seeds of the columns of the table, to three digits."""
    rows = [
        (
            *(run.gradients[0, 1], run.gradients[:, 1].max(), _end(run), run.weights[0, 1], run.weights[-1, 1]),
            *(float(np.mean(run.losses[-END:])), run.saturation, run.accuracy),
        )
        for run in runs
    ]
    return [float(f"{value:.3g}") for value in np.median(rows, axis=0)]


def _joined(symbol: str, word: Text) -> Text:
    return Text(symbol + word.en, symbol + word.zh)


def _draw_norms(axes: Axes, norms: npt.NDArray[np.float64]) -> None:
    """Draw the norms (seeds, updates, 3) of W, U and b."""
    for index, name in enumerate(WEIGHTS):
        (line,) = axes.plot(np.median(norms[..., index], axis=0), label=name, lw=1.2)
        low, high = norms[..., index].min(axis=0), norms[..., index].max(axis=0)
        axes.fill_between(range(norms.shape[1]), low, high, color=line.get_color(), alpha=0.15, lw=0)
    axes.set_yscale("log")


LAB = Lab(
    name="exploding",
    chapter="memory",
    title=Text("Exploding gradients and clipping", "梯度爆炸与梯度裁剪（实验6.2）"),
    claim=Text(
        "Without clipping, the weights of a simple recurrent network leap, its states saturate and its gradient is "
        "zero for ever; with the norm clipped at 1 it learns.",
        "不做梯度裁剪，简单循环网络的权重骤增，隐状态饱和，梯度从此为零；把梯度的范数裁剪到 1，网络就能学习。",
    ),
    source=Text(
        "Pascanu, Mikolov and Bengio (2013); Qiu, Neural Networks and Deep Learning, experiment 6.2",
        "Pascanu、Mikolov 与 Bengio（2013）；邱锡鹏等《神经网络与深度学习：案例与实践》实验 6.2（实验14）",
    ),
    seconds=6.8,
    run=run,
)

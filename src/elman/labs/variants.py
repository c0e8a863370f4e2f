"""Variants of the recurrent network on digit-sum: residual, gated, deep, and in both directions (nndl 6, exercises).

    simple recurrent network      h' = tanh(W x + b + U h + c)
    residual                      h' = h + tanh(W x + b + U h + c)
    GRU, LSTM                     gates decide what is kept
    two or three layers           layer l + 1 reads the states of layer l
    both directions               [h_T of the forward direction, h_1 of the backward direction]

In the residual network, dh'/dh = 1 + U^T diag(1 - tanh^2): h is kept unless it is changed, but nothing bounds it. The
backward direction reads the two digits last, so it needs no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from elman import cells
from elman.cells import Cell
from elman.cells.activations import Array
from elman.cells.cell import State
from elman.cells.gradcheck import cell_gradient_errors

from .digit_sum import CLASSES, DIGITS, HIDDEN, describe_accuracy, train_all
from .figures import COLOURS
from .lab import Lab, Language, Report, Text
from .sequence_classifier import SequenceClassifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH, EPOCHS = 15, 60  # about a tenth of the epochs of digit-sum: what a network learns quickly
DERIVATIVE_ERROR = 1e-7
# Least gain in mean accuracy over the SRN. 10 seeds gave 0.77, 0.31, 0.35, 0.12 and 0.55, with standard errors of 0.04.
LEAST_GAINS = {"residual": 0.6, "gru": 0.15, "lstm": 0.15, "three layers": 0.0, "both": 0.4}
LEAST_LEAD = 0.25  # of the residual network over GRU and LSTM: 0.42, with a standard error of 0.05


class ResidualCell:
    """One step of the residual network: a cell of this lab, which runs by NumPy. State: h (..., H); one gate."""

    states: tuple[str, ...] = ("h",)
    gates = 1

    def forward(self, a: Array, u: Array, state: State) -> tuple[State, tuple[Array, ...]]:
        """Return the next state and the tape, from a = W x + b and u = U h + c."""
        (h,) = state
        g = np.tanh(a + u)
        return (h + g,), (g,)

    def backward(self, d_state_next: State, tape: tuple[Array, ...]) -> tuple[Array, Array, State]:
        """Return d_a, d_u and d_state along h' = h + ...; the way through u is unroll's."""
        (d_h_next,), (g,) = d_state_next, tape
        d_a = d_h_next * (1.0 - g * g)
        return d_a, d_a, (d_h_next,)


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of the table."""

    name: Text
    cell: Cell
    num_layers: int = 1
    bidirectional: bool = False

    def create_network(self, seed: int) -> SequenceClassifier:
        """Return a new network."""
        return SequenceClassifier(
            *(self.cell, DIGITS, CLASSES, HIDDEN, np.random.default_rng([seed, 1])),
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
        )


SRN, RESIDUAL = cells.create("elman"), ResidualCell()
VARIANTS = {
    "srn": Variant(Text("SRN", "SRN"), SRN),
    "residual": Variant(Text("residual SRN", "残差 SRN"), RESIDUAL),
    "gru": Variant(Text("GRU", "GRU"), cells.create("gru")),
    "lstm": Variant(Text("LSTM", "LSTM"), cells.create("lstm")),
    "two layers": Variant(Text("SRN, 2 layers", "SRN，2 层"), SRN, 2),
    "three layers": Variant(Text("SRN, 3 layers", "SRN，3 层"), SRN, 3),
    "both": Variant(Text("SRN, both directions", "SRN，双向"), SRN, 1, bidirectional=True),
    "both, two layers": Variant(Text("SRN, both directions, 2 layers", "SRN，双向，2 层"), SRN, 2, bidirectional=True),
}


def run(report: Report) -> None:
    """Train every variant with the same examples and the same number of epochs."""
    seeds, epochs = report.seeds(10), 1 if report.smoke else EPOCHS
    errors = cell_gradient_errors(RESIDUAL)
    report.show("h' = h + tanh(W x + b + U h + c)        dh'/dh = 1 + U^T diag(1 - tanh^2)")
    name = Text(
        "residual cell: error of the derivatives against finite differences", "残差单元：导数与有限差分的相对误差"
    )
    report.at_most(name, max(errors.values()), DERIVATIVE_ERROR)
    report.start(
        en=f"Training {len(VARIANTS)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(VARIANTS)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=6.0 * len(seeds),
    )
    runs = {
        key: train_all([variant.create_network(seed) for seed in seeds], LENGTH, epochs)
        for key, variant in VARIANTS.items()
    }
    report.say(
        en=f"digit-sum, L = {LENGTH}, {epochs} epochs, {len(seeds)} seeds. Final training loss, and test accuracy:",
        zh=f"数字求和，L = {LENGTH}，{epochs} 轮，{len(seeds)} 个随机种子。训练结束时的损失与测试准确率：",
    )
    report.table(
        [
            Text("network", "网络"),
            Text("parameters", "参数个数"),
            Text("training loss", "训练损失"),
            Text("test accuracy", "测试准确率"),
        ],
        [
            (
                *(VARIANTS[key].name, trainings[0].network.parameters.size),
                *(f"{np.mean([t.losses[-1] for t in trainings]):.2f}", describe_accuracy(trainings)),
            )
            for key, trainings in runs.items()
        ],
    )
    _claim(report, {key: np.array([t.test for t in trainings]) for key, trainings in runs.items()})

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        names = [variant.name.in_language(language) for variant in VARIANTS.values()]
        for row, trainings in enumerate(runs.values()):
            values = [training.test for training in trainings]
            axes.plot(values, np.full(len(values), row), "o", color=COLOURS[0], alpha=0.35, ms=5, mew=0)
            axes.plot(np.mean(values), row, "|", color=COLOURS[-1], ms=16, mew=2)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0.0, 1.0)
        axes.set_xlabel(
            Text("test accuracy (dots: seeds; bars: means)", "测试准确率（圆点：各种子；竖线：平均）").in_language(
                language
            )
        )

    report.figure("accuracy", draw)


def _claim(report: Report, accuracies: dict[str, npt.NDArray[np.float64]]) -> None:
    """Claim the gains over the simple recurrent network, and say what they mean."""
    if report.smoke:
        return
    for key, least in LEAST_GAINS.items():
        variant = VARIANTS[key].name
        name = Text(f"mean gain over SRN: {variant.en}", f"平均准确率比 SRN 高出：{variant.zh}")
        report.at_least(name, float(accuracies[key].mean() - accuracies["srn"].mean()), least)
    lead = accuracies["residual"].mean() - max(accuracies["gru"].mean(), accuracies["lstm"].mean())
    report.at_least(
        Text("lead of residual SRN over GRU and LSTM", "残差 SRN 比 GRU 与 LSTM 高出"), float(lead), LEAST_LEAD
    )
    report.say(
        en="The residual network has as many parameters as the SRN and learns fastest: its state is a sum of what it "
        "read, which suits this task. More layers help a little. Two directions help much, for a reason that has "
        "nothing to do with memory: read backwards, the two digits are the last.",
        zh="残差网络的参数与 SRN 一样多，却学得最快：它的状态是对读入内容的累加，正合这个任务。"
        "增加层数只有少许帮助。双向网络提高很多，但与记忆能力无关：从后往前读，两个数字恰好排在最后。",
    )


LAB = Lab(
    name="variants",
    chapter="memory",
    title=Text(
        "Residual, gated, deep and bidirectional networks", "残差、门控、多层与双向循环网络的比较（动手练习6.1—6.7）"
    ),
    claim=Text(
        "On digit-sum, h' = h + tanh(...) learns faster than SRN, GRU and LSTM; more layers help little, and a second "
        "direction helps because it reads the digits last.",
        "在数字求和任务上，h' = h + tanh(…) 学得远比 SRN 快，也快过 GRU 与 LSTM；增加层数帮助不大；"
        "双向网络有效，是因为反向恰好最后读到那两个数字。",
    ),
    source=Text(
        "Qiu, Neural Networks and Deep Learning, chapter 6, exercises; He et al. (2016) for residuals",
        "邱锡鹏等《神经网络与深度学习：案例与实践》第 6 章动手练习；残差连接见 He 等（2016）",
    ),
    seconds=87.0,
    run=run,
)

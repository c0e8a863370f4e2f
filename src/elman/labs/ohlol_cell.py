"""hello -> ohlol with a single RNNCell(4 -> 4): one-hot input, and the hidden state itself used as the logits.

    h_t = tanh(W x_t + b + U h_(t-1) + c)        L = - sum over t of log softmax(o_t)[target_t]
    source:       o_t = h_t
    linear head:  o_t = V h_t + b_o

tanh lies between -1 and 1, and so do the source's logits. At best the target's logit is 1 and the other three are -1.
The probability of the target is then e / (e + 3/e) = 1 / (1 + 3 e^-2), so L >= 5 ln(1 + 3 e^-2).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.cells import readout

from .lab import Lab, Language, Report, Text
from .ohlol_embedding import SOURCE, TARGET, encode, read_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPECTED_PARAMETERS = 40  # 4·4 + 4·4 + 4 + 4
EXPECTED_FLOOR = 1.7038
EPOCHS = 15  # of the source
LEARNING_RATE = 0.1  # Adam
MORE_EPOCHS = 300  # enough to reach the floor


def create_network(seed: int, *, head: bool) -> Any:
    """Return the cell and what computes the logits from its state."""
    import torch

    from elman import nn

    torch.manual_seed(seed)
    cell = nn.RNNCell(4, 4)
    return torch.nn.ModuleDict({"cell": cell, "head": torch.nn.Linear(4, 4) if head else torch.nn.Identity()})


def train(seed: int, epochs: int, *, head: bool) -> tuple[list[float], list[str]]:
    """Return the summed loss and the output before each epoch and after the last."""
    import torch

    network = create_network(seed, head=head)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    X, targets = torch.eye(4)[encode(SOURCE)], torch.tensor(encode(TARGET))
    losses, outputs = [], []
    for epoch in range(epochs + 1):
        h = torch.zeros(4)
        logits = []
        for x in X:
            h = network["cell"](x, h)
            logits.append(network["head"](h))
        o = torch.stack(logits)
        loss = torch.nn.functional.cross_entropy(o, targets, reduction="sum")
        losses.append(loss.item())
        outputs.append(read_output(o))
        if epoch < epochs:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses, outputs


def compute_floor() -> float:
    """Return the least summed loss of five steps with logits between -1 and 1.

    The loss falls with the target's logit and rises with each of the others, so it is least at a corner of the cube.
    """
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    losses = [readout.softmax_cross_entropy(corner, np.array(0))[0] for corner in corners]
    return len(TARGET) * min(losses)


def run(report: Report) -> None:
    """Compute the floor, then train with both outputs."""
    floor = compute_floor()
    report.say(
        en="tanh lies between -1 and 1, and so do the logits. The loss of a step falls with the logit of the target "
        "and rises with the three others, so it is least where the target's logit is 1 and the others are -1. The "
        "probability of the target is then e / (e + 3 e^-1) = 1 / (1 + 3 e^-2), and the loss ln(1 + 3 e^-2). For the "
        "five steps:",
        zh="tanh 的值在 -1 与 1 之间，logits 也是如此。一步的损失随目标字符的 logit 增大而减小，随另外三个 logit "
        "增大而增大，所以目标的 logit 为 1、另外三个为 -1 时最小。这时目标字符的概率是 e / (e + 3 e^-1) = 1 / (1 + 3 "
        "e^-2)，一步的损失是 ln(1 + 3 e^-2)。五步合计：",
    )
    report.show(f"L >= 5 ln(1 + 3 e^-2) = 5 ln({1.0 + 3.0 * math.exp(-2.0):.6g}) = {floor:.6g}")
    report.equal(
        Text(
            "floor: 5 times the least loss of all 16 logits of ±1", "下限：试遍取 ±1 的 16 组 logits，最小的损失乘以 5"
        ),
        floor,
        5.0 * math.log1p(3.0 * math.exp(-2.0)),
        within=1e-12,
    )
    report.equal(Text("floor, to four decimals", "下限，四位小数"), floor, EXPECTED_FLOOR, within=5e-5)
    report.equal(
        Text("parameters", "参数个数"),
        sum(p.numel() for p in create_network(0, head=False).parameters()),
        EXPECTED_PARAMETERS,
    )

    epochs = 40 if report.smoke else MORE_EPOCHS
    results = {head: [train(seed, epochs, head=head) for seed in report.seeds(10)] for head in (False, True)}
    losses = {head: np.array([of_seed for of_seed, _ in results[head]]) for head in results}
    num_seeds = len(results[True])
    report.say(
        en=f"{num_seeds} seeds. Loss as mean ± standard deviation, the largest loss, and the number of seeds whose "
        "output is ohlol:",
        zh=f"共 {num_seeds} 个随机种子。损失写作“平均 ± 标准差”，旁边是各种子中最大的损失；最后一列是输出为 ohlol "
        "的种子数：",
    )
    report.table(
        [
            *(Text("logits", "logits 取自"), Text("epochs", "轮数"), Text("summed loss", "损失之和")),
            *(Text("largest", "最大"), Text("ohlol", "输出 ohlol")),
        ],
        [
            (
                "V h + b_o" if head else "h",
                epoch,
                f"{losses[head][:, epoch].mean():.4f} ± {losses[head][:, epoch].std():.4f}",
                f"{losses[head][:, epoch].max():.4f}",
                sum(outputs[epoch] == TARGET for _, outputs in results[head]),
            )
            for head in results
            for epoch in (0, EPOCHS, epochs)
        ],
    )
    report.at_least(Text("smallest loss, logits h", "以 h 为 logits 的最小损失"), losses[False].min(), floor)
    report.at_most(
        Text("largest loss at the end, linear head", "训练结束时的最大损失，加线性层"), losses[True][:, -1].max(), 0.1
    )
    if not report.smoke:
        report.equal(
            Text("smallest loss, logits h, at the floor", "以 h 为 logits 的最小损失，与下限相比"),
            losses[False].min(),
            floor,
            within=0.01,
        )
    report.say(
        en="Longer training cannot remove the floor; a linear head does. Some seeds end far above it, at up to "
        f"{losses[False][:, -1].max():.2f}: in one step, one wrong logit is close to 1, where tanh is flat and its "
        "gradient almost zero.",
        zh="训练再久也突破不了这个下限，加一个线性层就可以。有的种子停在比下限高得多的地方"
        f"（最大 {losses[False][:, -1].max():.2f}，见表）："
        "在某一步，有一个错误的 logit 接近 1，tanh 在那里饱和，梯度几乎为零。",
    )

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        for head, label in (
            (False, Text("logits h (source)", "h 作为 logits（原做法）")),
            (True, Text("linear head", "加线性层")),
        ):
            (line,) = axes.plot(np.median(losses[head], axis=0), label=label.in_language(language))
            low, high = losses[head].min(axis=0), losses[head].max(axis=0)
            axes.fill_between(range(epochs + 1), low, high, color=line.get_color(), alpha=0.2, lw=0)
        axes.axhline(floor, color="0.4", ls=":", label=f"5 ln(1 + 3 e⁻²) = {floor:.4f}")
        axes.set_yscale("log")
        axes.set_xlabel(Text("epochs", "轮数").in_language(language))
        axes.set_ylabel(
            Text("summed loss L (nats, log scale)", "五步损失之和 L（纳特，对数坐标）").in_language(language)
        )
        legend = Text(f"median of {num_seeds} seeds (shaded: range)", f"{num_seeds} 个种子的中位数（阴影为范围）")
        axes.legend(title=legend.in_language(language))

    report.figure("loss", draw)


LAB = Lab(
    name="ohlol-cell",
    chapter="sequences",
    title=Text("hello to ohlol, with one cell", "hello → ohlol：单个循环单元"),
    claim=Text(
        "With the state as logits, the summed loss cannot fall below 5 ln(1 + 3 e^-2) = 1.7038; a linear head removes "
        "this floor.",
        "直接以隐状态为 logits，五步损失之和不会低于 5 ln(1 + 3 e^-2) = 1.7038；加一个线性层就没有这个下限。",
    ),
    source=Text(
        "Liu Er, PyTorch in Practice, lecture 12; assignment 8, exercise 6",
        "刘二大人《PyTorch 深度学习实践》第 12 讲；作业8 第 6 题",
    ),
    seconds=15.0,
    run=run,
)

"""hello -> ohlol with an embedding: Embedding(4, 10), a two-layer RNN(10 -> 8), Linear(8, 4), mean cross-entropy.

    x_t = row id_t of E        h_t = tanh(W x_t + b + U h_(t-1) + c), twice        o_t = V h_t + b_o
    L = - (1/5) sum over t of log softmax(o_t)[target_t]

The vocabulary is e 0, h 1, l 2, o 3: the ids 1 0 2 2 3 must become 3 1 2 3 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VOCABULARY = "ehlo"
SOURCE, TARGET = "hello", "ohlol"
EXPECTED_IDS = [[1, 0, 2, 2, 3], [3, 1, 2, 3, 2]]
EXPECTED_PARAMETERS = 380  # 4·10 + (10·8 + 8·8 + 8 + 8) + (8·8 + 8·8 + 8 + 8) + (8·4 + 4)
EPOCHS = 15
LEARNING_RATE = 0.05  # Adam
UNSEEN = ("hell", "olleh", "helol", "hhhhh")


def encode(text: str) -> list[int]:
    """Return the ids of the characters."""
    return [VOCABULARY.index(character) for character in text]


def create_network(seed: int) -> Any:
    """Return the embedding, the two recurrent layers and the output layer."""
    import torch

    from elman import nn

    torch.manual_seed(seed)
    rnn = nn.RNN(10, 8, num_layers=2, batch_first=True)
    return torch.nn.ModuleDict({"embedding": torch.nn.Embedding(4, 10), "rnn": rnn, "linear": torch.nn.Linear(8, 4)})


def compute_logits(network: Any, text: str) -> Any:
    """Return the logits (T, 4) of a text, from the state 0."""
    import torch

    h, _ = network["rnn"](network["embedding"](torch.tensor([encode(text)])))
    return network["linear"](h)[0]


def read_output(logits: Any) -> str:
    """Return the character with the largest logit at each step."""
    return "".join(VOCABULARY[k] for k in logits.argmax(dim=1))


def train(seed: int) -> tuple[list[float], list[str], Any]:
    """Return the losses and outputs after 0, 1, ... 15 epochs, and the network."""
    import torch

    network = create_network(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    targets = torch.tensor(encode(TARGET))
    losses, outputs = [], []
    for epoch in range(EPOCHS + 1):
        logits = compute_logits(network, SOURCE)
        loss = torch.nn.functional.cross_entropy(logits, targets)  # the mean of the five steps
        losses.append(loss.item())
        outputs.append(read_output(logits))
        if epoch < EPOCHS:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses, outputs, network


def run(report: Report) -> None:
    """Train with several seeds; then read strings that were not trained."""
    report.say(
        en="At each step the network reads a character of hello and outputs one of ohlol. The two l of hello have "
        "different targets, l and o, so the network needs its state.",
        zh="每一步，网络读入 hello 的一个字符，输出 ohlol 的一个字符。hello 中两个 l 的目标不同，分别是 l 和 o，"
        "所以必须用到隐状态。",
    )
    report.equal(Text("ids", "编号"), [encode(SOURCE), encode(TARGET)], EXPECTED_IDS)
    report.equal(
        Text("parameters", "参数个数"), sum(p.numel() for p in create_network(0).parameters()), EXPECTED_PARAMETERS
    )

    results = [train(seed) for seed in report.seeds(20)]
    losses = np.array([of_seed for of_seed, _, _ in results])
    epochs_needed = [outputs.index(TARGET) if TARGET in outputs else math.inf for _, outputs, _ in results]
    report.table(
        [Text("epochs", "轮数"), Text("loss, seed 0", "损失（种子 0）"), Text("output", "输出")],
        [(epoch, losses[0, epoch], results[0][1][epoch]) for epoch in (0, 1, 2, 5, 10, 15)],
    )
    first, last = losses[:, 0], losses[:, -1]
    report.say(
        en=f"{len(results)} seeds: the loss begins at {first.mean():.3f} ± {first.std():.3f} (ln 4 = 1.386: four "
        f"equally probable characters) and ends at {last.mean():.4f} ± {last.std():.4f}. "
        f"The output is ohlol for the first time after {min(epochs_needed)} to {max(epochs_needed)} epochs.",
        zh=f"共 {len(results)} 个随机种子：损失从 {first.mean():.3f} ± {first.std():.3f} 开始"
        f"（ln 4 = 1.386，即四个字符等可能），降到 {last.mean():.4f} ± {last.std():.4f}。"
        f"训练 {min(epochs_needed)} 到 {max(epochs_needed)} 轮后，输出首次成为 ohlol。",
    )
    if not report.smoke:
        report.equal(Text("mean of the first losses", "最初损失的平均值"), first.mean(), math.log(4.0), within=0.1)
    report.equal(
        Text("seeds that output ohlol", "输出 ohlol 的种子数"),
        sum(o[-1] == TARGET for _, o, _ in results),
        len(results),
    )
    report.at_most(Text("largest loss at the end", "训练结束时的最大损失"), last.max(), 0.1)
    explain(report, results[0][2])

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        (line,) = axes.plot(losses.mean(axis=0), marker="o", label=Text("mean", "平均").in_language(language))
        axes.fill_between(
            range(EPOCHS + 1), losses.min(axis=0), losses.max(axis=0), color=line.get_color(), alpha=0.2, lw=0
        )
        axes.axhline(math.log(4.0), color="0.4", ls=":", label="ln 4")
        axes.set_yscale("log")
        axes.set_xlabel(Text("epochs", "轮数").in_language(language))
        axes.set_ylabel(
            Text("mean loss of a step (nats, log scale)", "每步的平均损失（纳特，对数坐标）").in_language(language)
        )
        legend = Text(f"{len(results)} seeds (shaded: range)", f"{len(results)} 个随机种子（阴影为范围）")
        axes.legend(title=legend.in_language(language))

    report.figure("loss", draw)


def explain(report: Report, network: Any) -> None:
    """Show strings that were not trained, and the two ways to report the loss."""
    import torch

    report.say(
        en="The network has memorised one pair of strings; there is no rule to learn, and no held-out data. "
        "For any other string it outputs something, too (seed 0):",
        zh="网络只是记住了这一对字符串：没有规律可学，也没有留出的测试数据。给它别的字符串，它照样输出（种子 0）：",
    )
    report.table(
        [Text("input", "输入"), Text("output", "输出")],
        [(text, read_output(compute_logits(network, text))) for text in UNSEEN],
    )
    logits, targets = compute_logits(network, SOURCE), torch.tensor(encode(TARGET))
    summed, mean = (
        torch.nn.functional.cross_entropy(logits, targets, reduction=kind).item() for kind in ("sum", "mean")
    )
    report.say(
        en="The loss above is the mean of five steps. The lab ohlol-cell prints their sum, which is five times as "
        "large: divide it by 5 before you compare.",
        zh="上面的损失是五步的平均值，实验 ohlol-cell 给出的是五步之和，是平均值的五倍：比较之前要除以 5。",
    )
    report.equal(Text("summed loss / mean loss", "损失之和 / 平均损失"), summed / mean, 5.0, within=1e-5)


LAB = Lab(
    name="ohlol-embedding",
    chapter="sequences",
    title=Text("hello to ohlol, with an embedding", "hello → ohlol：嵌入层与两层 RNN"),
    claim=Text(
        "A network of 380 parameters starts at a loss of about ln 4 and outputs ohlol after at most 15 epochs.",
        "380 个参数的网络，最初的损失约为 ln 4，训练不超过 15 轮就输出 ohlol。",
    ),
    source=Text(
        "Liu Er, PyTorch in Practice, lecture 12; assignment 8, exercise 6",
        "刘二大人《PyTorch 深度学习实践》第 12 讲；作业8 第 6 题",
    ),
    seconds=1.5,
    run=run,
)

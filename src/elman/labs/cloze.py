"""Filling gaps: what a bidirectional network is for. A letter is missing; the text before and after it is known.

    h_t = GRU(x_t, h_(t-1))          has read x_1 ... x_t
    g_t = GRU'(x_t, g_(t+1))         has read x_t ... x_T

    left       o_t = V h_(t-1) + b                  a language model: guesses x_t from the letters before it
    right      o_t = V g_(t+1) + b                  the same for the reversed text
    both       o_t = V [h_(t-1), g_(t+1)] + b       never reads x_t itself, so every letter of a text is an example

In the lab bidirectional, o_t = V [h_t, g_t] + b was trained to predict x_(t+1), which g_t had read. Here the outputs
are shifted by one step, so that no direction has read the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bidirectional import CLIP, FEATURES, RATE, create_network
from .lab import Lab, Report, Text
from .manual_text import SYMBOLS, corpus, random_windows
from .spread import mean_and_range
from .task_drawings import texts_with_errors

WAYS = {"left": Text("left", "只看左边"), "right": Text("right", "只看右边"), "both": Text("both", "两边都看")}
T, UPDATES, VALID_WINDOWS = 48, 250, 200
# Bounds, and what was measured over 10 seeds.
SMALLEST_GAIN = 0.14  # accuracy of both minus the better of left and right: 0.17 and more
SMALLEST_ACCURACY = 0.70  # of both: 0.74 to 0.76; of one side: 0.54 to 0.57


def logits(network: Any, way: str, window: Any) -> Any:
    """Return o (B, T - 2, V) for the letters of a window (B, T) but the first and the last."""
    import torch

    x = window.flip(1) if way == "right" else window
    outputs, _ = network["layer"](network["embedding"](x))  # (B, T, 64): h, or h and g
    if way == "both":
        h, g = outputs.split(FEATURES // 2, dim=2)
        outputs = torch.cat([h[:, :-2], g[:, 2:]], dim=2)  # h_(t-1) and g_(t+1)
    else:
        outputs = outputs[:, :-2]
    return network["linear"](outputs.flip(1) if way == "right" else outputs)


def train(seed: int, updates: int, way: str) -> Any:
    """Return a network trained to fill the gap at every position of random windows."""
    import torch
    from torch.nn.functional import cross_entropy

    network, rng = create_network(seed, bidirectional=way == "both"), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for _ in range(updates):
        window = random_windows(corpus()[0], T, rng)
        loss = cross_entropy(logits(network, way, window).flatten(0, 1), window[:, 1:-1].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return network


def fill(network: Any, way: str, window: Any) -> Any:
    """Return the most probable letter (B, T - 2) of each gap."""
    import torch

    with torch.no_grad():
        return logits(network, way, window).argmax(2)


def leak(network: Any, way: str) -> float:
    """Return the largest change of o_t if x_t is replaced by another letter: 0 if the gap was not read."""
    import torch

    window = corpus()[1][:T].repeat(len(SYMBOLS), 1)
    window[:, T // 2] = torch.arange(len(SYMBOLS))
    with torch.no_grad():
        o_t = logits(network, way, window)[:, T // 2 - 1]
    return float((o_t - o_t[0]).abs().max())


def run(report: Report) -> None:
    """Train the three networks with several seeds, and fill the gaps of new text."""
    updates = UPDATES // 10 if report.smoke else UPDATES
    report.start(
        en=f"Training {len(WAYS)} networks, each with {len(report.seeds(10))} seeds",
        zh=f"训练 {len(WAYS)} 个网络，各用 {len(report.seeds(10))} 个随机种子",
        seconds=4.0 * len(report.seeds(10)),
    )
    networks = {way: [train(seed, updates, way) for seed in report.seeds(10)] for way in WAYS}
    window = corpus()[1][: VALID_WINDOWS * T].view(-1, T)
    targets = window[:, 1:-1]
    accuracy = {
        way: np.array([float((fill(n, way, window) == targets).double().mean()) for n in networks[way]]) for way in WAYS
    }
    spaces = float((targets == 0).double().mean())
    report.say(
        en=f"One symbol at a time is hidden in {targets.numel():,} places of the validation set: letters and spaces of "
        f"Python's manual. Always guessing a space is right in {spaces:.0%}. Accuracy (mean of {len(accuracy['left'])} "
        "seeds, smallest to largest):",
        zh=f"在验证集（Python 手册，只留字母与空格）的 {targets.numel():,} 个位置上，每次挖去一个字符。"
        f"总是猜空格，正确率为 {spaces:.0%}。准确率（{len(accuracy['left'])} 个随机种子的平均，最小到最大）：",
    )
    rows = []
    for way, values in accuracy.items():
        parameters = sum(p.numel() for p in networks[way][0].parameters())
        rows.append((WAYS[way], parameters, mean_and_range(values)))
    report.table([Text("reads", "读取"), Text("parameters", "参数个数"), Text("accuracy", "准确率")], rows)
    show_gaps(report, networks, window)
    report.equal(
        Text("change of o_t if the hidden letter changes", "挖去的字符改变时 o_t 的变化"),
        max(leak(networks[way][0], way) for way in WAYS),
        0.0,
    )
    gain = accuracy["both"] - np.maximum(accuracy["left"], accuracy["right"])
    if not report.smoke:
        report.at_least(
            Text("accuracy gained by the second direction, smallest", "两边都看提高的准确率，最小"),
            gain.min(),
            SMALLEST_GAIN,
        )
        report.at_least(
            Text("accuracy of both, smallest", "两边都看的准确率，最低"), accuracy["both"].min(), SMALLEST_ACCURACY
        )
    report.say(
        en="Both directions together have fewer parameters than one, and fill many more gaps: the letters after a gap "
        "say as much as those before it.",
        zh="双向网络的参数比单向的还少，填对的却多得多：空格之后的字母与之前的字母同样有用。",
    )


def show_gaps(report: Report, networks: dict[str, list[Any]], window: Any) -> None:
    """Show what each network of the first seed puts in the places of a typical window."""
    filled = {way: fill(networks[way][0], way, window) for way in WAYS}
    correct = np.array([(ids == window[:, 1:-1]).double().mean(1).numpy() for ids in filled.values()])
    typical = int(np.abs(correct - correct.mean(1, keepdims=True)).sum(0).argmin())  # closest to the mean accuracies
    truth = "".join(SYMBOLS[k] for k in window[typical, 1:-1])
    texts = {way: "".join(SYMBOLS[k] for k in ids[typical]) for way, ids in filled.items()}
    report.say(
        en="A typical window: the text, then the fillings by left, right and both.",
        zh="一个典型的窗口：原文，以及只看左边、只看右边、两边都看时填的字符。",
    )
    report.show(truth, *texts.values())
    report.figure("gaps", texts_with_errors(truth, [(WAYS[way], text) for way, text in texts.items()]))


LAB = Lab(
    name="cloze",
    chapter="tasks",
    title=Text("Filling gaps with both directions", "完形填空：双向循环神经网络的正确用法"),
    claim=Text(
        "Reading both sides of a gap, a smaller network fills 14 percentage points more gaps than a network that reads "
        "one side, whichever side that is.",
        "两边都看的网络参数更少，填对的空却比只看左边或只看右边的网络多 14 个百分点以上。",
    ),
    source=Text(
        "Berglund et al. (2015), Bidirectional recurrent neural networks as generative models; "
        "Dive into Deep Learning, section 9.4 / 10.4",
        "Berglund 等（2015），双向循环神经网络作为生成模型；《动手学深度学习》9.4 节，英文版 10.4 节",
    ),
    seconds=45.0,
    run=run,
)

"""Many to one, by the cell of older tutorials: a review is read word by word, and only the last output is used.

    h_t = W [x_t, h_(t-1)] + b                       i2h, a linear layer over input and hidden state, h_0 = 0
    o_t = log softmax(V [x_t, h_(t-1)] + c)          i2o, the second one

x_t is one-hot. This cell has no activation function, so its logits are linear in the inputs: each word at each place
adds its own summand, whatever the other words are. With z, the logit of positive minus that of negative,

    z(it was very good) + z(it was not bad) = z(it was very bad) + z(it was not good)

The left side has to be positive and the right side negative: one of four is wrong at least, after any training. A tanh
in i2h alone does not help: o_t reads x_t beside h_(t-1), so the last word still adds its own summand. In

    h_t = tanh(W [x_t, h_(t-1)] + b)                 o_t = log softmax(V h_t + c)

Elman's network, "not" changes what the next word does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .lab import Lab, Report, Text
from .short_reviews import ORDERS, REVIEW, TEST, TRAINING, VOCABULARY, bag
from .spread import mean_and_range
from .task_drawings import states_under_words

HIDDEN, BATCH, UPDATES, RATE = 32, 64, 300, 0.02
ROUNDING = 2e-5  # of float32 sums: measured 6e-7
LIMIT = 0.75  # the test set consists of such fours, of which the source's cell cannot have more than three right
KINDS = {
    "source": Text("source", "原教程"),
    "tanh": Text("tanh in i2h", "i2h 加 tanh"),
    "elman": Text("Elman: tanh, output from h_t", "Elman：加 tanh，由 h_t 输出"),
}


def create_cell(seed: int, kind: str) -> Any:
    """Return i2h and i2o; i2o of the kind elman reads h_t."""
    import torch

    torch.manual_seed(seed)
    size = len(VOCABULARY) + HIDDEN
    return torch.nn.ModuleDict(
        {"i2h": torch.nn.Linear(size, HIDDEN), "i2o": torch.nn.Linear(HIDDEN if kind == "elman" else size, 2)}
    )


def encode(texts: Sequence[str]) -> Any:
    """Return one-hot vectors (T, B, V) of the words; after the end of a text, zeros."""
    import torch

    words = [text.split() for text in texts]
    x = torch.zeros(max(map(len, words)), len(texts), len(VOCABULARY))
    for row, text in enumerate(words):
        for t, word in enumerate(text):
            x[t, row, VOCABULARY.index(word)] = 1.0
    return x


def read(cell: Any, x: Any, *, kind: str) -> tuple[Any, Any]:
    """Return the logits (T, B, 2) and the hidden states (T, B, H) after each word; after its end, a text keeps both."""
    import torch

    h, o = torch.zeros(x.shape[1], HIDDEN), torch.zeros(x.shape[1], 2)
    logits, states = [], []
    for x_t in x:
        is_word = x_t.any(dim=1, keepdim=True)
        combined = torch.cat([x_t, h], dim=1)
        h_next = cell["i2h"](combined)
        h_next = h_next if kind == "source" else h_next.tanh()
        h = torch.where(is_word, h_next, h)
        o = torch.where(is_word, cell["i2o"](h_next if kind == "elman" else combined), o)
        logits.append(o)
        states.append(h)
    return torch.stack(logits), torch.stack(states)


def train(seed: int, updates: int, *, kind: str) -> Any:
    """Return a cell trained on the output after the last word."""
    import torch

    x, labels = encode([text for text, _ in TRAINING]), torch.tensor([label for _, label in TRAINING])
    cell = create_cell(seed, kind)
    optimizer = torch.optim.Adam(cell.parameters(), lr=RATE, fused=True)
    for _ in range(updates):
        batch = torch.randint(len(labels), (BATCH,))
        logits, _ = read(cell, x[:, batch], kind=kind)
        loss = torch.nn.functional.nll_loss(torch.log_softmax(logits[-1], dim=1), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(cell.parameters(), 1.0)
        optimizer.step()
    return cell


def margins(cell: Any, texts: Sequence[str], *, kind: str) -> Any:
    """Return z (B,): the logit of positive minus the logit of negative after the last word."""
    import torch

    with torch.no_grad():
        logits, _ = read(cell, encode(texts), kind=kind)
    return (logits[-1, :, 1] - logits[-1, :, 0]).numpy()


def accuracy(cell: Any, *, kind: str) -> float:
    """Return the share of the test set that is right."""
    z = margins(cell, [text for text, _ in TEST], kind=kind)
    return float(np.mean((z > 0) == np.array([label for _, label in TEST])))


def run(report: Report) -> None:
    """Train the three kinds of cells, read the review word by word, and compare word orders."""
    updates = UPDATES // 30 if report.smoke else UPDATES
    report.start(
        en=f"Training {len(KINDS)} networks, each with {len(report.seeds(10))} seeds",
        zh=f"训练 {len(KINDS)} 个网络，各用 {len(report.seeds(10))} 个随机种子",
        seconds=4.0 * len(report.seeds(10)),
    )
    cells = {kind: [train(seed, updates, kind=kind) for seed in report.seeds(10)] for kind in KINDS}
    compare_negation(report, cells)
    read_review(report, cells["elman"])
    compare_orders(report, cells["elman"])


def compare_negation(report: Report, cells: dict[str, list[Any]]) -> None:
    """Show what the source's cell cannot learn."""
    report.say(
        en=f"{len(TRAINING)} short reviews for training, {len(TEST)} for testing. A negation turns the word after it. "
        "z is the logit of positive minus that of negative (first seed):",
        zh=f"{len(TRAINING)} 条短影评用于训练，{len(TEST)} 条用于测试。否定词把后面的词反过来；"
        "z 是正面的 logit 减去负面的 logit（第一个种子）：",
    )
    texts = [f"the plot was {adverb} {word}" for adverb in ("very", "not") for word in ("good", "bad")]
    z = {kind: np.array([margins(cell, texts, kind=kind) for cell in cells[kind]]) for kind in KINDS}
    right = {kind: np.array([accuracy(cell, kind=kind) for cell in cells[kind]]) for kind in KINDS}
    rows: list[tuple[str | Text, ...]] = [
        (text, *(f"{z[kind][0, k]:+.2f}" for kind in KINDS)) for k, text in enumerate(texts)
    ]
    label = Text("test accuracy, mean (range)", "测试集准确率，平均（范围）")
    rows.append((label, *(mean_and_range(v, ".2f") for v in right.values())))
    report.table(["", *KINDS.values()], rows)
    for kind in ("source", "tanh"):
        difference = float(np.abs(z[kind] @ [1.0, -1.0, -1.0, 1.0]).max())  # z(very good) - z(very bad) - ...
        name = Text(f"z(very good) + z(not bad) - z(very bad) - z(not good), {kind}", f"四个 z 之差，{kind}")
        report.at_most(name, difference, ROUNDING)
    report.at_most(Text("test accuracy, source, largest", "测试集准确率，原教程，最高"), right["source"].max(), LIMIT)
    if not report.smoke:
        report.at_least(Text("test accuracy, Elman, smallest", "测试集准确率，Elman，最低"), right["elman"].min(), 0.95)


def read_review(report: Report, cells: Sequence[Any]) -> None:
    """Show the output and the hidden state after every word of the review."""
    import torch

    with torch.no_grad():
        results = [read(cell, encode([REVIEW]), kind="elman") for cell in cells]
    p = np.array([torch.softmax(logits[:, 0], dim=1)[:, 1].numpy() for logits, _ in results])  # (seeds, T)
    states = results[0][1][:, 0].numpy()  # (T, H)
    report.say(
        en="The review word by word, by Elman's network: P(positive) after each word, and the first four of "
        f"{HIDDEN} hidden units. Only the last output was trained and is used; those before it mean little.",
        zh=f"用 Elman 网络逐词读入这条影评：读完每个词之后的 P(正面)，以及 {HIDDEN} 个隐藏单元中的前四个。"
        "训练与预测都只用最后一个输出，之前的输出没有多大意义。",
    )
    rows = [(word, f"{p[0, t]:.3f}", *(f"{v:+.2f}" for v in states[t, :4])) for t, word in enumerate(REVIEW.split())]
    report.table([Text("word", "词"), Text("P(positive)", "P(正面)"), "h_1", "h_2", "h_3", "h_4"], rows)
    if not report.smoke:
        report.at_least(Text("P(positive) at the end, smallest", "读完后的 P(正面)，最低"), p[:, -1].min(), 0.9)
    report.figure("states", states_under_words(REVIEW.split(), p, states))


def compare_orders(report: Report, cells: Sequence[Any]) -> None:
    """Compare two sentences of the same words."""
    import torch

    with torch.no_grad():
        finals = [read(cell, encode(ORDERS), kind="elman")[1][-1] for cell in cells]
    distances = [float((h[0] - h[1]).norm()) for h in finals]
    report.say(
        en=f'"{ORDERS[0]}" (I did it) and "{ORDERS[1]}" (somebody else did) have the same words. None of them is in '
        "the reviews, so their weights are the random initial ones, and still the two final states differ.",
        zh=f"“{ORDERS[0]}”（我自己洗了车）与“{ORDERS[1]}”（我让人洗了车）用词相同。"
        "这些词都不在影评里，权重还是随机的初始值，两个最终隐状态仍然不同。",
    )
    report.equal(
        Text("difference of the bags of words", "词袋之差"), int(np.abs(bag(ORDERS[0]) - bag(ORDERS[1])).sum()), 0
    )
    report.at_least(Text("distance of the final states, smallest", "最终隐状态的距离，最小"), min(distances), 0.1)


LAB = Lab(
    name="thor-review",
    chapter="tasks",
    title=Text("A review read word by word", "影评情感分类：逐词读入，只用最后的输出"),
    claim=Text(
        "The older tutorials' cell has no activation function and cannot learn that not turns the next word: at most "
        "three of four are right. Elman's network learns it. Word order changes its final state, but no bag of words.",
        "旧教程的循环单元没有激活函数，学不会“not 把后面的词反过来”：四句至多对三句；Elman 网络能学会。"
        "词序不同，最终隐状态就不同，词袋却一样。",
    ),
    source=Text(
        "Robertson, Classifying names with a character-level RNN (PyTorch tutorial, older editions); Elman (1990)",
        "Robertson，PyTorch 教程《用字符级 RNN 给名字分类》（旧版）；Elman（1990）",
    ),
    seconds=52.0,
    run=run,
)

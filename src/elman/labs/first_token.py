"""What the second direction is for: the class of a sequence is its first token, 35 to 45 steps before the end.

Both networks are simple recurrent networks with a linear layer on the final states. A network that reads forward has to
carry the first token through all later steps:

    h_t = tanh(W x_t + U h_(t-1)),  t = 1 ... T         decides from h_T

A second direction reads from the end, and the first token is the last thing that it reads:

    g_t = tanh(W' x_t + U' g_(t+1)),  t = T ... 1       decides from [h_T, g_1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .lab import Lab, Report, Text

if TYPE_CHECKING:
    from torch import Tensor

TOKENS = 10  # the class is whether the first token is 5 or more
SHORTEST, LONGEST = 35, 45
HIDDEN, BATCH, UPDATES, RATE, TEST_SIZE = 16, 32, 300, 0.005, 500
SEEDS = 10
CHANCE = 0.5


def sequences(size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return random tokens (B, T), the lengths of the rows, and their classes."""
    import torch

    tokens = torch.from_numpy(rng.integers(TOKENS, size=(size, LONGEST)))
    lengths = torch.from_numpy(rng.integers(SHORTEST, LONGEST + 1, size=size))
    return tokens, lengths, (tokens[:, 0] >= TOKENS // 2).long()


def accuracy(seed: int, updates: int, *, bidirectional: bool) -> float:
    """Train a network on new random sequences at each update, and return its accuracy on others."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.nn.utils.rnn import pack_padded_sequence

    import elman.nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    embedding = torch.nn.Embedding(TOKENS, HIDDEN)
    layer = elman.nn.RNN(HIDDEN, HIDDEN, batch_first=True, bidirectional=bidirectional)
    readout = torch.nn.Linear(HIDDEN * (1 + bidirectional), 2)
    network: Any = torch.nn.ModuleList([embedding, layer, readout])
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)

    def logits(tokens: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, final = layer(packed)  # (directions, B, H): h_T, and g_1
        return torch.as_tensor(readout(torch.cat(list(final), dim=1)))

    for _ in range(updates):
        tokens, lengths, classes = sequences(BATCH, rng)
        optimizer.zero_grad()
        cross_entropy(logits(tokens, lengths), classes).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    tokens, lengths, classes = sequences(TEST_SIZE, rng)
    with torch.no_grad():
        return float((logits(tokens, lengths).argmax(1) == classes).double().mean())


def run(report: Report) -> None:
    """Train both networks with several seeds."""
    updates = UPDATES // 10 if report.smoke else UPDATES
    report.say(
        en=f"The class is that of the first token; {SHORTEST - 1} to {LONGEST - 1} random tokens follow.",
        zh=f"类别由第一个词元决定，其后是 {SHORTEST - 1} 到 {LONGEST - 1} 个随机词元。",
    )
    seeds = report.seeds(SEEDS)
    report.start(
        en=f"Training 2 networks, each with {len(seeds)} seeds",
        zh=f"训练 2 个网络，各用 {len(seeds)} 个随机种子",
        seconds=3.0 * len(seeds),
    )
    one = [accuracy(seed, updates, bidirectional=False) for seed in seeds]
    both = [accuracy(seed, updates, bidirectional=True) for seed in seeds]
    report.table(
        [Text("seed", "种子"), Text("one direction", "单向"), Text("both directions", "双向")],
        zip(seeds, one, both, strict=True),
    )
    if not report.smoke:
        report.at_most(Text("mean accuracy, one direction", "单向网络的平均准确率"), float(np.mean(one)), CHANCE + 0.05)
        report.at_least(Text("smallest accuracy, both directions", "双向网络的最低准确率"), min(both), 0.99)
    report.say(
        en=f"After {updates} updates, one direction is still at chance: the derivative of the loss with respect to the "
        "first token is a product of more than 30 factors and vanishes. For the second direction, the first token is "
        "one step away.",
        zh=f"更新 {updates} 次之后，单向网络的准确率仍与随机猜测相当：损失对第一个词元的导数是三十多个因子的乘积，"
        "几乎为零（梯度消失）。对反向的那一层来说，第一个词元只有一步之遥。",
    )


LAB = Lab(
    name="first-token",
    chapter="memory",
    title=Text("The signal at the start", "信号在开头：双向网络有什么用"),
    claim=Text(
        "If the first of about 40 tokens decides, one direction stays at chance and two directions are always right.",
        "如果类别由四十个左右词元中的第一个决定，单向网络停留在随机水平，双向网络全部正确。",
    ),
    source=Text(
        "Schuster and Paliwal (1997); Bengio, Simard and Frasconi (1994)",
        "Schuster 与 Paliwal（1997）；Bengio、Simard 与 Frasconi（1994）",
    ),
    seconds=31.0,
    run=run,
)

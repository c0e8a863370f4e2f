"""Decimal addition, digit by digit from the right: what a network that shares its weights over time can generalize.

    h_t = tanh(W [e(a_t); e(b_t)] + b + U h_(t-1) + c)        t = 1 is the digit of the ones
    o_t = V h_t + d                                           softmax(o_t): the digit of a + b at the same place

It is trained with random numbers below 555,555,555 and tested with numbers from there to 999,999,999. The digit of the
hundred millions of a training number is at most 5; that of a test number is at least 5, and so the pairs of leading
digits of the test hardly occur at this place in the training. Two variations show what makes the difference:

    own embeddings      e depends on the place too, so what is learned at one place is unknown at the others
    most significant    the digits are read from the left, so the carry comes too late
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

LIMIT, LARGEST = 555_555_555, 999_999_999
PLACES = 11  # of the source: ten digits of the largest sum, and a zero
HIDDEN, EMBEDDING = 64, 32  # of the source
UPDATES = {"shared": 300, "places": 600, "left": 300}  # of 64 sums; the source takes 3,000 updates of 200 sums
BATCH, RATE, TEST_SIZE, SEEDS = 64, 0.01, 2000, 10
# Ten seeds gave: exact shares of 1 with shared weights; with own embeddings inside at least 0.905, and outside the
# digit of the hundred millions is right in at most 0.17 of the sums.
LEAST_EXACT, LEAST_EXACT_PLACES, MOST_RIGHT_UNSEEN = 0.99, 0.8, 0.5
HALF, WITHIN = 0.5, 0.03  # carries are 1 in half of the sums
UNSEEN = 8  # the place of the hundred millions
NETWORKS = {
    "shared": Text("shared weights", "共享权重"),
    "places": Text("own embeddings", "每位各自的嵌入"),
    "left": Text("most significant first", "从高位读起"),
}


def digits(numbers: Any) -> Tensor:
    """Return the decimal digits (B, PLACES) of numbers (B,), the least significant first."""
    import torch

    return torch.from_numpy(np.stack([numbers // 10**place % 10 for place in range(PLACES)], axis=1))


def sums(size: int, low: int, high: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return the digits of two random numbers from low to high - 1 and of their sum, each (B, PLACES)."""
    a, b = rng.integers(low, high, size), rng.integers(low, high, size)
    return digits(a), digits(b), digits(a + b)


def create_network(seed: int, kind: str) -> Any:
    """Return embedding, layer and output of a kind in NETWORKS."""
    import torch

    from elman import nn

    torch.manual_seed(seed)
    return torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(10 * PLACES if kind == "places" else 10, EMBEDDING),
            "layer": nn.RNN(2 * EMBEDDING, HIDDEN, batch_first=True),
            "output": torch.nn.Linear(HIDDEN, 10),
        }
    )


def logits(network: Any, kind: str, a: Tensor, b: Tensor) -> Tensor:
    """Return the logits (B, PLACES, 10) of the sum's digits, the least significant first."""
    import torch

    if kind == "places":
        a, b = (d + 10 * torch.arange(PLACES) for d in (a, b))
    x = torch.cat([network["embedding"](a), network["embedding"](b)], dim=2)
    h, _ = network["layer"](x.flip(1) if kind == "left" else x)
    return torch.as_tensor(network["output"](h.flip(1) if kind == "left" else h))


def measure(seed: int, kind: str, updates: int) -> tuple[Any, Any]:
    """Train a network, and return which digits (TEST_SIZE, PLACES) it gets right inside and outside the range."""
    import torch
    from torch.nn.functional import cross_entropy

    network, rng = create_network(seed, kind), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for _ in range(updates):
        a, b, total = sums(BATCH, 0, LIMIT, rng)
        optimizer.zero_grad()
        cross_entropy(logits(network, kind, a, b).flatten(0, 1), total.flatten()).backward()
        optimizer.step()
    with torch.no_grad():
        tests = sums(TEST_SIZE, 0, LIMIT, rng), sums(TEST_SIZE, LIMIT, LARGEST + 1, rng)
        inside, outside = ((logits(network, kind, a, b).argmax(dim=2) == total).numpy() for a, b, total in tests)
    return inside, outside


def run(report: Report) -> None:
    """Train the three networks with several seeds."""
    updates = {kind: UPDATES[kind] // 10 if report.smoke else UPDATES[kind] for kind in NETWORKS}
    rng = np.random.default_rng(0)
    leading = [sums(10_000, *limits, rng)[0][:, UNSEEN] for limits in ((0, LIMIT), (LIMIT, LARGEST + 1))]
    report.equal(
        Text("digits of the hundred millions in the training: largest", "训练数据中亿位数字的最大值"),
        leading[0].max().item(),
        5,
    )
    report.equal(
        Text("digits of the hundred millions in the test: smallest", "测试数据中亿位数字的最小值"),
        leading[1].min().item(),
        5,
    )
    seeds = report.seeds(SEEDS)
    report.start(
        en=f"Training {len(NETWORKS)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(NETWORKS)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=3.0 * len(seeds),
    )
    right = {kind: np.array([measure(seed, kind, updates[kind]) for seed in seeds]) for kind in NETWORKS}
    exact = {kind: right[kind].all(axis=3).mean(axis=2) for kind in NETWORKS}  # (seeds, inside and outside)
    report.say(
        en=f"Share of the sums with every digit right, {len(seeds)} seeds (mean, and the smallest):",
        zh=f"每一位都正确的和所占比例，{len(seeds)} 个随机种子（平均值，括号内为最小值）：",
    )
    report.table(
        [
            Text("network", "网络"),
            Text(f"inside, below {LIMIT:,}", f"范围内，小于 {LIMIT:,}"),
            Text(f"outside, to {LARGEST:,}", f"范围外，至 {LARGEST:,}"),
        ],
        [
            (
                name,
                *(f"{shares.mean():.4f} ({shares.min():.4f})" for shares in exact[kind].T),
            )
            for kind, name in NETWORKS.items()
        ],
    )
    if not report.smoke:
        claim_shares(report, exact, right)
    report.figure("places", lambda figure, language: draw_places(figure, language, right))


def claim_shares(report: Report, exact: dict[str, Any], right: dict[str, Any]) -> None:
    """Claim the exact shares; bounds leave a margin to what ten seeds gave."""
    for column, name in enumerate((Text("inside", "范围内"), Text("outside", "范围外"))):
        report.at_least(
            Text(f"smallest exact share {name.en}, shared weights", f"{name.zh}的最小全对比例，共享权重"),
            exact["shared"][:, column].min(),
            LEAST_EXACT,
        )
    report.say(
        en="The weights are the same at all places: the network has seen 7 + 8 with and without a carry at the lower "
        "places, and so it adds them at the place of the hundred millions too. With embeddings of its own, each place "
        "learns its digits alone, and outside the range the leading digits are wrong:",
        zh="各位共用同一组权重：网络在低位见过 7 + 8，有进位和没有进位的都见过，到了亿位照样会加。"
        "如果每一位有各自的嵌入，每一位只认识自己见过的数字，范围外的最高位就会出错：",
    )
    report.at_least(
        Text("smallest exact share inside, own embeddings", "范围内的最小全对比例，每位各自的嵌入"),
        exact["places"][:, 0].min(),
        LEAST_EXACT_PLACES,
    )
    report.at_most(
        Text("largest share of right hundred millions outside", "范围外亿位正确的最大比例"),
        right["places"][:, 1, :, UNSEEN].mean(axis=1).max(),
        MOST_RIGHT_UNSEEN,
    )
    report.say(
        en="Read from the left, a digit must be given before the carry to it is known. Half of the carries are 1, so "
        "the middle digits cannot be right more often than about half of the time:",
        zh="从高位读起，写出一位时还不知道低位有没有进位。进位有一半的可能，所以中间各位的正确率最多约为一半：",
    )
    report.equal(
        Text(
            "share of right digits, hundreds to ten millions, most significant first",
            "从高位读起，百位到千万位的正确率",
        ),
        right["left"][:, 0, :, 2:UNSEEN].mean(),
        HALF,
        within=WITHIN,
    )


def draw_places(figure: Figure, language: Language, right: dict[str, Any]) -> None:
    """Draw the share of right digits outside the range at each place."""
    axes = figure.subplots()
    for (kind, name), marker in zip(NETWORKS.items(), "os^", strict=True):
        shares = right[kind][:, 1].mean(axis=(0, 1))
        axes.plot(range(PLACES), shares, marker=marker, label=name.in_language(language))
    axes.axvline(UNSEEN, color="0.7", lw=8, alpha=0.5, zorder=0)
    axes.set_xticks(range(PLACES), [f"$10^{{{place}}}$" for place in range(PLACES)])
    axes.invert_xaxis()  # as numbers are written
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel(Text("place of the digit (grey: leading digits)", "数位（灰色：最高位）").in_language(language))
    axes.set_ylabel(Text("share of right digits, outside the range", "范围外的正确率").in_language(language))
    axes.legend()


LAB = Lab(
    name="decimal-carry",
    chapter="encoder-decoder",
    title=Text(
        "Decimal addition beyond the range of the training", "进位加法（加法进位实验）：超出训练范围的十进制加法"
    ),
    claim=Text(
        "Trained below 555,555,555, a simple recurrent network adds all numbers to 999,999,999 exactly, because it "
        "shares its weights over the places; a network with embeddings of its own for each place does not.",
        "只用小于 555,555,555 的数训练，简单循环网络能准确计算 999,999,999 以内的加法，因为各位共享权重；"
        "每一位用各自的嵌入就做不到。",
    ),
    source=Text(
        "Elman (1990); exercises to Qiu, Neural Networks and Deep Learning, chapter 6: Learn2Carry",
        "Elman（1990）；邱锡鹏《神经网络与深度学习》第 6 章配套练习：加法进位实验 Learn2Carry",
    ),
    seconds=56.0,
    run=run,
)

"""The padding mask of a loss: which averages depend on the padding, and what the padding does to the gradient.

B sequences of lengths n_b are padded to T steps. l_bt is the cross-entropy at step t; w_bt is 1 for t <= n_b, else 0.

    no mask        1/(B T) sum of l_bt                    padding is a target like any other
    divide by T    1/B sum over b of 1/T sum over t of w_bt l_bt        Dive into Deep Learning, first edition
    sequences      1/B sum over b of 1/n_b sum over t of w_bt l_bt
    tokens         sum of w_bt l_bt / sum of w_bt         elman: sums and counts, divided last

A loss should not depend on the length of the longest sequence of its batch, and only the last two are free of it. The
mean over tokens gives each token the same weight, and the mean over sequences each sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman import cells
from elman.cells import readout, unroll

from .lab import Lab, Report, Text
from .padded_sequences import FIRST, PADDING, SYMBOLS, markov_sequences
from .pictures import gradients_at_padding

LENGTHS = np.array([2, 4, 12])  # of the example
PADDED = (12, 24, 48)  # T
EXPECTED_DIVIDED = [2.3026, 1.1513, 0.0]  # Dive into Deep Learning 9.7: equal logits of 10 symbols, lengths 4, 2, 0
REDUCTIONS = {
    "no mask": Text("no mask", "无掩码"),
    "divide by T": Text("mask, divided by T", "掩码，除以 T"),
    "sequences": Text("mask, mean over sequences", "掩码，按序列平均"),
    "tokens": Text("mask, mean over tokens", "掩码，按词元平均"),
}
# Ten seeds gave: per token, at least 0.17 nats more without a mask, whose own loss is at most 0.26 of that per token.
LEAST_MORE, MOST_OWN, MOST_OWN_SMOKE = 0.05, 0.4, 0.8
HIDDEN, BATCH, RATE, UPDATES, SEEDS = 32, 32, 0.005, 50, 10


def weights_of(reduction: str, mask: Any) -> Any:
    """Return the weight (B, T) of each step's loss in a reduction; mask (B, T) is true at tokens."""
    B, T = mask.shape
    return {
        "no mask": np.full((B, T), 1.0 / (B * T)),
        "divide by T": mask / (B * T),
        "sequences": mask / (B * mask.sum(axis=1, keepdims=True)),
        "tokens": mask / mask.sum(),
    }[reduction]


def example(T: int) -> tuple[Any, Any, Any]:
    """Return logits (B, T, V), targets (B, T) and mask (B, T) of the example, with the same values at all tokens."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(3, max(PADDED), SYMBOLS)), rng.integers(FIRST, SYMBOLS, size=(3, max(PADDED)))
    mask = np.arange(T) < LENGTHS[:, None]
    return logits[:, :T], np.where(mask, targets[:, :T], PADDING), mask


def loss_and_gradient(reduction: str, T: int) -> tuple[float, Any]:
    """Return the loss of the example, and its derivative with respect to the logits (B, T, V)."""
    logits, targets, mask = example(T)
    weights = weights_of(reduction, mask)
    losses = -np.take_along_axis(readout.log_softmax(logits), targets[..., None], axis=2)[..., 0]
    one_hot = np.eye(SYMBOLS)[targets]
    return float((weights * losses).sum()), weights[..., None] * (readout.softmax(logits) - one_hot)


def run(report: Report) -> None:
    """Compare the reductions, then what an encoder makes of padding, then train with and without a mask."""
    compare_reductions(report)
    read_padding(report)
    train_both(report)
    sizes = {name: np.abs(loss_and_gradient(key, PADDED[0])[1]).sum(axis=2) for key, name in REDUCTIONS.items()}
    report.figure("gradient", gradients_at_padding(sizes, LENGTHS))


def compare_reductions(report: Report) -> None:
    """Show the loss of each reduction by the padded length, and where its gradient goes."""
    losses = {name: [loss_and_gradient(name, T)[0] for T in PADDED] for name in REDUCTIONS}
    shares = {}
    for name in REDUCTIONS:
        size = np.abs(loss_and_gradient(name, PADDED[0])[1]).sum(axis=2)
        shares[name] = [size[~example(PADDED[0])[2]].sum() / size.sum(), *(size.sum(axis=1) / size.sum())]
    report.say(
        en=f"Three sequences of {LENGTHS.tolist()} tokens, padded to T steps. The loss, and at T = {PADDED[0]} the "
        "share of the gradient at padding and of each sequence (absolute values):",
        zh=f"三个序列，长度为 {LENGTHS.tolist()}，填充到 T 步。损失；以及 T = {PADDED[0]} 时，"
        "填充处和各序列在梯度中所占比例（绝对值之和）：",
    )
    report.table(
        [
            "",
            *(Text(f"loss, T = {T}", f"损失，T = {T}") for T in PADDED),
            Text("padding", "填充"),
            *(f"n = {n}" for n in LENGTHS),
        ],
        [(name, *losses[key], *(f"{share:.0%}" for share in shares[key])) for key, name in REDUCTIONS.items()],
    )
    for key in ("sequences", "tokens"):
        report.equal(
            Text(f"{REDUCTIONS[key].en}: the loss for each T", f"{REDUCTIONS[key].zh}：各个 T 的损失"),
            losses[key],
            [losses[key][0]] * len(PADDED),
            within=1e-12,
        )
    uniform = np.log(10.0) * (np.arange(4) < np.array([[4], [2], [0]]))  # losses of equal logits, masked
    report.equal(
        Text("divided by T: the book's example", "除以 T：教材中的例子"),
        uniform.mean(axis=1),
        EXPECTED_DIVIDED,
        within=5e-5,
    )
    report.say(
        en="In the book's example, every token has the loss ln 10 = 2.3026. Divided by T, a sequence of half the "
        "length counts half.",
        zh="教材的例子里，每个词元的损失都是 ln 10 = 2.3026；除以 T 之后，长度只有一半的序列，损失也只剩一半。",
    )
    report.at_least(
        Text("no mask: share of the gradient at padding", "无掩码：填充处的梯度比例"), shares["no mask"][0], 0.4
    )
    logits, targets, mask = example(PADDED[0])
    total, count, d_logits = readout.softmax_cross_entropy(logits, targets, mask)
    report.equal(
        Text("elman.cells: sum / count", "elman.cells：和 / 个数"), total / count, losses["tokens"][0], within=1e-12
    )
    report.equal(
        Text("elman.cells: gradient at padding", "elman.cells：填充处的梯度"), np.abs(d_logits[~mask]).max(), 0.0
    )
    difference = np.abs(d_logits / count - loss_and_gradient("tokens", PADDED[0])[1]).max()
    report.at_most(Text("elman.cells: gradient, difference", "elman.cells：梯度之差"), difference, 1e-15)
    report.say(
        en="Without a mask the short sequences are mostly padding, and so is their gradient. Divided by T, the "
        "gradient shrinks when one long sequence joins the batch.",
        zh="没有掩码时，短序列大部分是填充，它们的梯度也主要来自填充。除以 T 时，批次里只要有一个长序列，"
        "梯度就会变小。",
    )


def read_padding(report: Report) -> None:
    """Show the last state of an encoder with and without lengths."""
    rng = np.random.default_rng(1)
    layer = cells.LayerParameters(W=rng.normal(size=(4, SYMBOLS)), U=rng.normal(size=(4, 4)) / 2.0)
    cell, n = cells.create("elman", "tanh"), LENGTHS[0]
    ids = np.full((1, PADDED[0]), PADDING)
    ids[0, :n] = rng.integers(FIRST, SYMBOLS, n)
    x = np.eye(SYMBOLS)[ids]
    alone, stopped, padded = (
        unroll.run(cell, [[layer]], inputs, lengths=lengths)[1][0][0][0]
        for inputs, lengths in ((x[:, :n], None), (x, [n]), (x, None))
    )
    report.say(
        en="An encoder needs the lengths for the same reason: without them, it reads the padding.",
        zh="编码器也需要长度，道理相同：不给长度，它会把填充也读进去。",
    )
    change = Text("change of the last state, with lengths", "给出长度时最终状态的变化")
    report.equal(change, np.abs(stopped - alone).max(), 0.0)
    report.at_least(Text("the same without lengths", "不给长度时的变化"), np.abs(padded - alone).max(), 0.1)


def train(seed: int, updates: int, *, masked: bool) -> tuple[float, float]:
    """Train a language model of the sequences; return the loss that training prints, and that of the test tokens."""
    import torch
    from torch.nn.functional import cross_entropy

    from elman import nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    transitions = rng.dirichlet(np.full(SYMBOLS - FIRST, 0.2), size=SYMBOLS - FIRST)
    embedding, layer = torch.nn.Embedding(SYMBOLS, HIDDEN), nn.GRU(HIDDEN, HIDDEN, batch_first=True)
    output = torch.nn.Linear(HIDDEN, SYMBOLS)
    network = torch.nn.ModuleList([embedding, layer, output])
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)

    def loss(size: int, *, masked: bool) -> Any:
        x, mask = (torch.from_numpy(array) for array in markov_sequences(rng, transitions, size))
        logits, targets = output(layer(embedding(x[:, :-1]))[0]), x[:, 1:]
        losses = cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        return losses[mask[:, 1:]].mean() if masked else losses.mean()

    for _ in range(updates):
        optimizer.zero_grad()
        loss(BATCH, masked=masked).backward()
        optimizer.step()
    with torch.no_grad():
        return loss(1000, masked=masked).item(), loss(1000, masked=True).item()


def train_both(report: Report) -> None:
    """Train with and without a mask, with several seeds."""
    updates = UPDATES // 10 if report.smoke else UPDATES
    seeds = report.seeds(SEEDS)
    losses = {masked: np.array([train(seed, updates, masked=masked) for seed in seeds]) for masked in (False, True)}
    report.say(
        en=f"Two trainings of {updates} updates that differ in the mask only, {len(seeds)} seeds (mean ± standard "
        "deviation):",
        zh=f"两种训练，各更新 {updates} 次，只有掩码不同，{len(seeds)} 个随机种子（平均 ± 标准差）：",
    )
    report.table(
        [Text("training", "训练"), Text("its own loss", "它自己的损失"), Text("loss per token", "每个词元的损失")],
        [
            (
                REDUCTIONS["tokens" if masked else "no mask"],
                *(f"{column.mean():.3f} ± {column.std():.3f}" for column in losses[masked].T),
            )
            for masked in losses
        ],
    )
    if not report.smoke:
        report.at_least(
            Text("loss per token, no mask minus mask, smallest", "每个词元的损失，无掩码减去有掩码，最小值"),
            (losses[False][:, 1] - losses[True][:, 1]).min(),
            LEAST_MORE,
        )
    report.at_most(
        Text("loss without mask, its own / per token, largest", "无掩码的损失与每个词元的损失之比，最大值"),
        (losses[False][:, 0] / losses[False][:, 1]).max(),
        MOST_OWN_SMOKE if report.smoke else MOST_OWN,
    )
    report.say(
        en="Without a mask the printed loss is low, because padding is easy to predict, and the tokens are learned "
        "more slowly.",
        zh="没有掩码时，显示的损失很低，因为填充很容易预测；真正的词元却学得更慢。",
    )


LAB = Lab(
    name="masked-loss",
    chapter="encoder-decoder",
    title=Text("The padding mask of a loss", "填充与损失掩码（padding mask）：遮蔽 softmax 交叉熵损失"),
    claim=Text(
        "Averages over tokens and over sequences do not depend on the padding; without a mask, and divided by T, the "
        "loss and its gradient do. Without a mask the loss looks lower, and the tokens are learned more slowly.",
        "按词元、按序列平均的损失与填充无关；不用掩码、或除以 T 的损失与梯度都受填充影响。"
        "不用掩码时损失看上去更低，词元却学得更慢。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 10.7 (first edition, 9.7)",
        "Zhang 等《动手学深度学习》9.7 节",
    ),
    seconds=5.0,
    run=run,
)

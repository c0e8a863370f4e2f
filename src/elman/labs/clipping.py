"""Gradient clipping: a network with exploding gradients learns better if the length of each update is bounded.

    norm = sqrt(sum of g^2 over all gradients)        g' = g * min(1, max_norm / norm)

A tanh network whose matrix U has the spectral radius 1.5 reads 40 inputs and must return the first one. Its gradient
goes back through 39 steps; for some sequences it explodes. The lab trains with plain gradient descent, once without a
bound and once with max_norm = 1. Why gradients explode: the lab gradients.
"""

from __future__ import annotations

import numpy as np

from elman import cells
from elman.cells import clipping, unroll
from elman.cells.activations import Array

from . import pictures
from .gradients import INPUTS, H, random_layer
from .lab import Lab, Report, Text

RADIUS, STEPS, BATCH = 1.5, 40, 16
SEEDS, UPDATES = 10, 300
LEARNING_RATE = 0.05
MAX_NORMS = {"-": np.inf, "1": 1.0}  # clipping off and on
LAST = 50  # updates whose loss is compared
LOSS_OF_ZERO = 0.5  # of a network that always returns 0, for inputs of variance 1
# Measured with 10 seeds: mean loss 0.40 without clipping, 0.24 to 0.25 with it; lower with it for 8 or 9 of 10 seeds.
LEAST_LOSS_OFF, LARGEST_LOSS_ON, LEAST_SHARE = 0.35, 0.3, 0.7


def train_to_remember(seed: int, updates: int, max_norm: float) -> tuple[Array, Array, Array]:
    """Return the losses, the norms of the gradients, and the lengths of the updates."""
    rng = np.random.default_rng(seed)
    cell = cells.create("elman", "tanh")
    layer = random_layer(rng, 1, RADIUS, None)
    v = rng.normal(size=H) / np.sqrt(H)
    weights = [*layer.arrays().values(), v]
    losses, norms, lengths = [], [], []
    for _ in range(updates):
        x = rng.normal(size=(BATCH, STEPS, INPUTS))  # new sequences, so the loss is that of unseen data
        h, _, tape = unroll.forward(cell, [[layer]], x)
        error = h[:, -1] @ v - x[:, 0, 0]
        d_h = np.zeros_like(h)
        d_h[:, -1] = np.outer(error, v) / len(x)
        gradients = [*unroll.backward(tape, d_h).params[0][0].arrays().values(), error @ h[:, -1] / len(x)]
        clipped = clipping.clip_by_norm(gradients, max_norm)
        for weight, gradient in zip(weights, clipped, strict=True):
            weight -= LEARNING_RATE * gradient  # in place: layer and v change
        losses.append((error**2).mean() / 2)
        norms.append(clipping.global_norm(gradients))
        lengths.append(LEARNING_RATE * clipping.global_norm(clipped))
    return np.array(losses), np.array(norms), np.array(lengths)


def run(report: Report) -> None:
    """Train with and without clipping, and compare the losses of the last updates."""
    report.show("g' = g * min(1, max_norm / norm)")
    report.say(
        en=f"A tanh network with rho = {RADIUS} learns to return the first of {STEPS} inputs. A network that always "
        f"returns 0 has the loss {LOSS_OF_ZERO}.",
        zh=f"rho = {RADIUS} 的 tanh 网络学习输出 {STEPS} 个输入中的第一个。总是输出 0 的网络，损失为 {LOSS_OF_ZERO}。",
    )
    seeds, updates = report.seeds(SEEDS), 20 if report.smoke else UPDATES
    losses, longest, rows = {}, {}, []
    for name, max_norm in MAX_NORMS.items():
        runs = [train_to_remember(seed, updates, max_norm) for seed in seeds]
        losses[name] = np.array([loss for loss, _, _ in runs])
        largest_norm = max(float(norms.max()) for _, norms, _ in runs)
        longest[name] = max(float(lengths.max()) for _, _, lengths in runs)
        final = losses[name][:, -LAST:].mean(axis=1)
        rows.append((name, final.mean(), final.std(), final.min(), final.max(), largest_norm, longest[name]))
    names = [("mean loss", "平均损失"), ("standard deviation", "标准差"), ("smallest", "最小"), ("largest", "最大")]
    names += [("largest gradient norm", "最大梯度范数"), ("longest update", "最长的更新")]
    report.table([Text("norm at most", "范数上限"), *(Text(*name) for name in names)], rows)
    report.say(
        en=f"The loss is that of the last {LAST} updates. Without clipping, single updates move the weights very far. "
        "Clipping bounds the length of an update by rate * max_norm and keeps its direction. It cannot bring back a "
        "gradient that has vanished.",
        zh=f"损失取最后 {LAST} 次更新的平均。不裁剪时，个别更新会使权重移动很远。梯度裁剪把一次更新的长度限制在"
        "“学习率 × 范数上限”之内，并保持方向；它不能恢复已经消失的梯度。",
    )
    report.at_most(
        Text("clipping at 1: longest update / learning rate", "裁剪到 1：最长的更新除以学习率"),
        longest["1"] / LEARNING_RATE,
        1.0 + 1e-12,
    )
    if not report.smoke:
        off, on = (values[:, -LAST:].mean(axis=1) for values in losses.values())
        report.at_least(Text("clipping off: mean loss", "不裁剪：平均损失"), off.mean(), LEAST_LOSS_OFF)
        report.at_most(Text("clipping at 1: mean loss", "裁剪到 1：平均损失"), on.mean(), LARGEST_LOSS_ON)
        report.at_least(
            Text("share of seeds in which clipping gives the lower loss", "裁剪后损失更低的种子所占比例"),
            (on < off).mean(),
            LEAST_SHARE,
        )
    labels = (Text("clipping off", "不裁剪"), Text("clipping at 1", "裁剪到 1"))
    report.figure("losses", pictures.losses_by_update(dict(zip(labels, losses.values(), strict=True))))


LAB = Lab(
    name="clipping",
    chapter="bptt",
    title=Text("Gradient clipping", "梯度裁剪：应对梯度爆炸"),
    claim=Text(
        "Without clipping, single updates move the weights very far. Clipping bounds them, and the mean loss is lower.",
        "不裁剪时，个别更新使权重移动很远；梯度裁剪限制更新的长度，平均损失更低。",
    ),
    source=Text(
        "Pascanu et al. (2013), algorithm 1; Qiu, Neural Networks and Deep Learning, section 6.5, exercise 6-3; "
        "assignment 10",
        "Pascanu 等（2013），算法 1；邱锡鹏《神经网络与深度学习》6.5 节，习题 6-3；作业10",
    ),
    seconds=18.0,
    run=run,
)

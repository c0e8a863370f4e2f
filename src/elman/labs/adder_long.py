"""Binary addition of any length: a network that has only seen 12 bits adds 1,000 bits, and one unit holds the carry.

    h_t = sigmoid(W x_t + U h_(t-1) + b)        o_t = V h_t + b_o        digit t of the sum is 1 where o_t > 0

It is the network of the lab adder with biases, trained on cross-entropy by Adam (Kingma and Ba, 2015). Only one bit has
to be remembered, the carry k. After digit t it is 1 if at least two of a_t, b_t and the old carry are 1; the digit of
the sum is a_t + b_t + k modulo 2. Nothing in this rule depends on the length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from elman import cells
from elman.cells import readout, unroll
from elman.cells.activations import Array
from elman.cells.readout import Bools
from elman.metrics import auc

from . import pictures
from .digits import add, carries, random_digits
from .lab import Draw, Lab, Report, Text

BITS, TESTED_BITS, SUMS = 12, (16, 64, 256, 1000), 1000
HIDDEN, UPDATES, BATCH, RATE = 16, 3000, 32, 0.01
CELL = cells.create("elman", "sigmoid")
Network = tuple[cells.LayerParameters, Array, Array]  # W, U and b; V; b_o
CarryUnit = tuple[int, bool, float]  # its index, whether it is small after a carry, and a threshold


def train(rng: np.random.Generator, updates: int) -> Network:
    """Return a network that has been trained on random pairs of 12-bit numbers."""
    shapes = [(HIDDEN, 2), (HIDDEN, HIDDEN), (HIDDEN,), (1, HIDDEN), (1,)]
    parameters = W, U, b, V, b_o = [rng.uniform(-0.25, 0.25, shape) for shape in shapes]
    layer = cells.LayerParameters(W, U, b)
    means, squares = [np.zeros(shape) for shape in shapes], [np.zeros(shape) for shape in shapes]
    for update in range(1, updates + 1):
        x = random_digits(rng, BATCH, BITS)
        h, _, tape = unroll.forward(CELL, [[layer]], x)
        _, count, d_o = readout.sigmoid_cross_entropy(readout.forward(h, V, b_o), add(x)[..., None])
        d_h, d_V, d_b_o = readout.backward(d_o / count, h, V)
        d_layer = unroll.backward(tape, d_h).params[0][0]
        gradients = [*d_layer.arrays().values(), d_V, d_b_o]
        for parameter, d, mean, square in zip(parameters, gradients, means, squares, strict=True):
            mean += 0.1 * (d - mean)
            square += 0.001 * (d * d - square)
            step = mean / (1.0 - 0.9**update) / (np.sqrt(square / (1.0 - 0.999**update)) + 1e-8)
            parameter -= RATE * step
    return layer, V, b_o


def stream(network: Network, x: Array) -> tuple[Array, Array]:
    """Return the answers (B, T) and the states (B, T, H), reading one digit at a time and keeping only the state."""
    layer, V, b_o = network
    answers, states = np.zeros(x.shape[:2]), np.zeros((*x.shape[:2], HIDDEN))
    state = None
    for t in range(x.shape[1]):
        h, state = unroll.run(CELL, [[layer]], x[:, t : t + 1], state)
        answers[:, t] = readout.forward(h[:, 0], V, b_o)[:, 0] > 0.0
        states[:, t] = h[:, 0]
    return answers, states


def states_and_carries(network: Network, rng: np.random.Generator) -> tuple[Array, Bools]:
    """Return the states (N, H) after all digits of new sums, and the carries (N,)."""
    x = random_digits(rng, 200, 64)
    return stream(network, x)[1].reshape(-1, HIDDEN), carries(x).ravel()


def find_carry_unit(states: Array, carry: Bools) -> CarryUnit:
    """Return the unit whose values with and without a carry are farthest apart."""
    inverted = states[carry].mean(axis=0) < states[~carry].mean(axis=0)
    turned = np.where(inverted, 1.0 - states, states)  # every unit is larger after a carry, on average
    above, below = turned[carry].min(axis=0), turned[~carry].max(axis=0)
    unit = int((above - below).argmax())
    return unit, bool(inverted[unit]), float(above[unit] + below[unit]) / 2.0


class Measured(NamedTuple):
    """What is measured with one seed; the fields up to `right` are the columns of the table."""

    seed: int
    exact: list[int]  # sums of each length, and 1 + (2^1000 - 1)
    ordered: int  # units with an AUC of at least 0.99
    unit: int
    auc: float
    right: float  # share of carries that the threshold gives right
    network: Network
    carry_unit: CarryUnit


def measure(seed: int, lengths: Sequence[int], updates: int) -> Measured:
    """Train on 12 bits, add long numbers, and find the unit that holds the carry."""
    rng = np.random.default_rng(seed)
    network = train(rng, updates)
    longest = np.zeros((1, 1001, 2))  # 1 + (2^1000 - 1)
    longest[0, :1000, 0] = longest[0, 0, 1] = 1.0
    tests = [*(random_digits(rng, SUMS, bits) for bits in lengths), longest]
    exact = [int((stream(network, x)[0] == add(x)).all(axis=1).sum()) for x in tests]
    states, carry = states_and_carries(network, rng)
    ordered = sum(abs(auc(values, carry) - 0.5) >= 0.49 for values in states.T)
    unit, inverted, threshold = carry_unit = find_carry_unit(states, carry)
    states, carry = states_and_carries(network, rng)  # others than those in which the unit was found
    values = 1.0 - states[:, unit] if inverted else states[:, unit]
    right = float(((values > threshold) == carry).mean())
    return Measured(seed, exact, ordered, unit, auc(values, carry), right, network, carry_unit)


def run(report: Report) -> None:
    """Train with several seeds, add long numbers, and look for the carry in the states."""
    report.show("h_t = sigmoid(W x_t + U h_(t-1) + b)        o_t = V h_t + b_o")
    tested, updates = (TESTED_BITS[:1], 200) if report.smoke else (TESTED_BITS, UPDATES)
    report.start(
        en=f"Training {len(report.seeds(10))} networks on sums of {BITS} bits, then adding longer numbers",
        zh=f"先用 {BITS} 位的加法训练 {len(report.seeds(10))} 个网络，再计算更长的加法",
        seconds=2.5 * len(report.seeds(10)),
    )
    results = [measure(seed, tested, updates) for seed in report.seeds(10)]
    report.say(
        en=f"Training: random numbers of {BITS} bits. Test: how many of {SUMS} new random sums of each length are "
        "exact? The network reads and writes digit by digit, and only its state is kept. In 1 + (2^1000 - 1) the "
        "carry passes through 1,000 digits. Python's integers give the right answers.",
        zh=f"训练：随机的 {BITS} 位数。测试：每种长度新取 {SUMS} 道随机题，看答对几道。"
        "网络逐位读入、逐位输出，只保留隐状态。计算 1 + (2^1000 - 1) 时，进位要传过 1000 位。"
        "正确答案由 Python 的整数给出。",
    )
    report.say(
        en="Which hidden unit holds the carry? An AUC of 1 means that a unit is always larger with a carry than "
        "without one. A unit h that is smaller with a carry is turned over: 1 - h takes its place, also in the "
        "figure. The table counts the units with an AUC of at least 0.99; there can be several. AUC only compares "
        "which of two values is larger: a unit that is 0.99 without a carry and 0.9999 with one has an AUC of 1, too. "
        "So the carry unit is the one whose values with and without a carry are farthest apart. The last two columns "
        "are measured on new sums: its AUC, and the share of carries that a threshold on its value gives right.",
        zh="哪个隐藏单元表示进位？AUC = 1 表示有进位时的值总比没有进位时大。有的单元 h 有进位时反而小，"
        "就改看 1 - h，图中也是如此。AUC 不低于 0.99 的单元可能有好几个，表中列出个数。"
        "AUC 只看大小顺序，不看相差多少：无进位时取 0.99、有进位时取 0.9999 的单元，AUC 也是 1。"
        "所以选有进位与无进位时取值相隔最远的单元。最后两列在新题上测量：它的 AUC，以及用一个阈值读出进位的正确率。",
    )
    lengths = [Text(f"{bits} bits", f"{bits} 位") for bits in tested]
    unit_columns = [Text("carry unit", "进位单元"), Text("its AUC", "其 AUC"), Text("by threshold", "阈值读出")]
    report.table(
        [Text("seed", "种子"), *lengths, "1 + (2^1000 - 1)", "AUC >= 0.99", *unit_columns],
        [(r.seed, *r.exact, r.ordered, r.unit, r.auc, r.right) for r in results],
    )
    network, carry_unit = results[0].network, results[0].carry_unit
    x = random_digits(np.random.default_rng(0), 100, 64)
    at_once, _ = unroll.run(CELL, [[network[0]]], x)
    difference = float(np.abs(stream(network, x)[1] - at_once).max())
    report.at_most(
        Text("states: digit by digit, against all digits at once", "隐状态：逐位输入与一次输入之差"), difference, 1e-12
    )
    if not report.smoke:
        claim(report, results)
    report.figure("carry", carry_picture(network, carry_unit))


def claim(report: Report, results: Sequence[Measured]) -> None:
    """Claim that every seed adds exactly, and that it has a unit that holds the carry."""
    for index, bits in enumerate(TESTED_BITS):
        name = Text(f"exact sums of {bits} bits, worst seed", f"{bits} 位：准确的和的个数，最差的种子")
        report.equal(name, min(r.exact[index] for r in results), SUMS)
    name = Text("seeds with 1 + (2^1000 - 1) exact", "算对 1 + (2^1000 - 1) 的种子数")
    report.equal(name, sum(r.exact[-1] for r in results), len(results))
    name = Text("AUC of the carry unit, worst seed", "进位单元的 AUC，最差的种子")
    report.at_least(name, min(r.auc for r in results), 0.99)
    name = Text("carry by threshold, worst seed", "用阈值读出进位的正确率，最差的种子")
    report.at_least(name, min(r.right for r in results), 0.999)


def carry_picture(network: Network, carry_unit: CarryUnit) -> Draw:
    """Return the drawing of the carry unit over a sum of two random numbers of 24 bits."""
    unit, inverted, threshold = carry_unit
    x = random_digits(np.random.default_rng(3), 1, 24)
    answers, states = stream(network, x)
    values = 1.0 - states[0, :, unit] if inverted else states[0, :, unit]
    return pictures.carry_unit(x[0], answers[0], carries(x)[0], values, threshold, unit, inverted=inverted)


LAB = Lab(
    name="adder-long",
    chapter="addition",
    title=Text(
        "Binary addition of 1,000 bits, and the unit that holds the carry", "1000 位的二进制加法与表示进位的隐藏单元"
    ),
    claim=Text(
        "Trained on 12 bits, every seed adds numbers of 16, 64, 256 and 1,000 bits exactly, and one hidden unit holds "
        "the carry with an AUC of at least 0.99.",
        "只用 12 位的数训练，每个随机种子都能准确计算 16、64、256 和 1000 位的加法；"
        "总有一个隐藏单元表示进位，AUC 不低于 0.99。",
    ),
    source=Text(
        "Elman (1990); Kingma and Ba (2015), Adam; assignment 8, exercise 4, continued",
        "Elman（1990）；Kingma 与 Ba（2015），Adam 优化器；作业8 第 4 题的延伸",
    ),
    seconds=58.0,
    run=run,
)

"""The worked character model: vocabulary h e l o, three hidden units, and "hello" as four examples of what comes next.

    h_t = tanh(W x_t + b + U h_(t-1))        o_t = V h_t + b_o        p_t = softmax(o_t)
    L = - sum over t of log p_t[target]      dL/do_t = p_t - one_hot(target)

First the numbers of the source's figure and one update of its output layer; then one update of whole networks by
backpropagation through time; then the training, with and without the recurrent weights U.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from elman import cells
from elman.cells import LayerParameters, readout, unroll
from elman.cells.activations import Array

from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VOCABULARY = "helo"
X = np.eye(4)[[VOCABULARY.index(character) for character in "hell"]][None]  # (B, T, V), B = 1
TARGETS = np.array([[VOCABULARY.index(character) for character in "ello"]])
E = VOCABULARY.index("e")  # the target of the first step
OTHERS = [k for k in range(4) if k != E]

FIGURE_H = np.array([0.3, -0.1, 0.9])  # the source's figure, first step: the hidden state
FIGURE_O = np.array([1.0, 2.2, -3.0, 4.1])  # and the logits of h, e, l, o
EXPECTED_E = 2.3  # "slightly higher (e.g. 2.3 instead of 2.2 in first time step)"
RATE = 0.06  # the source names no learning rate; this one gives its 2.3

Weights = dict[str, Array]


def initial_weights(seed: int) -> Weights:
    """Return normal weights, and biases of zero."""
    generator = np.random.default_rng(seed)
    W, U, V = (generator.normal(0.0, 0.5, shape) for shape in [(3, 4), (3, 3), (4, 3)])
    return {"W": W, "U": U, "b_ih": np.zeros(3), "V": V, "b_o": np.zeros(4)}


def compute_gradients(w: Weights) -> tuple[float, Array, Weights]:
    """Return the loss L of the four examples, the logits (T, V) and the gradients, by BPTT."""
    layer = LayerParameters(w["W"], w["U"], w["b_ih"])
    h, _, tape = unroll.forward(cells.create("elman", "tanh"), [[layer]], X)
    o = readout.forward(h, w["V"], w["b_o"])
    loss, _, d_o = readout.softmax_cross_entropy(o, TARGETS)
    d_h, d_V, d_b_o = readout.backward(d_o, h, w["V"])
    d_layer = unroll.backward(tape, d_h).params[0][0]
    return loss, o[0], {**d_layer.arrays(), "V": d_V, "b_o": d_b_o}


def update(w: Weights, gradients: Weights, rate: float) -> Weights:
    """Return the weights after one step of gradient descent."""
    return {name: w[name] - rate * gradients[name] for name in w}


def train(w: Weights, updates: int, *, recurrent: bool) -> tuple[list[float], str]:
    """Return the loss before each update, and the most probable characters at the end; U stays 0 if not recurrent."""
    if not recurrent:
        w = {**w, "U": np.zeros((3, 3))}
    losses = []
    for _ in range(updates):
        loss, _, gradients = compute_gradients(w)
        w = update(w, gradients if recurrent else {**gradients, "U": np.zeros((3, 3))}, rate=0.3)
        losses.append(loss)
    o = compute_gradients(w)[1]
    return losses, "".join(VOCABULARY[k] for k in o.argmax(axis=1))


def run(report: Report) -> None:
    """Follow the figure, then update, then train."""
    update_figure(report)
    update_whole_networks(report)
    compare_training(report)


def update_figure(report: Report) -> None:
    """Update the output layer of the source's figure by the gradient of its first step."""
    report.say(
        en="The figure, first step: input h, target e. The model gives o the largest logit. The vocabulary is in the "
        "order of the source, h, e, l, o (in the lab one-hot, it is e, h, l, o). The source gives neither V nor a "
        "learning rate. We make a V for which V h_1 is the figure's logits (h_1 is the state at t = 1), and b_o = 0; "
        f"then V and b_o take one step of gradient descent with a learning rate of {RATE:g}.",
        zh="原图第一步：输入 h，目标 e，模型却给 o 打了最高分。词表按原文的顺序是 h、e、l、o"
        "（实验 one-hot 中是 e、h、l、o）。原文没给 V，也没给学习率。我们自己造一个 V，使 V h_1 正好等于图中的 logits"
        f"（h_1 是 t = 1 时的隐状态），并取 b_o = 0；再以学习率 {RATE:g} 对 V 和 b_o 做一次梯度下降。",
    )
    V, b_o = np.outer(FIGURE_O, FIGURE_H) / (FIGURE_H @ FIGURE_H), np.zeros(4)
    o = readout.forward(FIGURE_H, V, b_o)
    _, _, d_o = readout.softmax_cross_entropy(o, np.array(E))
    _, d_V, d_b_o = readout.backward(d_o, FIGURE_H, V)
    after = readout.forward(FIGURE_H, V - RATE * d_V, b_o - RATE * d_b_o)
    report.table(
        [Text("character", "字符"), "o", "p", "dL/do = p - one_hot", Text("o after the step", "更新后的 o")],
        zip(VOCABULARY, o, readout.softmax(o), d_o, after, strict=True),
    )

    def loss_at(logits: Array) -> float:
        return readout.softmax_cross_entropy(logits, np.array(E))[0]

    differences = [(loss_at(o + shift) - loss_at(o - shift)) / 2e-5 for shift in 1e-5 * np.eye(4)]
    report.equal(Text("dL/do, by finite differences", "dL/do，有限差分"), differences, d_o, within=1e-9)
    report.equal(Text("logits of the figure", "原图的 logits"), o, FIGURE_O, within=1e-12)
    report.equal(Text("logit of e after the step", "更新后 e 的 logit"), after[E], EXPECTED_E, within=0.005)
    report.at_most(Text("largest change of another logit", "其余 logit 的最大变化"), (after - o)[OTHERS].max(), 0.0)


def update_whole_networks(report: Report) -> None:
    """Update all weights of many networks by the loss of all four examples."""
    loss_fell, e_rose, as_in_figure = 0, 0, 0
    num_networks = 100
    for seed in range(num_networks):
        w = initial_weights(seed)
        loss, o, gradients = compute_gradients(w)
        loss_after, o_after, _ = compute_gradients(update(w, gradients, RATE))
        change = (o_after - o)[0]
        loss_fell += loss_after < loss
        e_rose += change[E] > 0.0
        as_in_figure += change[E] > 0.0 and change[OTHERS].max() < 0.0
    report.say(
        en="An update of the whole network is different: the four steps share their weights, so the gradients of the "
        f"later steps change the first logits, too. In 100 random networks, the loss fell in {loss_fell}; the logit of "
        f"e at the first step rose in {e_rose}; e rose and all others fell in {as_in_figure}. "
        "The arrows of the figure show the gradient of a single step.",
        zh="更新整个网络时情况不同：四个时间步共用权重，后面几步的梯度也会改变第一步的 logits。在 100 个随机网络中，"
        f"损失下降的有 {loss_fell} 个；第一步 e 的 logit 上升的有 {e_rose} 个；"
        f"e 上升且其余全部下降的只有 {as_in_figure} 个。图中的箭头只表示一个时间步自己的梯度。",
    )
    report.equal(Text("networks whose loss fell", "损失下降的网络数"), loss_fell, num_networks)
    report.at_most(
        Text("networks that moved as in the figure", "变化方向与图中一致的网络数"), as_in_figure, num_networks // 2
    )


def compare_training(report: Report) -> None:
    """Train with the recurrent weights and without them."""
    updates = 200 if report.smoke else 500
    with_state = [train(initial_weights(seed), updates, recurrent=True) for seed in report.seeds(10)]
    without_state = [train(initial_weights(seed), updates, recurrent=False) for seed in report.seeds(10)]
    floor = 2.0 * np.log(2.0)
    report.say(
        en="The input l occurs twice, with the targets l and o. Without the state, the network gives the same "
        "probabilities at both; at best it gives l and o 1/2 each. Then each of the two steps has a loss of ln 2. The "
        "other two steps have a loss of 0 at best, so L is at least 2 ln 2 = 1.3863. With the state, the network tells "
        f"the two l apart. L after {updates} updates (mean ± standard deviation of the seeds), and the outputs:",
        zh="输入 l 出现两次，目标分别是 l 和 o。没有隐状态时，网络在这两处给出的概率相同，最好是给 l 和 o 各 1/2，"
        "于是两个 l 各损失 ln 2；另两步的损失最好为 0，所以合计不会低于 2 ln 2 = 1.3863。有了隐状态，"
        f"网络就能区分这两个 l。更新 {updates} 次之后的损失 L（各种子的平均 ± 标准差）与输出：",
    )
    rows = []
    for name, results in (
        (Text("with U", "有 U"), with_state),
        (Text("without: U = 0", "没有 U（U = 0）"), without_state),
    ):
        final = np.array([losses[-1] for losses, _ in results])
        outputs = Counter(text for _, text in results).most_common()
        counts = ", ".join(f"{text} × {count}" for text, count in outputs)
        rows.append((name, f"{final.mean():.4f} ± {final.std():.4f}", counts))
    report.table([Text("network", "网络"), "L", Text("output × seeds", "输出 × 种子数")], rows)
    report.equal(
        Text("seeds that say ello", "输出 ello 的种子数"),
        sum(text == "ello" for _, text in with_state),
        len(with_state),
    )
    report.at_most(Text("largest loss with U", "有 U 时的最大损失"), max(losses[-1] for losses, _ in with_state), 0.1)
    report.at_least(
        Text("smallest loss with U = 0", "U = 0 时的最小损失"), min(min(losses) for losses, _ in without_state), floor
    )

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        for label, results in (
            (Text("with U", "有 U"), with_state),
            (Text("without: U = 0", "没有 U（U = 0）"), without_state),
        ):
            curves = np.array([losses for losses, _ in results])
            (line,) = axes.plot(curves.mean(axis=0), label=label.in_language(language))
            axes.fill_between(range(updates), curves.min(0), curves.max(0), color=line.get_color(), alpha=0.2, lw=0)
        axes.axhline(floor, color="0.4", ls=":", label="2 ln 2")
        axes.set_yscale("log")
        axes.set_xlabel(Text("updates", "更新次数").in_language(language))
        axes.set_ylabel(
            Text("summed loss L (nats, log scale)", "四步损失之和 L（纳特，对数坐标）").in_language(language)
        )
        axes.legend(title=Text("mean and range of the seeds", "各随机种子的平均与范围").in_language(language))

    report.figure("loss", draw)


LAB = Lab(
    name="charlm-hello",
    chapter="sequences",
    title=Text("The character model of hello", "hello 的字符级语言模型"),
    claim=Text(
        "One gradient step on the first example raises the logit of e from 2.2 to 2.3 and lowers all others; "
        "with its state the network learns hello, and without the state it cannot.",
        "对第一步做一次梯度下降，e 的 logit 由 2.2 升到 2.3，其余都下降；有隐状态的网络能学会 hello，没有则学不会。",
    ),
    source=Text(
        "Karpathy (2015), The Unreasonable Effectiveness of Recurrent Neural Networks; assignment 8, exercise 5",
        "Karpathy（2015），The Unreasonable Effectiveness of Recurrent Neural Networks；作业8 第 5 题",
    ),
    seconds=3.6,
    run=run,
)

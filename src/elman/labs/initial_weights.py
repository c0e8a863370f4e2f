"""Initial weights decide how long a simple recurrent network remembers: digit-sum from three starting points.

The derivative of h_T with respect to an early state is a product of factors U^T diag(1 - h_t^2). At the start of
training h is small, so the product is close to a power of U^T: it shrinks like rho^k after k steps, where rho is the
largest absolute value of the eigenvalues of U.

    zero                  U = 0: no gradient passes even one step
    torch.nn              uniform within 1 / sqrt(H): rho is about sqrt(1/3) = 0.58, for every H
    Glorot and Bengio     uniform within sqrt(6 / (H + H)): rho is about 1

The network, the data and the training are those of digit-sum at L = 20.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .digit_sum import DIGITS, EPOCHS, HIDDEN, Training, create_network, describe_accuracy, train_all
from .figures import COLOURS
from .lab import Lab, Language, Report, Text
from .sequence_classifier import SequenceClassifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH = 20
INITIAL = {
    "zero": Text("zero (a port of the source to PyTorch)", "全零（原代码的一个 PyTorch 移植版）"),
    "torch": Text("torch.nn", "torch.nn"),
    "glorot": Text("Glorot and Bengio", "Glorot 与 Bengio（Xavier）"),
}
EXPECTED_RADII = {"zero": 0.0, "torch": math.sqrt(1.0 / 3.0), "glorot": 1.0}
# Least gain in mean accuracy of Glorot and Bengio's weights: 0.55 and 0.47 in seven seeds, standard errors about 0.06.
LEAST_GAINS = {"zero": 0.3, "torch": 0.25}
RADIUS_TOLERANCE = 0.15  # of the mean over seeds: the limit is that of large H, and H is 32


def create_initial_network(initial: str, seed: int) -> SequenceClassifier:
    """Return a simple recurrent network with initial weights by a name of INITIAL. All but torch's have zero biases."""
    network = create_network("elman", seed)
    rng = np.random.default_rng([seed, 2])
    for name, array in network.p.items() if initial != "torch" else ():
        if name == "E" or (name.startswith("weight") and initial == "glorot"):
            bound = math.sqrt(6.0 / ((DIGITS if name == "E" else HIDDEN) + HIDDEN))
            array[:] = rng.uniform(-bound, bound, array.shape)
        elif name not in ("V", "b_o"):
            array[:] = 0.0
    return network


def spectral_radius(network: SequenceClassifier) -> float:
    """Return the largest absolute value of the eigenvalues of U."""
    return float(np.abs(np.linalg.eigvals(network.p["weight_hh_l0"])).max())


def run(report: Report) -> None:
    """Train from each of the three starting points."""
    seeds, epochs = report.seeds(6), 1 if report.smoke else EPOCHS
    report.show("dh_T/dh_(T-k) = product of k factors U^T diag(1 - h_t^2), about (U^T)^k at the start")
    networks = {initial: [create_initial_network(initial, seed) for seed in seeds] for initial in INITIAL}
    radii = {initial: [spectral_radius(network) for network in networks[initial]] for initial in INITIAL}
    for initial, expected in EXPECTED_RADII.items():
        name = Text(f"ρ before training: {INITIAL[initial].en}", f"训练前的 ρ：{INITIAL[initial].zh}")
        report.equal(name, float(np.mean(radii[initial])), expected, within=RADIUS_TOLERANCE)
    report.start(
        en=f"Training {len(INITIAL)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(INITIAL)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=6.0 * len(seeds),
    )
    runs = {initial: train_all(networks[initial], LENGTH, epochs) for initial in INITIAL}
    report.say(
        en=f"ρ: largest |eigenvalue| of U before training. L = {LENGTH}; mean accuracy ± spread of {len(seeds)} seeds:",
        zh=f"ρ：训练前 U 的特征值的最大模（谱半径）。L = {LENGTH} 的准确率：{len(seeds)} 个随机种子的平均 ± 标准差。",
    )
    report.table(
        [Text("initial weights", "初始权重"), "ρ", Text("test accuracy", "测试准确率")],
        [
            (name, f"{np.mean(radii[initial]):.2f}", describe_accuracy(runs[initial]))
            for initial, name in INITIAL.items()
        ],
    )
    if not report.smoke:
        _claim(report, runs)

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        for colour, marker, (initial, name) in zip(COLOURS, "osD", INITIAL.items(), strict=False):
            scores = [training.test for training in runs[initial]]
            axes.plot(radii[initial], scores, marker, color=colour, ls="", alpha=0.7, label=name.in_language(language))
        axes.set_xlabel(Text("spectral radius of U before training", "训练前 U 的谱半径").in_language(language))
        axes.set_ylabel(Text("test accuracy", "测试准确率").in_language(language))
        axes.set_ylim(0.0, 1.0)
        legend = Text(f"initial weights, {len(seeds)} seeds each", f"初始权重，各 {len(seeds)} 个种子")
        axes.legend(title=legend.in_language(language), loc="upper left")

    report.figure("accuracy", draw)


def _claim(report: Report, runs: dict[str, list[Training]]) -> None:
    """Claim that the larger radius remembers more."""
    means = {initial: float(np.mean([training.test for training in runs[initial]])) for initial in INITIAL}
    for initial, least in LEAST_GAINS.items():
        name = Text(
            f"mean gain of {INITIAL['glorot'].en} over {INITIAL[initial].en}",
            f"{INITIAL['glorot'].zh}的初值比{INITIAL[initial].zh}平均高出",
        )
        report.at_least(name, means["glorot"] - means[initial], least)
    report.say(
        en="The same network, data and training: only the first values of the weights differ. A figure that shows how "
        "much an SRN remembers is a figure of its initial weights, too.",
        zh="网络、数据和训练方法都相同，只有权重的初值不同。"
        "所以，一幅说明 SRN 记忆能力的图，也是一幅说明初始权重的图。",
    )


LAB = Lab(
    name="initial-weights",
    chapter="memory",
    title=Text("Initial weights and memory", "参数初始化与记忆能力（谱半径、Xavier 初始化）"),
    claim=Text(
        "On digit-sum, a simple recurrent network that starts from Glorot and Bengio's weights is right far more often "
        "than one that starts from those of torch.nn; from zero weights it seldom learns.",
        "在数字求和任务上，简单循环网络采用 Xavier 初始化时的准确率远高于 torch.nn 的默认初始化；"
        "从全零开始很少能学会。",
    ),
    source=Text(
        "Glorot and Bengio (2010); Pascanu, Mikolov and Bengio (2013); the code of experiment 6.1 and its ports",
        "Glorot 与 Bengio（2010）；Pascanu、Mikolov 与 Bengio（2013）；实验 6.1 的代码及其移植版",
    ),
    seconds=60.0,
    run=run,
)

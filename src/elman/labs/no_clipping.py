"""What happens if the gradient of a recurrent network is not clipped.

    g <- min(1, theta / |g|) g        |g|: the norm of the gradients of all weights together; theta = 1

Clipping shortens a step that is too long, and keeps its direction. It does nothing if |g| <= theta, so whether a
training needs it depends on the weights at the start. It does not help against gradients that vanish.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .character_models import Network, detached, update_network
from .characters import STEPS, Characters, read_characters, sequential_batches
from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, RATE, EPOCHS, CLIP, SEEDS = 256, 1.0, 10, 1.0, 10
NO_CLIPPING = math.inf
SMALL = 0.01  # standard deviation of the weights of rnn-scratch
# Measured on the book, tanh. With clipping: 11.2 to 11.5. Without: 1e10 to 1e47 in 7 of 10 seeds, 11 in the others.
PERPLEXITY_CLIPPED, DIVERGED_SHARE = 14.0, 0.5


class Course(NamedTuple):
    """A training: the norm of the gradient and the loss of each update."""

    norms: list[float]
    losses: list[float]

    @property
    def perplexity(self) -> float:
        """The perplexity of the last updates, an epoch of the book; infinite if the training broke off."""
        mean = float(np.mean(self.losses[-8:]))
        return math.exp(mean) if mean < 700.0 else math.inf


def create(size: int, seed: int, nonlinearity: str, *, small: bool) -> Network:
    """Return a network with the initial weights of PyTorch, or with the small ones of rnn-scratch."""
    import torch

    import elman.nn

    torch.manual_seed(seed)
    layer = elman.nn.RNN(size, HIDDEN, nonlinearity=nonlinearity)
    network = Network(layer, torch.nn.Linear(HIDDEN, size))
    if small:
        with torch.no_grad():
            for weight in network.parameters():
                weight.normal_(0.0, SMALL) if weight.dim() > 1 else weight.zero_()
    return network


def train(
    characters: Characters, epochs: int, seed: int, clip: float, nonlinearity: str = "tanh", *, small: bool = False
) -> Course:
    """Train until the last epoch, or until the loss is no finite number."""
    import torch

    network = create(len(characters.vocabulary), seed, nonlinearity, small=small)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    rng, course = np.random.default_rng(seed), Course([], [])
    for _ in range(epochs):
        state = None
        for inputs, targets in sequential_batches(characters.training, int(rng.integers(STEPS + 1))):
            loss, state = network.loss(inputs, targets, state)
            course.losses.append(loss.item() if math.isfinite(loss.item()) else math.inf)
            if course.losses[-1] == math.inf:
                return course
            course.norms.append(update_network(network, loss, optimizer, clip))
            state = detached(state)
    return course


def run(report: Report) -> None:
    """Clip one gradient, then train with and without clipping."""
    characters = read_characters(report)
    show_rule(report, characters)
    epochs = 1 if report.smoke else EPOCHS
    seeds = report.seeds(SEEDS)
    conditions = [(nonlinearity, clip) for nonlinearity in ("tanh", "relu") for clip in (CLIP, NO_CLIPPING)]
    report.start(
        en=f"Training {len(conditions)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(conditions)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=3.0 * len(seeds),
    )
    courses = {
        (nonlinearity, clip): [train(characters, epochs, seed, clip, nonlinearity) for seed in seeds]
        for nonlinearity, clip in conditions
    }
    report.say(
        en=f"\n{epochs} epochs, rate {RATE:g}, {len(seeds)} seeds: perplexity at the end, and the largest norm",
        zh=f"\n{epochs} 轮，学习率 {RATE:g}，{len(seeds)} 个随机种子：最后的困惑度，以及最大的梯度范数",
    )
    report.table(
        [
            "f",
            Text("clipping", "裁剪"),
            Text("smallest perplexity", "最小困惑度"),
            Text("median", "中位数"),
            Text("largest", "最大"),
            Text("largest norm", "最大范数"),
        ],
        [
            (
                nonlinearity,
                Text("no", "否") if clip == NO_CLIPPING else Text("yes", "是"),
                *(f"{value:.3g}" for value in summary(courses[nonlinearity, clip])),
            )
            for nonlinearity, clip in conditions
        ],
    )
    claim_courses(report, characters, courses)
    compare_small_weights(report, characters, epochs)
    first = courses["tanh", CLIP][0], courses["tanh", NO_CLIPPING][0]
    report.figure("norms", lambda figure, language: draw_norms(figure, language, *first))


def summary(courses: list[Course]) -> tuple[float, float, float, float]:
    """Return the smallest, the median and the largest perplexity, and the largest norm."""
    perplexities = sorted(course.perplexity for course in courses)
    norm = max((norm for course in courses for norm in course.norms), default=math.nan)
    return perplexities[0], perplexities[len(perplexities) // 2], perplexities[-1], norm


def show_rule(report: Report, characters: Characters) -> None:
    """Clip the gradient of one batch by hand, and compare it with PyTorch's."""
    import torch

    network = create(len(characters.vocabulary), 0, "tanh", small=False)
    inputs, targets = next(sequential_batches(characters.training, 0))
    (10.0 * network.loss(inputs, targets)[0]).backward()  # ten times the loss, so that the norm is above 1
    gradients = [weight.grad.clone() for weight in network.parameters()]
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
    by_hand = [min(1.0, CLIP / norm) * gradient for gradient in gradients]
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    difference = max(
        float((mine - weight.grad).abs().max()) for mine, weight in zip(by_hand, network.parameters(), strict=True)
    )
    report.show("g <- min(1, theta / |g|) g", f"|g| = {norm:.4f}, theta = {CLIP:g}: factor {CLIP / norm:.4f}")
    report.at_most(
        Text("max |clipped by hand - clip_grad_norm_|", "|手工裁剪 - clip_grad_norm_| 的最大值"), difference, 1e-6
    )
    report.equal(
        Text("norm after clipping", "裁剪后的范数"),
        math.sqrt(sum(float((gradient**2).sum()) for gradient in by_hand)),
        CLIP,
        within=1e-5,
    )


def claim_courses(report: Report, characters: Characters, courses: dict[tuple[str, float], list[Course]]) -> None:
    """Claim that clipped trainings learn with every seed, and of the book that most others do not."""
    if report.smoke:
        return
    uniform = len(characters.vocabulary)  # the perplexity of a uniform guess
    unclipped = [course.perplexity for course in courses["tanh", NO_CLIPPING]]
    report.show(f"tanh, |g| <= inf: {', '.join(f'{value:.3g}' for value in unclipped)}")
    report.at_most(
        Text("with clipping: largest perplexity of all seeds", "裁剪：各随机种子中最大的困惑度"),
        max(course.perplexity for course in courses["tanh", CLIP]),
        PERPLEXITY_CLIPPED if characters.is_book else uniform,
    )
    if characters.is_book:
        report.at_least(
            Text(
                "without: share of seeds that end worse than a uniform guess (28)",
                "不裁剪：结果比均匀猜测（28）更差的随机种子所占比例",
            ),
            float(np.mean([value > uniform for value in unclipped])),
            DIVERGED_SHARE,
        )


def compare_small_weights(report: Report, characters: Characters, epochs: int) -> None:
    """Show that clipping changes nothing while the norm stays below 1."""
    clipped, unclipped = (train(characters, epochs, 0, clip, small=True) for clip in (CLIP, NO_CLIPPING))
    norm = max(unclipped.norms)
    report.say(
        en=f"\nWith weights of standard deviation {SMALL:g}, as in rnn-scratch, the largest norm of these epochs is "
        f"{norm:.3g}, and the losses with and without clipping are the same. Not every training needs "
        "clipping, but nobody knows beforehand which one does.",
        zh=f"\n若权重的标准差为 {SMALL:g}（与 rnn-scratch 相同），这几轮里最大的范数是 {norm:.3g}，裁剪与否损失都一样。"
        "并非每次训练都需要裁剪，但事先无法知道哪一次需要。",
    )
    if characters.is_book:
        same = clipped.losses == unclipped.losses
        report.equal(Text("small weights: the same losses", "小权重：损失相同"), same, True)


def draw_norms(figure: Figure, language: Language, clipped: Course, unclipped: Course) -> None:
    """Draw the norm of the gradient and the loss of one seed, with and without clipping."""
    titles = Text("norm of the gradient", "梯度的范数"), Text("loss, nats", "损失（纳特）")
    for k, (axes, title) in enumerate(zip(figure.subplots(1, 2), titles, strict=True)):
        for course, label in ((clipped, Text("clipped", "裁剪")), (unclipped, Text("not clipped", "不裁剪"))):
            axes.semilogy(course[k], label=label.in_language(language))
        axes.set_title(title.in_language(language))
        axes.set_xlabel(Text("update", "更新次数").in_language(language))
        axes.legend(frameon=False)


LAB = Lab(
    name="no-clipping",
    chapter="language",
    title=Text("Training without gradient clipping", "不做梯度裁剪会怎样：梯度爆炸"),
    claim=Text(
        "With clipping, training succeeds with every seed; without, most seeds end worse than a uniform guess.",
        "裁剪梯度时，每个随机种子都训练成功；不裁剪时，多数随机种子的结果比均匀猜测还差。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.5, exercise; Pascanu, Mikolov and Bengio (2013)",
        "Zhang 等《动手学深度学习》8.5 节练习（英文版 9.5 节）；Pascanu、Mikolov 与 Bengio（2013）",
    ),
    seconds=50.0,
    run=run,
    reads_text=True,
)

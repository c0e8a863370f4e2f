"""Teacher forcing: in training the decoder reads the correct previous letter, in use it reads its own.

    forced         o_t depends on y_1 ... y_(t-1), the correct letters
    free-running   o_t depends on what the network itself has written; a wrong letter is an input of the next step

The encoder-decoder is that of the lab reversal, without attention. An error makes the next one more likely, so the
accuracy of free-running output falls faster with t. Scheduled sampling (Bengio et al., 2015) shows the network its own
predictions in training: the share of the decoder's inputs that are predictions rises from 0 to 1. They come from a
first pass over the correct inputs, so that all steps are computed at once (Duckworth et al., 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .lab import Lab, Language, Report, Text
from .reversal import LENGTH, create_network, decode, encode, generate, previous, strings, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Ten seeds gave: forced - free-running at least 0.15 with teacher forcing and at most 0.03 with scheduled sampling, a
# gain of at least 0.07, and after a wrong input at most 0.78 of the right letters.
LEAST_GAP, MOST_GAP, LEAST_GAIN, MOST_AFTER_WRONG = 0.08, 0.06, 0.02, 0.9
UPDATES, TEST_SIZE, SEEDS = 500, 1000, 10
TRAININGS = {0.0: Text("teacher forcing", "强制教学"), 1.0: Text("scheduled sampling", "计划采样")}
WAYS = {"forced": Text("forced", "输入正确字母"), "free": Text("free-running", "输入自己的输出")}


def measure(seed: int, updates: int, sampled_share: float) -> tuple[Any, Any]:
    """Train a network; return which letters are right (ways, TEST_SIZE, LENGTH), and the effect of a wrong input.

    The effect is the share of right letters after a correct previous letter, and after a wrong one in its place.
    """
    import torch

    network, rows = create_network(seed, "none"), torch.arange(TEST_SIZE)
    train(network, seed, updates, sampled_share=sampled_share)
    rng = np.random.default_rng(1000 + seed)
    sources, targets = strings(TEST_SIZE, rng)
    inputs = previous(targets)
    step = torch.from_numpy(rng.integers(1, LENGTH, TEST_SIZE))  # of the wrong input in each string
    wrong_inputs = inputs.clone()
    wrong_inputs[rows, step] = inputs[rows, step] % 26 + 1  # the next letter of the alphabet
    with torch.no_grad():
        memory, state = encode(network, sources)
        forced, after_wrong = (
            decode(network, x, state, memory)[0].argmax(dim=2) == targets for x in (inputs, wrong_inputs)
        )
    effect = [is_right[rows, step].double().mean().item() for is_right in (forced, after_wrong)]
    return np.array([forced.numpy(), (generate(network, sources) == targets).numpy()]), effect


def run(report: Report) -> None:
    """Train in both ways with several seeds, and compare the accuracies."""
    updates = UPDATES // 10 if report.smoke else UPDATES
    seeds = report.seeds(SEEDS)
    report.start(
        en=f"Training {len(TRAININGS)} networks, each with {len(seeds)} seeds",
        zh=f"训练 {len(TRAININGS)} 个网络，各用 {len(seeds)} 个随机种子",
        seconds=3.5 * len(seeds),
    )
    results = {share: [measure(seed, updates, share) for seed in seeds] for share in TRAININGS}
    right = {share: np.array([right for right, _ in results[share]]) for share in TRAININGS}
    accuracy = {share: right[share].mean(axis=(2, 3)) for share in TRAININGS}  # (seeds, ways)
    report.say(
        en=f"Share of the letters that are right, {len(seeds)} seeds (mean ± standard deviation):",
        zh=f"字母的正确率，{len(seeds)} 个随机种子（平均 ± 标准差）：",
    )
    report.table(
        [Text("training", "训练方法"), *WAYS.values(), Text("difference", "差")],
        [
            (
                name,
                *(f"{values.mean():.3f} ± {values.std():.3f}" for values in accuracy[share].T),
                f"{(accuracy[share][:, 0] - accuracy[share][:, 1]).mean():.3f}",
            )
            for share, name in TRAININGS.items()
        ],
    )
    first = [right[share][:, :, :, 0].mean(axis=2) for share in TRAININGS]
    report.equal(
        Text("first letter: forced - free-running", "第一个字母的正确率之差"),
        max(float(np.abs(ways[:, 0] - ways[:, 1]).max()) for ways in first),
        0.0,
    )
    report.say(
        en="At the first letter both ways are the same computation: both read the start symbol. Then they part.",
        zh="第一个字母处，两种方式的计算完全相同，输入都是起始符号；从第二个字母开始有了差别。",
    )
    show_effect(report, np.array([effect for _, effect in results[0.0]]))
    if not report.smoke:
        claim_differences(report, accuracy)
    report.figure("steps", lambda figure, language: draw_steps(figure, language, right))


def show_effect(report: Report, effect: Any) -> None:
    """Show what one wrong input does to the next letter; effect is (seeds, after a correct and after a wrong one)."""
    correct, wrong = effect.mean(axis=0)
    report.say(
        en=f"One wrong letter is put in place of a correct input, after teacher forcing: the next output is then right "
        f"in {wrong:.1%} of the strings instead of {correct:.1%}. So an error causes the next one.",
        zh=f"用强制教学训练之后，把输入里的一个正确字母换成错误字母：紧接着的输出，正确率由 {correct:.1%} 降到 "
        f"{wrong:.1%}。所以一个错误会引起下一个错误。",
    )
    if not report.smoke:
        report.at_most(
            Text(
                "right after a wrong input / after a correct one, largest", "错误输入后与正确输入后的正确率之比，最大值"
            ),
            (effect[:, 1] / effect[:, 0]).max(),
            MOST_AFTER_WRONG,
        )


def claim_differences(report: Report, accuracy: dict[float, Any]) -> None:
    """Claim what holds for every seed; the bounds leave a margin to what ten seeds gave."""
    gap = {share: values[:, 0] - values[:, 1] for share, values in accuracy.items()}
    report.at_least(
        Text("smallest difference forced - free-running, teacher forcing", "两种正确率之差的最小值，强制教学"),
        gap[0.0].min(),
        LEAST_GAP,
    )
    report.at_most(
        Text("largest difference forced - free-running, scheduled sampling", "两种正确率之差的最大值，计划采样"),
        gap[1.0].max(),
        MOST_GAP,
    )
    report.at_least(
        Text("smallest gain of scheduled sampling, free-running", "计划采样使自由运行正确率提高的最小值"),
        (accuracy[1.0][:, 1] - accuracy[0.0][:, 1]).min(),
        LEAST_GAIN,
    )
    report.say(
        en="Scheduled sampling lowers the forced accuracy, which nobody needs, and raises the free-running accuracy. "
        "The accuracy during forced training therefore says little about the use of the model.",
        zh="计划采样使输入正确字母时的正确率下降，这个数并无实际用处；输入自己的输出时的正确率则提高了。"
        "所以，强制教学训练时看到的正确率，不能说明模型实际使用时的好坏。",
    )


def draw_steps(figure: Figure, language: Language, right: dict[float, Any]) -> None:
    """Draw the accuracy at each letter."""
    axes = figure.subplots()
    for number, (share, training) in enumerate(TRAININGS.items()):
        for way, (name, marker) in enumerate(zip(WAYS.values(), "os", strict=True)):
            comma = Text(", ", "，").in_language(language)
            label = f"{training.in_language(language)}{comma}{name.in_language(language)}"
            mean = right[share][:, way].mean(axis=(0, 1))
            axes.plot(range(1, LENGTH + 1), mean, marker=marker, ls=["-", "--"][number], color=f"C{way}", label=label)
    axes.set_xlabel(Text("letter t of the output", "输出的第 t 个字母").in_language(language))
    axes.set_ylabel(Text("share of right letters", "正确率").in_language(language))
    axes.set_ylim(0.0, 1.02)
    axes.legend()


LAB = Lab(
    name="teacher-forcing",
    chapter="encoder-decoder",
    title=Text("Teacher forcing and free-running", "强制教学（teacher forcing）与自由运行：误差累积与计划采样"),
    claim=Text(
        "With correct previous letters as input, accuracy is much higher than with the network's own: errors "
        "accumulate. Scheduled sampling closes the gap and raises the accuracy that counts.",
        "输入正确的前一个字母时，正确率远高于输入自己的输出时：错误会累积。计划采样消除这个差距，"
        "提高实际使用时的正确率。",
    ),
    source=Text(
        "Williams and Zipser (1989); Bengio et al. (2015); Zhang et al., Dive into Deep Learning, 10.7, exercises",
        "Williams 与 Zipser（1989）；Bengio 等（2015）；Zhang 等《动手学深度学习》9.7 节练习",
    ),
    seconds=57.0,
    run=run,
)

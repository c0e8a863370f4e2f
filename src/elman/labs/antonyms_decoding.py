"""What the decoder reads when it translates: its own previous output, or S????? as in the source of antonyms.

    training        S w o m e n          the correct previous characters (teacher forcing)
    S?????          S ? ? ? ? ?          the source when it translates: no input of the training
    own output      S w o m e n          each character is the output of the step before, until E

After 5,000 epochs both translate the six words, so the mistake stays hidden. It shows in the first 300 epochs, and with
other words.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .antonyms import CHARACTERS, PAIRS, train, translate
from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS, INTERVAL = 300, 20  # the epochs in which both ways differ, and how often they are compared


def run(report: Report) -> None:
    """Train for few epochs, and compare the two ways to translate."""
    epochs = 140 if report.smoke else EPOCHS
    report.start(
        en=f"Training {len(report.seeds(10))} seeds, {epochs} epochs each",
        zh=f"训练 {len(report.seeds(10))} 个随机种子，各 {epochs} 轮",
        seconds=1.5 * len(report.seeds(10)),
    )
    results = [train(seed, epochs, INTERVAL) for seed in report.seeds(10)]
    compare_decoding(report, np.array([correct for _, _, correct in results]))
    if not report.smoke:
        translate_all_words(report, [network for network, _, _ in results])


def compare_decoding(report: Report, correct: Any) -> None:
    """Show how many words each way translates: correct is (seeds, times, 2)."""
    report.say(
        en="In training, the decoder reads the correct previous character. In translation, it should read its own "
        "previous output; the source feeds it S?????, which is not an input of the training. How many of the six words "
        f"are correct, over {len(correct)} seeds (mean ± standard deviation):",
        zh="训练时，解码器的输入是正确的前一个字符（强制教学）。翻译时，应当输入它自己的上一个输出；"
        "原程序却输入 S?????，训练中没有这样的输入。"
        f"六个词译对了几个（{len(correct)} 个随机种子，平均 ± 标准差）：",
    )
    times = np.arange(1, correct.shape[1] + 1) * INTERVAL
    mean, spread = correct.mean(axis=0), correct.std(axis=0)
    report.table(
        [Text("epochs", "轮数"), "S?????", Text("its own output", "自己的上一个输出")],
        [
            (times[k], *(f"{mean[k, way]:.1f} ± {spread[k, way]:.1f}" for way in (0, 1)))
            for k in range(4, len(times), 2)
        ],
    )
    gained = (correct[..., 1] - correct[..., 0]).mean()
    report.at_least(
        Text("words gained by its own output, mean over the epochs", "使用自己的输出多译对的词数，各轮平均"),
        gained,
        0.1,
    )

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        labels = (Text("S????? (source)", "S?????（原程序）"), Text("its own output", "自己的上一个输出"))
        for way, label in enumerate(labels):
            axes.plot(times, mean[:, way], marker="os"[way], label=label.in_language(language))
        axes.set_xlabel(Text("epochs", "轮数").in_language(language))
        axes.set_ylabel(Text("words translated correctly, of 6", "译对的词数（共 6 个）").in_language(language))
        title = Text(
            f"Input of the decoder\n(mean of {len(correct)} seeds)", f"解码器的输入\n（{len(correct)} 个种子的平均）"
        )
        axes.legend(title=title.in_language(language), loc="lower right")

    report.figure("decoding", draw)


def translate_all_words(report: Report, networks: Sequence[Any]) -> None:
    """Translate all words of three letters, and count how many become one of the six targets."""
    words = ["".join(letters) for letters in itertools.product(CHARACTERS[3:], repeat=3)]
    targets = set(PAIRS.values())
    outputs = [[translate(network, words, own_output=own) for network in networks] for own in (False, True)]
    shares = np.array([[np.mean([text in targets for text in texts]) for texts in way] for way in outputs])
    (other, _), *_ = Counter(text for texts in outputs[0] for text in texts if text not in targets).most_common(1)
    mean, spread = shares.mean(axis=1), shares.std(axis=1)
    report.say(
        en=f"All {len(words)} words of three letters, of which only man was trained: by its own output, "
        f"{mean[1]:.0%} ± {spread[1]:.0%} become one of the six targets; by S?????, {mean[0]:.0%} ± {spread[0]:.0%}. "
        f"Of the others, {other} is the most frequent. The network has memorised six words and gives one of them for "
        "nearly every input.",
        zh=f"再看全部 {len(words)} 个三字母串，其中只有 man 训练过：输入自己的输出时，"
        f"{mean[1]:.0%} ± {spread[1]:.0%} 译成六个目标词之一；输入 S????? 时为 {mean[0]:.0%} ± {spread[0]:.0%}，"
        f"其余译文中最常见的是 {other}。网络只是记住了六个词，几乎对任何输入都输出其中之一。",
    )
    report.at_least(
        Text("share of the six targets, its own output", "译成六个目标词的比例，自己的上一个输出"), mean[1], 0.9
    )
    report.at_most(Text("share of the six targets, S?????", "译成六个目标词的比例，S?????"), mean[0], 0.9)


LAB = Lab(
    name="antonyms-decoding",
    chapter="sequences",
    title=Text(
        "Encoder and decoder of antonyms: what the decoder reads", "反义词的编码器-解码器：翻译时给解码器输入什么"
    ),
    claim=Text(
        "In the first 300 epochs, the source's decoder input S????? translates fewer words than the decoder's own "
        "output.",
        "训练不足 300 轮时，原程序给解码器输入 S?????，译对的词比输入自己的输出少。",
    ),
    source=Text(
        "Cho et al. (2014); graykode/nlp-tutorial 4-1; assignment 8, exercise 7",
        "Cho 等（2014）；graykode/nlp-tutorial 4-1；作业8 第 7 题",
    ),
    seconds=33.0,
    run=run,
)

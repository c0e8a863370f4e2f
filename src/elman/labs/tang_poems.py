"""Tang poems by a character language model: from a first character, and acrostics.

    h_t = LSTM(embedding[x_t], h_(t-1))        p(x_(t+1)) = softmax((V h_t + b) / temperature)

The poems are quatrains: four lines, of five characters each or of seven. Each line begins with a marker, which says the
number of the line and its size: a b c d with five characters, A B C D with seven, as in a白日依山尽，b黄河入海流。
A poem is generated after the first marker and a character. In an acrostic, the first character of each line is given.

With the collection chinese-poetry in the folder ELMAN_DATA, the model learns from its quatrains of frequent characters;
without it, from 91 well-known quatrains that come with elman, which it memorizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import elman

from .lab import Lab, Language, Report, Text
from .quatrains import LINE, MARKERS, SIZES, is_well_formed, load_poems, with_markers, without_markers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST = "日红山夜湖海月"  # of the exercise
TRADITIONAL = {"红": "紅"}  # as the collection writes them
ACROSTICS = ("春江花月", "日月天地", "青山明月", "江上秋夜")
HIDDEN, EMBEDDING, BATCH, RATE = 160, 128, 16, 0.004
STEPS = {"collection": 1800, "shipped": 800}
# One training each gave: from the collection, 0.87 of 100 poems and 0.72 of 40 acrostics well-formed, no line copied;
# from the shipped poems, 0.73 of the lines copied.
LEAST_WELL_FORMED, LEAST_ACROSTICS, MOST_COPIED, LEAST_COPIED = 0.7, 0.5, 0.1, 0.5
POEMS, TEMPERATURE, TEMPERATURES = 100, 0.5, (0.0, 0.25, 0.5, 0.75, 1.0)

LABELS = {
    "well-formed": Text("well-formed poems", "格式正确的诗"),
    "copied": Text("copied lines", "照抄的诗句"),
    "distinct": Text("distinct lines", "不重复的诗句"),
}


def fit(poems: list[str], steps: int) -> elman.LanguageModel:
    """Return a model of the poems; a tenth of them is for validation."""
    texts = [with_markers(poem) for poem in np.random.default_rng(0).permutation(poems).tolist()]
    model = elman.LanguageModel(
        cell="lstm",
        hidden_size=HIDDEN,
        num_layers=1,
        embedding_size=EMBEDDING,
        level="char",
        verbose=False,
        config={
            "model": {"dropout": 0.0},
            "training": {
                "batch_size": min(BATCH, len(poems) // 20),
                "bptt_steps": 32,
                "learning_rate": RATE,
                "threads": 1,
                "validate_every_steps": steps,
            },
        },
    )
    number = len(texts) // 10
    model.fit(texts[number:], steps=steps, valid=texts[:number])
    return model


def generate(model: elman.LanguageModel, size: int, first: str, seed: int, temperature: float) -> str:
    """Return a poem that begins with a character, up to its end. In training, a line end stands before each poem."""
    text = model.generate(f"\n{MARKERS[size][0]}{first}", max_tokens=4 * (size + 2), temperature=temperature, seed=seed)
    return without_markers(text[1:].partition("\n")[0])


def acrostic(model: elman.LanguageModel, size: int, heads: Sequence[str], seed: int) -> str:
    """Return a poem whose lines begin with the given characters."""
    text = "\n"
    for marker, head in zip(MARKERS[size], heads, strict=True):
        text += f"{marker}{head}"
        continuation = model.generate(text, max_tokens=size + 1, temperature=TEMPERATURE, seed=seed)[len(text) :]
        line = LINE.match(continuation)
        text += line[0] if line else continuation
    return without_markers(text[1:])


def measure(model: elman.LanguageModel, firsts: str, trained: set[str], temperature: float) -> dict[str, float]:
    """Return of 100 poems the share that is well-formed, and the shares of their lines that are copied and distinct."""
    sizes = [SIZES[number % 2] for number in range(POEMS)]
    poems = [generate(model, k, firsts[n % len(firsts)], n, temperature) for n, k in enumerate(sizes)]
    lines = [line for poem in poems for line in LINE.findall(poem)]
    return {
        "well-formed": float(np.mean([is_well_formed(poem, size) for poem, size in zip(poems, sizes, strict=True)])),
        "copied": float(np.mean([line[:-1] in trained for line in lines])) if lines else 0.0,
        "distinct": len(set(lines)) / max(1, len(lines)),
    }


def run(report: Report) -> None:
    """Train on quatrains, show poems, and measure 100 of them at several temperatures."""
    name, poems = load_poems()
    steps = 60 if report.smoke else STEPS[name]
    report.say(
        en=f"{len(poems):,} quatrains, {sum(map(len, poems)):,} characters with punctuation.",
        zh=f"{len(poems):,} 首绝句，连标点共 {sum(map(len, poems)):,} 个字。",
    )
    report.equal(
        Text("poems that markers leave as they are", "加上再去掉标记后不变的诗"),
        sum(without_markers(with_markers(poem)) == poem for poem in poems),
        len(poems),
    )
    model = fit(poems, steps)
    vocabulary = model.predictor.vocabulary
    firsts = "".join(c if c in vocabulary else TRADITIONAL.get(c, c) for c in FIRST)
    show_poems(report, model, name, firsts)
    trained = {line[:-1] for poem in poems for line in LINE.findall(poem)}
    results = {t: measure(model, firsts, trained, t) for t in TEMPERATURES}
    report.say(
        en=f"{POEMS} poems at each temperature (0: the most likely character at each step). Well-formed: four lines of "
        "the given size. Copied: lines that are in the training data. Distinct: different lines, of all lines.",
        zh=f"每个温度 {POEMS} 首（温度为 0 时每步取概率最大的字）。格式正确：四句，每句字数符合要求。"
        "照抄：训练数据里有的诗句。不重复：不同的诗句占全部诗句的比例。",
    )
    report.table(
        [Text("temperature", "温度"), *LABELS.values()],
        [(t, *(f"{shares[key]:.0%}" for key in LABELS)) for t, shares in results.items()],
    )
    if not report.smoke:
        claim_shares(report, name, results)
    report.figure("temperature", lambda figure, language: draw_shares(figure, language, results))


def claim_shares(report: Report, name: str, results: dict[float, dict[str, float]]) -> None:
    """Claim what the model has learned from these poems."""
    shares = results[TEMPERATURE]
    report.at_least(
        Text("distinct lines, sampling minus greedy", "不重复的诗句，采样减去贪心"),
        shares["distinct"] - results[0.0]["distinct"],
        0.3,
    )
    if name == "collection":
        report.at_least(Text("well-formed poems", "格式正确的诗"), shares["well-formed"], LEAST_WELL_FORMED)
        report.at_most(Text("copied lines", "照抄的诗句"), shares["copied"], MOST_COPIED)
        return
    report.say(
        en="So few poems are memorized rather than learned: most lines are copied, and the form is often wrong where "
        "one poem passes into another.",
        zh="诗太少，模型只是背了下来：大部分诗句是照抄的，由一首诗转到另一首诗的地方，格式常常出错。",
    )
    report.at_least(Text("copied lines", "照抄的诗句"), shares["copied"], LEAST_COPIED)


def show_poems(report: Report, model: elman.LanguageModel, name: str, firsts: str) -> None:
    """Show poems from each first character, and acrostics."""
    report.say(en="Poems from a first character:", zh="给定第一个字：")
    for number, first in enumerate(firsts):
        report.show(generate(model, SIZES[number % 2], first, 0, TEMPERATURE))
    report.say(en="Acrostics (read the first characters of the lines):", zh="藏头诗：")
    vocabulary = model.predictor.vocabulary
    heads = [word for word in ACROSTICS if all(head in vocabulary for head in word)]
    poems = [(size, acrostic(model, size, word, seed)) for word in heads for seed in range(5) for size in SIZES]
    report.show(*(poem for _, poem in poems[::11]))  # of each word one, of both sizes
    share = float(np.mean([is_well_formed(poem, size) for size, poem in poems]))
    report.say(
        en=f"Of {len(poems)} acrostics, {share:.0%} are well-formed.",
        zh=f"{len(poems)} 首藏头诗，{share:.0%} 格式正确。",
    )
    if name == "collection" and not report.smoke:
        report.at_least(Text("well-formed acrostics", "格式正确的藏头诗"), share, LEAST_ACROSTICS)


def draw_shares(figure: Figure, language: Language, results: dict[float, dict[str, float]]) -> None:
    """Draw the shares by temperature."""
    axes = figure.subplots()
    for (key, label), marker in zip(LABELS.items(), "os^", strict=True):
        shares = [shares[key] for shares in results.values()]
        axes.plot(list(results), shares, marker=marker, label=label.in_language(language))
    axes.set_xlabel(Text("temperature", "温度").in_language(language))
    axes.set_ylabel(Text("share", "比例").in_language(language))
    axes.set_ylim(-0.03, 1.03)
    axes.legend()


LAB = Lab(
    name="tang-poems",
    chapter="language",
    title=Text("Tang poems from a first character", "唐诗生成：用循环神经网络写诗、藏头诗"),
    claim=Text(
        "From 6,000 quatrains, a small LSTM learns to write others, mostly in the right form; from 91 it memorizes "
        "lines. The most likely characters give the same lines again and again, sampling does not.",
        "用近六千首绝句训练，小小的 LSTM 就能写出新的绝句，格式大多正确；只用 91 首，它就把诗句背下来。"
        "每步取概率最大的字，诗句反复雷同，采样则不会。",
    ),
    source=Text(
        "Karpathy (2015); exercises to Qiu, Neural Networks and Deep Learning, chapter 6",
        "Karpathy（2015）；邱锡鹏《神经网络与深度学习》第 6 章配套练习：唐诗生成",
    ),
    seconds=79.0,
    run=run,
)

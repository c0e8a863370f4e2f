"""Greedy generation repeats itself; sampling does not. The same model, and the same beginnings from held-out text.

    greedy      x_t = argmax p_t
    sampling    x_t drawn from q_t, q_t proportional to p_t^alpha = softmax(o_t / temperature), alpha = 1 / temperature

The most probable next symbol each time leads into a loop, which the model finds more and more probable. Text of people
is not like that: it is about as surprising as text that is drawn from the model at temperature 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elman.decoding import Sampler, distribution, generate

from .character_models import Network, read_prefix, train
from .characters import Characters, Ids, read_characters
from .lab import Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, EPOCHS, RATE = 128, 6, 0.004
TEXTS, PREFIX, SIZE = 10, 20, 400  # number and lengths of the texts
HELD_OUT = 1_000  # characters at least
TEMPERATURES = (0.0, 0.5, 1.0, 1.5)  # 0 is greedy
N = 8  # length of the runs of characters that are counted
# Measured of 5 trained networks, 10 texts each: greedy 0.11 at most, sampled 0.98 at least.
GREEDY_DISTINCT, SAMPLED_DISTINCT = 0.25, 0.9


class Row(NamedTuple):
    """What is measured of several texts: shares of each text, and their common perplexity."""

    distinct: list[float]
    known_words: list[float]
    perplexity: float
    example: str


def distinct_share(text: str) -> float:
    """Return the share of different runs among all runs of N characters: 1 if no run occurs twice."""
    runs = [text[start : start + N] for start in range(len(text) - N + 1)]
    return len(set(runs)) / len(runs)


def known_share(words: list[str], vocabulary: set[str]) -> float:
    """Return the share of words that are in a vocabulary; 0 for no words."""
    return sum(word in vocabulary for word in words) / max(1, len(words))


def measure(network: Network, characters: Characters, prefixes: list[Ids], texts: list[Ids], words: set[str]) -> Row:
    """Return what is measured of texts that continue the prefixes; words are those of the training text."""
    import torch

    rows = np.array([np.concatenate(pair) for pair in zip(prefixes, texts, strict=True)])
    with torch.no_grad():
        _, state = network.logits(torch.from_numpy(rows[:, : PREFIX - 1]))
        loss, _ = network.loss(rows[:, PREFIX - 1 : -1], rows[:, PREFIX:], state)
    strings = ["".join(characters.vocabulary.decode(text.tolist())) for text in texts]
    known = [known_share(string.split(), words) for string in strings]
    return Row([distinct_share(string) for string in strings], known, float(np.exp(loss.item())), strings[0])


def generate_text(network: Network, prefix: Ids, temperature: float, seed: int) -> Ids:
    """Return SIZE symbols after a prefix."""
    logits, state = read_prefix(network.step, {}, prefix)
    sampler, rng = Sampler(temperature, forbidden=[0]), np.random.default_rng(seed)  # 0 is <unk>
    return np.array(list(generate(network.step, logits, state, sampler, rng, SIZE)))


def trained_network(characters: Characters, training: Ids, epochs: int, seed: int = 0) -> Network:
    """Return a GRU trained on most of the text."""
    import torch

    import elman.nn

    torch.manual_seed(seed)
    size = len(characters.vocabulary)
    network = Network(elman.nn.GRU(size, HIDDEN), torch.nn.Linear(HIDDEN, size))
    train(network, training, torch.optim.Adam(network.parameters(), lr=RATE, fused=True), epochs=epochs)
    return network


def run(report: Report) -> None:
    """Train a model, and continue beginnings of held-out text at several temperatures."""
    characters = read_characters(report)
    ids = np.concatenate([characters.training, characters.held_out])
    training, held_out = np.split(ids, [len(ids) - max(len(ids) // 10, HELD_OUT)])
    if report.smoke:
        training = training[:20_000]
    network = trained_network(characters, training, 1 if report.smoke else EPOCHS)
    compare_distributions(report, network, training[:PREFIX])
    words = set("".join(characters.vocabulary.decode(training.tolist())).split())
    num_texts = len(report.seeds(TEXTS))
    starts = np.linspace(0, len(held_out) - PREFIX - SIZE, num_texts).astype(int)
    prefixes = [held_out[start : start + PREFIX] for start in starts]
    rows = {
        temperature: [generate_text(network, prefix, temperature, seed) for seed, prefix in enumerate(prefixes)]
        for temperature in TEMPERATURES
    }
    measured = {name: measure(network, characters, prefixes, texts, words) for name, texts in rows.items()}
    book = measure(network, characters, prefixes, [held_out[s + PREFIX : s + PREFIX + SIZE] for s in starts], words)
    show(report, measured, book)
    if not report.smoke:
        claim(report, characters, measured)
    report.figure("temperature", lambda figure, language: draw(figure, language, measured, book))


def compare_distributions(report: Report, network: Network, prefix: Ids) -> None:
    """Claim that a temperature is a power of the probabilities, for the symbol after a prefix."""
    logits, _ = read_prefix(network.step, {}, prefix)
    p, q = (distribution(logits, Sampler(temperature)) for temperature in (1.0, 0.5))
    report.at_most(
        Text("temperature 0.5: max |q - p^2 / sum of p^2|", "温度 0.5：|q - p^2 / p^2 之和| 的最大值"),
        float(np.abs(q - p**2 / (p**2).sum()).max()),
        1e-12,
    )


def show(report: Report, measured: dict[float, Row], book: Row) -> None:
    """Show the shares and the perplexity by temperature, beside those of the text itself, and an example of each."""
    names = {temperature: f"{temperature:g}" if temperature else Text("greedy", "贪心") for temperature in measured}
    rows = [*((names[temperature], row) for temperature, row in measured.items()), (Text("the text", "原文"), book)]
    report.table(
        [
            Text("temperature", "温度"),
            Text(f"distinct runs of {N} characters", f"不重复的 {N} 字符片段"),
            Text("words of the training text", "训练文本中有的词"),
            Text("perplexity", "困惑度"),
        ],
        [
            (name, f"{np.mean(row.distinct):.1%}", f"{np.mean(row.known_words):.1%}", f"{row.perplexity:.2f}")
            for name, row in rows
        ],
    )
    report.table(
        [Text("temperature", "温度"), Text("beginning of the first text", "第一段文本的开头")],
        [(name, row.example[:80].replace("\n", " ")) for name, row in rows],
    )


def claim(report: Report, characters: Characters, measured: dict[float, Row]) -> None:
    """Claim that every greedy text repeats itself, and that no sampled one does."""
    greedy, sampled = measured[0.0], measured[1.0]
    if characters.is_book:
        report.at_most(
            Text("greedy: largest share of distinct runs", "贪心：不重复片段比例的最大值"),
            max(greedy.distinct),
            GREEDY_DISTINCT,
        )
        report.at_least(
            Text("sampling: smallest share of distinct runs", "采样：不重复片段比例的最小值"),
            min(sampled.distinct),
            SAMPLED_DISTINCT,
        )
    report.at_least(
        Text("mean share, sampling - greedy", "平均比例，采样 - 贪心"),
        float(np.mean(sampled.distinct) - np.mean(greedy.distinct)),
        0.0,
    )
    report.at_most(
        Text("perplexity, greedy / sampling", "困惑度，贪心 / 采样"), greedy.perplexity / sampled.perplexity, 0.9
    )


def draw(figure: Figure, language: Language, measured: dict[float, Row], book: Row) -> None:
    """Draw the shares by temperature; dotted lines are those of the text itself."""
    axes = figure.add_subplot()
    curves = (
        ("distinct", Text(f"distinct runs of {N} characters", f"不重复的 {N} 字符片段")),
        ("known_words", Text("words of the training text", "训练文本中有的词")),
    )
    for name, label in curves:
        means = [float(np.mean(getattr(row, name))) for row in measured.values()]
        (line,) = axes.plot(list(measured), means, marker="o", label=label.in_language(language))
        axes.axhline(float(np.mean(getattr(book, name))), color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xlabel(
        Text("temperature (0: greedy; dotted: the text itself)", "温度（0 为贪心；点线为原文）").in_language(language)
    )
    axes.set_ylabel(Text("share", "比例").in_language(language))
    axes.set_ylim(0.0, 1.05)
    axes.legend(frameon=False)


LAB = Lab(
    name="sampling",
    chapter="language",
    title=Text("Sampling against greedy generation", "文本生成：采样与贪心（温度、重复）"),
    claim=Text(
        "Greedy continuations repeat themselves; continuations drawn at temperature 1 do not.",
        "贪心续写会不断重复；在温度 1 下采样则不会。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.5, exercise; Holtzman et al. (2020)",
        "Zhang 等《动手学深度学习》8.5 节练习（英文版 9.5 节）；Holtzman 等（2020）",
    ),
    seconds=19.0,
    run=run,
    reads_text=True,
)

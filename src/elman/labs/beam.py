"""Greedy search misses the best sequence; beam search finds it more often, and an exhaustive search always.

    log p(y) = sum over t of log p(y_t | y_1 ... y_(t-1))        with the end symbol
    score(y) = log p(y) / n^a                                    n symbols; a = 0 is log p(y) itself

Greedy search takes the most likely symbol at each step. Beam search keeps the K most likely prefixes; elman also keeps
the greedy prefix, which a plain beam may lose, so its result is never below greedy search. Exhaustive search compares
all sequences, which is possible only for a small vocabulary and short sequences: here it is the oracle.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from elman import cells
from elman.cells import readout, unroll
from elman.decoding import Prefixes, search, search_tree
from elman.figures.sequences import beam_tree

from .lab import Draw, Lab, Report, Text

# The example of Dive into Deep Learning, section 10.8: p of the next symbol after each prefix. The book gives only the
# prefixes of two sequences; after any other prefix, all symbols are equally likely here.
SYMBOLS = ("A", "B", "C", "end")
END = 3
EXAMPLE = {
    "": (0.5, 0.2, 0.2, 0.1),
    "A": (0.1, 0.4, 0.3, 0.2),
    "AB": (0.2, 0.2, 0.4, 0.2),
    "ABC": (0.0, 0.2, 0.2, 0.6),
    "AC": (0.1, 0.6, 0.2, 0.1),
    "ACB": (0.1, 0.2, 0.1, 0.6),
}
EXPECTED_GREEDY, EXPECTED_BEST = ("ABC", 0.048), ("ACB", 0.054)  # of four symbols
HIDDEN, VOCABULARY, LONGEST, SOURCES, SEEDS = 8, 5, 5, 50, 10  # of the random networks; symbol 0 ends a sequence
# Ten networks with 50 sources each gave: greedy search finds the best in 0.78 and a beam of 4 in 1.00; length + 0.87.
MOST_GREEDY, LEAST_GAIN, LEAST_LONGER = 0.9, 0.05, 0.1
BEAMS = (1, 2, 4, (VOCABULARY - 1) ** LONGEST)  # the last beam holds every prefix
PENALTIES = (0.0, 0.75, 1.0)


def example_step(tokens: Any, state: Any, context: Any) -> tuple[Any, Any]:
    """Return log p of the next symbols (N, V) after tokens (N,); the state holds the prefixes as integers (N, 4)."""
    prefixes = np.concatenate([state["prefix"][:, 1:], tokens[:, None]], axis=1)
    keys = ["".join(SYMBOLS[token] for token in row if token >= 0) for row in prefixes]
    p = np.array([EXAMPLE.get(key, (0.25,) * 4) for key in keys])
    with np.errstate(divide="ignore"):
        return np.log(p), {"prefix": prefixes}


def random_step(seed: int) -> Any:
    """Return the step function of a simple recurrent network with random weights."""
    rng = np.random.default_rng(seed)
    layer = cells.LayerParameters(W=rng.normal(size=(HIDDEN, VOCABULARY)), U=rng.normal(size=(HIDDEN, HIDDEN)))
    V, cell, one_hot = rng.normal(size=(VOCABULARY, HIDDEN)), cells.create("elman", "tanh"), np.eye(VOCABULARY)

    def step(tokens: Any, state: Any, context: Any) -> tuple[Any, Any]:
        h, final = unroll.run(cell, [[layer]], one_hot[tokens][:, None], (((state["h"],),),))
        return readout.log_softmax(readout.forward(h[:, 0], V)), {"h": final[0][0][0]}

    return step


def exhaustive(step: Any, state: Any, *, start: int, end: int, longest: int, penalty: float) -> tuple[Any, float]:
    """Return the best sequence of one source and its log p: with the end symbol, or of the greatest length."""
    sequences: list[tuple[int, ...]] = [()]
    tokens, total = np.array([start]), np.zeros(1)
    candidates: list[tuple[float, tuple[int, ...], float]] = []
    for n in range(1, longest + 1):
        log_p, state = step(tokens, state, {})
        total = total[:, None] + log_p
        candidates += [(log_p / n**penalty, y, log_p) for y, log_p in zip(sequences, total[:, end], strict=True)]
        others = [token for token in range(log_p.shape[1]) if token != end]
        sequences = [(*y, token) for y, token in itertools.product(sequences, others)]
        state = {name: np.repeat(array, len(others), axis=0) for name, array in state.items()}
        tokens, total = np.array([y[-1] for y in sequences]), total[:, others].ravel()
    candidates += [(log_p / longest**penalty, y, log_p) for y, log_p in zip(sequences, total, strict=True)]
    _, best, log_p = max(candidates)
    return best, float(log_p)


def run(report: Report) -> None:
    """Search in the book's example, then in random networks with an exhaustive search beside."""
    search_example(report)
    search_random_networks(report)
    report.figure("tree", tree_of_example())


def search_example(report: Report) -> None:
    """Compare greedy search, beam search and exhaustive search in the example."""
    state = {"prefix": np.full((1, 4), -1)}
    options: dict[str, Any] = {"start": -1, "end": END, "max_lengths": np.array([4])}
    results = {}
    for beam, penalty in itertools.product((1, 2), PENALTIES):
        [[best, *_]] = search(example_step, state, {}, beam=beam, length_penalty=penalty, **options)
        results[beam, penalty] = "".join(SYMBOLS[token] for token in best.ids), math.exp(best.log_probability)
    oracle = {
        penalty: exhaustive(example_step, state, start=-1, end=END, longest=4, penalty=penalty) for penalty in PENALTIES
    }
    report.say(
        en="The example of the book: the most likely sequence of three letters and the end is not the greedy one.",
        zh="教材中的例子：三个字母加结束符的序列中，概率最大的并不是贪心搜索找到的那个。",
    )
    report.table(
        [Text("a", "a"), Text("greedy", "贪心搜索"), "p", Text("beam of 2", "束宽 2"), "p", Text("best", "穷举"), "p"],
        [
            (
                penalty,
                *(cell for beam in (1, 2) for cell in (results[beam, penalty][0] or "-", results[beam, penalty][1])),
                "".join(SYMBOLS[token] for token in oracle[penalty][0]) or "-",
                math.exp(oracle[penalty][1]),
            )
            for penalty in PENALTIES
        ],
    )
    report.equal(Text("greedy: sequence", "贪心搜索的序列"), results[1, 1.0][0], EXPECTED_GREEDY[0])
    report.equal(Text("greedy: p", "贪心搜索的概率"), results[1, 1.0][1], EXPECTED_GREEDY[1], within=1e-12)
    report.equal(Text("beam of 2, a = 1: sequence", "束宽 2，a = 1：序列"), results[2, 1.0][0], EXPECTED_BEST[0])
    report.equal(Text("beam of 2, a = 1: p", "束宽 2，a = 1：概率"), results[2, 1.0][1], EXPECTED_BEST[1], within=1e-12)
    report.say(
        en="With a = 0, short sequences win: A and the end has p = 0.5 · 0.2 = 0.1, because each further factor is "
        "below 1. (A beam of 2 misses it too: the end is only the fourth of the first symbols and the third of the "
        "second.) Length normalization compares the mean log p of a symbol (a = 1).",
        zh="a = 0 时短序列占优：A 加结束符的概率是 0.5 · 0.2 = 0.1，因为每多一个字母就多乘一个小于 1 的数。"
        "（束宽 2 也找不到它：结束符在第一步只排第四，在第二步只排第三。）长度归一化比较每个符号的平均对数概率（a = "
        "1）。",
    )
    report.at_least(Text("p of the best with a = 0", "a = 0 时的最大概率"), math.exp(oracle[0.0][1]), 0.1 - 1e-12)


def search_random_networks(report: Report) -> None:
    """Compare the searches in random networks, each with several sources, that is initial states."""
    seeds, sources = report.seeds(SEEDS), SOURCES // 10 if report.smoke else SOURCES
    log_p: dict[int, list[float]] = {beam: [] for beam in BEAMS}
    best, lengths = [], {penalty: list[int]() for penalty in PENALTIES}
    for seed in seeds:
        step = random_step(seed)
        state = {"h": np.random.default_rng(1000 + seed).normal(size=(sources, HIDDEN))}
        options: dict[str, Any] = {"start": 0, "end": 0, "max_lengths": np.full(sources, LONGEST)}
        for beam in BEAMS:
            groups = search(step, state, {}, beam=beam, length_penalty=0.0, **options)
            log_p[beam] += [group[0].log_probability for group in groups]
        for penalty in PENALTIES:
            groups = search(step, state, {}, beam=4, length_penalty=penalty, **options)
            lengths[penalty] += [len(group[0].ids) for group in groups]
        for source in range(sources):
            of_source = {"h": state["h"][source : source + 1]}
            best.append(exhaustive(step, of_source, start=0, end=0, longest=LONGEST, penalty=0.0)[1])
    greedy, oracle = np.array(log_p[1]), np.array(best)
    report.say(
        en=f"{len(seeds)} random networks with {sources} sources each, {VOCABULARY} symbols, at most {LONGEST} "
        "letters, a = 0. How often a search finds the best sequence, and how often its log p is below that of greedy "
        "search:",
        zh=f"{len(seeds)} 个随机网络，各 {sources} 个源，{VOCABULARY} 个符号，最多 {LONGEST} 个字母，a = 0。"
        "各种搜索找到最优序列的比例，以及 log p 低于贪心搜索的次数：",
    )
    is_best = {beam: np.abs(np.array(values) - oracle) < 1e-9 for beam, values in log_p.items()}
    worse = {beam: int((np.array(values) < greedy - 1e-9).sum()) for beam, values in log_p.items()}
    report.table(
        ["K", Text("finds the best", "找到最优"), Text("mean log p", "平均 log p"), Text("below greedy", "低于贪心")],
        [(beam, f"{is_best[beam].mean():.1%}", np.mean(values), worse[beam]) for beam, values in log_p.items()],
    )
    report.equal(Text("beams below greedy search", "低于贪心搜索的次数"), sum(worse.values()), 0)
    report.at_most(Text("share of the best, greedy", "找到最优的比例，贪心搜索"), is_best[1].mean(), MOST_GREEDY)
    report.at_least(
        Text("gain of a beam of 4 in the share of the best", "束宽 4 使找到最优的比例提高"),
        is_best[4].mean() - is_best[1].mean(),
        LEAST_GAIN,
    )
    report.equal(
        Text(f"share of the best, beam of {BEAMS[-1]}", f"找到最优的比例，束宽 {BEAMS[-1]}"),
        is_best[BEAMS[-1]].mean(),
        1.0,
    )
    mean_lengths = {penalty: float(np.mean(values)) for penalty, values in lengths.items()}
    report.say(
        en="Mean length of the result of a beam of 4: "
        + ", ".join(f"{length:.2f} with a = {penalty:g}" for penalty, length in mean_lengths.items()),
        zh="束宽 4 时结果的平均长度："
        + "，".join(f"a = {penalty:g} 时 {length:.2f}" for penalty, length in mean_lengths.items()),
    )
    report.at_least(
        Text("length with a = 1 minus length with a = 0", "a = 1 与 a = 0 的平均长度之差"),
        mean_lengths[1.0] - mean_lengths[0.0],
        LEAST_LONGER,
    )


def tree_of_example() -> Draw:
    """Return the drawing of the prefixes that a beam of 2 keeps in the example, with their probabilities."""
    levels: list[Prefixes] = []
    state, lengths = {"prefix": np.full((1, 4), -1)}, np.array([4])
    [hypotheses] = search(example_step, state, {}, start=-1, end=END, max_lengths=lengths, beam=2, levels=levels)
    nodes = search_tree(levels, hypotheses, (*SYMBOLS, "start"), end=END)  # the start is -1: the last name
    title = Text("Beam of 2: prefixes and p; bold: the best", "束宽 2：前缀及其概率（粗体为最优）")
    return beam_tree(nodes, title, lambda log_p: f"{math.exp(log_p):.3g}")


LAB = Lab(
    name="beam",
    chapter="encoder-decoder",
    title=Text("Greedy search, beam search and exhaustive search", "束搜索（beam search）：与贪心搜索、穷举搜索的比较"),
    claim=Text(
        "In the book's example, greedy search finds p = 0.048 and a beam of 2 finds 0.054. A beam is never below "
        "greedy search; one that holds every prefix equals the exhaustive search.",
        "教材的例子里，贪心搜索得到 p = 0.048，束宽 2 得到 0.054。束搜索的概率从不低于贪心搜索；"
        "束宽大到容得下所有前缀时，与穷举搜索相同。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 10.8; Wu et al. (2016), section 7",
        "Zhang 等《动手学深度学习》9.8 节；Wu 等（2016）第 7 节",
    ),
    seconds=8.3,
    run=run,
)

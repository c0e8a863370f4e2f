"""The exercise beam: greedy search and beam search over a model of token pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from elman.cells.activations import Array
from elman.decoding import Hypothesis, search
from elman.labs.lab import Text

from .comparing import Expected, compared, sequence_problem, split_results
from .exercise import Call, Exercise, Function, Result
from .specialization import source_of, specialized

START, END, V = 0, 1, 6  # tokens: start, end, and 2 ... 5
MAX_LENGTH, BEAM = 5, 3
# Models for which beam search finds the best of all sequences, whether or not an end takes the place of a prefix in the
# beam, and greedy search does not. With LENGTH_SEED, the length penalty decides; CUT_SEED has an end that is unlikely.
BEAM_SEED, LENGTH_SEED, CUT_SEED = 22, 17, 4


def random_model(seed: int, end: float = 1.0) -> Array:
    """Return log_p (V, V), the log probability of each token (column) after each other one (row)."""
    rng = np.random.default_rng(seed)
    p = rng.gamma(0.7, size=(V, V)) + 1e-3
    p[:, START] = 1e-12
    p[:, END] *= end
    return np.asarray(np.log(p / p.sum(axis=1, keepdims=True)))


def best(log_p: Array, start: int, end: int, max_length: int, beam: int, a: float) -> Hypothesis:
    """Return the best hypothesis that elman.decoding finds, for one source."""

    def step(tokens: Any, state: Any, context: Any) -> Any:
        return log_p[tokens], state

    rows, limits = {"row": np.zeros((1, 1))}, np.array([max_length])
    return search(step, rows, {}, start=start, end=end, max_lengths=limits, beam=beam, length_penalty=a)[0][0]


def found(log_p: Array, beam: int, penalty: float) -> Hypothesis:
    """Return the best hypothesis for the tokens of the exercise."""
    return best(log_p, START, END, MAX_LENGTH, beam, penalty)


def check_score(call: Call) -> Iterator[Result]:
    """Check the score of a hypothesis."""
    causes = {
        Text("multiplied by n^a; expected divided", "乘了 n^a，应为除以"): np.asarray(-3.0 * 4**0.7),
        Text("divided by n; the exponent a is missing", "除以了 n，漏掉了指数 a"): np.asarray(-0.75),
        Text("not divided by n^a", "没有除以 n^a"): np.asarray(-3.0),
    }
    yield from compared(["score"], call(-3.0, 4, 0.7), [Expected(np.asarray(-3.0 / 4**0.7), causes=causes)])


def search_problem(name: Text, returned: Any, right: Hypothesis, causes: dict[Text, Hypothesis]) -> Text | None:
    """Return what is wrong with tokens and log probability, or None."""
    tokens, log_probability = split_results(["tokens", "log_probability"], returned)
    with_end = {Text("the end token is returned, too", "结束词元也返回了"): [*right.ids, END]}
    with_start = {Text("the start token is returned, too", "开始词元也返回了"): [START, *right.ids]}
    wrong = {text: list(hypothesis.ids) for text, hypothesis in causes.items()}
    problem = sequence_problem(
        Text(f"{name.en}: tokens", f"{name.zh}：词元"), tokens, list(right.ids), {**wrong, **with_end, **with_start}
    )
    if problem is not None:
        return problem
    p = {
        Text("the probability, not its logarithm", "这是概率，应为对数概率"): np.asarray(np.exp(right.log_probability))
    }
    of_total = Text(f"{name.en}: log probability", f"{name.zh}：对数概率")
    p[Text("the score; expected the log probability", "这是得分，应为对数概率")] = np.asarray(right.score)
    return Expected(np.asarray(right.log_probability), causes=p).problem(of_total, log_probability)


def check_greedy(call: Call) -> Iterator[Result]:
    """Check greedy search that reaches the end, and greedy search that is cut."""
    ends, cut = Text("ends", "到达结束词元"), Text("is cut", "被截断")
    for name, seed, end in ((ends, BEAM_SEED, 1.0), (cut, CUT_SEED, 1e-6)):
        log_p = random_model(seed, end)
        problem = search_problem(name, call(log_p, START, END, MAX_LENGTH), found(log_p, 1, 0.0), {})
        yield Result(name.en, problem)


def right_extension(
    prefixes: list[list[int]], totals: list[float], log_p: Array, beam: int
) -> list[tuple[float, list[int]]]:
    """Return the most likely continuations of prefixes, by sorting all of them."""
    continuations = [
        (total + float(log_p[prefix[-1], token]), [*prefix, token])
        for prefix, total in zip(prefixes, totals, strict=True)
        for token in range(len(log_p))
    ]
    return sorted(continuations, key=lambda continuation: -continuation[0])[:beam]


def check_extend(call: Call) -> Iterator[Result]:
    """Check one step of beam search."""
    log_p = random_model(BEAM_SEED)
    prefixes, totals = [[START, 2], [START, 5], [START, 3]], [-3.0, -1.2, -1.1]
    right = right_extension(prefixes, totals, log_p, BEAM)
    each = [right_extension([prefix], [total], log_p, 1)[0] for prefix, total in zip(prefixes, totals, strict=True)]
    unweighted = right_extension(prefixes, [0.0] * BEAM, log_p, BEAM)
    causes = {
        Text(
            "the best continuation of each prefix; expected the best of all",
            "取的是每个前缀的最佳续写，应取全体中最好的",
        ): (sorted(each, key=lambda continuation: -continuation[0])),
        Text("the log probability of the prefix is not added", "没有加上前缀的对数概率"): unweighted,
        Text("the least likely continuations", "取的是最不可能的续写"): right_extension(prefixes, totals, log_p, 99)[
            ::-1
        ][:BEAM],
    }
    returned, log_probabilities = split_results(["prefixes", "log_probabilities"], call(prefixes, totals, log_p, BEAM))
    wrong = {text: [prefix for _, prefix in values] for text, values in causes.items()}
    yield Result(
        "prefixes", sequence_problem(Text("prefixes", "前缀"), returned, [prefix for _, prefix in right], wrong)
    )
    expected = Expected(np.array([total for total, _ in right]))
    yield Result("log_probabilities", expected.problem(Text("log_probabilities", "对数概率"), log_probabilities))


def check_beam_search(call: Call) -> Iterator[Result]:
    """Check a beam of one, a beam that finds more than greedy search, the length penalty, and a cut prefix."""
    cases = (
        (Text("a beam of 1", "束宽 1"), BEAM_SEED, 1.0, 1, 0.0),
        (Text(f"a beam of {BEAM}", f"束宽 {BEAM}"), BEAM_SEED, 1.0, BEAM, 0.0),
        (Text("length penalty", "长度惩罚"), LENGTH_SEED, 1.0, BEAM, 1.0),
        (Text("the maximum length", "最大长度"), CUT_SEED, 1e-6, BEAM, 0.0),
    )
    for name, seed, end, beam, penalty in cases:
        log_p = random_model(seed, end)
        causes = {
            Text("this is greedy search; the beam keeps one prefix only", "这是贪心搜索，束里只保留了一个前缀"): found(
                log_p, 1, 0.0
            ),
            Text("the length penalty is not used", "没有使用长度惩罚"): found(log_p, beam, 0.0),
            Text("the length penalty is used where it is 0", "长度惩罚为 0 时也除以了长度"): found(log_p, beam, 1.0),
        }
        returned = call(log_p, START, END, MAX_LENGTH, beam, penalty)
        yield Result(name.en, search_problem(name, returned, found(log_p, beam, penalty), causes))


def imports_solution() -> str:
    """Return what the solution calls: the search of elman.decoding."""
    return f"from elman.decoding import search\n\n\n{source_of(best)}"


def score_solution() -> str:
    """Return the statements of the score."""
    return "return log_probability / n**a"


def greedy_solution() -> str:
    """Return the statements of greedy search."""
    call = "best(log_p, start, end, max_length, 1, 0.0)"
    return f"hypothesis = {call}\nreturn list(hypothesis.ids), hypothesis.log_probability"


def extend_solution() -> str:
    """Return the statements of one step of beam search."""
    returned = "return sorted(continuations, key=lambda continuation: -continuation[0])[:beam]"
    lists = "return [prefix for _, prefix in best], [total for total, _ in best]"
    changed = {"totals": "log_probabilities", returned: f"{returned.replace('return', 'best =')}\n{lists}"}
    return specialized(right_extension, changed)


def beam_search_solution() -> str:
    """Return the statements of beam search."""
    call = "best(log_p, start, end, max_length, beam, a)"
    return f"hypothesis = {call}\nreturn list(hypothesis.ids), hypothesis.log_probability"


EXERCISE = Exercise(
    name="beam",
    title=Text("Greedy search and beam search", "贪心搜索与束搜索"),
    text=Text(
        "A model gives the log probability of each next token. Here it depends on the last token alone: log_p[i, j] "
        "is that of token j after token i. A sequence begins after `start` and ends with `end`; one that has not "
        "ended after max_length tokens is cut.",
        "模型给出下一个词元的对数概率，这里它只取决于前一个词元：log_p[i, j] 是词元 i 之后出现词元 j 的对数概率。"
        "序列从 `start` 之后开始，以 `end` 结束；达到 max_length 个词元仍未结束的序列被截断。",
    ),
    functions=(
        Function(
            "score(log_probability, n, a)",
            Text(
                "Return the score of a sequence of n tokens, the end token included. a is the length penalty; 0 "
                "means none.",
                "返回 n 个词元（含结束词元）的序列的得分。a 是长度惩罚，0 表示不惩罚。",
            ),
            """
            score = log_probability / n^a
            """,
            ("score",),
            check_score,
            score_solution,
        ),
        Function(
            "greedy(log_p, start, end, max_length)",
            Text(
                "Follow the most likely token at each step. Return the tokens without start and end, and the log "
                "probability, that of the end token included if it is reached.",
                "每一步取概率最大的词元。返回不含开始与结束词元的序列，以及对数概率（到达结束词元时包含它）。",
            ),
            """
            log_p (V, V)  ->  [token, ...], log_probability
            """,
            ("ends", "is cut"),
            check_greedy,
            greedy_solution,
        ),
        Function(
            "extend(prefixes, log_probabilities, log_p, beam)",
            Text(
                "One step of beam search: return the `beam` most likely of all continuations of all prefixes, the "
                "most likely first, and their log probabilities.",
                "束搜索的一步：在全部前缀的全部续写中，返回概率最大的 `beam` 个（从大到小）及其对数概率。",
            ),
            """
            log p(prefix + [j]) = log p(prefix) + log_p[prefix[-1], j]

            [prefix, ...], [log_probability, ...]  ->  [prefix, ...], [log_probability, ...]
            """,
            ("prefixes", "log_probabilities"),
            check_extend,
            extend_solution,
        ),
        Function(
            "beam_search(log_p, start, end, max_length, beam, a)",
            Text(
                "Keep the `beam` most likely prefixes at each step; those that end leave the beam as hypotheses, and "
                "so do those that are cut. Return the tokens of the hypothesis with the best score, without start "
                "and end, and its log probability.",
                "每一步保留概率最大的 `beam` 个前缀；到达结束词元的和被截断的离开束，成为候选。"
                "返回得分最高的候选（不含开始与结束词元）及其对数概率。",
            ),
            """
            log_p (V, V)  ->  [token, ...], log_probability
            """,
            ("a beam of 1", f"a beam of {BEAM}", "length penalty", "the maximum length"),
            check_beam_search,
            beam_search_solution,
        ),
    ),
    solution=imports_solution,
)

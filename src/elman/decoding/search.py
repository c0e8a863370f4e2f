"""Search: the best whole sequence for each of many sources, by greedy search or beam search; sources share a batch.

    log p(y)   = sum over t of log p(y_t | y_1 .. y_(t-1), source)      including the end token, if it is reached
    score(y)   = log p(y) / n^a               n: tokens with the end token, at least 1; a: the length penalty, 0 or more

Greedy search, a beam of one, takes the most likely token at each step. A beam of K extends K prefixes of each source:
the greedy prefix until it ends, and the most likely others, so its best score is never below that of greedy search. At
each step, ends among the K most likely continuations become completed hypotheses, and the K most likely others become
the next prefixes. Log probabilities never increase, so a continuation of a prefix scores at most log p(prefix) / L^a,
where L is the source's maximum length. A source is done when it has K hypotheses and no active prefix could become its
best, or when no prefix is active. The hypotheses after the best one are therefore those that were completed, which
may differ from the K best of all. A prefix of L tokens, or one that no token can continue, is cut and becomes a
hypothesis. Of equal scores, the lowest row and then the lowest id win.

A step takes tokens (N,), a state of arrays with N rows, and a context of arrays with B rows, one a source. It returns
log probabilities (N, V) and the next state. The N / B rows of a source are adjacent; their number may change from step
to step, and so may B, because sources that are done leave the batch once they are an eighth of it. If a step computes
its rows independently, the result of a source does not depend on the others. The length normalization is that of Wu et
al. (2016), section 7, without their constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .generation import State
from .sampling import Floats

Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
SearchStep = Callable[[Ids, State, State], tuple[Floats, State]]

_DONE_SHARE = 8  # sources that are done leave when they are 1 / 8 of the batch: selecting rows copies the context


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A sequence for a source. ids exclude start and end; finished: it has reached the end token and was not cut."""

    ids: tuple[int, ...]
    log_probability: float  # in nats
    score: float
    finished: bool


def search(
    step: SearchStep,
    state: State,
    context: State,
    *,
    start: int,
    end: int,
    max_lengths: npt.NDArray[np.integer[Any]],
    beam: int = 1,
    length_penalty: float = 1.0,
    forbidden: Sequence[int] = (),
    levels: list[Prefixes] | None = None,
) -> list[list[Hypothesis]]:
    """Return up to `beam` distinct hypotheses of each source, at least one, best first.

    state and context have one row a source. A hypothesis of max_lengths (B,) tokens is cut, so a finished one has fewer
    tokens. Forbidden ids are never chosen. A beam search appends to `levels` its prefixes of 0, 1, 2 ... tokens; row r
    of step t is row r of the prefixes of t tokens.
    """
    if beam < 1:
        raise ValueError(f"beam: given {beam}; expected 1 or more")
    if not 0.0 <= length_penalty < np.inf:
        raise ValueError(f"length_penalty: given {length_penalty}; expected 0 or more")
    limits = np.maximum(0, np.asarray(max_lengths, np.int64))
    rules = _Rules(start, end, limits, beam, length_penalty, list(forbidden))
    if beam == 1:
        return [[best] for best in _greedy(step, state, context, rules)]
    return _beam(step, state, context, rules, levels)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The options of a search, and the score of a hypothesis."""

    start: int
    end: int
    max_lengths: Ids
    beam: int
    length_penalty: float
    forbidden: list[int]

    def hypothesis(self, ids: Ids, log_probability: float, *, finished: bool) -> Hypothesis:
        count = max(1, len(ids) + finished)
        score = log_probability / count**self.length_penalty
        return Hypothesis(tuple(ids.tolist()), log_probability, score, finished)


def _greedy(step: SearchStep, state: State, context: State, rules: _Rules) -> list[Hypothesis]:
    """Follow the most likely token of each source. State and context are copied only when sources leave."""
    sources = np.arange(len(rules.max_lengths))  # of each row
    ids = np.zeros((len(sources), int(rules.max_lengths.max(initial=0))), np.int64)
    lengths = np.zeros(len(sources), np.int64)  # chosen tokens, including the end token
    log_probabilities = np.zeros(len(sources))
    tokens = np.full(len(sources), rules.start)
    active = rules.max_lengths > 0
    for column in range(ids.shape[1]):
        if not active.any():
            break
        if _should_shrink(active):
            state, context = _select_rows(state, active), _select_rows(context, active)
            sources, tokens, active = sources[active], tokens[active], active[active]
        log_p, state = step(tokens, state, context)
        tokens, chosen = _most_likely(log_p, rules.forbidden)
        active = active & (chosen > -np.inf)
        extended = sources[active]
        ids[extended, column] = tokens[active]
        lengths[extended] += 1
        log_probabilities[extended] += chosen[active]
        active &= (tokens != rules.end) & (rules.max_lengths[sources] > column + 1)
    hypotheses = []
    for row, length, log_probability in zip(ids, lengths.tolist(), log_probabilities.tolist(), strict=True):
        finished = length > 0 and bool(row[length - 1] == rules.end)
        hypotheses.append(rules.hypothesis(row[: length - finished], log_probability, finished=finished))
    return hypotheses


def _most_likely(log_p: Floats, forbidden: list[int]) -> tuple[Ids, Floats]:
    """Return the most likely allowed id (N,), the lowest of equals, and its log probability (N,)."""
    tokens = np.asarray(log_p.argmax(axis=1), np.int64)
    chosen = log_p[np.arange(len(tokens)), tokens]
    rows = np.flatnonzero(np.isin(tokens, forbidden))
    if rows.size:  # usually few; only these rows are copied, because the array belongs to the step
        allowed = log_p[rows]
        allowed[:, forbidden] = -np.inf
        tokens[rows] = allowed.argmax(axis=1)
        chosen[rows] = allowed[np.arange(len(rows)), tokens[rows]]
    return tokens, chosen


@dataclass(frozen=True, slots=True)
class Prefixes:
    """K prefixes of each of B sources, most likely first, but the greedy one before all others.

    ids (B, K, 1 + t) begin with the start token. log_probabilities (B, K) are -inf for rows without an active prefix.
    parents (B, K) are the rows that the prefixes extend. greedy (B,): whether the first prefix is the greedy one.
    """

    sources: Ids
    ids: Ids
    log_probabilities: Doubles
    parents: Ids
    greedy: Bools

    @property
    def active(self) -> Bools:
        return np.asarray(self.log_probabilities > -np.inf)

    @property
    def active_sources(self) -> Bools:
        return np.asarray(self.active.any(axis=1))

    def select(self, mask: Bools) -> Prefixes:
        """Return the prefixes of some of the sources."""
        return Prefixes(
            self.sources[mask], self.ids[mask], self.log_probabilities[mask], self.parents[mask], self.greedy[mask]
        )


@dataclass(frozen=True, slots=True)
class _Continuations:
    """Possible continuations of the active prefixes: the source and row of the prefix, the token, the log probability.

    Sorted by source, the greedy one first, then by descending log probability, row and token.
    """

    sources: Ids
    rows: Ids
    tokens: Ids
    log_probabilities: Doubles
    greedy: Bools

    def select(self, mask: npt.NDArray[Any]) -> _Continuations:
        return _Continuations(
            self.sources[mask], self.rows[mask], self.tokens[mask], self.log_probabilities[mask], self.greedy[mask]
        )

    def ranks(self) -> Ids:
        """Return the rank of each continuation in its source, from 0."""
        return np.asarray(np.arange(len(self.sources)) - np.searchsorted(self.sources, self.sources), np.int64)


class _Hypotheses:
    """The hypotheses of all sources: those that have reached the end token, and those that were cut."""

    def __init__(self, rules: _Rules) -> None:
        self._rules = rules
        self._hypotheses: list[list[Hypothesis]] = [[] for _ in rules.max_lengths]
        self.counts = np.zeros(len(rules.max_lengths), np.int64)
        self.best = np.full(len(rules.max_lengths), -np.inf)

    def add(self, source: int, ids: Ids, log_probability: float, *, finished: bool) -> None:
        """Add a hypothesis; its ids begin with the start token."""
        hypothesis = self._rules.hypothesis(ids[1:], float(log_probability), finished=finished)
        self._hypotheses[source].append(hypothesis)
        self.counts[source] += 1
        self.best[source] = max(self.best[source], hypothesis.score)

    def ranked(self) -> list[list[Hypothesis]]:
        """Return the best hypotheses of each source; of equal scores, the earlier ones."""
        beam = self._rules.beam
        return [sorted(group, key=lambda hypothesis: -hypothesis.score)[:beam] for group in self._hypotheses]


def _beam(
    step: SearchStep, state: State, context: State, rules: _Rules, levels: list[Prefixes] | None
) -> list[list[Hypothesis]]:
    """Extend the most likely prefixes of all sources. The state is gathered at every step, the context rarely."""
    hypotheses = _Hypotheses(rules)
    B = len(rules.max_lengths)
    sources = np.arange(B)
    start = np.full((B, 1, 1), rules.start)
    extended = Prefixes(sources, start, np.zeros((B, 1)), sources[:, None], np.ones(B, bool))
    prefixes = _deactivate_done(extended, hypotheses, rules)
    if levels is not None:
        levels.append(extended)
    while (active := prefixes.active_sources).any():
        if _should_shrink(active):
            prefixes, context = prefixes.select(active), _select_rows(context, active)
        log_p, state = step(prefixes.ids[:, :, -1].ravel(), _select_rows(state, prefixes.parents.ravel()), context)
        continuations = _continuations(log_p, prefixes, rules)
        _collect_hypotheses(continuations, prefixes, hypotheses, rules)
        extended = _extend(continuations, prefixes, rules)
        prefixes = _deactivate_done(extended, hypotheses, rules)
        if levels is not None:
            levels.append(extended)
    return hypotheses.ranked()


def _continuations(log_p: Floats, prefixes: Prefixes, rules: _Rules) -> _Continuations:
    """Return at least the 2K most likely continuations of each source; K of them are not ends, if there are as many.

    Within a row, the order is that of the log probabilities of the step, so 2K continuations of each row are enough.
    """
    V, K = log_p.shape[1], prefixes.log_probabilities.shape[1]
    index = V - min(V, 2 * rules.beam + len(rules.forbidden))
    possible = log_p >= np.partition(log_p, index, axis=1)[:, index, None]  # with all equals; the sort below decides
    possible[:, rules.forbidden] = False
    possible[~prefixes.active.ravel()] = False
    rows, tokens = np.divmod(np.flatnonzero(possible), V)  # np.nonzero takes ten times longer
    log_probabilities = prefixes.log_probabilities.ravel()[rows] + log_p[rows, tokens]
    sources = rows // K
    greedy_tokens, _ = _most_likely(log_p[::K], rules.forbidden)
    greedy = prefixes.greedy[sources] & (rows % K == 0) & (tokens == greedy_tokens[sources])
    order = np.lexsort((-np.where(greedy, np.inf, log_probabilities), sources))  # stable: then by row and token
    candidates = _Continuations(sources, rows, tokens, log_probabilities, greedy).select(order)
    return candidates.select(candidates.log_probabilities > -np.inf)


def _collect_hypotheses(
    continuations: _Continuations, prefixes: Prefixes, hypotheses: _Hypotheses, rules: _Rules
) -> None:
    """Complete the ends among the K most likely continuations, and cut the prefixes without any continuation."""
    ids, log_probabilities = prefixes.ids.reshape(-1, prefixes.ids.shape[-1]), prefixes.log_probabilities.ravel()
    ends = continuations.select((continuations.tokens == rules.end) & (continuations.ranks() < rules.beam))
    for source, row, log_p in zip(ends.sources, ends.rows, ends.log_probabilities, strict=True):
        hypotheses.add(prefixes.sources[source], ids[row], log_p, finished=True)
    continues = np.zeros(len(ids), bool)
    continues[continuations.rows] = True
    for row in np.flatnonzero(prefixes.active.ravel() & ~continues):
        source = prefixes.sources[row // prefixes.ids.shape[1]]
        hypotheses.add(source, ids[row], log_probabilities[row], finished=False)


def _extend(continuations: _Continuations, prefixes: Prefixes, rules: _Rules) -> Prefixes:
    """Return the K most likely continuations without ends as prefixes, in as many rows as the fullest source needs."""
    others = continuations.select(continuations.tokens != rules.end)
    others = others.select(others.ranks() < rules.beam)
    B, K, length = prefixes.ids.shape
    positions = others.sources, others.ranks()
    shape = B, int(positions[1].max(initial=0)) + 1
    parents = np.repeat(np.arange(B)[:, None] * K, shape[1], axis=1)  # for rows without a prefix, any row of the source
    tokens, log_probabilities = np.full(shape, rules.end), np.full(shape, -np.inf)
    parents[positions], tokens[positions] = others.rows, others.tokens
    log_probabilities[positions] = others.log_probabilities
    greedy = np.zeros(B, bool)
    greedy[others.sources[others.greedy]] = True
    ids = np.concatenate([prefixes.ids.reshape(-1, length)[parents], tokens[:, :, None]], axis=2)
    return Prefixes(prefixes.sources, ids, log_probabilities, parents, greedy)


def _deactivate_done(prefixes: Prefixes, hypotheses: _Hypotheses, rules: _Rules) -> Prefixes:
    """Deactivate the prefixes of sources that are done, by the rule above; cut the prefixes of the maximum length."""
    sources, log_probabilities = prefixes.sources, prefixes.log_probabilities
    limits = rules.max_lengths[sources]
    full = limits < prefixes.ids.shape[2]  # ids include the start token
    for source, row in np.argwhere(full[:, None] & prefixes.active):
        hypotheses.add(sources[source], prefixes.ids[source, row], log_probabilities[source, row], finished=False)
    best_possible = log_probabilities.max(axis=1, initial=-np.inf) / np.maximum(1, limits) ** rules.length_penalty
    done = full | (hypotheses.counts[sources] >= rules.beam) & (best_possible <= hypotheses.best[sources])
    remaining = np.where(done[:, None], -np.inf, log_probabilities)
    return Prefixes(sources, prefixes.ids, remaining, prefixes.parents, prefixes.greedy)


def _should_shrink(active: Bools) -> bool:
    """Return whether so few sources are active that the others leave the batch."""
    return int((~active).sum()) * _DONE_SHARE >= max(1, len(active))


def _select_rows(arrays: State, rows: npt.NDArray[Any]) -> State:
    return {name: array[rows] for name, array in arrays.items()}
